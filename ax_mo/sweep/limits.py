"""What ends a study before its last trial: failures, time, and a front that no longer moves."""

from collections.abc import Callable, Sequence

from ax_mo.core.failures import FailurePolicy, TooMany, too_many, uncounted
from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import hypervolume, pareto_front, reference_point
from ax_mo.core.stop_reason import StopKind, StopReason
from ax_mo.core.trial import Key, Status, Trial
from ax_mo.errors import StudyStopped
from ax_mo.runner.runner import EndCause
from ax_mo.sweep.callbacks import Callback
from ax_mo.sweep.spec import StopWhen
from ax_mo.sweep.study import Study
from ax_mo.terminal.text import clock

# When the study's time is over, a run may take so many times as long as the longest before it, and so many seconds at
# least: whatever takes longer hangs.
_PATIENCE = 2.0
_LEAST_SECONDS = 30.0


class FailureLimit(Callback):
    """Starts nothing more when too many trials fail, or several by the same fault, and ends the study when none runs.

    Only trials that ended under this sweeper are judged, so that a study whose fault was mended can be resumed.
    """

    def __init__(self, notice: Callable[[str], None]) -> None:
        self._policy = FailurePolicy()
        self._notice = notice
        self._fault: TooMany | None = None
        self._is_told = False
        self._have_failed = False

    def started(self, study: Study) -> None:
        self._policy = _policy_of(study)
        study.uncounted = uncounted(study.in_order_of_end(), self._policy)

    def ended(self, study: Study, trial: Trial) -> None:
        if trial.status is Status.FAILED:
            self._have_failed = True
            study.uncounted = uncounted(study.in_order_of_end(), self._policy)
        if self._have_failed:  # trials that have all succeeded are not looked through again and again
            self._judge(study)

    def tick(self, study: Study) -> None:
        if _policy_of(study) != self._policy:
            self.started(study)
            self._judge(study)
        if study.is_over:
            self._judge(study)
        if self._fault is None:
            self._is_told = False
        elif not study.active:
            trial = self._fault.trial
            tail = f"{trial.stderr_tail}\n" if trial.stderr_tail else ""
            raise StudyStopped(f"{self._fault.text}\n{tail}Its files: {study.directory(trial)}")
        elif not self._is_told:
            self._is_told = True
            running = len(study.active)
            self._notice(f"{self._fault.text}\nNothing more is started while the {running} running trial(s) end.")

    def _judge(self, study: Study) -> None:
        ended = study.in_order_of_end()
        before, here = ended[: study.ended_before], ended[study.ended_before :]
        succeeded_before = any(trial.status is not Status.FAILED for trial in before)
        self._fault = too_many(here, self._policy, study.is_over, succeeded_before)
        study.is_failing = self._fault is not None


def _policy_of(study: Study) -> FailurePolicy:
    settings = study.spec.settings
    return FailurePolicy(settings.max_failure_rate, settings.max_same_failures)


class TimeLimit(Callback):
    """Ends the study when this sweeper has run for ``timeout_hours``; with ``ends_runs``, also runs that take too long.

    A resume has ``timeout_hours`` again: were those of earlier sweepers counted, a study that ended by time could not
    go on with the command that resumes every other one.
    """

    def __init__(self, notice: Callable[[str], None], ends_runs: bool = True) -> None:
        self._notice = notice
        self._ends_runs = ends_runs
        self._told: set[tuple[Key, int]] = set()

    def ended(self, study: Study, trial: Trial) -> None:
        self._look(study)

    def tick(self, study: Study) -> None:
        self._look(study)
        for key in study.active if self._ends_runs else ():
            cause = self._exceeded(study, key)
            if cause is not None:
                study.request_end(key, cause)
            run = study.runs[key]
            if cause is EndCause.STUDY_TIMEOUT and (key, run.attempt) not in self._told:
                self._told.add((key, run.attempt))
                self._notice(
                    f"timeout_hours are over; trial {run.label}, after {clock(study.times.seconds(key))}, is ended, "
                    "and a resume runs it again."
                )

    def _look(self, study: Study) -> None:
        """Note that the study's time is over, or take that back when ``ax-mo set`` has given it more."""
        reason, hours = study.stop_reason, study.spec.settings.timeout_hours
        if self._is_over(study):
            study.stop_reason = reason or StopReason(StopKind.TIMEOUT, f"timeout_hours={hours:g} are over")
        elif reason is not None and reason.kind is StopKind.TIMEOUT:
            study.stop_reason = None

    def _is_over(self, study: Study) -> bool:
        hours = study.spec.settings.timeout_hours
        return hours is not None and study.times.of_study >= 3600.0 * hours

    def _exceeded(self, study: Study, key: Key) -> EndCause | None:
        """Which limit the run has outlasted; when the study's time is over, what has not begun will not."""
        seconds, times, settings = study.times.seconds(key), study.times, study.spec.settings
        if settings.trial_timeout is not None and seconds > settings.trial_timeout:
            return EndCause.TRIAL_TIMEOUT
        if settings.timeout_hours is None or not self._is_over(study):
            return None
        allowed = _PATIENCE * times.longest or 3600.0 * settings.timeout_hours  # where none has ended yet
        return EndCause.STUDY_TIMEOUT if key not in times or seconds > max(_LEAST_SECONDS, allowed) else None


class GainLimit(Callback):
    """Ends the study when its last trials have hardly moved the front."""

    def __init__(self, stop_when: StopWhen) -> None:
        self._stop_when = stop_when

    def started(self, study: Study) -> None:
        self._look(study)

    def ended(self, study: Study, trial: Trial) -> None:
        self._look(study)

    def _look(self, study: Study) -> None:
        if study.stop_reason is not None:
            return
        imported = [trial for trial in study.trials.values() if trial.is_imported]
        counting = [trial for trial in study.in_order_of_end() if trial.status is not Status.FAILED]
        over, most = self._stop_when.over_trials, self._stop_when.hypervolume_gain
        gain = hypervolume_gain(imported, counting, over, study.goals)
        if gain is not None and gain <= most:
            study.stop_reason = StopReason(
                StopKind.STALL,
                f"the last {over} trials have enlarged the hypervolume by {100 * gain:.2g} % "
                f"(stop_when: at most {100 * most:.2g} %)",
            )


def hypervolume_gain(imported: Sequence[Trial], own: Sequence[Trial], over_trials: int, goals: Goals) -> float | None:
    """By which share the last ``over_trials`` of the study's ``own`` trials have enlarged the hypervolume.

    ``own`` are those that count, in the order in which they ended: completed, and stopped early, which are known not to
    move the front. ``imported`` ones are there from the start. Without a threshold the reference point moves as worse
    trials are found, and the hypervolume with it; both hypervolumes are taken with the present one.

    None when there are no trials before the last ones, or none of them is past the reference point: a study that has
    found nothing yet is not one that has found everything.
    """
    if len(own) < over_trials:
        return None
    reference = reference_point([*imported, *own], goals)
    before = hypervolume(pareto_front([*imported, *own[:-over_trials]], goals), goals, reference)
    if before <= 0.0:
        return None
    return hypervolume(pareto_front([*imported, *own], goals), goals, reference) / before - 1.0
