"""The configuration of hydra-optuna-sweeper 1.2.0, without its sweeper: Optuna 2 and its pins stay out of the tests."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


class Direction(Enum):
    minimize = 1
    maximize = 2


@dataclass
class SamplerConfig:
    _target_: str = MISSING


@dataclass
class TPESamplerConfig(SamplerConfig):
    _target_: str = "optuna.samplers.TPESampler"
    seed: int | None = None
    consider_prior: bool = True
    prior_weight: float = 1.0
    consider_magic_clip: bool = True
    consider_endpoints: bool = False
    n_startup_trials: int = 10
    n_ei_candidates: int = 24
    multivariate: bool = False
    warn_independent_sampling: bool = True


@dataclass
class OptunaSweeperConf:
    _target_: str = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
    defaults: list[Any] = field(default_factory=lambda: [{"sampler": "tpe"}])
    sampler: SamplerConfig = MISSING
    direction: Any = Direction.minimize
    storage: Any | None = None
    study_name: str | None = None
    n_trials: int = 20
    n_jobs: int = 2
    search_space: dict[str, Any] | None = None
    params: dict[str, str] | None = None
    custom_search_space: str | None = None


def register() -> None:
    for group, name, node in (
        ("hydra/sweeper", "optuna", OptunaSweeperConf),
        ("hydra/sweeper/sampler", "tpe", TPESamplerConfig),
    ):
        ConfigStore.instance().store(group=group, name=name, node=node, provider="optuna_sweeper")


register()
