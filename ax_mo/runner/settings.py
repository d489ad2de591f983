"""The launcher's configuration as checked values."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ax_mo.errors import ConfigError
from ax_mo.runner.image import CONTAINERS
from ax_mo.runner.interpreter import trials_python
from ax_mo.runner.job import Jobs
from ax_mo.runner.local_jobs import LocalJobs
from ax_mo.runner.torchx_app import LOCAL, TorchXSettings


def launcher_settings(settings: Mapping[str, Any]) -> TorchXSettings:
    """``hydra.launcher`` parsed; raises ConfigError."""
    values = {name: plain(value) for name, value in settings.items()}
    n_jobs = values.pop("n_jobs", None)
    if n_jobs is not None and n_jobs < 1:
        raise ConfigError(f"hydra.launcher.n_jobs must be at least 1, not {n_jobs}.")
    if values.get("cpu", 1) < 1:
        raise ConfigError(f"hydra.launcher.cpu must be at least 1, not {values['cpu']}.")
    if values.get("gpu", 0) < 0:
        raise ConfigError(f"hydra.launcher.gpu must be at least 0, not {values['gpu']}.")
    poll = values.get("poll_seconds")
    if poll is not None and poll <= 0:
        raise ConfigError(f"hydra.launcher.poll_seconds must be above 0, not {poll}.")
    unknown = values.get("unknown_timeout", 600.0)
    if unknown <= 0:
        raise ConfigError(f"hydra.launcher.unknown_timeout must be above 0 (seconds), not {unknown}.")
    if values.get("grace_seconds", 0) < 0:
        raise ConfigError(f"hydra.launcher.grace_seconds must be at least 0, not {values['grace_seconds']}.")
    parsed = TorchXSettings(**values)
    # What is in a container's image cannot be looked at from here.
    if parsed.python and parsed.scheduler not in CONTAINERS:
        return replace(parsed, python=trials_python(parsed.python, parsed.env))
    return parsed


def parallel_jobs(n_jobs: int | None, settings: TorchXSettings, jobs: Jobs) -> int:
    """How many jobs of a batch run at once."""
    capacity = jobs.capacity if isinstance(jobs, LocalJobs) else None
    if n_jobs is None:
        if settings.scheduler != LOCAL:
            return 1_000_000
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        n_jobs = max(1, count // settings.cpu)
    return n_jobs if capacity is None else min(n_jobs, capacity)


def plain(value: Any) -> Any:
    """Omegaconf containers as Python's own."""
    if isinstance(value, DictConfig) or OmegaConf.is_config(value):
        return OmegaConf.to_container(value, resolve=True)
    return value
