"""Lists of objects from mappings of configs."""

from __future__ import annotations

import hydra
from lightning import Callback
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig


def _instantiate_all(cfg: DictConfig | None) -> list:
    return [hydra.utils.instantiate(entry) for entry in (cfg or {}).values() if "_target_" in entry]


def instantiate_callbacks(callbacks_cfg: DictConfig | None) -> list[Callback]:
    return _instantiate_all(callbacks_cfg)


def instantiate_loggers(logger_cfg: DictConfig | None) -> list[Logger]:
    return _instantiate_all(logger_cfg)
