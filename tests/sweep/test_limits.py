"""What ends a study before its last trial."""

from pathlib import Path

import pytest

from ax_mo.core.failures import FailurePolicy
from ax_mo.core.trial import Outcome
from ax_mo.errors import StudyStopped
from ax_mo.runner.runner import EndCause
from ax_mo.sweep.limits import FailureLimit, TimeLimit
from ax_mo.sweep.study import Study
from ax_mo.sweep.time_limits import RunTimes, TimeLimits
from tests.sweep.running import running, study_of

CUDA_ERROR = Outcome({}, "CUDA error", "CUDA error")


def end(study: Study, limit: FailureLimit, number: int, outcome: Outcome) -> None:
    trial = study.finish((number, None), outcome)
    assert trial is not None
    limit.ended(study, trial)


def with_runs(directory: Path, count: int, **settings: int) -> Study:
    study = study_of(directory, *(running(number=n) for n in range(count)), **settings)
    for key in study.runs:
        study.adopted(key)
    return study


def test_nothing_is_started_while_running_trials_may_outweigh_the_failures(tmp_path: Path) -> None:
    study, told = with_runs(tmp_path, 4, n_trials=20), list[str]()
    limit = FailureLimit(FailurePolicy(0.9), told.append)
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
    study = with_runs(tmp_path, 3, n_trials=20)
    limit = FailureLimit(FailurePolicy(0.9), lambda _: None)
    for number in range(3):
        end(study, limit, number, CUDA_ERROR)
    with pytest.raises(StudyStopped, match="The first 3 trials failed with the same error: CUDA error"):
        limit.tick(study)


def test_failure_rate_of_a_short_study_is_judged_at_its_end(tmp_path: Path) -> None:
    study = with_runs(tmp_path, 2, n_trials=2)
    limit = FailureLimit(FailurePolicy(0.4), lambda _: None)
    end(study, limit, 0, CUDA_ERROR)
    limit.tick(study)
    end(study, limit, 1, Outcome({"acc": 0.5}))
    with pytest.raises(StudyStopped, match="1 of 2 trials failed"):
        limit.tick(study)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("ends_runs", [True, False])
def test_time_that_is_up_stops_the_study_and_what_has_not_begun(tmp_path: Path, ends_runs: bool) -> None:
    clock, told = Clock(), list[str]()
    study = with_runs(tmp_path, 1)
    study.times = RunTimes(clock)
    limit = TimeLimit(TimeLimits(timeout_hours=1.0), told.append, ends_runs)
    clock.now += 3599.0
    limit.tick(study)
    assert study.stop_reason is None and study.remaining_trials == 1
    clock.now += 1.0
    limit.tick(study)
    limit.tick(study)
    assert str(study.stop_reason) == "timeout_hours=1 are over" and study.remaining_trials == 0
    requests = [((0, None), EndCause.STUDY_TIMEOUT)] * 2
    assert list(study.take_end_requests()) == (requests if ends_runs else [])
    assert len(told) == ends_runs


def test_run_that_was_submitted_just_before_the_time_is_up_is_finished(tmp_path: Path) -> None:
    clock = Clock()
    study = study_of(tmp_path, running(0))
    study.times = RunTimes(clock)
    clock.now += 3600.0
    study.submitted((0, None), "local_cwd://ax_mo/x", waits=False)
    TimeLimit(TimeLimits(timeout_hours=1.0), lambda _: None, ends_runs=True).tick(study)
    assert list(study.take_end_requests()) == []
