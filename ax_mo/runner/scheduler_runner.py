"""The runner of a scheduler's jobs: submits, asks for states, notices silence, tells jobs to end and gives them up."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ax_mo.core.process import identity
from ax_mo.core.trial import Key, Status, TrialRun
from ax_mo.errors import StudyStopped
from ax_mo.runner.end_requests import EndRequests
from ax_mo.runner.job import CancelFailed, Job, JobSpec, JobState, NoAnswer, Phase, Scheduler, SubmitLater
from ax_mo.runner.outcome import has_result
from ax_mo.runner.runner import Cancelled, EndCause, JobChange
from ax_mo.runner.waiting import ResultGrace, Silence, Submissions

_OVER = JobState(Phase.ENDED)


def is_intention(handle: str | None) -> bool:
    """Whether the handle only says which scheduler was to be given the job: its sweeper did not live to note more."""
    return handle is not None and handle.endswith("://")


@dataclass(frozen=True)
class _Watched:
    """A job that runs, as far as is known."""

    key: Key
    attempt: int
    job: Job
    adopted: bool = False
    place: str = ""
    """Where it is, if that is out of reach."""
    phase: Phase | None = None
    """What was told of it last."""

    def has_result(self) -> bool:
        return has_result(self.job.directory, self.key[0], self.attempt)


@dataclass(frozen=True)
class _LeftOpen:
    """A run of an earlier sweeper that nobody has asked the scheduler about yet."""

    run: TrialRun
    name: str
    directory: Path


class SchedulerRunner:
    """At most ``n_jobs`` at once through ``jobs``. ``wake`` ends a wait, ``notice`` tells the user what is worth it."""

    outlives_sweeper = True

    def __init__(self, jobs: Scheduler, n_jobs: int, wake: threading.Event, notice: Callable[[str], None]) -> None:
        self._jobs = jobs
        self.has_queue = jobs.has_queue
        self.submits_to = f"{jobs.scheduler}://" if jobs.has_queue else None
        self._n_jobs = n_jobs
        self._wake = wake
        self._notice = notice
        self._watched: dict[Key, _Watched] = {}
        self._left_open: list[_LeftOpen] = []
        self._grace = ResultGrace(jobs.result_grace_seconds)
        self._submissions = Submissions()
        self._silence = Silence()
        self._end_requests = EndRequests(jobs.has_queue, jobs.grace_seconds)

    @property
    def busy(self) -> bool:
        return bool(self._watched or self._left_open)

    @property
    def capacity(self) -> int:
        if self._submissions.pausing or not self._jobs.has_room:
            return 0
        return max(0, self._n_jobs - len(self._watched) - len(self._left_open))

    def submit(self, spec: JobSpec) -> str | None:
        what = f"{'trial' if spec.label else 'job'} {spec.label or spec.name}"
        try:
            handle = self._jobs.submit(spec)
        except SubmitLater as error:
            pause = self._submissions.failed()
            if pause is None:
                raise self._submissions.given_up(what, error) from None
            self._notice(f"The scheduler did not take {what}; trying again in {pause:g} s: {error}")
            return None
        except OSError as error:
            raise StudyStopped(f"Cannot start {what} in {spec.directory}: {error.strerror or error}") from None
        self._submissions.worked()
        self._watched[spec.key] = _Watched(spec.key, spec.attempt, Job(handle, spec.directory))
        return handle

    def adopt(self, run: TrialRun, name: str, directory: Path) -> None:
        self._left_open.append(_LeftOpen(run, name, directory))

    def collect(self) -> list[JobChange]:
        changes = self._adopted()
        watched = list(self._watched.values())
        states = self._jobs.states([one.job for one in watched]) if watched else []
        self._say(self._silence.after(states))
        for one, state in zip(watched, states, strict=True):
            change = self._change(one, state)
            if change is not None:
                changes.append(change)
        return changes

    def _change(self, watched: _Watched, state: JobState) -> JobChange | None:
        key = watched.key
        if watched.place and watched.has_result():
            state = _OVER  # all that can be known of it
        over = state.phase is Phase.ENDED and self._grace.expired(key, state, watched.has_result())
        if not over and self._end_requests.is_given_up(key, state):
            over, state = True, JobState(Phase.UNKNOWN)
        if over:
            del self._watched[key]
            told = self._end_requests.pop(key)
            return JobChange(key, state, told.cause if told else None, watched.adopted)
        if self._end_requests.is_due(key, state):
            self._jobs.cancel([watched.job], wait=False)
        if state.phase in (Phase.RUNNING, Phase.PENDING) and state.phase is not watched.phase:
            self._watched[key] = replace(watched, phase=state.phase)
            return JobChange(key, state, adopted=watched.adopted)
        return None

    # Runs of earlier sweepers

    def _adopted(self) -> list[JobChange]:
        """What has become of the runs that an earlier sweeper has left, as far as the scheduler answers."""
        changes = []
        while self._left_open:
            try:
                changes.append(self._look_at(self._left_open[0]))
            except NoAnswer as error:
                label = self._left_open[0].run.label
                self._say(self._silence.unanswered(f"Whether trial {label} was submitted is not known: {error}"))
                break  # it is asked again in a moment
            del self._left_open[0]
        return changes

    def _look_at(self, left: _LeftOpen) -> JobChange:
        """Raises NoAnswer where the scheduler does not say whether there is a job."""
        run, cancelled = left.run, left.run.status is Status.CANCELLED
        known, found = "" if is_intention(run.handle) else run.handle or "", None
        if not (known or cancelled):  # it may never have been noted
            found = self._jobs.find(left.name, left.directory)
            self._say(self._silence.answered())
        job = Job(known or found or "", left.directory)
        watched = _Watched(run.key, run.attempt, job, adopted=True)
        began = bool(job.handle) or identity(left.directory) is not None
        state = _OVER
        # A scheduler may take its time to end a job; a cancelled process was seen to end.
        if began and not (cancelled and not self._jobs.has_queue):
            (state,) = self._jobs.states([job])
        if cancelled and state.phase is Phase.UNKNOWN and not state.message:
            state = _OVER  # it was told to end, and its scheduler has forgotten it
        if state.place and watched.has_result():
            state = _OVER  # all that can be known of it
        if state.phase is not Phase.ENDED:
            self._watched[run.key] = replace(watched, place=state.place)
        return JobChange(run.key, state, adopted=True, handle=found, began=began)

    # Ending jobs

    def end(self, keys: Iterable[Key], cause: EndCause) -> list[Key]:
        new = self._end_requests.add([key for key in keys if key in self._watched], cause)
        if new:
            self._jobs.cancel([self._watched[key].job for key in new], wait=False)
        return new

    def cancel(self) -> Cancelled:
        elsewhere = {key: one.place for key, one in self._watched.items() if one.place}
        reachable = {key: one.job for key, one in self._watched.items() if not one.place}
        untold: list[Key] = []
        answer = ""
        try:
            self._jobs.cancel(list(reachable.values()))
        except CancelFailed as error:
            directories = {job.directory for job in error.jobs}
            untold = [key for key, job in reachable.items() if job.directory in directories]
            answer = str(error)
        ended = [key for key in reachable if key not in untold]
        return Cancelled(ended, untold, answer, elsewhere)

    def wait(self) -> None:
        self._wake.wait(self._jobs.poll_seconds)
        self._wake.clear()

    def close(self) -> None:
        self._jobs.close()

    def _say(self, text: str | None) -> None:
        if text is not None:
            self._notice(text)
