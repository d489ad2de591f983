"""A problem of the race: a search space, goals, a function in place of a training run, and how a front is judged.

Fronts are judged in the problem's own fixed terms, whatever a method makes of the objectives: the hypervolume beyond
the thresholds, objectives that span decades on a log10 axis, as a share of the best that is known.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import moocore
import numpy as np

from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Point, Value
from ax_mo.search_space.parameters import Choice, Condition, Option, Parameter, when_text
from ax_mo.search_space.space import SearchSpace

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Problem:
    """``evaluate`` is deterministic and takes a point of the space. Every objective has a threshold.

    ``log`` names the objectives whose hypervolume is taken on a log10 axis; methods are told their raw values.
    ``best_known`` is the hypervolume of the best front known, in the units of the axes multiplied; it was found by
    ``race.py --best-known``, unless the problem's module says otherwise.
    """

    name: str
    parameters: tuple[Parameter, ...]
    goals: Goals
    evaluate: Callable[[Point], Metrics]
    best_known: float
    log: tuple[str, ...] = ()

    @cached_property
    def space(self) -> SearchSpace:
        return SearchSpace(self.parameters)

    @property
    def is_conditional(self) -> bool:
        return any(parameter.when for parameter in self.parameters)

    @cached_property
    def names(self) -> dict[int, str]:
        """By the id of a parameter, a name for it alone: several may have the same key under different options."""
        keys = [parameter.key for parameter in self.parameters]
        return {
            id(p): p.key if keys.count(p.key) == 1 else f"{p.key} when {when_text(p.when)}" for p in self.parameters
        }

    def point(self, value_of: Callable[[str, Parameter], Value]) -> dict[str, Value]:
        """The point whose active parameters have these values, by name and parameter."""
        return self.space.point(lambda parameter: value_of(self.names[id(parameter)], parameter))

    def gains(self, results: Iterable[Metrics]) -> np.ndarray:
        """A row for each result and a column for each objective: how far it is past the threshold, more is better."""
        columns = self.goals.objectives
        rows = [
            [
                (1 if o.maximize else -1) * (self._on_axis(o.name, result[o.name]) - self._on_axis(o.name, o.threshold))
                for o in columns
            ]
            for result in results
        ]
        return np.array(rows, dtype=float).reshape(len(rows), len(columns))

    def hypervolumes(self, results: Sequence[Metrics]) -> list[float]:
        """After the first result, after the first two, and so on, in the units of ``best_known``."""
        gains = self.gains(results)
        return [hypervolume(gains[: count + 1]) for count in range(len(gains))]

    def _on_axis(self, name: str, value: float) -> float:
        return math.log10(value) if name in self.log else value


def hypervolume(gains: np.ndarray) -> float:
    """The volume between the rows of ``gains`` and zero; rows that are not positive throughout add nothing."""
    beyond = gains[(gains > 0).all(axis=1)]
    return float(moocore.hypervolume(beyond, [0.0] * gains.shape[1], maximise=True)) if len(beyond) else 0.0


def choice(key: str, *values: object, ordered: bool = False, when: tuple[Condition, ...] = ()) -> Choice:
    """A choice of plain values: ``ordered`` where neighbours are alike."""
    return Choice(key, tuple(Option(value, str(value)) for value in values), ordered=ordered, when=when)


def group(key: str, *options: str, when: tuple[Condition, ...] = ()) -> Choice:
    """A config group, whose options may have parameters of their own."""
    return Choice(key, tuple(Option(option, option) for option in options), is_group=True, when=when)


def under(key: str, option: str) -> tuple[Condition, ...]:
    """The condition of a parameter that belongs to one option of a group."""
    return (Condition(key, (option,)),)


def option_value(choice: Choice, text: str) -> Value:
    """The value of the option that goes by that text."""
    return next(option.value for option in choice.options if option.text == text)


def near(x: float, best: float, width: float) -> float:
    """A bell that is 1 at ``best`` and 0.37 at ``width`` from it."""
    return math.exp(-(((x - best) / width) ** 2))
