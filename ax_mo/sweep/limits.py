"""What ends a study before its last trial: failures, time, and a front that no longer moves."""

from collections.abc import Callable

from ax_mo.core.failures import FailurePolicy, TooMany, too_many, uncounted
from ax_mo.core.stop_reason import StopKind, StopReason
from ax_mo.core.trial import Status, Trial
from ax_mo.errors import StudyStopped
from ax_mo.runner.runner import EndCause
from ax_mo.sweep.callbacks import Callback
from ax_mo.sweep.study import Study
from ax_mo.sweep.termination import StopWhen, gain_is_small, time_is_up
from ax_mo.sweep.time_limits import TimeLimits
from ax_mo.terminal import clock


class FailureLimit(Callback):
    """Starts nothing more when too many trials fail, or several by the same fault, and ends the study when none runs.

    Only trials that ended under this sweeper are judged, so that a study whose fault was mended can be resumed.
    """

    def __init__(self, policy: FailurePolicy, notice: Callable[[str], None]) -> None:
        self._policy = policy
        self._notice = notice
        self._fault: TooMany | None = None
        self._is_told = False

    def started(self, study: Study) -> None:
        study.uncounted = uncounted(study.in_order_of_end(), self._policy)

    def ended(self, study: Study, trial: Trial) -> None:
        study.uncounted = uncounted(study.in_order_of_end(), self._policy)
        self._judge(study)

    def tick(self, study: Study) -> None:
        if not study.active and not study.wants_more:
            self._judge(study, at_end=True)
        if self._fault is None:
            self._is_told = False
            return
        if not study.active:
            trial = self._fault.trial
            tail = f"{trial.stderr_tail}\n" if trial.stderr_tail else ""
            raise StudyStopped(f"{self._fault.text}\n{tail}Its files: {study.directory(trial)}")
        if not self._is_told:
            self._is_told = True
            running = len(study.active)
            self._notice(f"{self._fault.text}\nNothing more is started while the {running} running trial(s) end.")

    def _judge(self, study: Study, at_end: bool = False) -> None:
        ended = study.in_order_of_end()
        before, here = ended[: study.ended_before], ended[study.ended_before :]
        succeeded_before = any(trial.status is not Status.FAILED for trial in before)
        self._fault = too_many(here, self._policy, at_end, succeeded_before)
        study.paused = self._fault is not None


class TimeLimit(Callback):
    """Ends the study when this sweeper has run for its hours, and ``ends_runs`` that have outlasted their time."""

    def __init__(self, limits: TimeLimits, notice: Callable[[str], None], ends_runs: bool) -> None:
        self._limits = limits
        self._ends_runs = ends_runs
        self._notice = notice
        self._ended: set[tuple[int, int | None, int]] = set()

    def ended(self, study: Study, trial: Trial) -> None:
        self._stop_when_over(study)

    def tick(self, study: Study) -> None:
        self._stop_when_over(study)
        for key in study.active if self._ends_runs else ():
            cause = self._limits.exceeded(key, study.times)
            if cause is None:
                continue
            study.request_end(key, cause)
            attempt = (*key, study.runs[key].attempt)
            if cause is EndCause.STUDY_TIMEOUT and attempt not in self._ended:
                self._ended.add(attempt)
                self._notice(
                    f"timeout_hours are over; trial {study.runs[key].label}, after {clock(study.times.seconds(key))}, "
                    "is ended, and a resume runs it again."
                )

    def _stop_when_over(self, study: Study) -> None:
        if study.stop_reason is None and time_is_up(study.times.of_study, self._limits.timeout_hours):
            over = f"timeout_hours={self._limits.timeout_hours:g} are over"
            study.stop_reason = StopReason(StopKind.TIMEOUT, over)


class GainLimit(Callback):
    """Ends the study when its last trials have hardly moved the front."""

    def __init__(self, stop_when: StopWhen) -> None:
        self._stop_when = stop_when

    def started(self, study: Study) -> None:
        self._stop_when_still(study)

    def ended(self, study: Study, trial: Trial) -> None:
        self._stop_when_still(study)

    def _stop_when_still(self, study: Study) -> None:
        if study.stop_reason is None:
            imported = [trial for trial in study.trials.values() if trial.status is Status.IMPORTED]
            counting = [trial for trial in study.in_order_of_end() if trial.status is not Status.FAILED]
            study.stop_reason = gain_is_small([*imported, *counting], study.goals, self._stop_when)
