"""Points of a space without a model: a quasi-random sequence, and all of a small space."""

import time
from itertools import islice

import pytest

from ax_mo.core.linear import parse_linear
from ax_mo.search_space.parameters import Choice, Condition, Option, Range
from ax_mo.search_space.sample import QuasiRandomPoints, every_point
from ax_mo.search_space.space import SearchSpace

A, B = Range("a", 1, 1000, integral=True), Range("b", 1, 1000, integral=True)
MODEL = Choice("model", (Option("mlp", "mlp"), Option("cnn", "cnn")))
HIDDEN = Range("hidden", 1, 3, integral=True, when=(Condition("model", ("mlp",)),))
X = Range("x", 0.0, 1.0)
FEW = parse_linear("a + b <= 4", "param_constraints")


def test_few_points_among_millions_are_all_found() -> None:
    points = every_point(SearchSpace((A, MODEL, B, HIDDEN), (FEW,)), 24)
    assert points is not None and len(points) == 6 * (3 + 1)
    assert {tuple(point) for point in points} == {("a", "model", "b", "hidden"), ("a", "model", "b")}
    assert all(point["a"] + point["b"] <= 4 for point in points)
    assert len({str(point) for point in points}) == 24


def test_every_point_of_a_small_space_is_as_the_space_says() -> None:
    space = SearchSpace((MODEL, HIDDEN, Range("c", 1, 3, integral=True), Range("d", 1, 3, integral=True)))
    assert every_point(space, 36) == list(space.points())
    ordered = SearchSpace(space.parameters, (parse_linear("c <= d", "param_constraints"),))
    assert every_point(ordered, 36) == list(ordered.points())


def test_more_points_than_wanted_and_infinitely_many_are_not_listed() -> None:
    started = time.process_time()
    assert every_point(SearchSpace((A, B)), 10_000) is None
    assert every_point(SearchSpace((A, MODEL, B, HIDDEN), (FEW,)), 23) is None
    assert every_point(SearchSpace((A, B, X), (FEW,)), 10_000) is None
    assert every_point(SearchSpace((A, B, X), (parse_linear("a + x <= 2", "param_constraints"),)), 10_000) is None
    assert time.process_time() - started < 2


# The quasi-random sequence

UNIT, FEW_WHOLE = Range("a", 0.0, 1.0), Range("b", 1, 8, integral=True)


def space(*constraints: str) -> SearchSpace:
    return SearchSpace((MODEL, UNIT, FEW_WHOLE), tuple(parse_linear(text, "param_constraints") for text in constraints))


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
    assert list(QuasiRandomPoints(SearchSpace((UNIT,), space("a >= 2").constraints), 1)) == []


@pytest.mark.parametrize("seed", range(5))
def test_the_first_points_visit_each_option_that_has_parameters(seed: int) -> None:
    models = Choice("model", tuple(Option(str(number), str(number)) for number in range(12)))
    optimizers = Choice("optim", (Option("sgd", "sgd"), Option("adam", "adam")))
    space = SearchSpace(
        (
            models,
            Range("width", 0.0, 1.0, when=(Condition("model", ("3",)),)),
            optimizers,
            Range("momentum", 0.0, 1.0, when=(Condition("optim", ("sgd",)),)),
        )
    )
    points = list(islice(QuasiRandomPoints(space, seed), 12))
    assert len({point["model"] for point in points}) == 12 and len({point["optim"] for point in points[:2]}) == 2
    assert list(islice(QuasiRandomPoints(space, seed, 5), 7)) == points[5:]
