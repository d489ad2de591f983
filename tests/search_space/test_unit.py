"""A number in [0, 1) becomes a value of a parameter."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ax_mo.search_space.parameters import Choice, Option, Range

quick = settings(max_examples=50, deadline=None, database=None, derandomize=True)
unit = st.floats(0, 1, exclude_max=True)
ALMOST_ONE = math.nextafter(1.0, 0.0)
GRID = [i / 5000 for i in range(5000)]


@quick
@given(unit, st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_float_stays_within_bounds(u: float, low: float, width: float) -> None:
    value = Range("x", low, low + width).at(u)
    assert isinstance(value, float)
    assert low <= value <= low + width


@quick
@given(unit, st.floats(1e-9, 1e6), st.floats(1.001, 1e6))
def test_log_float_stays_within_bounds(u: float, low: float, factor: float) -> None:
    assert low <= Range("x", low, low * factor, log=True).at(u) <= low * factor


@quick
@given(unit, st.integers(1, 1000), st.integers(1, 1000), st.booleans())
def test_integer_stays_within_bounds(u: float, low: int, width: int, log: bool) -> None:
    value = Range("x", low, low + width, integral=True, log=log).at(u)
    assert type(value) is int
    assert low <= value <= low + width


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(("low", "high"), [(1, 2), (1, 9), (3, 40)])
def test_every_integer_is_hit(low: int, high: int, log: bool) -> None:
    parameter = Range("x", low, high, integral=True, log=log)
    assert {parameter.at(u) for u in GRID} == set(range(low, high + 1))


def test_integers_from_below_zero_are_hit_equally_often() -> None:
    counts = Counter(Range("x", -2, 2, integral=True).at(u) for u in GRID)
    assert set(counts) == {-2, -1, 0, 1, 2}
    assert max(counts.values()) - min(counts.values()) <= 2


def test_log_scale_gives_each_decade_the_same_share() -> None:
    parameter = Range("x", 1e-4, 1e-1, log=True)
    decades = Counter(math.floor(math.log10(parameter.at(u + 1e-5))) for u in GRID)
    assert set(decades) == {-4, -3, -2}
    assert max(decades.values()) - min(decades.values()) <= 2


def test_ends_of_the_unit_interval_are_the_bounds() -> None:
    assert Range("x", 0.5, 2.5).at(0.0) == 0.5
    assert Range("x", 0.5, 2.5).at(ALMOST_ONE) == pytest.approx(2.5)
    assert Range("x", 3, 5, integral=True).at(0.0) == 3
    assert Range("x", 3, 5, integral=True).at(ALMOST_ONE) == 5


def test_options_are_hit_equally_often_and_in_order() -> None:
    choice = Choice("x", tuple(Option(value, value) for value in "abc"))
    assert Counter(choice.at(i / 300) for i in range(300)) == {"a": 100, "b": 100, "c": 100}
    assert choice.at(0.0) == "a"
    assert choice.at(ALMOST_ONE) == "c"
