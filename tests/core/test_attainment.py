"""Attainment surfaces against their definition."""

import itertools
import random

import pytest

from ax_mo.core.attainment import attainment_surface, levels_of


@pytest.mark.parametrize("maximize", list(itertools.product((True, False), repeat=2)))
def test_surface_bounds_what_so_many_runs_attain(maximize: tuple[bool, bool]) -> None:
    draw = random.Random(3)

    def attains(points: list[tuple[float, float]], goal: tuple[float, ...]) -> bool:
        signs = [1 if more else -1 for more in maximize]
        return any(all(sign * (p - g) >= 0 for sign, p, g in zip(signs, point, goal, strict=True)) for point in points)

    for _ in range(20):
        count = draw.randint(1, 6)
        runs = [[(draw.randint(0, 6), draw.randint(0, 6)) for _ in range(draw.randint(0, 5))] for _ in range(count)]
        for level in range(1, count + 1):
            corners = attainment_surface(runs, level, maximize)
            for goal in itertools.product(range(-1, 8), repeat=2):
                assert attains(corners, goal) == (sum(attains(run, goal) for run in runs) >= level), (runs, level)


def test_runs_without_points_count_among_all() -> None:
    assert attainment_surface([[(1.0, 1.0)], []], 2, (False, False)) == []
    assert attainment_surface([[(1.0, 1.0)], []], 1, (False, False)) == [(1.0, 1.0)]
    assert attainment_surface([], 1, (False, False)) == []


def test_levels_are_any_half_and_all() -> None:
    assert [levels_of(runs) for runs in (1, 2, 3, 10)] == [[1], [1, 2], [1, 2, 3], [1, 5, 10]]
