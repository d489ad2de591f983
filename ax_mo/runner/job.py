"""A job as runners and schedulers pass it on: its specification, its handle, its state, and what can go wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

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

    @property
    def is_silence(self) -> bool:
        """Whether the scheduler did not answer, in the words of the message; without one, it knows no such job."""
        return self.phase is Phase.UNKNOWN and bool(self.message)


@dataclass(frozen=True)
class Resources:
    """What a job needs: ``gpu`` below 1 is a share of one, ``memMB`` -1 what the scheduler gives."""

    cpu: int = 1
    gpu: float = 0
    memMB: int = -1


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
    resources: Resources | None = None
    """None where all jobs need what the launcher's settings say."""


class SubmitRefused(StudyStopped):
    """The scheduler will never take such a job; says why in its own words."""


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


def study_of(name: str) -> str:
    """What the names of all jobs of a sweep directory begin with, and no others: see ``job_name``."""
    return "-".join(name.split("-")[:2]) + "-"


@dataclass(frozen=True)
class Job:
    """A submitted job. ``handle`` means something to the ``Scheduler`` that gave it, also in a later process."""

    handle: str
    directory: Path
