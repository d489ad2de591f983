"""What ends a study before its last trial."""

from pathlib import Path

import pytest

from ax_mo.core.trial import Outcome
from ax_mo.errors import StudyStopped
from ax_mo.runner.runner import EndCause
from ax_mo.sweep.limits import FailureLimit, TimeLimit
from ax_mo.sweep.run_times import RunTimes
from ax_mo.sweep.study import Study
from tests.sweep.running import running, study_of

CUDA_ERROR = Outcome({}, "CUDA error", "CUDA error")


def end(study: Study, limit: FailureLimit, number: int, outcome: Outcome) -> None:
    trial = study.finish((number, None), outcome)
    assert trial is not None
    limit.ended(study, trial)


def with_runs(directory: Path, count: int, **settings: float | None) -> Study:
    study = study_of(directory, *(running(number=n) for n in range(count)), **settings)
    for key in study.runs:
        study.adopted(key)
    return study


def test_nothing_is_started_while_running_trials_may_outweigh_the_failures(tmp_path: Path) -> None:
    study, told = with_runs(tmp_path, 4, n_trials=20, max_failure_rate=0.9), list[str]()
    limit = FailureLimit(told.append)
    limit.started(study)
    for number in range(3):
        end(study, limit, number, CUDA_ERROR)
    limit.tick(study)
    limit.tick(study)
    (line,) = told
    assert line.endswith("Nothing more is started while the 1 running trial(s) end.")
    assert study.remaining_trials == 0
    end(study, limit, 3, Outcome({"acc": 0.5}))
    limit.tick(study)
    assert study.remaining_trials == 20 - 1, "the three that failed alike do not count"


def test_study_ends_when_no_running_trial_has_outweighed_the_failures(tmp_path: Path) -> None:
    study = with_runs(tmp_path, 3, n_trials=20, max_failure_rate=0.9)
    limit = FailureLimit(lambda _: None)
    limit.started(study)
    for number in range(3):
        end(study, limit, number, CUDA_ERROR)
    with pytest.raises(StudyStopped, match="The first 3 trials failed with the same error: CUDA error"):
        limit.tick(study)


def test_failure_rate_of_a_short_study_is_judged_at_its_end(tmp_path: Path) -> None:
    study = with_runs(tmp_path, 2, n_trials=2, max_failure_rate=0.4)
    limit = FailureLimit(lambda _: None)
    limit.started(study)
    end(study, limit, 0, CUDA_ERROR)
    limit.tick(study)
    end(study, limit, 1, Outcome({"acc": 0.5}))
    limit.tick(study)
    study.is_over = True
    with pytest.raises(StudyStopped, match="1 of 2 trials failed"):
        limit.tick(study)


# Time

FIRST, SECOND = (0, None), (1, None)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Timed:
    """A study of two runs by a clock that is set by hand."""

    def __init__(
        self, directory: Path, trial_timeout: float | None, timeout_hours: float | None, ends_runs: bool = True
    ) -> None:
        self.study = with_runs(directory, 2, trial_timeout=trial_timeout, timeout_hours=timeout_hours)
        self.clock = Clock()
        self.study.times = RunTimes(self.clock)
        self.told: list[str] = []
        self.limit = TimeLimit(self.told.append, ends_runs)

    def after(self, seconds: float) -> dict[tuple[int, int | None], EndCause]:
        """The jobs that are told to end when so many seconds more have gone by."""
        self.clock.now += seconds
        self.limit.tick(self.study)
        return dict(self.study.take_end_requests())


def test_time_in_a_queue_does_not_count_towards_a_trials_own(tmp_path: Path) -> None:
    timed = Timed(tmp_path, 60.0, None)
    assert timed.after(3600.0) == {}
    timed.study.times.begun(FIRST)
    assert timed.after(60.0) == {}
    assert timed.after(1.0) == {FIRST: EndCause.TRIAL_TIMEOUT}


def test_time_before_a_resume_counts_and_a_requeue_begins_anew(tmp_path: Path) -> None:
    timed = Timed(tmp_path, 60.0, None)
    timed.study.times.begun(FIRST, already=59.0)
    assert timed.after(2.0) == {FIRST: EndCause.TRIAL_TIMEOUT}
    timed.study.times.waits(FIRST)
    assert timed.after(100.0) == {}
    timed.study.times.begun(FIRST)
    assert timed.after(1.0) == {}


@pytest.mark.parametrize("ends_runs", [True, False])
def test_when_the_studys_time_is_over_what_has_not_begun_will_not(tmp_path: Path, ends_runs: bool) -> None:
    timed = Timed(tmp_path, None, 1.0, ends_runs=ends_runs)
    assert timed.after(3599.0) == {} and timed.study.stop_reason is None
    timed.study.times.begun(FIRST)
    ended = {SECOND: EndCause.STUDY_TIMEOUT} if ends_runs else {}
    assert timed.after(1.0) == timed.after(0.0) == ended
    assert str(timed.study.stop_reason) == "timeout_hours=1 are over" and timed.study.remaining_trials == 0
    assert len(timed.told) == ends_runs


def test_when_the_studys_time_is_over_a_run_may_take_twice_as_long_as_the_longest(tmp_path: Path) -> None:
    timed = Timed(tmp_path, None, 1.0)
    timed.study.times.begun(FIRST)
    timed.clock.now += 600.0
    timed.study.times.ended(FIRST)
    timed.study.leave(FIRST)
    timed.clock.now += 2990.0
    timed.study.times.begun(SECOND)
    assert timed.after(1200.0) == {}
    assert timed.after(1.0) == {SECOND: EndCause.STUDY_TIMEOUT}


def test_where_no_run_has_ended_one_may_take_as_long_as_the_study(tmp_path: Path) -> None:
    timed = Timed(tmp_path, None, 1.0)
    timed.clock.now += 1800.0
    timed.study.leave(SECOND)
    timed.study.times.begun(FIRST)
    assert timed.after(3600.0) == {}
    assert timed.after(1.0) == {FIRST: EndCause.STUDY_TIMEOUT}


def test_run_that_was_submitted_just_before_the_time_is_up_is_finished(tmp_path: Path) -> None:
    timed = Timed(tmp_path, None, 1.0)
    timed.clock.now += 3600.0
    for key in (FIRST, SECOND):
        timed.study.submitted(key, "local_cwd://ax_mo/x", waits=False)
    assert timed.after(0.0) == {}
