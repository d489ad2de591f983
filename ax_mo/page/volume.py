"""The hypervolume after each trial of a study, all in one go and without torch, which takes seconds to import. Pure."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ax_mo.goals import Goals

POINTS = 2**16
"""For three objectives and more the volume is a share of so many evenly spread points: within some thousandths."""

Array = NDArray[np.float64]


def hypervolumes(metrics: Sequence[Mapping[str, float]], goals: Goals, reference: Mapping[str, float]) -> list[float]:
    """The hypervolume of the first, the first two, … of ``metrics``, in the units of ``results.front.hypervolume``."""
    if not metrics or len(reference) < len(goals.objectives):
        return [0.0] * len(metrics)
    signs = np.array([1.0 if o.maximize else -1.0 for o in goals.objectives])
    worst = signs * np.array([reference[name] for name in goals.names])
    gains = np.array([[m[name] for name in goals.names] for m in metrics]) * signs - worst
    gains[(gains <= 0).any(axis=1)] = 0.0  # dominates nothing beyond the reference point
    if len(signs) == 1:
        return [float(best) for best in accumulate(gains[:, 0], max)]
    return _areas(gains) if len(signs) == 2 else _estimates(gains)


def _areas(gains: Array) -> list[float]:
    front: list[tuple[float, float]] = []  # from left to right, and so from high to low
    areas: list[float] = []
    for x, y in gains.tolist():
        if not any(a >= x and b >= y for a, b in front):
            front = sorted([*((a, b) for a, b in front if a > x or b > y), (x, y)])
        left, area = 0.0, 0.0
        for a, b in front:
            area += (a - left) * b
            left = a
        areas.append(area)
    return areas


def _estimates(gains: Array) -> list[float]:
    top = gains.max(axis=0)
    box = float(np.prod(top))
    if box <= 0:
        return [0.0] * len(gains)
    points = _spread(gains.shape[1]) * top
    volumes: list[float] = []
    for gain in gains:
        points = points[~(points < gain).all(axis=1)]  # those that nothing dominates yet
        volumes.append(box * (1.0 - len(points) / POINTS))
    return volumes


def _spread(dimensions: int) -> Array:
    """Evenly spread points of the unit cube: the Kronecker sequence of the generalized golden ratio (Roberts 2018)."""
    ratio = 2.0
    for _ in range(40):
        ratio = (1.0 + ratio) ** (1.0 / (dimensions + 1))
    steps = ratio ** -np.arange(1.0, dimensions + 1)
    spread: Array = (0.5 + np.arange(1.0, POINTS + 1)[:, None] * steps) % 1.0
    return spread
