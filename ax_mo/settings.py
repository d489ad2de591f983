"""``hydra.sweeper`` as checked values."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.errors import ConfigError, closest
from ax_mo.jobs.settings import plain

_METHODS = ("fast", "quality", "random_search")


@dataclass(frozen=True)
class Settings:
    """``hydra.sweeper`` as checked values."""

    objectives: Mapping[str, Any]
    params: Mapping[str, Any]
    direction: str | Sequence[str] | None = None
    constraints: Sequence[str] = ()
    param_constraints: Sequence[str] = ()
    n_trials: int = 20
    n_jobs: int = 2
    max_failure_rate: float = 0.5
    storage: str | None = None
    study_name: str | None = None
    seed: int | None = None
    method: str = "fast"
    n_startup_trials: int | None = None
    prefetch: bool | None = None
    suggestion_timeout: float = 120.0
    torch_threads: int = 1
    start_from_config: bool = True
    initial_trials: Sequence[Any] = ()
    warm_start: Any = None
    repeats: int = 1
    repeat_key: str = "seed"
    dry_run: bool = False


def parse_settings(given: Mapping[str, Any]) -> Settings:
    """Raises ConfigError for a number out of its range or an unknown method."""
    known = {field.name for field in fields(Settings)}
    values: dict[str, Any] = {
        name: _values(value) if name == "params" else plain(value) for name, value in given.items()
    }
    for name in values:
        if name not in known:
            raise ConfigError(f"hydra.sweeper has no setting '{name}'.{closest(name, known)}")
    settings = Settings(**values)
    for name in ("n_trials", "n_jobs", "torch_threads", "repeats"):
        if getattr(settings, name) < 1:
            raise ConfigError(f"hydra.sweeper.{name} must be at least 1, not {getattr(settings, name)}.")
    if settings.n_startup_trials is not None and settings.n_startup_trials < 1:
        raise ConfigError(f"hydra.sweeper.n_startup_trials must be at least 1, not {settings.n_startup_trials}.")
    if not 0.0 <= settings.max_failure_rate <= 1.0:
        raise ConfigError(f"hydra.sweeper.max_failure_rate must be between 0 and 1, not {settings.max_failure_rate}.")
    if settings.suggestion_timeout <= 0:
        raise ConfigError(f"hydra.sweeper.suggestion_timeout must be above 0, not {settings.suggestion_timeout}.")
    if settings.method not in _METHODS:
        raise ConfigError(
            f"hydra.sweeper.method: unknown method '{settings.method}'; choose one of {', '.join(_METHODS)}."
            f"{closest(settings.method, _METHODS)}"
        )
    if settings.method == "quality" and importlib.util.find_spec("numpyro") is None:
        raise ConfigError(
            "hydra.sweeper.method: quality needs a fully Bayesian model: pip install 'botorch[fully_bayesian]'."
        )
    return settings


def _values(params: Any) -> dict[str, Any]:
    """``params`` with interpolations resolved where they can be; the others are left to the trials."""
    if not isinstance(params, DictConfig):
        return dict(params or {})
    values: dict[str, Any] = {}
    for key in params:
        try:
            values[str(key)] = plain(params[key])
        except OmegaConfBaseException:
            values[str(key)] = OmegaConf.to_container(params, resolve=False)[key]  # type: ignore[index]
    return values
