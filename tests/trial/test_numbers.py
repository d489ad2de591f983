"""Any value becomes a plain number or strict JSON."""

import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from ax_mo.trial.numbers import as_json, as_number


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (True, 1),
        (np.float64(0.25), 0.25),
        (np.int64(3), 3),
        (np.bool_(True), 1),
        (np.array([0.25]), 0.25),
        (torch.tensor(3), 3),
        (torch.tensor(0.25, requires_grad=True), 0.25),
        (torch.tensor(0.25, dtype=torch.bfloat16), 0.25),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
    ],
)
def test_number_of_any_library_is_a_plain_number(value: Any, expected: float) -> None:
    number = as_number(value)
    assert number == expected
    assert type(number) in (int, float)
    assert json.loads(json.dumps(number)) == expected


class Odd:
    def item(self) -> float:
        raise KeyError("item")


class Broken:
    def __float__(self) -> float:
        raise KeyError("float")


@pytest.mark.parametrize(
    "value",
    [
        Odd(),
        Broken(),
        None,
        "0.5",
        b"1",
        1j,
        np.array([1.0, 2.0]),
        torch.tensor([1.0, 2.0]),
        torch.empty(1, device="meta"),
        object(),
    ],
    ids=lambda value: type(value).__name__,  # an object's address would name another test in each process
)
def test_anything_else_is_no_number(value: Any) -> None:
    assert as_number(value) is None


def test_any_value_becomes_strict_json() -> None:
    value = {1: (1, np.float32(0.5), torch.tensor(2)), "a": [math.nan, -math.inf, None, True], "o": Fraction(1, 2)}
    converted = as_json(value)
    assert converted == {"1": [1, 0.5, 2], "a": ["nan", "-inf", None, True], "o": 0.5}
    json.dumps(converted, allow_nan=False)


def test_what_no_float_holds_and_json_does_not_know_becomes_its_text() -> None:
    assert as_json({"t": torch.tensor([1.0, 2.0]), "n": 10**400}) == {"t": "tensor([1., 2.])", "n": 10**400}
