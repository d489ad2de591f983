"""The runner of any other Hydra launcher: batches through its blocking ``launch``, in this process's main thread."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher

from ax_mo.core.trial import Key, TrialRun
from ax_mo.errors import AxMoError
from ax_mo.hydra_project.overrides import override_value
from ax_mo.runner.job import JobSpec, JobState, Phase
from ax_mo.runner.outcome import destroyed_directory, has_result
from ax_mo.runner.runner import Cancelled, EndCause, JobChange
from ax_mo.trial.files import RESULT, SPEC, STOP, read_json, write_json
from ax_mo.trial.recorder import recorded_result
from ax_mo.trial.result import now

_RETURNED = JobState(Phase.ENDED, 0)
_DIED = JobState(Phase.ENDED, message="the sweep's own process died while it ran this trial, twice")
_HANDLE = "launcher"
_WATCH_SECONDS = 0.2
_IDLE_SECONDS = 0.05


class _Interrupts(Protocol):
    """What Ctrl-C has meant so far."""

    count: int

    def raising(self) -> AbstractContextManager[None]:
        """A second Ctrl-C raises KeyboardInterrupt meanwhile: the launcher has this thread."""


class LauncherRunner:
    """Takes up to ``n_jobs`` runs and launches them together when it is waited for.

    ``meanwhile`` is called several times a second while the launcher runs a batch, on a thread of its own: stopping
    trials early cannot wait for the whole batch.
    """

    queue: str | None = None
    outlives_sweeper = False

    def __init__(
        self,
        launcher: Launcher,
        n_jobs: int,
        sweep_dir: Path,
        interrupts: _Interrupts,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        self._launcher = launcher
        self.n_jobs = n_jobs
        self._sweep_dir = sweep_dir
        self._interrupts = interrupts
        self._meanwhile = meanwhile
        self._batch: list[JobSpec] = []
        self._is_full = False
        self._alone: set[Key] = set()  # lost with others: alone, each shows whether it was the cause
        self._changes: list[JobChange] = []

    @property
    def busy(self) -> bool:
        return bool(self._batch or self._changes)

    @property
    def capacity(self) -> int:
        return 0 if self._is_full else max(0, self.n_jobs - len(self._batch))

    def adopt(self, run: TrialRun, name: str, directory: Path) -> None:
        """A job of a launcher ends with its sweeper: what it has left is all that there will be."""
        self._changes.append(JobChange(run.key, _DIED, adopted=True, began=bool(run.handle)))

    def submit(self, spec: JobSpec) -> str | None:
        """Takes runs with consecutive numbers, as a launcher numbers its jobs itself; repeats need no numbers."""
        if self._batch and not self._fits(spec):
            self._is_full = True
            return None
        self._batch.append(spec)
        self._is_full = spec.key in self._alone
        return _HANDLE

    def _fits(self, spec: JobSpec) -> bool:
        if spec.key in self._alone:
            return False
        (number, repeat), (last, of_last) = spec.key, self._batch[-1].key
        return number == last + 1 if repeat is None else of_last is not None

    def collect(self) -> list[JobChange]:
        changes, self._changes = self._changes, []
        return changes

    def wait(self) -> None:
        """Launch the batch, if there is one, and return when the launcher does."""
        if not self._batch:
            threading.Event().wait(0.0 if self._changes else _IDLE_SECONDS)
            return
        try:
            with self._interrupts.raising():
                error = self._launch()
        except KeyboardInterrupt:  # the second Ctrl-C, or one that the task itself has raised
            self._interrupts.count = max(2, self._interrupts.count)
            return
        batch, self._batch, self._is_full = self._batch, [], False
        lost = [spec for spec in batch if not _has_ended(spec)]
        self._changes += [JobChange(spec.key, _RETURNED) for spec in batch if spec not in lost]
        if self._interrupts.count:  # workers get Ctrl-C from the terminal as well; they run again on a resume
            self._changes += [JobChange(spec.key, JobState(Phase.ENDED), EndCause.INTERRUPTED) for spec in lost]
        elif len(lost) == 1:
            self._changes.append(JobChange(lost[0].key, JobState(Phase.ENDED, message=_why_lost(error))))
        else:  # one dead worker can take the whole batch with it
            self._alone.update(spec.key for spec in lost)
            self._changes += [JobChange(spec.key, JobState(Phase.ENDED), once_more=True) for spec in lost]

    def _launch(self) -> BaseException | None:
        """What went wrong in the launcher itself, if anything; results are in the runs' directories."""
        started = now()
        jobs = [_overrides(spec, self._sweep_dir) for spec in self._batch]
        try:
            with self._watching():
                returns = self._launcher.launch(jobs, initial_job_idx=self._batch[0].key[0])
        except (KeyboardInterrupt, AxMoError):
            raise
        except BaseException as error:  # a dead worker, or sys.exit() in a task that runs in this process
            return error
        for spec, job_return in zip(self._batch, returns, strict=True):
            _record(spec, job_return, started)
        return None

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Call ``meanwhile`` on a thread, which has the study to itself, since this one waits for the launcher."""
        over = threading.Event()

        def watch() -> None:
            while self._meanwhile is not None and not over.wait(_WATCH_SECONDS):
                self._meanwhile()

        with ThreadPoolExecutor(1, "ax_mo-meanwhile") as pool:
            watching = pool.submit(watch)
            try:
                yield
            finally:
                over.set()
            watching.result()

    def end(self, keys: Iterable[Key], cause: EndCause) -> list[Key]:
        """No launcher can be told to end one of its jobs."""
        return []

    def cancel(self) -> Cancelled:
        return Cancelled([spec.key for spec in self._batch])

    def close(self) -> None:
        pass


def _has_ended(spec: JobSpec) -> bool:
    """Whether the run has left a result, or is to blame for leaving none, or was asked to stop and has obeyed."""
    number, _ = spec.key
    recorded = has_result(spec.directory, number, spec.attempt) or _is_spoiled(spec.directory)
    return recorded or os.path.lexists(spec.directory / STOP)


def _record(spec: JobSpec, job_return: JobReturn, started: str) -> None:
    """Write the result of a job that could not write it itself (another machine, or no callbacks there)."""
    number, _ = spec.key
    if not has_result(spec.directory, number, spec.attempt) and not _is_spoiled(spec.directory):
        content: dict[str, Any] = read_json(spec.directory / SPEC) or {}
        write_json(spec.directory / RESULT, recorded_result(job_return, content, started, spec.directory))


def _is_spoiled(directory: Path) -> bool:
    """Whether the trial has removed its own files, so that nobody else is to blame for what is missing."""
    return destroyed_directory(directory) is not None or not (directory / SPEC).exists()


def _why_lost(error: BaseException | None) -> str:
    if isinstance(error, SystemExit):
        return f"ended by sys.exit({error.code!r}) and recorded no result"
    if error is None:
        return "recorded no result"
    return f"the launcher lost it: {type(error).__name__}: {error}".splitlines()[0]


def _overrides(spec: JobSpec, sweep_dir: Path) -> Sequence[str]:
    """With the directory that the study has given it: launchers would let two runs have one, or repeats."""
    subdir = os.path.relpath(spec.directory, sweep_dir)
    return [
        *spec.overrides,
        f"hydra.sweep.dir={override_value(str(sweep_dir))}",
        f"hydra.sweep.subdir={override_value(subdir)}",
    ]
