"""Quasi-random points of a space."""

from itertools import islice

import pytest

from ax_mo.core.linear import parse_linear
from ax_mo.search_space.parameters import Choice, Option, Range
from ax_mo.search_space.sample import QuasiRandomPoints
from ax_mo.search_space.space import SearchSpace

MODEL = Choice("model", (Option("mlp", "mlp"), Option("cnn", "cnn")), is_group=True)
A, B = Range("a", 0.0, 1.0), Range("b", 1, 8, integral=True)


def space(*constraints: str) -> SearchSpace:
    return SearchSpace((MODEL, A, B), tuple(parse_linear(text, "param_constraints") for text in constraints))


def test_points_satisfy_the_constraints() -> None:
    constrained = space("10*a <= b", "b >= 3")
    points = list(islice(QuasiRandomPoints(constrained, 1), 64))
    assert len(points) == 64
    assert all(10 * point["a"] <= point["b"] + 1e-6 and point["b"] >= 3 for point in points)
    unconstrained = islice(QuasiRandomPoints(space(), 1), 64)
    assert any(10 * point["a"] > point["b"] for point in unconstrained)


def test_points_cover_the_space_evenly_within_its_bounds() -> None:
    points = list(islice(QuasiRandomPoints(space(), 3), 64))
    assert sum(point["model"] == "mlp" for point in points) == 32
    assert {point["b"] for point in points} == set(range(1, 9)) and type(points[0]["b"]) is int
    for quarter in range(4):
        assert sum(quarter / 4 <= point["a"] < (quarter + 1) / 4 for point in points) == 16


def test_same_seed_gives_the_same_points_and_another_seed_others() -> None:
    first, again, other = (list(islice(QuasiRandomPoints(space(), seed), 8)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.timeout(60)
def test_constraints_that_no_point_satisfies_end_the_sequence() -> None:
    assert list(QuasiRandomPoints(SearchSpace((A,), space("a >= 2").constraints), 1)) == []
