"""Learning curves as values, and what a stopped trial would have reached."""

import random

import pytest

from ax_mo.early_stopping.curves import MeanCurve, expected_final, mean_curves, thinned
from ax_mo.trial.curve import Curve


def test_mean_curve_has_the_steps_that_all_runs_have_reached() -> None:
    first = {"acc": Curve((0, 1, 2), (0.2, 0.4, 0.6)), "loss": Curve((0,), (1.0,))}
    second = {"acc": Curve((0, 2), (0.4, 0.8))}
    assert mean_curves([first, second]) == {"acc": Curve([0, 2], [pytest.approx(0.3), pytest.approx(0.7)])}
    assert mean_curves([first]) == first
    assert mean_curves([first, {}]) == mean_curves([]) == {}


def test_mean_of_growing_curves_goes_on_where_it_was() -> None:
    rng = random.Random(0)
    steps = [sorted(rng.sample(range(60), 40)) for _ in range(3)]
    values = [[rng.random() for _ in of_run] for of_run in steps]
    growing = [Curve([], []) for _ in steps]
    followed: dict[str, MeanCurve] = {}
    while any(len(curve.steps) < 40 for curve in growing):
        of_run = rng.randrange(3)
        at = len(growing[of_run].steps)
        growing[of_run].steps.extend(steps[of_run][at : at + 3])
        growing[of_run].values.extend(values[of_run][at : at + 3])
        runs = [{"acc": curve} for curve in growing]
        assert mean_curves(runs, followed) == mean_curves(runs)
    assert mean_curves(runs, followed)["acc"].steps == sorted(set.intersection(*map(set, steps)))


def test_mean_begins_anew_with_another_curve_of_a_run() -> None:
    followed: dict[str, MeanCurve] = {}
    first, second, later = Curve((0,), (0.0,)), Curve((0,), (1.0,)), Curve((5,), (2.0,))
    assert mean_curves([{"a": first}, {"a": second}], followed) == {"a": Curve([0], [0.5])}
    assert mean_curves([{"a": first}, {"a": later}], followed) == {}


@pytest.mark.parametrize(
    ("count", "most", "kept"),
    [(0, 3, []), (3, 3, [0, 1, 2]), (9, 3, [0, 4, 8]), (10, 4, [0, 3, 6, 9]), (9, 0, [0, 8]), (1, 0, [0])],
)
def test_thinned_points_are_the_first_the_last_and_those_evenly_between(count: int, most: int, kept: list[int]) -> None:
    assert list(thinned(range(count), most)) == kept


# What a stopped trial would have reached


def ended(*values: float) -> tuple[Curve, float]:
    """A completed trial with these values at its steps, the last of which is the final one."""
    return Curve(range(len(values)), values), values[-1]


COMPLETED = [ended(0.1, 0.2), ended(0.2, 0.3), ended(0.3, 0.9), ended(0.4, 0.7), ended(0.9, 1.0)]


@pytest.mark.parametrize(("value", "expected"), [(0.0, 0.3), (0.36, 0.7), (5.0, 0.9)])
def test_median_final_value_of_the_three_nearest_at_the_step(value: float, expected: float) -> None:
    assert expected_final(0, value, COMPLETED) == expected


def test_order_of_the_trials_does_not_matter() -> None:
    assert expected_final(0, 0.36, COMPLETED[::-1]) == expected_final(0, 0.36, COMPLETED)


def test_trials_that_have_no_value_at_the_step_are_no_measure() -> None:
    assert expected_final(1, 0.2, [*COMPLETED[:2], ended(0.5)]) is None
    assert expected_final(1, 0.2, [*COMPLETED[:3], ended(0.5)]) == 0.3


def test_trials_that_report_at_other_steps_are_compared_between_them() -> None:
    sparse = [(Curve((0, 2), (0.0, 2 * value)), value) for value in (0.1, 0.2, 0.3, 0.9)]
    assert expected_final(1, 0.1, sparse) == 0.2
