"""The schedulers by ``hydra.launcher.scheduler``: this machine, the clusters of TorchX, those of other packages."""

import logging
import os

from ax_mo.errors import ConfigError, closest
from ax_mo.runner.cluster_scheduler import ClusterScheduler
from ax_mo.runner.image import check_image
from ax_mo.runner.job import Scheduler
from ax_mo.runner.settings import LOCAL, LauncherSettings
from ax_mo.trial.registry import Registry

SCHEDULERS = Registry("ax_mo.runners", {LOCAL: "ax_mo.runner.local_scheduler:LocalScheduler"})


def open_scheduler(settings: LauncherSettings) -> Scheduler:
    """The scheduler that the settings name. Raises ConfigError where there is none of that name."""
    logging.getLogger("torchx").setLevel(logging.WARNING)
    from torchx.schedulers import get_scheduler_factories

    name, clusters = settings.scheduler, get_scheduler_factories()
    check_image(settings)
    if name in clusters and name != LOCAL:
        return ClusterScheduler(settings)
    if name not in SCHEDULERS.names:
        known = [*clusters, *(name for name in SCHEDULERS.names if name not in clusters)]
        raise ConfigError(
            f"hydra.launcher.scheduler: there is no scheduler '{name}'; there are: {', '.join(known)}."
            f"{closest(name, known)}"
        )
    scheduler: Scheduler = SCHEDULERS.load(name, "hydra.launcher.scheduler")(settings)
    return scheduler


def parallel_jobs(n_jobs: int | None, settings: LauncherSettings, scheduler: Scheduler) -> int:
    """How many jobs of a batch run at once: as many as this machine has room for, and all of them on a cluster."""
    if n_jobs is None:
        if settings.scheduler != LOCAL:
            return 1_000_000
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        n_jobs = max(1, count // settings.cpu)
    return n_jobs if scheduler.capacity is None else min(n_jobs, scheduler.capacity)
