"""When a whole study ends early."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.core.trial import Status, Trial
from ax_mo.sweep.termination import (
    StopWhen,
    gain_is_small,
    hypervolume_gain,
    time_is_up,
)
from tests.support.trials import make_trial

WITH_THRESHOLDS = parse_goals(
    {"acc": {"goal": "maximize", "threshold": 0.0}, "size": {"goal": "minimize", "threshold": 100}}
)
WITHOUT = parse_goals({"acc": "maximize", "size": "minimize"})
SINGLE = parse_goals({"acc": {"goal": "maximize", "threshold": 0.5}})


def trials_of(*points: tuple[float, float], status: Status = Status.COMPLETED) -> list[Trial]:
    return [
        make_trial(number, status=status, metrics={"acc": acc, "size": size})
        for number, (acc, size) in enumerate(points)
    ]


# Hypervolume


def test_gain_is_the_share_by_which_the_last_trials_enlarged_the_hypervolume() -> None:
    trials = trials_of((0.5, 50), (0.4, 60), (0.6, 50))  # 0.5 * 50, nothing, 0.6 * 50
    assert hypervolume_gain(trials, WITH_THRESHOLDS, 1) == pytest.approx(0.2)
    assert hypervolume_gain(trials, WITH_THRESHOLDS, 2) == pytest.approx(0.2)


def test_study_ends_when_the_gain_is_small_and_says_why() -> None:
    trials = trials_of((0.5, 50), (0.4, 60), (0.502, 50))
    assert str(gain_is_small(trials, WITH_THRESHOLDS, StopWhen(0.01, 2))) == (
        "the last 2 trials have enlarged the hypervolume by 0.4 % (stop_when: at most 1 %)"
    )


def test_study_goes_on_while_the_front_moves() -> None:
    assert gain_is_small(trials_of((0.5, 50), (0.4, 60), (0.6, 50)), WITH_THRESHOLDS, StopWhen(0.01, 2)) is None


def test_no_gain_at_all_can_be_asked_for() -> None:
    assert gain_is_small(trials_of((0.5, 50), (0.4, 60)), WITH_THRESHOLDS, StopWhen(0.0, 1)) is not None
    assert gain_is_small(trials_of((0.5, 50), (0.501, 50)), WITH_THRESHOLDS, StopWhen(0.0, 1)) is None


def test_study_without_the_setting_goes_on() -> None:
    assert gain_is_small(trials_of(*[(0.5, 50)] * 50), WITH_THRESHOLDS, None) is None


@pytest.mark.parametrize("count", [0, 1, 2])
def test_study_goes_on_until_there_are_trials_before_the_last_ones(count: int) -> None:
    assert hypervolume_gain(trials_of(*[(0.5, 50.0)] * count), WITH_THRESHOLDS, 2) is None


def test_study_that_has_nothing_past_the_thresholds_goes_on() -> None:
    assert hypervolume_gain(trials_of(*[(0.5, 200.0)] * 30), WITH_THRESHOLDS, 15) is None


def test_first_trial_past_the_thresholds_is_no_reason_to_end() -> None:
    assert hypervolume_gain(trials_of((0.5, 200), (0.5, 90)), WITH_THRESHOLDS, 1) is None


def test_both_hypervolumes_have_the_reference_point_of_now() -> None:
    """Without thresholds a new worst trial moves it, which is no gain."""
    before = [(0.5, 50.0), (0.9, 90.0), (0.1, 95.0)]
    assert hypervolume_gain(trials_of(*before, (0.0, 1000.0)), WITHOUT, 1) == pytest.approx(0.0)
    present = 0.5 * 150 + 0.4 * 110  # what there was, from (0.0, 200) and not from (0.1, 95)
    gain = hypervolume_gain(trials_of(*before, (0.0, 200.0), (0.6, 50.0)), WITHOUT, 2)
    assert gain == pytest.approx((0.6 * 150 + 0.3 * 110) / present - 1.0)


def test_trial_that_was_stopped_early_counts_as_one_without_gain() -> None:
    stopped = make_trial(9, status=Status.FAILED)  # no metrics of its own on the front
    trials = [*trials_of((0.5, 50)), stopped, stopped]
    assert hypervolume_gain(trials, WITH_THRESHOLDS, 2) == 0.0


def test_trials_of_earlier_studies_are_there_from_the_start() -> None:
    imported = trials_of((0.5, 50), (0.4, 50), status=Status.IMPORTED)
    assert hypervolume_gain(imported, WITH_THRESHOLDS, 1) is None
    assert hypervolume_gain([*imported, *trials_of((0.6, 50))], WITH_THRESHOLDS, 1) == pytest.approx(0.2)
    assert hypervolume_gain([*trials_of((0.6, 50)), *imported], WITH_THRESHOLDS, 1) == pytest.approx(0.2)


def test_gain_of_a_single_objective_is_that_past_the_reference() -> None:
    trials = [make_trial(n, metrics={"acc": acc}) for n, acc in enumerate((0.6, 0.4, 0.62))]
    assert hypervolume_gain(trials, SINGLE, 1) == pytest.approx(0.2)


def test_trial_that_breaks_a_constraint_is_no_gain() -> None:
    goals = Goals(
        WITH_THRESHOLDS.objectives, parse_goals({"a": "maximize"}, constraints=["acc + size <= 60"]).constraints
    )
    assert hypervolume_gain(trials_of((0.5, 50), (0.9, 80)), goals, 1) == pytest.approx(0.0)


@given(
    st.lists(st.tuples(st.integers(0, 9).map(float), st.integers(0, 9).map(float)), min_size=1, max_size=12),
    st.integers(1, 6),
)
def test_gain_is_never_negative(points: list[tuple[float, float]], over_trials: int) -> None:
    gain = hypervolume_gain(trials_of(*points), WITHOUT, over_trials)
    assert gain is None or gain >= -1e-9


# Time


def test_time_is_up_after_the_hours_and_never_without_any() -> None:
    assert not time_is_up(3599.0, 1.0)
    assert time_is_up(3600.0, 1.0)
    assert not time_is_up(1e9, None)
