"""Points of a space without a model: all of a small one, or a scrambled Sobol sequence."""

import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ax_mo.search_space.parameters import Choice, Range, Space
from ax_mo.search_space.region import FeasibleRegion
from ax_mo.search_space.unit import from_unit

# So many draws in a row may violate the constraints before points are drawn from within them, less evenly.
_MOST_MISSES = 1_000


# Held while points are drawn, and by others while they import torch: SciPy asks whether a number is one of torch's, and
# fails where that has been imported by half (SciPy 1.17.1).
whole_imports = threading.Lock()


class QuasiRandomPoints(Iterator[dict[str, Any]]):
    """Points that satisfy the space's constraints, without end unless none is found; they may repeat.

    ``position`` is how many points of the sequence were drawn, whether they satisfied the constraints or not: another
    one that begins there goes on as this one.
    """

    def __init__(self, space: Space, seed: int, position: int = 0) -> None:
        self.position = position
        self._points = self._draw(space, seed)

    def __next__(self) -> dict[str, Any]:
        with whole_imports:
            return next(self._points)

    def _draw(self, space: Space, seed: int) -> Iterator[dict[str, Any]]:
        from scipy.stats.qmc import Sobol

        engine = Sobol(len(space.parameters), scramble=True, rng=seed)
        if self.position:
            engine.fast_forward(self.position)
        misses = 0
        while misses < _MOST_MISSES:
            point = point_at(space, engine.random()[0].tolist())
            self.position += 1
            if all(constraint.holds(point) for constraint in space.constraints):
                misses = 0
                yield point
            else:
                misses += 1
        yield from _points_within(space, seed)


def _points_within(space: Space, seed: int) -> Iterator[dict[str, Any]]:
    """Random points where constraints leave so little that hardly any draw meets them."""
    region, generator = FeasibleRegion(_constrained(space), space.constraints), random.Random(seed)
    misses = 0
    while misses < _MOST_MISSES:
        values = region.draw(generator)
        if values is None:
            misses += 1
            continue
        misses = 0
        yield {**point_at(space, [generator.random() for _ in space.parameters]), **values}


def every_point(space: Space, most: int) -> list[dict[str, Any]] | None:
    """All points of a finite space; None where they are more than ``most``, or too hard to count."""
    constrained = _constrained(space)
    others = replace(space, parameters=tuple(p for p in space.parameters if p not in constrained), constraints=())
    size = others.size
    if size is None or size > most or not all(parameter.integral for parameter in constrained):
        return None
    found = FeasibleRegion(constrained, space.constraints).points(most // size)
    if found is None:
        return None
    points = ({**other, **values} for other in others.points() for values in found)
    return [{key: point[key] for key in space.keys if key in point} for point in points]


def _constrained(space: Space) -> list[Range]:
    names = {name for constraint in space.constraints for name in constraint.names}
    return [p for p in space.parameters if isinstance(p, Range) and p.key in names]


def point_at(space: Space, units: Sequence[float]) -> dict[str, Any]:
    """The point at one number in [0, 1) per parameter of the space; those of inactive parameters go unused."""
    point: dict[str, Any] = {}
    chosen: dict[str, str] = {}
    for parameter, u in zip(space.parameters, units, strict=True):
        if not all(condition.holds(chosen) for condition in parameter.when):
            continue
        point[parameter.key] = from_unit(parameter, u)
        if isinstance(parameter, Choice):
            chosen[parameter.key] = parameter.text(point[parameter.key])
    return point
