"""Learning curves as values."""

import math

import pytest

from ax_mo.study.curves import Curve, curves_of, mean_curves

CURVE = Curve((1, 3, 4), (0.2, 0.6, 0.5))


@pytest.mark.parametrize(("step", "value"), [(0, None), (1, 0.2), (2, 0.4), (3, 0.6), (4, 0.5), (5, None)])
def test_value_between_two_points_lies_on_the_line_between_them(step: int, value: float | None) -> None:
    assert CURVE.at(step) == (value if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("step", "highest", "lowest"), [(0, None, None), (1, 0.2, 0.2), (2, 0.2, 0.2), (4, 0.6, 0.2), (9, 0.6, 0.2)]
)
def test_best_is_that_of_the_points_up_to_the_step(step: int, highest: float | None, lowest: float | None) -> None:
    assert (CURVE.best(step, True), CURVE.best(step, False)) == (highest, lowest)


def test_each_metric_of_the_reports_becomes_a_curve() -> None:
    points = [(0, {"loss": 2.0}), (1, {"loss": 1.5, "acc": 0.3}), (2, {"loss": 1.0})]
    assert curves_of(points) == {"loss": Curve((0, 1, 2), (2.0, 1.5, 1.0)), "acc": Curve((1,), (0.3,))}


def test_a_point_that_goes_back_repeats_a_step_or_is_not_finite_is_left_out() -> None:
    values = [(0, 0.1), (1, 0.2), (1, 0.9), (0, 0.9), (2, math.nan), (3, math.inf), (4, 0.4)]
    assert curves_of((step, {"acc": value}) for step, value in values) == {"acc": Curve((0, 1, 4), (0.1, 0.2, 0.4))}


def test_no_reports_are_no_curves() -> None:
    assert curves_of([]) == {}
    assert curves_of([(0, {"acc": math.nan})]) == {}


def test_mean_curve_has_the_steps_that_all_runs_have_reached() -> None:
    first = {"acc": Curve((0, 1, 2), (0.2, 0.4, 0.6)), "loss": Curve((0,), (1.0,))}
    second = {"acc": Curve((0, 2), (0.4, 0.8))}
    assert mean_curves([first, second]) == {"acc": Curve((0, 2), (pytest.approx(0.3), pytest.approx(0.7)))}
    assert mean_curves([first]) == first
    assert mean_curves([first, {}]) == mean_curves([]) == {}
