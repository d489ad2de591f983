"""Points of a space without a model: a scrambled Sobol sequence, all of a small space, or a few with every option."""

import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ax_mo.search_space.parameters import Choice, Parameter, Range
from ax_mo.search_space.region import FeasibleRegion
from ax_mo.search_space.space import SearchSpace

# So many draws in a row may violate the constraints before points are drawn from within them, less evenly.
_MOST_MISSES = 1_000


# Held while points are drawn, and by others while they import torch: SciPy asks whether a number is one of torch's, and
# fails where that has been imported by half (SciPy 1.17.1).
whole_imports = threading.Lock()


class QuasiRandomPoints(Iterator[dict[str, Any]]):
    """Points that satisfy the space's constraints, without end unless none is found; they may repeat.

    The first ones visit each option that decides what else is active: as many points as the choice has options.

    ``position`` is how many points of the sequence were drawn, whether they satisfied the constraints or not: another
    one that begins there goes on as this one.
    """

    def __init__(self, space: SearchSpace, seed: int, position: int = 0) -> None:
        self.position = position
        self._points = self._draw(space, seed)

    def __next__(self) -> dict[str, Any]:
        with whole_imports:
            return next(self._points)

    def _draw(self, space: SearchSpace, seed: int) -> Iterator[dict[str, Any]]:
        from scipy.stats.qmc import Sobol

        engine = Sobol(len(space.parameters), scramble=True, rng=seed)
        if self.position:
            engine.fast_forward(self.position)
        branches = [(space.parameters.index(choice), _turns(choice, seed)) for choice in space.branching]
        misses = 0
        while misses < _MOST_MISSES:
            units = engine.random()[0].tolist()
            for index, turns in branches:
                if self.position < len(turns):
                    units[index] = (turns[self.position] + units[index]) / len(turns)
            point = space.point_at(units)
            self.position += 1
            if space.meets_constraints(point):
                misses = 0
                yield point
            else:
                misses += 1
        yield from _points_within(space, seed)


def _turns(choice: Choice, seed: int) -> list[int]:
    """The options of a choice, by index, in the order in which they are visited."""
    turns = list(range(len(choice.options)))
    random.Random(f"{seed} {choice.key}").shuffle(turns)
    return turns


def _points_within(space: SearchSpace, seed: int) -> Iterator[dict[str, Any]]:
    """Random points where constraints leave so little that hardly any draw meets them."""
    region, generator = FeasibleRegion(_constrained(space), space.constraints), random.Random(seed)
    misses = 0
    while misses < _MOST_MISSES:
        values = region.draw(generator)
        if values is None:
            misses += 1
            continue
        misses = 0
        yield {**space.point_at([generator.random() for _ in space.parameters]), **values}


def every_point(space: SearchSpace, most: int) -> list[dict[str, Any]] | None:
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


def _constrained(space: SearchSpace) -> list[Range]:
    names = {name for constraint in space.constraints for name in constraint.names}
    return [p for p in space.parameters if isinstance(p, Range) and p.key in names]


def covering_points(space: SearchSpace, near: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Points that together hold every parameter, and every option of every choice.

    Config groups stay at their options in ``near`` as far as that goes: one at a time has another one.
    """
    unseen = {id(p): list(p.options) if isinstance(p, Choice) else [None] for p in space.parameters}
    for target in space.parameters:
        while unseen[id(target)] and _reachable(space, target, {}):
            before = len(unseen[id(target)])
            yield _point_with(target, space, unseen, near or {})
            if len(unseen[id(target)]) == before:  # its conditions exclude each other
                break


def _point_with(
    target: Parameter, space: SearchSpace, unseen: Mapping[int, list[Any]], near: Mapping[str, Any]
) -> dict[str, Any]:
    """A point in which the target is active, of ``unseen`` options as far as that goes; takes them from there."""

    def value(parameter: Parameter, chosen: Mapping[str, str]) -> Any:
        left = unseen[id(parameter)]
        if isinstance(parameter, Range):
            left.clear()
            return parameter.low
        options = [*left, *(option for option in parameter.options if option not in left)]
        if parameter.is_group and parameter is not target:
            options.sort(key=lambda option: option.value != near.get(parameter.key))
        leading = (o for o in options if _reachable(space, target, {**chosen, parameter.key: o.text}))
        option = next(leading, options[0])
        if option in left:
            left.remove(option)
        return option.value

    return {parameter.key: found for parameter, found in space.walk(value)}


def _reachable(space: SearchSpace, target: Parameter, chosen: Mapping[str, str]) -> bool:
    """Whether the parameter can still be active after the options that were chosen."""
    return all(
        condition.holds(chosen)
        if condition.key in chosen
        else any(
            choice.key == condition.key
            and isinstance(choice, Choice)
            and any(option.text in condition.texts for option in choice.options)
            and _reachable(space, choice, chosen)
            for choice in space.parameters
        )
        for condition in target.when
    )
