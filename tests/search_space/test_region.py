"""Values that meet linear constraints, however little they leave."""

from itertools import pairwise, product
from random import Random

import pytest

from ax_mo.core.linear import LinearConstraint, parse_linear
from ax_mo.search_space.parameters import Range
from ax_mo.search_space.region import FeasibleRegion


def constraints(*texts: str) -> list[LinearConstraint]:
    return [parse_linear(text, "param_constraints") for text in texts]


def whole(names: str, low: int, high: int) -> list[Range]:
    return [Range(name, low, high, integral=True) for name in names]


def drawn(region: FeasibleRegion, count: int, seed: int = 1) -> list[dict[str, float]]:
    random = Random(seed)
    return [point for point in (region.draw(random) for _ in range(count)) if point is not None]


@pytest.mark.parametrize(
    "texts",
    [
        ("a + b + c <= 5",),
        ("a <= b", "b <= c"),
        ("a - 2*b + 3*c >= 8", "2*a <= b + 1"),
        ("0.1*a + 0.2*b <= 0.3", "c >= 2"),  # 0.1 + 0.2 is more by a rounding
        ("3*a <= 9",),
        ("a + b <= -1",),
        (),
    ],
)
def test_points_are_all_that_meet_the_constraints_each_once(texts: tuple[str, ...]) -> None:
    limits = constraints(*texts)
    every = [dict(zip("abc", values, strict=True)) for values in product(range(-1, 5), repeat=3)]
    expected = [point for point in every if all(limit.holds(point) for limit in limits)]
    found = FeasibleRegion(whole("abc", -1, 4), limits).points(1000)
    assert found == expected
    assert all(type(value) is int for point in found for value in point.values())


def test_few_points_among_many_are_counted_and_more_than_wanted_are_not() -> None:
    region = FeasibleRegion(whole("abcdefgh", 1, 10**6), constraints("a + b + c + d + e + f + g + h <= 9"))
    found = region.points(9)
    assert found is not None and len(found) == 9
    assert region.points(8) is None


def test_points_that_are_too_hard_to_count_are_given_up() -> None:
    # Met by none, which no constraint alone shows: 2 * (a + ... + f) is even.
    even = "2*a + 2*b + 2*c + 2*d + 2*e + 2*f"
    region = FeasibleRegion(whole("abcdef", 1, 1000), constraints(f"{even} <= 3001", f"{even} >= 3001"))
    assert region.points(10) is None


def test_draws_meet_the_constraints_and_reach_every_point() -> None:
    region = FeasibleRegion(whole("abc", 1, 100), constraints("a + b + c <= 8"))
    found = drawn(region, 2000)
    assert len(found) == 2000
    every = region.points(100)
    assert every is not None
    assert {tuple(point.values()) for point in found} == {tuple(point.values()) for point in every}


def test_draws_lie_evenly_in_the_corner_of_a_cube() -> None:
    names = [f"w{index}" for index in range(8)]
    region = FeasibleRegion([Range(name, 0.0, 1.0) for name in names], constraints(f"{' + '.join(names)} <= 1"))
    found = drawn(region, 400)
    assert len(found) == 400
    assert all(sum(point.values()) <= 1 for point in found)
    for name in names:  # each is beta distributed, with mean 1/9 and deviation 0.1
        assert sum(point[name] for point in found) / 400 == pytest.approx(1 / 9, abs=0.025)


def test_draws_follow_a_chain_of_orders_and_the_scale() -> None:
    names = [f"n{index}" for index in range(10)]
    limits = constraints(*(f"{a} <= {b}" for a, b in pairwise(names)))
    found = drawn(FeasibleRegion([Range(name, 1e-6, 1.0, log=True) for name in names], limits), 50)
    assert len(found) == 50, "what the first values leave is known before the others are drawn"
    assert all(list(point.values()) == sorted(point.values()) for point in found)
    assert sum(point["n0"] < 1e-4 for point in found) > 25


def test_nothing_is_drawn_where_nothing_is_left() -> None:
    assert drawn(FeasibleRegion([Range("a", 0.0, 1.0)], constraints("a >= 2")), 10) == []
