"""All configuration is dataclasses; there is no config directory."""

from dataclasses import dataclass, field
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


@dataclass
class Model:
    width: int = MISSING
    depth: int = 1


@dataclass
class Narrow(Model):
    width: int = 8


@dataclass
class Wide(Model):
    width: int = 64


@dataclass
class Config:
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"model": "narrow"}])
    model: Model = MISSING
    lr: float = 0.1


store = ConfigStore.instance()
store.store(name="config", node=Config)
store.store(group="model", name="narrow", node=Narrow)
store.store(group="model", name="wide", node=Wide)


@hydra.main(version_base="1.2", config_path=None, config_name="config")
def main(cfg: Config) -> tuple[float, int]:
    return abs(cfg.lr - 0.01) / cfg.model.depth, cfg.model.width


if __name__ == "__main__":
    main()
