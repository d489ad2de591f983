"""Which runs have outlasted their time, or the study's."""

from ax_mo.sweep.time_limits import Overtime, RunTimes, TimeLimits

FIRST, SECOND = (0, None), (1, None)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_time_in_a_queue_does_not_count_towards_a_trials_own() -> None:
    clock = Clock()
    times = RunTimes(TimeLimits(trial_timeout=60.0), clock)
    clock.now += 3600.0
    assert times.overtime(FIRST) is None
    times.runs(FIRST)
    clock.now += 60.0
    assert times.overtime(FIRST) is None
    clock.now += 1.0
    assert times.overtime(FIRST) is Overtime.TRIAL


def test_time_before_a_resume_counts_and_a_requeue_begins_anew() -> None:
    clock = Clock()
    times = RunTimes(TimeLimits(trial_timeout=60.0), clock)
    times.runs(FIRST, already=59.0)
    clock.now += 2.0
    assert times.overtime(FIRST) is Overtime.TRIAL
    times.waits(FIRST)
    assert times.overtime(FIRST) is None
    times.runs(FIRST)
    assert times.overtime(FIRST) is None


def test_when_the_studys_time_is_over_what_has_not_begun_will_not() -> None:
    clock = Clock()
    times = RunTimes(TimeLimits(timeout_hours=1.0), clock)
    clock.now += 3599.0
    times.runs(FIRST)
    assert times.overtime(SECOND) is None
    clock.now += 1.0
    assert times.overtime(SECOND) is Overtime.STUDY
    assert times.overtime(FIRST) is None


def test_when_the_studys_time_is_over_a_run_may_take_twice_as_long_as_the_longest() -> None:
    clock = Clock()
    times = RunTimes(TimeLimits(timeout_hours=1.0), clock)
    times.runs(FIRST)
    clock.now += 600.0
    times.ended(FIRST)
    clock.now += 2990.0
    times.runs(SECOND)
    clock.now += 1200.0
    assert times.overtime(SECOND) is None
    clock.now += 1.0
    assert times.overtime(SECOND) is Overtime.STUDY


def test_where_no_run_has_ended_one_may_take_as_long_as_the_study() -> None:
    clock = Clock()
    times = RunTimes(TimeLimits(timeout_hours=1.0), clock)
    clock.now += 1800.0
    times.runs(FIRST)
    clock.now += 3600.0
    assert times.overtime(FIRST) is None
    clock.now += 1.0
    assert times.overtime(FIRST) is Overtime.STUDY
