"""What a stopped trial would have reached."""

import pytest

from ax_mo.early_stopping.curves import expected_final
from ax_mo.trial.curve import Curve


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
