"""What linear constraints leave of numeric ranges: how much room, all points of it, random points of it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random

from ax_mo.core.linear import ROUNDING, LinearConstraint
from ax_mo.search_space.parameters import Range

Bounds = Mapping[str, tuple[float, float]]

# How many branches a search for all points may end in: a second or two. Constraints may only conflict together.
_MOST_BRANCHES = 20_000

# How often each value of a draw is drawn anew, given the others: the first ones leave little to the last.
_ROUNDS = 10


class FeasibleRegion:
    """What ``constraints`` leave of ``ranges``, which are all that they name."""

    def __init__(self, ranges: Sequence[Range], constraints: Sequence[LinearConstraint]) -> None:
        self._ranges = ranges
        self._constraints = constraints
        self._whole: Bounds = {r.key: (r.low, r.high) for r in ranges}
        self._slack = [_slack(constraint, self._whole) for constraint in constraints]

    def radius(self) -> float:
        """That of the largest ball within all bounds, as a share of the ranges; negative where nothing is left.

        A whole number owns the cell around it, so that a constraint which leaves only one of several has room.
        """
        import numpy as np
        from scipy.optimize import linprog

        half = [0.5 if r.integral else 0.0 for r in self._ranges]
        low = np.array([r.low - h for r, h in zip(self._ranges, half, strict=True)])
        span = np.array([r.high + h for r, h in zip(self._ranges, half, strict=True)]) - low
        weights = np.array([[dict(c.terms).get(r.key, 0.0) for r in self._ranges] for c in self._constraints])
        bounds = np.array([c.bound for c in self._constraints]) - weights @ low
        scaled, unit = weights * span, np.eye(len(span))  # over u in [0, 1]: low + span * u
        norms = np.linalg.norm(scaled, axis=1)
        sides = np.vstack([scaled / norms[:, None], unit, -unit])
        limits = np.concatenate([bounds / norms, np.ones(len(span)), np.zeros(len(span))])
        found = linprog(
            [0.0] * len(span) + [-1.0], A_ub=np.c_[sides, np.ones(len(sides))], b_ub=limits, bounds=(None, None)
        )
        return float(found.x[-1]) if found.status == 0 else 1.0  # anything else is for the search to find out

    def points(self, most: int) -> list[dict[str, int]] | None:
        """All points of ranges of whole numbers; None where they are more than ``most``, or too hard to count."""
        found: list[dict[str, int]] = []
        for branch, point in enumerate(self._branches(self._whole)):
            if branch == _MOST_BRANCHES:
                return None
            if point is not None:
                found.append(point)
                if len(found) > most:
                    return None
        return found

    def draw(self, random: Random) -> dict[str, float] | None:
        """A random point, about evenly distributed; None where the first values left nothing for the others."""
        bounds = self._whole
        for parameter in random.sample(self._ranges, len(self._ranges)):
            narrowed = self._narrowed(bounds)
            if narrowed is None:
                return None
            bounds = {**narrowed, parameter.key: _drawn(parameter, narrowed[parameter.key], random)}
        for _ in range(_ROUNDS):
            for parameter in self._ranges:
                low, high = self._between(parameter, {**bounds, parameter.key: self._whole[parameter.key]})
                if low <= high:
                    bounds = {**bounds, parameter.key: _drawn(parameter, (low, high), random)}
        return self._point(bounds)

    def _branches(self, bounds: Bounds) -> Iterator[dict[str, int] | None]:
        """Every point within the bounds, in order, and None for each branch that turned out to hold none."""
        narrowed = self._narrowed(bounds)
        if narrowed is None:
            yield None
            return
        undecided = next((r.key for r in self._ranges if narrowed[r.key][0] < narrowed[r.key][1]), None)
        if undecided is None:
            point = self._point(narrowed)
            yield None if point is None else {key: int(value) for key, value in point.items()}
            return
        low, high = narrowed[undecided]
        for value in range(int(low), int(high) + 1):
            yield from self._branches({**narrowed, undecided: (value, value)})

    def _point(self, bounds: Bounds) -> dict[str, float] | None:
        point = {key: low for key, (low, _) in bounds.items()}
        return point if all(constraint.holds(point) for constraint in self._constraints) else None

    def _narrowed(self, bounds: Bounds) -> Bounds | None:
        """Bounds without what no constraint can be met with, whatever the others are; None where nothing is left."""
        for _ in range(len(self._ranges) + 1):  # along a chain of orders, a bound comes one step further a round
            before = bounds
            for parameter in self._ranges:
                low, high = self._between(parameter, bounds)
                if low > high:
                    return None
                bounds = {**bounds, parameter.key: (low, high)}
            if bounds == before:
                break
        return bounds

    def _between(self, parameter: Range, bounds: Bounds) -> tuple[float, float]:
        """What each constraint leaves of the parameter's bounds where the others are as favourable as they can be."""
        low, high = bounds[parameter.key]
        for constraint, slack in zip(self._constraints, self._slack, strict=True):
            weight = dict(constraint.terms).get(parameter.key)
            if weight is None:
                continue
            least = sum(min(w * bounds[n][0], w * bounds[n][1]) for n, w in constraint.terms if n != parameter.key)
            # Whole numbers are checked in the end; a number that is a hair beyond would be one less.
            limit = (constraint.bound + (slack if parameter.integral else 0.0) - least) / weight
            low, high = (low, min(high, limit)) if weight > 0 else (max(low, limit), high)
        return (math.ceil(low), math.floor(high)) if parameter.integral else (low, high)


def _slack(constraint: LinearConstraint, bounds: Bounds) -> float:
    largest = max(abs(w * end) for name, w in constraint.terms for end in bounds[name])
    return ROUNDING * max(1.0, abs(constraint.bound), largest)


def _drawn(parameter: Range, between: tuple[float, float], random: Random) -> tuple[float, float]:
    value = replace(parameter, low=between[0], high=between[1]).at(random.random())
    return value, value
