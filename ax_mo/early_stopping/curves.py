"""What trials have reported so far as values: the means of repeats' curves, and all that a trial is compared by."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ax_mo.trial.curve import Curve

_Point = TypeVar("_Point")

# A single neighbour is noise; with more, the few trials that a young study has would all be neighbours of each other.
_NEIGHBOURS = 3


class MeanCurve:
    """A metric's mean over several runs at the steps that all of them have reached, while their curves grow."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        self._curves = tuple(curves)
        self._next = [0] * len(curves)
        self._steps: list[int] = []
        self._values: list[float] = []
        self._mean = Curve(self._steps, self._values)

    def is_of(self, curves: Sequence[Curve]) -> bool:
        """Whether these are the very curves that it follows."""
        return len(curves) == len(self._curves) and all(a is b for a, b in zip(curves, self._curves, strict=True))

    def so_far(self) -> Curve | None:
        """The mean as far as all curves have come; None while they have no step in common."""
        at = self._next
        while all(index < len(curve.steps) for index, curve in zip(at, self._curves, strict=True)):
            points = [(curve.steps[index], curve.values[index]) for index, curve in zip(at, self._curves, strict=True)]
            latest = max(step for step, _ in points)
            if all(step == latest for step, _ in points):
                self._steps.append(latest)
                self._values.append(math.fsum(value for _, value in points) / len(points))
                at[:] = [index + 1 for index in at]
            else:
                at[:] = [index + (step < latest) for index, (step, _) in zip(at, points, strict=True)]
        return self._mean if self._steps else None


def mean_curves(runs: Sequence[Mapping[str, Curve]], followed: dict[str, MeanCurve] | None = None) -> dict[str, Curve]:
    """The curves of a trial that is several runs: their means at the steps that all of them have reached.

    With the same ``followed`` at each call, only what has come since the last one is worked out.
    """
    if len(runs) == 1:
        return dict(runs[0])
    followed = {} if followed is None else followed
    means: dict[str, Curve] = {}
    for name in runs[0] if runs else ():
        curves = [of_run[name] for of_run in runs if name in of_run]
        if len(curves) < len(runs):
            continue
        if name not in followed or not followed[name].is_of(curves):
            followed[name] = MeanCurve(curves)
        mean = followed[name].so_far()
        if mean is not None:
            means[name] = mean
    return means


def thinned(points: Sequence[_Point], most: int) -> Sequence[_Point]:
    """At most ``most`` of the points, but at least two: the first, the last and those evenly spaced between them."""
    gaps = max(2, most) - 1
    if len(points) <= gaps + 1:
        return points
    return [points[round(gap * (len(points) - 1) / gaps)] for gap in range(gaps + 1)]


@dataclass(frozen=True)
class TrialCurves:
    """What a trial has reported so far, and its metrics where it has ended."""

    number: int
    curves: Mapping[str, Curve] = field(default_factory=dict)
    """By the name under which the points were reported."""
    constants: Mapping[str, float] = field(default_factory=dict)
    """Built-in metrics known while the trial runs that do not change any more, such as ``num_params``."""
    completed: bool = False
    """Whether it ran to its own end: neither running nor stopped early."""
    final: Mapping[str, float] = field(default_factory=dict)
    """The metrics of a trial that has ended."""


def expected_final(step: int, value: float, completed: Iterable[tuple[Curve, float]]) -> float | None:
    """What a trial that was stopped early would have reached, judged by those that ran to their end.

    The model compares final values. The last value of a stopped trial is none: told as one, it says that whatever
    learns slowly is bad, and spreads the model's scale over values that no finished trial has. This is the median final
    value of the three completed trials that were nearest to ``value`` at ``step``.

    ``completed`` are their curves and final values. None where fewer than three have a value at the step.
    """
    at_step = ((curve.at(step), final) for curve, final in completed)
    nearest = sorted((abs(there - value), final) for there, final in at_step if there is not None)[:_NEIGHBOURS]
    return statistics.median(final for _, final in nearest) if len(nearest) == _NEIGHBOURS else None
