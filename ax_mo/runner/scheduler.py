"""``Scheduler``, what a runner's jobs run on, and the schedulers there are by ``hydra.launcher.scheduler``.

A new one is a subclass, and a name in ``SCHEDULERS`` or in the entry-point group of other packages.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from ax_mo.errors import ConfigError, closest
from ax_mo.runner.job import Job, JobSpec, JobState
from ax_mo.runner.settings import AUTO, CONTAINERS, LOCAL, RAY, WARM, LauncherSettings
from ax_mo.trial.registry import Registry

# Of TorchX's, some are special; TorchXScheduler serves all others.
_BUILT_IN = {
    LOCAL: "ax_mo.runner.local.local_scheduler:LocalScheduler",
    AUTO: "ax_mo.runner.local.warm_scheduler:WarmScheduler",
    WARM: "ax_mo.runner.local.warm_scheduler:WarmScheduler",
    "slurm": "ax_mo.runner.cluster.slurm_scheduler:SlurmScheduler",
    RAY: "ax_mo.runner.remote.ray_scheduler:RayScheduler",
    **dict.fromkeys(CONTAINERS, "ax_mo.runner.cluster.torchx_scheduler:ContainerScheduler"),
    "kubernetes": "ax_mo.runner.cluster.kubernetes_scheduler:KubernetesScheduler",
}
SCHEDULERS = Registry("ax_mo.runners", _BUILT_IN)


class Scheduler(ABC):
    """Where jobs run. Its handles begin with its name: ``<hydra.launcher.scheduler>://``."""

    poll_seconds: float = 2.0
    """How often it is worth asking for states, where the user does not say."""
    result_grace_seconds: float = 0.0
    """How long after a job's end its files may still be on their way."""
    has_queue: bool = True
    """Whether a job may wait for its turn."""
    answers_at_once: bool = False
    """Whether ``states`` never waits; otherwise it is called on a thread of its own."""

    def __init__(self, settings: LauncherSettings) -> None:
        self.settings = settings
        self.poll_seconds = settings.poll_seconds or self.poll_seconds
        self.on_change: Callable[[], None] = lambda: None
        """To be called, on whatever thread, where a job's end is known before anybody asks; it is asked for then."""

    @property
    def capacity(self) -> int | None:
        """How many jobs can ever run at once; None where nobody knows."""
        return None

    @property
    def auto_n_jobs(self) -> int | None:
        """How many jobs run at once with ``n_jobs=auto``: as many as have room where nobody else has jobs.

        None where nobody knows. Raises NoAnswer.
        """
        return self.capacity

    @property
    def has_room(self) -> bool:
        """Whether a job can be submitted now."""
        return True

    def has_room_for(self, spec: JobSpec) -> bool:
        """Whether this very job can be: some need more than others. Raises ConfigError for one that never can."""
        return True

    def check_arguments(self) -> None:  # noqa: B027
        """Raises ConfigError for ``scheduler_args`` that would be ignored or refused."""

    def check(self) -> None:  # noqa: B027
        """Raises ConfigError where no job could be submitted; for before the first one."""

    def check_program(self, argv: Sequence[str], cwd: Path, sweep_dir: Path) -> None:  # noqa: B027
        """Raises ConfigError where jobs that begin with ``argv`` in ``cwd`` could not run or return their results."""

    def remark(self, argv: Sequence[str], cwd: Path) -> str:
        """What a person should know of how jobs with such a command begin in ``cwd``; empty where there is nothing."""
        return ""

    def request(self, spec: JobSpec) -> str:
        """What such a job is sent as, for people: a batch script, a pod. Empty where it is the command alone."""
        return ""

    @abstractmethod
    def submit(self, spec: JobSpec) -> str:
        """Start the job and return its handle. Its output goes to ``stdout.log`` and ``stderr.log`` in its directory.

        Raises SubmitRefused and SubmitLater. After the latter, the same spec may be submitted once more: a job that
        was taken although nobody said so is found by its name.
        """

    def find(self, name: str, directory: Path) -> str | None:
        """The handle of the job that was submitted by this name, ended or not. Raises NoAnswer."""
        return None

    @abstractmethod
    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        """The state of each job, in order. All have handles of this scheduler, some given to an earlier sweeper.

        Called on another thread than ``submit``, unless it ``answers_at_once``.
        """

    @abstractmethod
    def cancel(self, jobs: Sequence[Job]) -> None:
        """End the jobs, their child processes included; returns when they have been told or, better, have ended.

        Raises CancelFailed when all others have been told. Called on threads of its own, too.
        """

    def close(self) -> None:  # noqa: B027
        """Let go of what has ended."""


def open_scheduler(settings: LauncherSettings) -> Scheduler:
    """The scheduler that the settings name. Raises ConfigError where there is none of that name."""
    logging.getLogger("torchx").setLevel(logging.WARNING)
    from torchx.schedulers import get_scheduler_factories

    from ax_mo.runner.cluster.torchx_scheduler import TorchXScheduler

    name, of_torchx, installed = settings.scheduler, get_scheduler_factories(), SCHEDULERS.names
    of_packages = [other for other in installed if other not in _BUILT_IN]
    known = list(dict.fromkeys([AUTO, WARM, RAY, *of_torchx, *of_packages]))
    if name not in known:
        raise ConfigError(
            f"hydra.launcher.scheduler: there is no scheduler '{name}'; there are: {', '.join(known)}."
            f"{closest(name, known)}"
        )
    kind = SCHEDULERS.load(name, "hydra.launcher.scheduler") if name in installed else TorchXScheduler
    scheduler: Scheduler = kind(settings)
    if settings.results_url:
        from ax_mo.runner.remote.stored_scheduler import StoredScheduler

        return StoredScheduler(scheduler, settings.results_url)
    return scheduler


def parallel_jobs(n_jobs: int | None, scheduler: Scheduler) -> int:
    """How many jobs of a batch run at once: as many as this machine has room for, and all of them on a cluster."""
    if n_jobs is None:
        n_jobs = scheduler.auto_n_jobs if scheduler.settings.scheduler == LOCAL else None
    n_jobs = 1_000_000 if n_jobs is None else n_jobs
    return n_jobs if scheduler.capacity is None else min(n_jobs, scheduler.capacity)


def jobs_on_nodes(nodes: Iterable[Mapping[str, float]], needs: Mapping[str, float]) -> int:
    """How many jobs that need so much of each resource fit on nodes that have so much of it."""
    wanted = {name: amount for name, amount in needs.items() if amount > 0}
    return sum(int(min(node.get(name, 0) // amount for name, amount in wanted.items())) for node in nodes)
