"""Which runs have outlasted their time, or the study's."""

from ax_mo.runner.runner import EndCause
from ax_mo.sweep.time_limits import RunTimes, TimeLimits

FIRST, SECOND = (0, None), (1, None)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_time_in_a_queue_does_not_count_towards_a_trials_own() -> None:
    clock = Clock()
    limits, times = TimeLimits(trial_timeout=60.0), RunTimes(clock)
    clock.now += 3600.0
    assert limits.exceeded(FIRST, times) is None
    times.begun(FIRST)
    clock.now += 60.0
    assert limits.exceeded(FIRST, times) is None
    clock.now += 1.0
    assert limits.exceeded(FIRST, times) is EndCause.TRIAL_TIMEOUT


def test_time_before_a_resume_counts_and_a_requeue_begins_anew() -> None:
    clock = Clock()
    limits, times = TimeLimits(trial_timeout=60.0), RunTimes(clock)
    times.begun(FIRST, already=59.0)
    clock.now += 2.0
    assert limits.exceeded(FIRST, times) is EndCause.TRIAL_TIMEOUT
    times.waits(FIRST)
    assert limits.exceeded(FIRST, times) is None
    times.begun(FIRST)
    assert limits.exceeded(FIRST, times) is None


def test_when_the_studys_time_is_over_what_has_not_begun_will_not() -> None:
    clock = Clock()
    limits, times = TimeLimits(timeout_hours=1.0), RunTimes(clock)
    clock.now += 3599.0
    times.begun(FIRST)
    assert limits.exceeded(SECOND, times) is None
    clock.now += 1.0
    assert limits.exceeded(SECOND, times) is EndCause.STUDY_TIMEOUT
    assert limits.exceeded(FIRST, times) is None


def test_when_the_studys_time_is_over_a_run_may_take_twice_as_long_as_the_longest() -> None:
    clock = Clock()
    limits, times = TimeLimits(timeout_hours=1.0), RunTimes(clock)
    times.begun(FIRST)
    clock.now += 600.0
    times.ended(FIRST)
    clock.now += 2990.0
    times.begun(SECOND)
    clock.now += 1200.0
    assert limits.exceeded(SECOND, times) is None
    clock.now += 1.0
    assert limits.exceeded(SECOND, times) is EndCause.STUDY_TIMEOUT


def test_where_no_run_has_ended_one_may_take_as_long_as_the_study() -> None:
    clock = Clock()
    limits, times = TimeLimits(timeout_hours=1.0), RunTimes(clock)
    clock.now += 1800.0
    times.begun(FIRST)
    clock.now += 3600.0
    assert limits.exceeded(FIRST, times) is None
    clock.now += 1.0
    assert limits.exceeded(FIRST, times) is EndCause.STUDY_TIMEOUT
