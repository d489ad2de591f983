"""The runner of a scheduler's jobs: submits them, asks for their states, tells them to end, and gives some up."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ax_mo.core.trial import Key, Status, TrialRun
from ax_mo.errors import StudyStopped
from ax_mo.runner.background_states import BackgroundStates
from ax_mo.runner.job import CancelFailed, Cause, Job, JobSpec, JobState, NoAnswer, Phase, SubmitLater
from ax_mo.runner.outcome import has_result
from ax_mo.runner.runner import Cancelled, EndCause, JobChange
from ax_mo.runner.scheduler import Scheduler
from ax_mo.runner.waiting import Silence, Submissions

_OVER = JobState(Phase.ENDED)
_OF_ANOTHER = JobState(Phase.ENDED, None, "ended without a result while no sweeper was watching")
# The share of ``result_grace_seconds`` that a failed job gets: it may well have no result to wait for.
_SHARE_OF_THE_FAILED = 0.25
# How long after the last of its grace a job that was told to end may be seen running before it is given up.
_GIVEN_UP_AFTER = 60.0
# How often a job that goes on is told: its scheduler may not have heard of it.
_TOLD_EVERY = 30.0


@dataclass
class _Watched:
    """A job that has not ended, as far as is known. Moments are by the runner's clock."""

    key: Key
    attempt: int
    job: Job
    adopted: bool = False
    place: str = ""
    """Where it is, if that is out of reach."""
    phase: Phase | None = None
    """The phase that the loop was told last."""
    ended: float | None = None
    """When it was first seen to have ended; its files may come later."""
    unknown: float | None = None
    """Since when its scheduler answers that it does not know it."""
    cause: EndCause | None = None
    """Why it was told to end, if it was; first and last when."""
    first_told: float = 0.0
    last_told: float = 0.0
    ender: threading.Thread | None = None
    """Tells it to end, and may wait until it has."""

    def has_result(self) -> bool:
        return has_result(self.job.directory, self.key[0], self.attempt)

    @property
    def is_being_ended(self) -> bool:
        return self.ender is not None and self.ender.is_alive()


class SchedulerRunner:
    """Runs jobs through a scheduler, at most ``n_jobs`` at once, of which at most ``max_pending`` wait in its queue.

    ``wake`` ends a wait, ``notice`` tells the user.
    """

    outlives_sweeper = True

    def __init__(
        self,
        scheduler: Scheduler,
        n_jobs: int,
        wake: threading.Event,
        notice: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scheduler = scheduler
        self._settings = scheduler.settings
        self._own = f"{scheduler.settings.scheduler}://"
        self.queue = self._own if scheduler.has_queue else None
        self.n_jobs = n_jobs
        self._wake = wake
        scheduler.on_change = wake.set
        self._notice = notice
        self._clock = clock
        self._watched: dict[Key, _Watched] = {}
        self._left_open: list[tuple[TrialRun, str, Path]] = []  # by an earlier sweeper; not asked for yet
        self._submissions = Submissions(clock)
        self._silence = Silence(notice, clock)
        ask, at_once = scheduler.states, scheduler.answers_at_once
        self._background = None if at_once else BackgroundStates(ask, scheduler.poll_seconds, wake.set)

    @property
    def busy(self) -> bool:
        return bool(self._watched or self._left_open)

    @property
    def capacity(self) -> int:
        if self._submissions.pausing or not self._scheduler.has_room:
            return 0
        most = self.n_jobs - len(self._watched)
        if self._scheduler.has_queue and self._settings.max_pending is not None:
            waiting = sum(one.phase is not Phase.RUNNING and one.ended is None for one in self._watched.values())
            most = min(most, self._settings.max_pending - waiting)
        return max(0, most - len(self._left_open))

    def submit(self, spec: JobSpec) -> str | None:
        what = f"{'trial' if spec.label else 'job'} {spec.label or spec.name}"
        try:
            if not self._scheduler.has_room_for(spec):
                return None
            handle = self._scheduler.submit(spec)
        except SubmitLater as error:
            self._notice(self._submissions.failed(what, error))
            return None
        except OSError as error:
            raise StudyStopped(f"Cannot start {what} in {spec.directory}: {error.strerror or error}") from None
        self._submissions.worked()
        one = self._watched[spec.key] = _Watched(spec.key, spec.attempt, Job(handle, spec.directory))
        if self._background is not None:
            self._background.note(one.job, JobState(Phase.PENDING))
        return handle

    def collect(self) -> list[JobChange]:
        changes = self._adopted()
        watched = list(self._watched.values())
        states = self._states(watched)
        changes += [change for one in watched if (change := self._change(one, states[one.key])) is not None]
        return changes

    def _states(self, watched: Sequence[_Watched]) -> dict[Key, JobState]:
        # The children of a process that is being ended may still hold what the next job needs.
        asked = [one for one in watched if self._scheduler.has_queue or not one.is_being_ended]
        jobs = [one.job for one in asked]
        if self._background is not None:
            states = self._background.of(jobs)
        else:
            states = self._scheduler.states(jobs) if jobs else []
        silent = [state.message for state in states if state.is_silence]
        if silent:
            self._silence.unanswered(silent[0])
        elif states:
            self._silence.answered()
        found = {one.key: JobState(Phase.RUNNING) for one in watched}
        return found | {one.key: state for one, state in zip(asked, states, strict=True)}

    def _change(self, one: _Watched, state: JobState) -> JobChange | None:
        if one.place and one.has_result():
            state = _OVER  # all that can be known of it
        state = self._lost_or(one, state)
        if state.phase is Phase.ENDED and self._is_complete(one, state):
            return self._let_go(one, state)
        if self._is_given_up(one, state):
            return self._let_go(one, JobState(Phase.UNKNOWN))
        if state.phase not in (Phase.RUNNING, Phase.PENDING):
            return None
        if one.cause is not None and self._clock() - one.last_told >= _TOLD_EVERY:
            self._tell([one])
        if state.phase is one.phase:
            return None
        one.phase = state.phase
        return JobChange(one.key, state, adopted=one.adopted)

    def _let_go(self, one: _Watched, state: JobState) -> JobChange:
        """The last that is told of the job."""
        del self._watched[one.key]
        return JobChange(one.key, state, one.cause, one.adopted)

    def _lost_or(self, one: _Watched, state: JobState) -> JobState:
        """The state, unless a scheduler that answers has not known the job for too long."""
        if state.phase is not Phase.UNKNOWN or state.is_silence or state.place:
            one.unknown = None
            return state
        one.unknown = self._clock() if one.unknown is None else one.unknown
        patience = self._settings.unknown_timeout
        if self._clock() - one.unknown < patience:
            return state
        return JobState(Phase.ENDED, None, f"unknown to the scheduler for {patience:g} s", Cause.LOST)

    def _is_complete(self, one: _Watched, state: JobState) -> bool:
        """Whether the ended job has left all that it will leave: a network file system shows files when it likes."""
        one.ended = self._clock() if one.ended is None else one.ended
        grace = self._scheduler.result_grace_seconds * (1.0 if state.exit_code == 0 else _SHARE_OF_THE_FAILED)
        return self._clock() - one.ended >= grace or one.has_result()

    def _is_given_up(self, one: _Watched, state: JobState) -> bool:
        """Whether the job was told to end and has had its time.

        No trial counts as ended while a scheduler says that its job goes on, or says nothing. When the study's time is
        over, none does: the job is left to the next sweeper.
        """
        patience = self._settings.grace_seconds + _GIVEN_UP_AFTER
        if one.cause in (None, EndCause.GOES_ON) or self._clock() - one.first_told <= patience:
            return False
        may_go_on = self._scheduler.has_queue and (state.phase is not Phase.UNKNOWN or state.is_silence)
        return one.cause is EndCause.STUDY_TIMEOUT or not may_go_on

    # Runs of earlier sweepers

    def adopt(self, run: TrialRun, name: str, directory: Path) -> None:
        self._left_open.append((run, name, directory))

    def _adopted(self) -> list[JobChange]:
        """The first that is told of runs which an earlier sweeper has left, as far as the scheduler answers."""
        changes = []
        while self._left_open:
            run, name, directory = self._left_open[0]
            try:
                changes.append(self._look_at(run, name, directory))
            except NoAnswer as error:
                self._silence.unanswered(f"Whether trial {run.label} was submitted is not known: {error}")
                break  # it is asked again in a moment
            del self._left_open[0]
        return changes

    def _look_at(self, run: TrialRun, name: str, directory: Path) -> JobChange:
        """What has become of such a run. Raises NoAnswer where the scheduler does not say whether it has a job."""
        cancelled, found = run.status is Status.CANCELLED, None
        # A handle of the scheduler's name alone is all that a sweeper could note that did not live to see its answer.
        handle = None if run.handle == self._own else run.handle
        if not (handle or cancelled):
            found = handle = self._scheduler.find(name, directory)
            self._silence.answered()
        one = _Watched(run.key, run.attempt, Job(handle or "", directory), adopted=True)
        if not handle or (cancelled and not self._scheduler.has_queue):
            state = _OVER  # a scheduler may take its time to end a job; a cancelled process was seen to end
        elif not handle.startswith(self._own):
            state = _OF_ANOTHER  # a resume begins only when such a job is over
        else:
            (state,) = self._scheduler.states([one.job])
            if self._background is not None:
                self._background.note(one.job, state)
        if cancelled and state.phase is Phase.UNKNOWN and not state.is_silence:
            state = _OVER  # it was told to end, and its scheduler has forgotten it
        if state.place and one.has_result():
            state = _OVER  # all that can be known of it
        if state.phase is not Phase.ENDED:
            one.place = state.place
            self._watched[run.key] = one
        return JobChange(run.key, state, adopted=True, handle=found, began=bool(handle))

    # Ending jobs

    def end(self, keys: Iterable[Key], cause: EndCause) -> list[Key]:
        known = [self._watched[key] for key in keys if key in self._watched]
        goes_on = EndCause.GOES_ON
        new = [one for one in known if one.cause is None or (one.cause is goes_on and cause is not goes_on)]
        for one in new:
            one.cause, one.first_told = cause, self._clock()
        if new:
            self._tell(new)
        return [one.key for one in new]

    def _tell(self, watched: Sequence[_Watched]) -> None:
        """Tell the jobs to end, in a thread that may take the time that they take."""
        ender = threading.Thread(target=self._cancel, args=(watched,), name="ax_mo-end", daemon=True)
        for one in watched:
            one.ender, one.last_told = ender, self._clock()
        ender.start()

    def _cancel(self, watched: Sequence[_Watched]) -> None:
        try:
            self._scheduler.cancel([one.job for one in watched])
        except CancelFailed as error:
            handles = ", ".join(job.handle for job in error.jobs)
            logging.getLogger(__name__).warning("Could not cancel %s: %s", handles, error)

    def cancel(self) -> Cancelled:
        elsewhere = {key: one.place for key, one in self._watched.items() if one.place}
        reachable = {key: one.job for key, one in self._watched.items() if not one.place}
        untold: list[Key] = []
        answer = ""
        try:
            if reachable:
                self._scheduler.cancel(list(reachable.values()))
        except CancelFailed as error:
            directories = {job.directory for job in error.jobs}
            untold = [key for key, job in reachable.items() if job.directory in directories]
            answer = str(error)
        ended = [key for key in reachable if key not in untold]
        return Cancelled(ended, untold, answer, elsewhere)

    def wait(self) -> None:
        self._wake.wait(self._scheduler.poll_seconds)
        self._wake.clear()

    def close(self) -> None:
        """Also waits for what was told to end: a job's children may outlive it, until they are killed."""
        for one in self._watched.values():
            if one.ender is not None:
                one.ender.join(self._settings.grace_seconds + 6.0)
        if self._background is not None:
            self._background.close()
        self._scheduler.close()
