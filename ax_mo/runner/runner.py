"""The ``Runner`` protocol: takes the runs of a study, tells what has become of their jobs, keeps nobody waiting."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ax_mo.core.trial import Key, TrialRun
from ax_mo.runner.job import JobSpec, JobState


class EndCause(StrEnum):
    """Why a job was told to end."""

    TRIAL_TIMEOUT = "it has run for longer than trial_timeout"
    STUDY_TIMEOUT = "timeout_hours are over"
    GOES_ON = "it was asked to stop, or cancelled, and goes on"
    INTERRUPTED = "the user has interrupted the sweep"


@dataclass(frozen=True)
class JobChange:
    """What has become of a run's job since the loop looked last.

    The phase of ``state`` is RUNNING when it has begun, PENDING when it waits for its turn (again), and ENDED when it
    is over and its files are all there. UNKNOWN, and ``told`` to end: it has not ended, and is given up.
    """

    key: Key
    state: JobState
    told: EndCause | None = None
    """Why it was told to end, where it was."""
    adopted: bool = False
    """Whether an earlier sweeper has started it."""
    handle: str | None = None
    """Of an adopted job whose handle nobody had noted yet."""
    began: bool = True
    """False for a run that an earlier sweeper has left and that no job was ever made of."""
    once_more: bool = False
    """Whether it was lost together with others, any of which may have been the cause: it is to run again."""


@dataclass(frozen=True)
class Cancelled:
    """What became of the jobs when all were cancelled."""

    ended: Sequence[Key]
    untold: Sequence[Key] = ()
    """Those whose scheduler could not be told, and what it said instead."""
    answer: str = ""
    elsewhere: Mapping[Key, str] = field(default_factory=dict)
    """Those that are out of reach, and where they are."""


class Runner(Protocol):
    """Runs the jobs of a study: on this machine or a cluster through TorchX, or through any other Hydra launcher."""

    queue: str | None
    """What begins the handles of jobs that wait in a queue; None for a runner whose jobs run at once."""
    outlives_sweeper: bool
    """Whether its jobs go on when the sweeper's process ends."""

    n_jobs: int
    """How many runs it takes at once; may be changed."""

    @property
    def capacity(self) -> int:
        """How many runs it would take now."""

    @property
    def busy(self) -> bool:
        """Whether it has a run that ``collect`` has not told the end of."""

    def adopt(self, run: TrialRun, name: str, directory: Path) -> None:
        """Look after a run that an earlier sweeper has left open; ``collect`` tells what is found.

        ``name`` is the one that its job was, or would have been, submitted by; ``directory`` holds its files.
        """

    def submit(self, spec: JobSpec) -> str | None:
        """Make a job of the run and return its handle; None where it must be offered again later.

        Raises StudyStopped where no job will ever be taken.
        """

    def collect(self) -> list[JobChange]:
        """What has changed since the last call."""

    def end(self, keys: Iterable[Key], cause: EndCause) -> list[Key]:
        """Tell the runs' jobs to end, without waiting; returns those that had not been told for this cause yet."""

    def cancel(self) -> Cancelled:
        """End all jobs that can be reached, and return when they have ended."""

    def wait(self) -> None:
        """Until something can have changed."""

    def close(self) -> None:
        """Let go of what has ended."""
