"""The loop: ask, submit, watch, collect, tell."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum

from ax_mo.core.trial import Key, Outcome, Status, Suggestion, TrialRun
from ax_mo.errors import AxMoError, StudyStopped
from ax_mo.optimizer.untried import NoNewPoint, SpaceExhausted
from ax_mo.runner.arrival import Arrivals
from ax_mo.runner.job import CancelFailed, Job, Jobs, JobSpec, JobState, Phase, SubmitLater, job_name
from ax_mo.runner.retry import Silence, Submissions
from ax_mo.sweep.adoption import Adoption, settle
from ax_mo.sweep.end_requests import EndRequests
from ax_mo.sweep.interrupts import Interrupts
from ax_mo.sweep.ledger import Ledger
from ax_mo.sweep.resume import Resumption, RetryPolicy, after_death
from ax_mo.sweep.time_limits import Overtime, RunTimes, TimeLimits
from ax_mo.terminal import clock


class Ending(StrEnum):
    """Why a sweep ended without an error."""

    DONE = "done"
    EXHAUSTED = "the whole space was tried"
    DRAINED = "interrupted: the running trials were finished"
    CANCELLED = "interrupted: the running trials were cancelled"
    CLOSED = "ended before its last trial"


def ending_of(ledger: Ledger) -> Ending:
    """Why a sweep that nobody interrupted has ended."""
    if ledger.closed is not None:
        return Ending.CLOSED
    return Ending.EXHAUSTED if ledger.exhausted else Ending.DONE


def suggestion_of(asked: "Future[Suggestion]", ledger: Ledger) -> Suggestion | None:
    """What the optimizer suggested, waiting for it if need be; None when the space is exhausted.

    Raises StudyStopped when it failed in a way that no other point would mend.
    """
    try:
        return asked.result()
    except SpaceExhausted:
        ledger.exhausted = True
        return None
    except NoNewPoint as error:
        if not ledger.trials:
            raise
        ledger.closed = str(error)  # what runs is no worse for it
        return None
    except AxMoError:
        raise
    except Exception as error:
        raise StudyStopped(f"The optimizer failed: {type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class Pace:
    """How many run at once, for how long, and how often again."""

    n_jobs: int
    prefetch: bool
    suggestion_timeout: float
    """Seconds."""
    limits: TimeLimits = field(default_factory=TimeLimits)
    retries: RetryPolicy = field(default_factory=RetryPolicy)


class Sweep:
    """Keeps ``n_jobs`` trials running until ``n_trials`` have ended.

    One suggestion is computed ahead while all workers are busy (``prefetch``), so that a free worker starts at once.
    A worker that has waited ``suggestion_timeout`` seconds for the model takes a quasi-random point instead.
    """

    def __init__(
        self,
        ledger: Ledger,
        jobs: Jobs,
        pace: Pace,
        wake: threading.Event,
        farewell: str = "",
    ) -> None:
        self._ledger = ledger
        self._jobs = jobs
        self._pace = pace
        self._wake = wake
        self._times = RunTimes(pace.limits)
        self._running: dict[Key, Job] = {}
        self._adopted: set[Key] = set()  # of what runs: started by an earlier sweeper
        self._elsewhere: dict[Key, str] = {}  # of those: out of reach, and where they are
        self._opened: list[TrialRun] = []  # repeats that wait for a worker
        self._again: list[tuple[TrialRun, bool]] = []  # of an earlier sweeper, to run once more; whether it died
        self._asked: Future[Suggestion] | None = None
        self._waiting_since: float | None = None
        self._arrivals = Arrivals(jobs.result_grace_seconds)
        self._submissions = Submissions()
        self._silence = Silence()
        self._end_requests = EndRequests(jobs.has_queue, jobs.grace_seconds)
        self._interrupts = Interrupts(farewell)
        self._told = False
        self._told_of_wait = False
        self._cancelling = False

    def run(self) -> Ending:
        """Raises StudyStopped when the study cannot go on; the running trials do, and a resume adopts them."""
        self._ledger.store.patience.while_waiting = self._while_database_is_away
        with self._interrupts.caught():
            try:
                self._adopt()
                while self._running or self._work_left():
                    self._tell_interrupts()
                    if self._interrupts.count > 1:
                        self._ledger.screen.notice("Interrupted again: cancelling the running trials.")
                        self._cancelling = True
                        self._cancel_running()
                        return Ending.CANCELLED
                    self._collect()
                    self._ledger.check_failures(len(self._running))
                    self._ledger.close_when_enough(self._times.of_study, self._pace.limits.timeout_hours)
                    self._stop_early()
                    self._end_overtime()
                    self._submit()  # before the files are written: a worker may have become free
                    self._ledger.refresh(self._running)
                    self._wake.wait(self._jobs.poll_seconds)
                    self._wake.clear()
                self._ledger.check_failures(0, at_end=True)
            except BaseException:
                self._tell_what_goes_on()
                raise
            finally:
                self._jobs.close()
        if self._interrupts.count:
            return Ending.DRAINED
        return ending_of(self._ledger)

    # ask

    def _work_left(self) -> bool:
        return not self._interrupts.count and bool(self._may_run_again or self._opened or self._ledger.room)

    @property
    def _may_run_again(self) -> bool:
        """Whether there are trials of an earlier sweeper to run once more, and time for them."""
        return bool(self._again) and not self._ledger.is_closed

    def _next_suggestion(self) -> Suggestion | None:
        """The suggestion that was asked for, if it is there; asks for one otherwise."""
        if not self._ledger.room:  # also where a suggestion is still on its way: quasi-random points took its place
            return None
        if self._asked is None:
            self._asked = self._ledger.optimizer.ask()
            self._waiting_since = time.monotonic()
        if not self._asked.done():
            return self._instead_of_waiting()
        asked, self._asked = self._asked, None
        self._waiting_since = None
        return suggestion_of(asked, self._ledger)

    def _instead_of_waiting(self) -> Suggestion | None:
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()
        if time.monotonic() - self._waiting_since < self._pace.suggestion_timeout:
            return None
        self._waiting_since = time.monotonic()
        try:
            instead = self._ledger.optimizer.quasi_random()
        except (SpaceExhausted, NoNewPoint):
            return None
        self._ledger.screen.notice(
            f"The model has needed more than {self._pace.suggestion_timeout:g} s; a quasi-random point runs meanwhile."
        )
        return instead

    def _ask_ahead(self) -> None:
        """All workers are busy: let the next suggestion be computed meanwhile."""
        self._waiting_since = None
        wanted = self._work_left() and not (self._again or self._opened)
        if self._pace.prefetch and self._asked is None and wanted:
            self._asked = self._ledger.optimizer.ask()
        if wanted:
            self._ledger.optimizer.prepare()

    # submit

    @property
    def _may_submit(self) -> bool:
        free = len(self._running) < self._pace.n_jobs
        return free and self._jobs.has_room and not self._interrupts.count and not self._submissions.pausing

    def _submit(self) -> None:
        while self._may_submit:
            if self._may_run_again:
                self._start(self._ledger.again(*self._again.pop(0)))
                continue
            if self._opened:
                self._start(self._opened.pop(0))
                continue
            suggestion = self._next_suggestion()
            if suggestion is None:
                return
            self._opened += self._ledger.open(suggestion)
        self._ask_ahead()

    def _start(self, run: TrialRun) -> None:
        ledger = self._ledger
        directory = ledger.directory(run)
        name = job_name(ledger.home.token, run.number, run.repeat, run.attempt)
        spec = JobSpec(name, tuple(ledger.command(run)), directory, ledger.cwd, ledger.environment(run))
        try:
            handle = self._jobs.submit(spec)
        except SubmitLater as error:
            self._start_later(run, error)
            return
        except OSError as error:
            raise StudyStopped(f"Cannot start trial {run.label} in {directory}: {error.strerror or error}") from None
        self._submissions.worked()
        self._running[run.key] = Job(handle, directory)
        self._adopted.discard(run.key)
        self._elsewhere.pop(run.key, None)
        ledger.submitted(run.key, handle, waits=self._jobs.has_queue)

    def _start_later(self, run: TrialRun, error: SubmitLater) -> None:
        """Put the run back; nothing is submitted before the pause is over."""
        self._opened.insert(0, run)
        pause = self._submissions.failed()
        if pause is None:
            raise self._submissions.given_up(f"trial {run.label}", error)
        self._ledger.screen.notice(
            f"The scheduler did not take trial {run.label}; trying again in {pause:g} s: {error}"
        )

    # watch, collect, tell

    def _adopt(self) -> None:
        """Take over what an earlier sweeper has left."""
        found = Adoption(self._ledger, self._jobs, self._pace.retries, self._silence, self._may_wait).adopt()
        self._running.update(found.running)
        self._adopted.update(found.running)
        self._elsewhere.update(found.elsewhere)
        self._again += found.again
        self._opened += found.opened

    def _may_wait(self) -> bool:
        """Wait for a moment; whether it is worth waiting for another."""
        self._wake.wait(self._jobs.poll_seconds)
        self._wake.clear()
        return not self._interrupts.count

    def _notice(self, text: str | None) -> None:
        if text is not None:
            self._ledger.screen.notice(text)

    def _collect(self) -> None:
        keys = list(self._running)
        states = self._jobs.states([self._running[key] for key in keys])
        self._notice(self._silence.after(states))
        for key, state in zip(keys, states, strict=True):
            run = self._ledger.runs[key]
            if key in self._elsewhere and self._ledger.has_result(run):
                state = JobState(Phase.ENDED)  # all that can be known of it
            if state.phase is Phase.RUNNING and key not in self._times and run.status is not Status.CANCELLED:
                self._times.runs(key, already=self._ledger.runs_since(key))
            elif state.phase is Phase.PENDING and not run.is_pending:  # put in line again by its scheduler
                self._times.waits(key)
                self._ledger.waits(key)
            elif state.phase is Phase.ENDED and self._arrivals.complete(key, state, self._ledger.has_result(run)):
                self._end(run, state)
                continue
            if self._end_requests.is_given_up(key, state):
                self._end(run, JobState(Phase.UNKNOWN))
            elif self._end_requests.is_due(key, state):
                self._jobs.cancel([self._running[key]], wait=False)

    def _end(self, run: TrialRun, state: JobState) -> None:
        """The run's job is over, or does not end although it was told to."""
        ledger, key = self._ledger, run.key
        seconds = self._times.seconds(key)
        del self._running[key]
        self._times.ended(key)
        told = self._end_requests.pop(key)
        if told is not None and told.overtime is Overtime.STUDY:
            if state.phase is Phase.ENDED:
                ledger.cancel(key)
            return  # else it is left to the next sweeper as it is
        nobody_saw_how = key in self._adopted and state.exit_code is None and told is None
        if nobody_saw_how or run.status is Status.CANCELLED:  # by an earlier sweeper
            found = settle(ledger, run, state, self._pace.retries)
            if found is not Resumption.ENDED:
                self._again.append((run, found is Resumption.AFTER_DEATH))
            return
        if told is not None and told.overtime is Overtime.TRIAL:
            text = f"ran longer than trial_timeout={self._pace.limits.trial_timeout:g} seconds and was ended"
            outcome = ledger.outcome(key, JobState(Phase.ENDED), cancelled=True)
            ledger.finish(key, outcome if outcome.status is not Status.FAILED else Outcome({}, text, text))
            return
        outcome = ledger.outcome(key, state, cancelled=told is not None)
        may_die = self._pace.retries.allowed(state)
        if told is None and after_death(run, outcome.status is not Status.FAILED, may_die) is Resumption.AFTER_DEATH:
            ledger.screen.notice(
                f"Trial {run.label} {outcome.reason}, after {clock(seconds)}; it runs again "
                f"(retry {run.lost_attempts + 1} of {may_die})."
            )
            self._again.append((run, True))
            return
        ledger.finish(key, outcome)

    def _stop_early(self) -> None:
        """Ask bad trials to end, and end those that were asked and do not, or were cancelled by an earlier sweeper."""
        self._ledger.stop_the_bad(self._running)
        runs = self._ledger.runs
        cancelled = (key for key in self._running if runs[key].status is Status.CANCELLED)
        overdue = (key for key in self._running if self._ledger.overdue(key))
        self._tell_to_end(dict.fromkeys([*cancelled, *overdue]))

    def _end_overtime(self) -> None:
        """End what has run longer than it may."""
        overtimes = {key: overtime for key in self._running if (overtime := self._times.overtime(key)) is not None}
        for key in self._tell_to_end(overtimes):
            if overtimes[key] is Overtime.STUDY:
                self._ledger.screen.notice(
                    f"timeout_hours are over; trial {self._ledger.runs[key].label}, after "
                    f"{clock(self._times.seconds(key))}, is ended, and a resume runs it again."
                )

    def _tell_to_end(self, runs: Mapping[Key, Overtime | None]) -> list[Key]:
        """End jobs without waiting for it; returns those that are told now."""
        keys = self._end_requests.add(runs)
        if keys:
            self._jobs.cancel([self._running[key] for key in keys], wait=False)
        return keys

    def _cancel_running(self) -> None:
        """Stop what runs and can be reached; those trials will run again on a resume."""
        ended = {key: job for key, job in self._running.items() if key not in self._elsewhere}
        self._running = {key: job for key, job in self._running.items() if key in self._elsewhere}
        try:
            self._jobs.cancel(list(ended.values()))
        except CancelFailed as error:
            untold = {job.directory for job in error.jobs}
            left = [key for key in ended if ended[key].directory in untold]
            for key in left:  # recorded as running, as it may be
                del ended[key]
            labels = ", ".join(self._ledger.runs[key].label for key in left)
            self._ledger.screen.notice(
                f"Could not be cancelled, and may go on, until a resume adopts it: trial {labels}. The scheduler said: "
                f"{error}"
            )
        for key in ended:
            self._ledger.cancel(key)
        for key in self._running:
            self._ledger.screen.notice(
                f"Trial {self._ledger.runs[key].label} goes on on {self._elsewhere[key]}, where it cannot be cancelled "
                "from here; a resume awaits its result."
            )

    def _tell_what_goes_on(self) -> None:
        if self._running:
            labels = ", ".join(self._ledger.runs[key].label for key in self._running)
            self._ledger.screen.notice(f"What runs goes on, and a resume adopts it: trial {labels}.")

    # Ctrl-C

    def _tell_interrupts(self) -> None:
        if self._interrupts.count and not self._told:
            self._told = True
            self._ledger.screen.notice(
                f"Interrupted: {len(self._running)} running trial(s) will be finished. Ctrl-C again cancels them."
            )

    def _while_database_is_away(self) -> None:
        """Nothing can be recorded now, so that Ctrl-C can neither drain nor cancel: a second one ends this sweeper."""
        if self._interrupts.count > 1 + self._cancelling:
            what = "The running trials were cancelled; a resume sees that" if self._cancelling else "What runs goes on"
            raise StudyStopped(f"Interrupted while the study's database is away. {what}.", leaves_jobs=True)
        if self._interrupts.count and not self._told_of_wait:
            self._told_of_wait = True
            self._ledger.screen.notice("The study's database is away: Ctrl-C again ends this sweeper at once.")
