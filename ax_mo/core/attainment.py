"""Empirical attainment: which values of two objectives how many of several runs of a search reached.

A run attains a point when one of its own is at least as good in both objectives. The points that at least so many of
the runs attain have a boundary, the attainment surface (Grunert da Fonseca, Fonseca and Hall 2001, by moocore).
"""

from collections.abc import Sequence

Pair = tuple[float, float]


def attainment_surface(runs: Sequence[Sequence[Pair]], level: int, maximize: tuple[bool, bool]) -> list[Pair]:
    """The corners of the surface that at least ``level`` of the runs attain, by the first value.

    ``runs`` are sets of points, in any order; those that another one dominates do not matter. ``maximize`` says of each
    value whether more is better. Between two corners the surface is a step. Empty where fewer runs have points.
    """
    import moocore
    import numpy as np

    if sum(bool(points) for points in runs) < level:
        return []
    signs = np.array([-1.0 if is_more else 1.0 for is_more in maximize])
    # A run without points attains nothing, and is one of them: its only point is worse than all others.
    worst = np.max([signs * point for points in runs for point in points], axis=0)
    worst += np.abs(worst) + 1.0
    sets = [[signs * point for point in points] or [worst] for points in runs]
    numbers = [number for number, points in enumerate(sets) for _ in points]
    rows = np.array([point for points in sets for point in points])
    found = moocore.eaf(rows, numbers, percentiles=[100.0 * level / len(runs)])
    corners = sorted(tuple(float(value) for value in signs * row[:2]) for row in found)
    return [(x, y) for x, y in corners]


def levels_of(runs: int) -> list[int]:
    """Of so many runs, how many a figure's surfaces are for: any of them, half of them, all of them."""
    return sorted({1, (runs + 1) // 2, runs})
