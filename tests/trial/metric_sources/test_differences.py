"""When two numbers are one, and how it is told that they are not."""

import math

import numpy as np
import pytest
import torch

from ax_mo.trial.metric_sources.differences import ReturnedDifference, describe_differences, same_number


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (0.25, 0.25),
        (0, 0.0),
        (0.9123456, float(np.float32(0.9123456))),
        (0.9123456, float(np.float16(0.9123456))),
        (0.9123456, float(torch.tensor(0.9123456, dtype=torch.bfloat16))),
        (-123456.0, float(torch.tensor(-123456.0, dtype=torch.bfloat16))),
        (0.9123456, 0.912),
        (0.9123456, round(0.9123456, 4)),
        (0.90004, round(0.90004, 4)),
        (123456.789, 123000),
        (1.5e-7, 1.5000004e-7),
        (math.inf, math.inf),
    ],
)
def test_rounding_makes_no_difference(a: float, b: float) -> None:
    assert same_number(a, b) and same_number(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (0.9123, 0.9127), (0.9123, 0.91), (0.5, 0.51), (0.0, 1e-9), (91.23, 0.9123), (1, -1), (1e300, 1e299),
        (1e-320, 1),
        (3e38, -3.4028235e38), (math.nan, 1.0), (math.inf, 1.0), (123451, 123457.9), (0.35, 0.8),
    ],
)  # fmt: skip
def test_other_numbers_differ(a: float, b: float) -> None:
    assert not same_number(a, b) and not same_number(b, a)


def test_sentence_has_both_numbers_where_few_digits_do_not_show_them() -> None:
    assert describe_differences([ReturnedDifference("val/loss", 0.35, "lightning", 0.875)]) == (
        "the task returned 0.875 for 'val/loss', which is 0.35 (Lightning); that is used. "
        "If what it returns is meant, write 'val/loss: {source: returned}' under hydra.sweeper.metrics"
    )
    assert "returned 1000.0002 for 'a', which is 1000.0001 (csv)" in describe_differences(
        [ReturnedDifference("a", 1000.0001, "csv", 1000.0002)]
    )
