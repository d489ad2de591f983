"""The best front of a problem that a long search finds: all points of a small space, otherwise an evolution."""

import random

import moocore
import numpy as np
from race_problem import Problem, hypervolume

_FEW_POINTS = 200_000
# Each evolution may end in a front of its own; the best of all is taken together.
_RESTARTS = 6


def best_front(problem: Problem, evaluations: int) -> np.ndarray:
    """The gains of the front: exact for a space of few points, otherwise the best of that many evaluations."""
    size = problem.space.size
    if size is not None and size <= _FEW_POINTS:
        return _front(problem.gains(problem.evaluate(point) for point in problem.space.points()))
    return _front(np.vstack([_evolved_front(problem, evaluations // _RESTARTS, seed) for seed in range(_RESTARTS)]))


def _evolved_front(problem: Problem, evaluations: int, seed: int) -> np.ndarray:
    """An evolution that keeps every undominated point.

    It changes a few coordinates of one of them at a time, or takes them from another one.
    """
    draw = random.Random(seed)
    dimensions = len(problem.parameters)
    units = [[draw.random() for _ in range(dimensions)] for _ in range(evaluations // 5)]
    gains = _gains(problem, units)
    generation = max(evaluations // 100, 1)
    for _ in range((evaluations - len(units)) // generation):
        keep = np.flatnonzero(_is_front(gains))
        units, gains = [units[index] for index in keep], gains[keep]
        children = [_child(units, draw) for _ in range(generation)]
        units, gains = units + children, np.vstack([gains, _gains(problem, children)])
    return _front(gains)


def best_hypervolume(problem: Problem, evaluations: int) -> float:
    """In the units of the problem's axes multiplied."""
    return hypervolume(best_front(problem, evaluations))


def _gains(problem: Problem, units: list[list[float]]) -> np.ndarray:
    """Those that are beyond no threshold are as good as any other: at minus infinity, so that they are dominated."""
    gains = problem.gains(problem.evaluate(problem.space.point_at(unit)) for unit in units)
    gains[~(gains > 0).all(axis=1)] = -np.inf
    return gains


def _child(parents: list[list[float]], draw: random.Random) -> list[float]:
    child = list(draw.choice(parents))
    other = draw.choice(parents)
    width = 10 ** draw.uniform(-3.5, -0.3)
    for index in draw.sample(range(len(child)), draw.randint(1, min(len(child), 6))):
        child[index] = other[index] if draw.random() < 0.3 else draw.gauss(child[index], width)
        child[index] = draw.random() if draw.random() < 0.02 else min(max(child[index], 0.0), 1.0)
    return child


def _is_front(gains: np.ndarray) -> np.ndarray:
    return np.asarray(moocore.is_nondominated(gains, maximise=True))


def _front(gains: np.ndarray) -> np.ndarray:
    return gains[_is_front(gains)]
