"""The launcher's configuration as checked values."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ax_mo.hydra_project.settings import check_bounds, plain
from ax_mo.runner.image import CONTAINERS
from ax_mo.runner.interpreter import trials_python
from ax_mo.runner.job import Jobs
from ax_mo.runner.local_jobs import LocalJobs
from ax_mo.runner.torchx_app import LOCAL, TorchXSettings

_AT_LEAST = {"n_jobs": 1, "cpu": 1, "gpu": 0, "grace_seconds": 0}
_ABOVE_ZERO = {"poll_seconds": "seconds", "unknown_timeout": "seconds"}


def launcher_settings(settings: Mapping[str, Any]) -> TorchXSettings:
    """``hydra.launcher`` parsed; raises ConfigError."""
    values = {name: plain(value) for name, value in settings.items()}
    check_bounds("hydra.launcher", values, _AT_LEAST, _ABOVE_ZERO)
    values.pop("n_jobs", None)
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
