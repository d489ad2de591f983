"""All points of a space, constraints included."""

import time

from ax_mo.core.linear import parse_linear
from ax_mo.search_space.parameters import Choice, Condition, Option, Range
from ax_mo.search_space.sample import every_point
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
