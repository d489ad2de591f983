"""Jobs that are told to end: how often, and for how long."""

import pytest

from ax_mo.runner.end_requests import EndRequests
from ax_mo.runner.job import JobState, Phase
from ax_mo.runner.runner import EndCause

KEY = (0, None)
RUNNING, PENDING, UNKNOWN = JobState(Phase.RUNNING), JobState(Phase.PENDING), JobState(Phase.UNKNOWN)
SILENT = JobState(Phase.UNKNOWN, message="Slurm does not answer")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def requests(clock: Clock, has_queue: bool = True) -> EndRequests:
    return EndRequests(has_queue, 10.0, clock)


def test_job_that_does_not_stop_early_is_told_again_for_its_time_and_then_given_up(clock: Clock) -> None:
    told = requests(clock, has_queue=False)
    assert told.add([KEY], EndCause.GOES_ON) == [KEY]
    assert told.add([KEY], EndCause.GOES_ON) == []
    clock.now += 1000.0
    assert not told.is_given_up(KEY, RUNNING)
    assert told.add([KEY], EndCause.TRIAL_TIMEOUT) == [KEY]
    assert told.add([KEY], EndCause.TRIAL_TIMEOUT) == told.add([KEY], EndCause.GOES_ON) == []
    clock.now += 70.0
    assert not told.is_given_up(KEY, RUNNING), "its grace begins when its time is over"
    clock.now += 1.0
    assert told.is_given_up(KEY, RUNNING)
    request = told.pop(KEY)
    assert request is not None and request.cause is EndCause.TRIAL_TIMEOUT


@pytest.mark.parametrize("state", [PENDING, RUNNING])
def test_job_that_goes_on_is_told_again_every_half_minute(clock: Clock, state: JobState) -> None:
    told = requests(clock)
    assert not told.is_due(KEY, state)
    told.add([KEY], EndCause.GOES_ON)
    clock.now += 29.0
    assert not told.is_due(KEY, state)
    clock.now += 1.0
    assert told.is_due(KEY, state)
    assert not told.is_due(KEY, state)
    clock.now += 30.0
    assert not told.is_due(KEY, SILENT)
    assert told.is_due(KEY, state)


@pytest.mark.parametrize("state", [PENDING, RUNNING, SILENT])
def test_trial_whose_scheduler_says_that_it_goes_on_or_says_nothing_is_not_given_up(
    clock: Clock, state: JobState
) -> None:
    told = requests(clock)
    told.add([KEY], EndCause.TRIAL_TIMEOUT)
    clock.now += 1000.0
    assert not told.is_given_up(KEY, state)
    assert told.is_given_up(KEY, UNKNOWN)


def test_job_of_a_study_whose_time_is_over_is_left_after_its_grace(clock: Clock) -> None:
    told = requests(clock)
    told.add([KEY], EndCause.STUDY_TIMEOUT)
    clock.now += 70.0
    assert not told.is_given_up(KEY, RUNNING)
    clock.now += 1.0
    assert told.is_given_up(KEY, RUNNING)
