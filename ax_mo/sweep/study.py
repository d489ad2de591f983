"""A study while it runs: its trials, how each of them changes, and what is still to be done."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from ax_mo.core.failures import in_order_of_end
from ax_mo.core.objectives import as_counted
from ax_mo.core.repeats import aggregate_repeats
from ax_mo.core.stop_reason import StopReason
from ax_mo.core.trial import Key, Outcome, Status, Suggestion, Trial, TrialRun, seconds_between
from ax_mo.early_stopping.stop_request import ask_to_stop, stopped_outcome
from ax_mo.early_stopping.successive_halving import directory_of_trial
from ax_mo.errors import StudyStopped
from ax_mo.runner.job import JobSpec, JobState, Phase
from ax_mo.runner.outcome import destroyed_directory, has_result, outcome_of
from ax_mo.runner.runner import EndCause
from ax_mo.storage.store import Store
from ax_mo.storage.sweep_directory import SweepDirectory
from ax_mo.sweep.create_trial import TrialCreator, cannot_write
from ax_mo.sweep.run_times import RunTimes
from ax_mo.sweep.spec import StudySpec
from ax_mo.trial.metric_sources.differences import ReturnedDifference
from ax_mo.trial.result import now


class Ending(StrEnum):
    """Why a sweep ended without an error."""

    DONE = "done"
    EXHAUSTED = "the whole space was tried"
    DRAINED = "interrupted: the running trials were finished"
    CANCELLED = "interrupted: the running trials were cancelled"
    CLOSED = "ended before its last trial"


class Study:
    """The trials of a study and where they are stored. Each change of one is one method and one transaction.

    ``runs`` are what jobs are made of, ``trials`` what the optimizer and the user see; without repeats they are the
    same. ``active`` are the runs that have a job now.
    """

    def __init__(self, spec: StudySpec, store: Store, home: SweepDirectory, creator: TrialCreator) -> None:
        self.spec = spec
        self.store = store
        self.home = home
        self.creator = creator
        self.runs: dict[Key, TrialRun] = {run.key: run for run in store.runs()}
        self.trials: dict[int, Trial] = {}
        for number in dict.fromkeys(number for number, _ in self.runs):
            self._aggregate(number)
        self.goals = spec.plan.goals.settled(self.trials.values())
        """Each objective with the scale that it has by now."""
        self.active: set[Key] = set()
        self.times = RunTimes()
        self.ended = [trial.number for trial in in_order_of_end(self.trials.values())]
        """The study's own trials that have ended, in that order, under this sweeper or an earlier one."""
        self.ended_before = len(self.ended)
        self.uncounted: frozenset[int] = frozenset()
        """Trials that do not count towards ``n_trials``."""
        self.stop_reason: StopReason | None = None
        """Why no more trials are asked for, although there would be room."""
        self.exhausted = False
        """Whether there is no other point to try."""
        self.is_failing = False
        """Whether too many trials have failed to start another before those that run have ended."""
        self.is_paused = False
        """Whether a user has paused it: nothing is started, and the sweep waits until it is resumed."""
        self.draining = False
        """Whether a user has interrupted the sweep: nothing is started, and it ends with what runs now."""
        self.is_over = False
        """Whether nothing runs and nothing is left to do."""
        self._promotable: Trial | None = None  # looked for again when it is stale: once a trial has changed
        self._is_stale = True
        self._own = sum(not trial.is_imported for trial in self.trials.values())
        self._ready: list[JobSpec] = []
        self._to_retry: list[tuple[TrialRun, bool]] = []
        self._to_end: list[tuple[Key, EndCause]] = []
        self._differences: list[tuple[TrialRun, Sequence[ReturnedDifference]]] = []

    # What is to be done

    @property
    def asked(self) -> int:
        """How many of the ``n_trials`` have been asked for."""
        return self._own - len(self.uncounted)

    @property
    def has_room(self) -> bool:
        """Whether fewer than ``n_trials`` have been asked for."""
        return self.asked < self.spec.settings.n_trials

    @property
    def remaining_trials(self) -> int:
        """How many trials may be asked for now; none while the study is paused."""
        return 0 if self.is_paused else self._trials_to_come

    @property
    def _trials_to_come(self) -> int:
        """How many trials may be asked for now or, while the study is paused, when it goes on."""
        if self.exhausted or self.draining or self._asks_for_nothing:
            return 0
        return max(0, self.spec.settings.n_trials - self.asked)

    @property
    def wants_more(self) -> bool:
        """Whether there is, or will be, a run to submit or a trial to ask for."""
        if self.draining:
            return False
        retries = bool(self._to_retry) and not self._asks_for_nothing
        return bool(self._ready or retries or self._trials_to_come) or self._next_promotion() is not None

    @property
    def has_runs(self) -> bool:
        """Whether runs wait for a worker."""
        return bool(self._ready or self._to_retry)

    @property
    def _asks_for_nothing(self) -> bool:
        """Whether no trial is asked for, none is promoted and no run is retried; what is ready still runs."""
        return self.stop_reason is not None or self.is_failing

    @property
    def ending(self) -> Ending:
        """Why a sweep that nobody has interrupted ends now."""
        if self.stop_reason is not None:
            return Ending.CLOSED
        return Ending.EXHAUSTED if self.exhausted else Ending.DONE

    def next_job(self) -> JobSpec | None:
        """The job that is next in line for a worker: retries come first, then new trials, then promotions."""
        if self.draining or self.is_paused:
            return None
        if self._to_retry and not self._asks_for_nothing:
            return self.retry(*self._to_retry.pop(0))
        if self._ready:
            return self._ready.pop(0)
        promoted = self._next_promotion()
        return None if promoted is None else self._promote(promoted)

    def put_back(self, job: JobSpec) -> None:
        """Put a job that no worker has taken at the head of the line."""
        self._ready.insert(0, job)

    def retry_later(self, run: TrialRun, died: bool = False) -> None:
        """Put a run in line for its next attempt; ``died`` is as in ``retry``."""
        self.active.discard(run.key)
        self._to_retry.append((run, died))

    def request_end(self, key: Key, cause: EndCause) -> None:
        """Have the run's job told to end."""
        self._to_end.append((key, cause))

    def take_end_requests(self) -> list[tuple[Key, EndCause]]:
        """The jobs to tell to end, once each."""
        requests, self._to_end = self._to_end, []
        return requests

    def take_differences(self) -> list[tuple[TrialRun, Sequence[ReturnedDifference]]]:
        """Numbers that the tasks of ended runs returned and that differ from those that count, once each."""
        differences, self._differences = self._differences, []
        return differences

    def open_runs(self) -> list[TrialRun]:
        """The runs that have not ended."""
        return [run for run in self.runs.values() if not run.status.ended]

    def open_runs_of(self, number: int) -> list[TrialRun]:
        """Those of one trial."""
        return [run for run in self.runs.values() if run.number == number and not run.status.ended]

    def in_order_of_end(self) -> list[Trial]:
        """The study's own trials that have ended, in that order."""
        return [self.trials[number] for number in self.ended]

    # Creating trials

    def create(self, suggestion: Suggestion) -> Trial:
        """Give the suggestion a number, and each of its runs a directory and a row; they wait for a worker then.

        A suggestion that Hydra cannot compose is a failed trial.
        """
        self.check()
        self._own += 1
        number = max([-1, *self.trials]) + 1
        taken = {t.directory if t.budget is None else directory_of_trial(t) for t in self.trials.values()}
        runs, problem = self.creator.first_runs(number, suggestion, taken)
        self._add(runs)
        if problem is None:
            self._ready += [self.creator.prepare(run) for run in runs]
        else:
            self.finish(runs[0].key, Outcome({}, problem, problem))
        return self.trials[number]

    def _next_promotion(self) -> Trial | None:
        """The trial that is to train on at its next rung, where trials train in rungs."""
        if self.spec.plan.halving is None or self.draining or self._asks_for_nothing:
            return None
        if self._is_stale:
            self._promotable = self.spec.plan.halving.promotable(self.trials.values(), self.goals)
            self._is_stale = False
        return self._promotable

    def _promote(self, trial: Trial) -> JobSpec:
        """Give the trial a run at its next rung, and return the job."""
        assert self.spec.plan.halving is not None
        self.check()
        run = self.spec.plan.halving.next_run(self.runs[trial.number, len(trial.rungs) - 1])
        self._add([run])
        ended = self.ended.index(trial.number)
        self.ended_before -= ended < self.ended_before
        del self.ended[ended]
        return self.creator.prepare(run)

    def _add(self, runs: Sequence[TrialRun]) -> None:
        """Write the runs of a trial, which are about to be prepared, and submitted then."""
        self.store.add(runs)
        self.runs.update({run.key: run for run in runs})
        self._aggregate(runs[0].number)

    def retry(self, run: TrialRun, died: bool = False) -> JobSpec:
        """The job of the run's next attempt; one whose last job ``died`` has one more of its ``lost_attempts``."""
        self.creator.clear(run)  # first, lest a sweeper that ends here leave the old process to the new attempt
        attempt, lost_attempts = run.attempt + 1, run.lost_attempts + died
        self._change(run.next_attempt(attempt, lost_attempts))
        self.check()
        return self.creator.prepare(self.runs[run.key])

    # Jobs

    def submitting(self, key: Key, handle: str) -> None:
        """The run is about to be submitted to the queue that ``handle`` names; a resume looks for its job there."""
        self._change(replace(self.runs[key], handle=handle))

    def submitted(self, key: Key, handle: str, waits: bool) -> None:
        """The run has a job now, which ``waits`` for its turn or runs at once."""
        moment = now()
        started = None if waits else moment
        self._change(replace(self.runs[key], status=Status.RUNNING, handle=handle, submitted=moment, started=started))
        self.active.add(key)
        if not waits:
            self.times.begun(key)

    def adopted(self, key: Key) -> None:
        """A job that an earlier sweeper has started goes on."""
        self.active.add(key)
        self.repeat_stop_request(self.runs[key])

    def leave(self, key: Key) -> None:
        """Leave the run to the next sweeper, as it is."""
        self.active.discard(key)

    def begun(self, key: Key) -> None:
        """The run's job is running."""
        moment = now()
        started = self.runs[key].started or moment
        self._change(replace(self.runs[key], started=started))
        self.times.begun(key, already=max(0.0, seconds_between(started, moment)))

    def waits(self, key: Key) -> None:
        """The run's job waits for its turn, or does once more."""
        self.times.waits(key)
        self._change(replace(self.runs[key], started=None))

    def ask_to_stop(self, run: TrialRun, reason: str) -> None:
        """Ask the run to end early."""
        self._change(replace(run, reason=reason))
        self.repeat_stop_request(self.runs[run.key])

    def repeat_stop_request(self, run: TrialRun) -> None:
        """See to it that the request lies where the run looks: an earlier sweeper may have ended before it did."""
        if run.asked_to_stop:
            try:
                ask_to_stop(self.directory(run), run.reason or "")
            except OSError as error:
                if destroyed_directory(self.directory(run)) is None:  # or that is how the run will fail
                    raise cannot_write(self.directory(run), error) from None

    # Ending trials

    def outcome(self, key: Key, state: JobState, ended_by_us: bool = False) -> Outcome:
        """How the run ended.

        A failed run that was asked to stop counts as stopped early where it left no result, and where it was
        ``ended_by_us``: of that, many tasks fail.
        """
        run = self.runs[key]
        outcome = outcome_of(self.directory(run), run.number, run.attempt, state)
        if run.asked_to_stop and outcome.status is Status.FAILED and (ended_by_us or not self.has_result(run)):
            return stopped_outcome(run, self.directory(run))
        return outcome

    def has_result(self, run: TrialRun) -> bool:
        """Whether the present attempt of the run has recorded its end."""
        return has_result(self.directory(run), run.number, run.attempt)

    def finish(self, key: Key, outcome: Outcome) -> Trial | None:
        """Record how the run has ended. Returns its trial if that has ended as well, and None for a second call."""
        run = self.runs[key]
        if run.status.ended:
            return None
        outcome = as_counted(outcome, self.goals)
        outcome = replace(outcome, started=outcome.started or run.started, ended=outcome.ended or now())
        self._change(run.ended_by(outcome))
        self.active.discard(key)
        self._differences.append((self.runs[key], outcome.differences))
        trial = self.trials[run.number]
        if trial.status.ended:
            self.ended.append(trial.number)
            self.goals = self.spec.plan.goals.settled(self.trials.values())
            return trial
        if outcome.stopped:  # its other repeats have nothing to wait for
            for other in self.open_runs_of(run.number):
                if not other.asked_to_stop:
                    self.ask_to_stop(other, outcome.reason or "")
        return None

    def cancel(self, key: Key) -> Trial | None:
        """Record that we have ended the run's job. Returns as ``finish``.

        A result that it had left counts, and so does a request to stop. Any other run is cancelled, and a resume runs
        it again, also if it failed: many tasks fail of being ended.
        """
        self.active.discard(key)
        outcome = self.outcome(key, JobState(Phase.ENDED), ended_by_us=True)
        if outcome.status is not Status.FAILED:
            return self.finish(key, outcome)
        self._change(replace(self.runs[key], status=Status.CANCELLED, reason="cancelled", ended=now()))
        return None

    # Where it all is

    def check(self) -> None:
        """Raises StudyStopped where the sweep's directory, or the right to write the study, is gone."""
        if not self.spec.sweep_dir.is_dir():
            raise StudyStopped(f"The sweep directory {self.spec.sweep_dir} has disappeared.")
        self.store.check()

    def directory(self, run: Trial) -> Path:
        """Where the files of a run, or trial, are."""
        return self.spec.sweep_dir / run.directory

    def _change(self, run: TrialRun) -> None:
        if run != self.runs[run.key]:
            self.store.write(run)
            self.runs[run.key] = run
            self._aggregate(run.number)

    def _aggregate(self, number: int) -> None:
        halving = self.spec.plan.halving
        count = self.spec.plan.repeats.count if halving is None else len(halving.budgets)
        keys = [(number, None), *((number, repeat) for repeat in range(count))]
        self._is_stale = True
        self.trials[number] = aggregate_repeats([self.runs[key] for key in keys if key in self.runs])
