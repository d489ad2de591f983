"""When an ended job's files are all there."""

import pytest

from ax_mo.runner.job import JobState, Phase
from ax_mo.runner.waiting import ResultGrace

DONE = JobState(Phase.ENDED, 0)
FAILED = JobState(Phase.ENDED, 1)
UNSEEN = JobState(Phase.ENDED, None)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_result_that_is_there_is_not_waited_for() -> None:
    assert ResultGrace(20.0).expired(0, DONE, has_result=True)


def test_job_without_a_grace_has_left_what_it_leaves() -> None:
    assert ResultGrace(0.0).expired(0, DONE, has_result=False)


@pytest.mark.parametrize(("state", "seconds"), [(DONE, 20.0), (FAILED, 5.0), (UNSEEN, 5.0)])
def test_missing_result_is_waited_for_and_less_long_where_there_may_be_none(state: JobState, seconds: float) -> None:
    clock = Clock()
    grace = ResultGrace(20.0, clock)
    assert not grace.expired(0, state, has_result=False)
    clock.now += seconds - 0.1
    assert not grace.expired(0, state, has_result=False)
    clock.now += 0.2
    assert grace.expired(0, state, has_result=False)


def test_next_attempt_has_its_own_time() -> None:
    clock = Clock()
    grace = ResultGrace(20.0, clock)
    assert not grace.expired(0, DONE, has_result=False)
    clock.now += 1.0
    assert grace.expired(0, DONE, has_result=True)
    clock.now += 30.0
    assert not grace.expired(0, DONE, has_result=False)
