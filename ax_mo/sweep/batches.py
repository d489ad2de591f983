"""The loop for any other Hydra launcher: batches of ``n_jobs`` through its blocking ``launch``."""

import signal
import threading
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher

from ax_mo.core.trial import Key, Outcome, TrialRun
from ax_mo.errors import AxMoError
from ax_mo.hydra_project.command import override_value
from ax_mo.runner.job import JobState, Phase
from ax_mo.runner.outcome import destroyed_directory
from ax_mo.storage.store import now
from ax_mo.sweep.ledger import Ledger
from ax_mo.sweep.loop import Ending, ending_of, suggestion_of
from ax_mo.sweep.resume import Resumption
from ax_mo.terminal import write_from_a_handler
from ax_mo.trial.files import RESULT, SPEC, read_json, write_json
from ax_mo.trial.recorder import result_of as recorded_result

_RETURNED = JobState(Phase.ENDED, 0)
_DIED = JobState(Phase.ENDED, message="the sweep's own process died while it ran this trial, twice")
_WATCH_SECONDS = 0.2


class BatchSweep:
    """Asks for up to ``n_jobs`` points, launches them together, tells what became of them, and so on."""

    def __init__(self, ledger: Ledger, launcher: Launcher, n_jobs: int, timeout_hours: float | None = None) -> None:
        self._ledger = ledger
        self._launcher = launcher
        self._n_jobs = n_jobs
        self._timeout_hours = timeout_hours
        self._started = time.monotonic()
        self._interrupted = False

    def run(self) -> Ending:
        """Raises StudyStopped when the study cannot go on."""
        ledger = self._ledger
        before = self._catch_interrupts()
        try:
            again, waiting = self._recover(), list[TrialRun]()
            while not self._interrupted and (waiting or ledger.room or (again and not ledger.is_closed)):
                if not ledger.is_closed:
                    waiting, again = [*waiting, *again], []
                waiting += self._ask(self._n_jobs - len(waiting))
                batch, waiting = waiting[: self._n_jobs], waiting[self._n_jobs :]
                if batch:
                    self._launch(batch)
                ledger.refresh(())
                ledger.check_failures(0)
                ledger.close_when_enough(time.monotonic() - self._started, self._timeout_hours)
            ledger.check_failures(0, at_end=True)
        except KeyboardInterrupt:
            if ledger.store.patience.waits:  # nothing can be recorded now; a resume runs them again as well
                raise
            for trial in ledger.open_runs():
                ledger.cancel(trial.key)
            return Ending.CANCELLED
        finally:
            if before is not None:
                signal.signal(signal.SIGINT, before)
        if self._interrupted:
            return Ending.DRAINED
        return ending_of(ledger)

    def _recover(self) -> list[TrialRun]:
        """Trials that were in flight when an earlier sweeper ended; a second death counts as the trial's own."""
        again: list[TrialRun] = []
        home = self._ledger.home
        for run in self._ledger.open_runs():
            found = self._ledger.settle(run, _DIED, started=bool(run.handle) and home.original is None)
            if found is not Resumption.ENDED:
                again.append(self._ledger.again(run, died=found is Resumption.AFTER_DEATH))
        home.settled()
        return again

    def _ask(self, count: int) -> list[TrialRun]:
        trials: list[TrialRun] = []
        while len(trials) < min(count, len(trials) + self._ledger.room):
            suggestion = suggestion_of(self._ledger.optimizer.ask(), self._ledger)
            if suggestion is None:
                break
            trials += self._ledger.open(suggestion)
            self._ledger.check_failures(len(trials))  # of those that do not compose
        return trials

    def _launch(self, batch: Sequence[TrialRun]) -> None:
        """Launch trials with consecutive numbers together, as a launcher numbers its jobs itself.

        Repeats are told their directory, so that they need no numbers of their own.
        """
        for group in [batch] if batch[0].repeat is not None else _consecutive(batch):
            if self._interrupted:
                return
            for trial in group:
                self._ledger.submitted(trial.key, "launcher")
            self._ledger.refresh([trial.key for trial in group])
            error = self._launch_group(group)
            lost = [trial for trial in group if not self._settle(trial)]
            if self._interrupted:  # workers get Ctrl-C from the terminal as well; they run again on a resume
                for trial in lost:
                    self._ledger.cancel(trial.key)
            elif len(lost) == 1:
                self._fail(lost[0], error)
            else:
                # One dead worker can take the whole batch with it: alone, each shows whether it was the one.
                for trial in lost:
                    retried = self._ledger.again(trial)
                    self._ledger.submitted(retried.key, "launcher")
                    error = self._launch_group([retried])
                    if not self._settle(retried):
                        self._fail(retried, error)

    def _launch_group(self, group: Sequence[TrialRun]) -> BaseException | None:
        """What went wrong in the launcher itself, if anything; results are in the trials' directories."""
        started = now()
        jobs = [_overrides(trial, self._ledger.sweep_dir) for trial in group]
        try:
            with self._watching({trial.key for trial in group}):
                returns = self._launcher.launch(jobs, initial_job_idx=group[0].number)
        except (KeyboardInterrupt, AxMoError):
            raise
        except BaseException as error:  # a dead worker, or sys.exit() in a task that runs in this process
            return error
        for trial, job_return in zip(group, returns, strict=True):
            self._record(trial, job_return, started)
        return None

    @contextmanager
    def _watching(self, under_way: Container[Key]) -> Iterator[None]:
        """Let bad trials be stopped meanwhile: a launcher returns when all of its jobs have ended.

        The thread has the ledger to itself, since this one waits for the launcher.
        """
        if self._ledger.watch is None:
            yield
            return
        over = threading.Event()
        errors: list[Exception] = []

        def watch() -> None:
            while not over.wait(_WATCH_SECONDS):
                try:
                    self._ledger.stop_the_bad(under_way)
                except Exception as error:
                    errors.append(error)
                    return

        thread = threading.Thread(target=watch, name="ax_mo-curves", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        if errors:
            raise errors[0]

    def _record(self, trial: TrialRun, job_return: JobReturn, started: str) -> None:
        """Write the result of a job that could not write it itself (another machine, or no callbacks there)."""
        directory = self._ledger.directory(trial)
        if not self._ledger.has_result(trial) and not _is_spoiled(directory):
            spec: dict[str, Any] = read_json(directory / SPEC) or {}
            write_json(directory / RESULT, recorded_result(job_return, spec, started, directory))

    def _settle(self, trial: TrialRun) -> bool:
        recorded = self._ledger.has_result(trial) or _is_spoiled(self._ledger.directory(trial))
        if not recorded and not self._ledger.runs[trial.key].asked_to_stop:
            return False
        self._ledger.finish(trial.key, self._ledger.outcome(trial.key, _RETURNED))
        return True

    def _fail(self, trial: TrialRun, error: BaseException | None) -> None:
        what = "recorded no result" if error is None else f"the launcher lost it: {type(error).__name__}: {error}"
        if isinstance(error, SystemExit):
            what = f"ended by sys.exit({error.code!r}) and recorded no result"
        line = what.splitlines()[0]
        self._ledger.finish(trial.key, Outcome({}, line, line))

    def _catch_interrupts(self) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return None

        def interrupt(*_: Any) -> None:
            if self._interrupted:
                raise KeyboardInterrupt
            self._interrupted = True
            write_from_a_handler("ax_mo: Interrupted: the batch that runs will be finished. Ctrl-C again cancels it.\n")

        return signal.signal(signal.SIGINT, interrupt)


def _is_spoiled(directory: Path) -> bool:
    """Whether the trial has removed its own files, so that nobody else is to blame for what is missing."""
    return destroyed_directory(directory) is not None or not (directory / SPEC).exists()


def _overrides(run: TrialRun, sweep_dir: Path) -> list[str]:
    """With the directory that the ledger has given it: launchers would let two trials have one, or repeats."""
    return [
        *run.overrides,
        f"hydra.sweep.dir={override_value(str(sweep_dir))}",
        f"hydra.sweep.subdir={override_value(run.directory)}",
    ]


def _consecutive(batch: Sequence[TrialRun]) -> list[list[TrialRun]]:
    groups: list[list[TrialRun]] = []
    for trial in sorted(batch, key=lambda trial: trial.number):
        if groups and groups[-1][-1].number + 1 == trial.number:
            groups[-1].append(trial)
        else:
            groups.append([trial])
    return groups
