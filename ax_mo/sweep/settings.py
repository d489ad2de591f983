"""``hydra.sweeper`` as checked values."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.core.urls import is_redacted
from ax_mo.errors import ConfigError, closest
from ax_mo.runner.settings import plain
from ax_mo.trackers import parse_trackers

_METHODS = ("fast", "quality", "random_search")


@dataclass(frozen=True)
class Settings:
    """``hydra.sweeper`` as checked values."""

    objectives: Mapping[str, Any]
    params: Mapping[str, Any]
    search_space: Mapping[str, Any] | None = None
    direction: str | Sequence[str] | None = None
    constraints: Sequence[str] = ()
    metrics: Any = None
    param_constraints: Sequence[str] = ()
    n_trials: int = 20
    n_jobs: int = 2
    max_failure_rate: float = 0.5
    max_same_failures: int = 5
    storage: str | None = None
    study_name: str | None = None
    storage_timeout: float = 600.0
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
    trial_timeout: float | None = None
    max_retries: int = 0
    retry_oom: bool = False
    early_stopping: Any = None
    timeout_hours: Any = None
    stop_when: Any = None
    trackers: Any = None
    report: bool = True
    dry_run: bool = False
    sampler: Mapping[str, Any] | None = None
    custom_search_space: Any = None


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
    _refuse_what_optuna_calls(settings)
    parse_trackers(settings.trackers)
    for name in ("n_trials", "n_jobs", "torch_threads", "repeats"):
        if getattr(settings, name) < 1:
            raise ConfigError(f"hydra.sweeper.{name} must be at least 1, not {getattr(settings, name)}.")
    if settings.max_same_failures < 0:
        raise ConfigError(
            f"hydra.sweeper.max_same_failures must be at least 1, or 0 for no limit, not {settings.max_same_failures}."
        )
    if settings.n_startup_trials is not None and settings.n_startup_trials < 1:
        raise ConfigError(f"hydra.sweeper.n_startup_trials must be at least 1, not {settings.n_startup_trials}.")
    if not 0.0 <= settings.max_failure_rate <= 1.0:
        raise ConfigError(f"hydra.sweeper.max_failure_rate must be between 0 and 1, not {settings.max_failure_rate}.")
    if settings.trial_timeout is not None and settings.trial_timeout <= 0:
        raise ConfigError(f"hydra.sweeper.trial_timeout must be above 0 seconds, not {settings.trial_timeout}.")
    if settings.max_retries < 0:
        raise ConfigError(f"hydra.sweeper.max_retries must be at least 0, not {settings.max_retries}.")
    if settings.suggestion_timeout <= 0:
        raise ConfigError(f"hydra.sweeper.suggestion_timeout must be above 0, not {settings.suggestion_timeout}.")
    if settings.storage_timeout < 0:
        raise ConfigError(f"hydra.sweeper.storage_timeout must be 0 or more, not {settings.storage_timeout}.")
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


def _refuse_what_optuna_calls(settings: Settings) -> None:
    """Functions and objects that a block written for Optuna's sweeper may hold, and that would change the study."""
    if settings.custom_search_space is not None:
        raise ConfigError(
            "hydra.sweeper.custom_search_space: a search space is data here, and not a function. Write its parameters "
            "under hydra.sweeper.params; one that exists only under some options of a config group is searched there "
            "alone."
        )
    if settings.storage is not None and not isinstance(settings.storage, str):
        raise ConfigError(
            "hydra.sweeper.storage must be a SQLAlchemy URL, such as sqlite:////data/study.db, and not an object. "
            "Write the URL itself, or leave it out for a database in the sweep's directory."
        )
    if settings.storage is not None and is_redacted(settings.storage):
        raise ConfigError("hydra.sweeper.storage: *** stands for the database's password; write that in its place.")
    if settings.sampler and settings.sampler.get("constraints_func") is not None:
        raise ConfigError(
            "hydra.sweeper.sampler.constraints_func: constraints are data here, and not a function. Return their "
            "metrics from the task and write for example hydra.sweeper.constraints: ['train_seconds <= 60']."
        )


def ignored_sampler(settings: Settings, chosen: Any = None) -> str | None:
    """A sentence on the sampler of a block written for Optuna's sweeper, ``chosen`` as a config group or given."""
    sampler = settings.sampler or {}
    if not sampler and chosen is None:
        return None
    kept = [
        f"{name}: {sampler[name]}"
        for name in ("seed", "n_startup_trials")
        if sampler.get(name) is not None and getattr(settings, name) is None
    ]
    if str(sampler.get("_target_", chosen)).lower().endswith(("randomsampler", "random")):
        kept.append("method: random_search")
    hint = f" What it says is written here as {', '.join(kept)} under hydra.sweeper." if kept else ""
    return f"hydra.sweeper.sampler is ignored: Ax chooses the points.{hint}"


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
