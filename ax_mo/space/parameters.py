"""The search space as values: parameters, fixed overrides, constraints."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ax_mo.linear import LinearConstraint

Value = Any
"""A parameter's value as Python sees it: str, int, float, bool, None, list or dict."""

Point = Mapping[str, Value]
"""One value per parameter, by key."""


@dataclass(frozen=True)
class Option:
    """One value of a choice, and the text that stands for it after ``key=``."""

    value: Value
    text: str


@dataclass(frozen=True)
class Choice:
    """One of a few values; ``ordered`` when neighbours are alike (all numbers)."""

    key: str
    options: tuple[Option, ...]
    ordered: bool = False
    is_group: bool = False

    def text(self, value: Value) -> str:
        for option in self.options:
            # By their text, in which a NaN equals itself.
            if type(option.value) is type(value) and repr(option.value) == repr(value):
                return option.text
        for option in self.options:  # JSON does not keep 1 and 1.0 apart
            if option.value == value or json.loads(json.dumps(option.value)) == value:
                return option.text
        raise ValueError(f"{self.key} has no option {value!r}")

    def describe(self) -> str:
        return f"choice({', '.join(option.text for option in self.options)})"


@dataclass(frozen=True)
class Range:
    """A number between two bounds, both included."""

    key: str
    low: float
    high: float
    integral: bool = False
    log: bool = False

    def text(self, value: Value) -> str:
        return str(int(value)) if self.integral else repr(float(value))

    def describe(self) -> str:
        interval = f"interval({self.low}, {self.high})"
        if self.integral:
            interval = f"int(interval({int(self.low)}, {int(self.high)}))"
        return f"tag(log, {interval})" if self.log else interval


Parameter = Choice | Range


@dataclass(frozen=True)
class Space:
    """All that is searched, and the overrides that every trial shares."""

    parameters: tuple[Parameter, ...]
    constraints: tuple[LinearConstraint, ...] = ()
    fixed: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(parameter.key for parameter in self.parameters)

    @property
    def size(self) -> int | None:
        """The number of points, constraints apart; None where a parameter is continuous."""
        sizes: list[int] = []
        for parameter in self.parameters:
            if isinstance(parameter, Choice):
                sizes.append(len(parameter.options))
            elif parameter.integral:
                sizes.append(int(parameter.high) - int(parameter.low) + 1)
            else:
                return None
        return math.prod(sizes)

    def overrides(self, point: Point) -> list[str]:
        """The command-line overrides of one trial: the fixed ones, config groups, then values.

        Groups come first for the reader; Hydra itself applies them first in any order.
        """
        groups: list[str] = []
        values: list[str] = []
        for parameter in self.parameters:
            line = f"{parameter.key}={parameter.text(point[parameter.key])}"
            is_group = isinstance(parameter, Choice) and parameter.is_group
            (groups if is_group else values).append(line)
        return [*self.fixed, *groups, *values]

    def describe(self) -> dict[str, str]:
        """What a resume compares: each parameter in the grammar it could have been written in."""
        described = {parameter.key: parameter.describe() for parameter in self.parameters}
        described.update({f"constraint {index}": c.text for index, c in enumerate(self.constraints)})
        return described
