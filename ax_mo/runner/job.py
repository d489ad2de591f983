"""What the rest of the engine knows of jobs: a specification, a handle, a state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ax_mo.core.trial import Key
from ax_mo.errors import StudyStopped


class Phase(StrEnum):
    """Unknown is not failed: a scheduler that does not answer says nothing about the job."""

    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"


class Cause(StrEnum):
    """Why a job ended, where it was not the program's own doing."""

    PREEMPTED = "preempted"
    NODE_FAILURE = "node failure"
    LOST = "lost"
    OUT_OF_MEMORY = "out of memory"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class JobState:
    """``exit_code`` is that of the process (negative: ended by that signal); None where nobody saw it.

    ``cause`` is None where the program ended by itself, and where nobody knows. ``place`` is where an unknown job runs,
    if that is out of reach: it cannot be cancelled, and its result alone tells that it has ended.
    """

    phase: Phase
    exit_code: int | None = None
    message: str = ""
    cause: Cause | None = None
    place: str = ""


@dataclass(frozen=True)
class JobSpec:
    """A run as a command in ``cwd`` with its files in ``directory``.

    ``name`` is the scheduler's for it, ``label`` people's.
    """

    name: str
    argv: tuple[str, ...]
    directory: Path
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    key: Key = (0, None)
    attempt: int = 1
    label: str = ""
    overrides: tuple[str, ...] = ()
    """For launchers that compose by themselves."""


class SubmitRefused(StudyStopped):
    """The scheduler will never take such a job; says why in its own words. What runs is left to run."""

    def __init__(self, message: str) -> None:
        super().__init__(message, leaves_jobs=True)


class SubmitLater(Exception):
    """The scheduler did not take the job this time, or nobody knows whether it did; the message is its own words."""


class NoAnswer(Exception):
    """The scheduler did not answer, which says nothing about its jobs; the message is its own words."""


class CancelFailed(Exception):
    """These jobs could not be told to end, and may go on; the message is the scheduler's own words."""

    def __init__(self, jobs: Sequence["Job"], message: str) -> None:
        super().__init__(message)
        self.jobs = tuple(jobs)


def job_name(token: str, number: int, repeat: int | None = None, attempt: int = 1) -> str:
    """The name that only this attempt has. ``token`` is of its sweep directory, or of its batch."""
    which = f"{number}" if repeat is None else f"{number}-{repeat}"
    return f"ax-{token}-{which}-a{attempt}"


@dataclass(frozen=True)
class Job:
    """A submitted job. ``handle`` means something to the ``Scheduler`` that gave it, also in a later process."""

    handle: str
    directory: Path


class Scheduler(Protocol):
    """Where jobs run, as a runner asks it; what most schedulers have in common has a default here.

    Made with the launcher's settings, as ``Scheduler(settings: LauncherSettings)``.
    """

    scheduler: str
    """The name under ``hydra.launcher.scheduler``; handles begin with it: ``<scheduler>://``."""
    poll_seconds: float = 2.0
    """How often it is worth asking for states."""
    result_grace_seconds: float = 0.0
    """How long after a job's end its files may still be on their way."""
    grace_seconds: float = 10.0
    """How long a job that is told to end may take, before it is killed."""
    has_queue: bool = True
    """Whether a job may wait for its turn."""

    @property
    def capacity(self) -> int | None:
        """How many jobs can ever run at once; None where nobody knows."""
        return None

    @property
    def has_room(self) -> bool:
        """Whether a job can be submitted now."""
        return True

    def check(self) -> None:
        """Raises ConfigError where no job could be submitted; for before the first one."""

    def submit(self, spec: JobSpec) -> str:
        """Start the job and return its handle. Its output goes to ``stdout.log`` and ``stderr.log`` in its directory.

        Raises SubmitRefused and SubmitLater. After the latter, the same spec may be submitted once more: a job that
        was taken although nobody said so is found by its name.
        """
        ...

    def find(self, name: str, directory: Path) -> str | None:
        """The handle of the job that was submitted by this name, ended or not. Raises NoAnswer."""
        return None

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        """The state of each job, in order."""
        ...

    def cancel(self, jobs: Sequence[Job], wait: bool = True) -> None:
        """End the jobs, their child processes included.

        Returns when they have been told and, where that can be seen, have ended; at once if it is not to ``wait``.
        Raises CancelFailed, unless it is not to wait, when all others have been told.
        """

    def close(self) -> None:
        """Let go of what has ended."""
