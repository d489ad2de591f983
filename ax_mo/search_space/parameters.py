"""The search space as values: parameters, when they are active, fixed overrides, constraints."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ax_mo.core.linear import LinearConstraint
from ax_mo.core.trial import Point, Value

NOTHING: Any = object()
"""In place of the value that a parameter has not got."""


@dataclass(frozen=True)
class Condition:
    """Holds while the choice ``key`` is active and stands at one of ``texts``."""

    key: str
    texts: tuple[str, ...]

    def holds(self, chosen: Mapping[str, str]) -> bool:
        return chosen.get(self.key) in self.texts

    def describe(self) -> str:
        return f"{self.key}={self.texts[0]}" if len(self.texts) == 1 else f"{self.key} in ({', '.join(self.texts)})"


def holds(when: Sequence[Condition], chosen: Mapping[str, str]) -> bool:
    return all(condition.holds(chosen) for condition in when)


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
    when: tuple[Condition, ...] = ()

    def text(self, value: Value) -> str:
        for option in self.options:
            # By their text, in which a NaN equals itself.
            if type(option.value) is type(value) and repr(option.value) == repr(value):
                return option.text
        for option in self.options:  # 1 for 1.0, as a config may have it; JSON makes texts of keys
            if isinstance(option.value, bool) != isinstance(value, bool):
                continue
            if option.value == value or json.loads(json.dumps(option.value)) == value:
                return option.text
        raise ValueError(f"{self.key} has no option {value!r}")

    def cast(self, value: Value) -> Value:
        """The option's own value for one that stands for it."""
        text = self.text(value)
        return next(option.value for option in self.options if option.text == text)

    def outside(self, value: Value) -> str | None:
        """Why the value is not among the options; None when it is."""
        try:
            self.text(value)
        except ValueError:
            return f"{self.key}={value!r} is not among {', '.join(option.text for option in self.options)}"
        return None

    def describe(self) -> str:
        options = f"choice({', '.join(option.text for option in self.options)})"
        numbers = all(isinstance(o.value, int | float) and not isinstance(o.value, bool) for o in self.options)
        if self.ordered == (numbers and not self.is_group):
            return options
        return f"tag({'ordered' if self.ordered else 'categorical'}, {options})"


@dataclass(frozen=True)
class Range:
    """A number between two bounds, both included."""

    key: str
    low: float
    high: float
    integral: bool = False
    log: bool = False
    when: tuple[Condition, ...] = ()

    def text(self, value: Value) -> str:
        return str(int(value)) if self.integral else repr(float(value) + 0.0)  # no -0.0

    def cast(self, value: Value) -> Value:
        return int(value) if self.integral else float(value) + 0.0

    def outside(self, value: Value) -> str | None:
        """Why the value is not between the bounds; None when it is."""
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            return f"{self.key}={value!r} is not a number"
        if value < self.low:
            return f"{self.key}={value!r} is below its lower bound {self.low:g}"
        if value > self.high:
            return f"{self.key}={value!r} is above its upper bound {self.high:g}"
        if self.integral and value != int(value):
            return f"{self.key}={value!r} is not a whole number"
        return None

    def describe(self) -> str:
        interval = f"interval({self.low}, {self.high})"
        if self.integral:
            interval = f"int(interval({int(self.low)}, {int(self.high)}))"
        return f"tag(log, {interval})" if self.log else interval


Parameter = Choice | Range


@dataclass(frozen=True)
class ConditionalOverride:
    """An override with one value, given only where its conditions hold."""

    key: str
    line: str
    when: tuple[Condition, ...]


@dataclass(frozen=True)
class Space:
    """All that is searched, and the overrides that every trial shares.

    ``parameters`` stand after those that their conditions name. Several may have the same key when no two of them
    can be active at once.
    """

    parameters: tuple[Parameter, ...]
    constraints: tuple[LinearConstraint, ...] = ()
    fixed: tuple[str, ...] = ()
    conditional: tuple[ConditionalOverride, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(parameter.key for parameter in self.parameters))

    def walk(self, value_of: Callable[[Parameter, Mapping[str, str]], Value]) -> Iterator[tuple[Parameter, Value]]:
        """The active parameters in their order, each with its value; those of choices decide what else is active.

        ``value_of`` is told the options that were chosen so far. A choice for which it has NOTHING stands nowhere.
        """
        chosen: dict[str, str] = {}
        for parameter in self.parameters:
            if holds(parameter.when, chosen):
                value = value_of(parameter, chosen)
                yield parameter, value
                if isinstance(parameter, Choice) and value is not NOTHING:
                    chosen[parameter.key] = parameter.text(value)

    def active(self, point: Point) -> list[Parameter]:
        """The parameters that the point's own choices make active. Raises KeyError where it lacks one's value."""
        return [parameter for parameter, _ in self.walk(lambda parameter, _: point[parameter.key])]

    def chosen(self, values: Point) -> dict[str, str]:
        """The options' texts of the active choices, as far as ``values`` has them and the space knows them."""

        def known(parameter: Parameter, _: Mapping[str, str]) -> Value:
            value = values.get(parameter.key, NOTHING)
            return NOTHING if value is NOTHING or parameter.outside(value) else value

        walked = [(p, value) for p, value in self.walk(known) if isinstance(p, Choice)]
        return {choice.key: choice.text(value) for choice, value in walked if value is not NOTHING}

    def given(self, chosen: Mapping[str, str]) -> list[str]:
        """The lines of those fixed overrides that hold under some options only, and under these."""
        return [override.line for override in self.conditional if holds(override.when, chosen)]

    def restricted(self, values: Point) -> dict[str, Value]:
        """The point among ``values``, which may hold more: those of its active parameters, in the parameters' types."""
        return {p.key: p.cast(value) for p, value in self.walk(lambda parameter, _: values[parameter.key])}

    def outside(self, values: Point) -> str | None:
        """Why the point is not in the space; None when it is. ``values`` may hold inactive parameters."""
        for parameter, value in self.walk(lambda parameter, _: values.get(parameter.key, NOTHING)):
            if value is NOTHING:
                return f"it gives no value for {parameter.key}"
            why = parameter.outside(value)
            if why is not None:
                return why
        for constraint in self.constraints:
            if not constraint.holds(values):
                return f"it violates {constraint.text}"
        return None

    @property
    def size(self) -> int | None:
        """The number of points, constraints apart; None where a parameter is continuous."""
        if any(isinstance(parameter, Range) and not parameter.integral for parameter in self.parameters):
            return None
        return math.prod(_size(component) for component in _components(self.parameters))

    def points(self) -> Iterator[dict[str, Value]]:
        """Every point of a finite space that meets the constraints, in order. Raises ValueError for an infinite one."""
        if self.size is None:
            raise ValueError("the space is not finite")
        for point in _points(self.parameters, {}, {}):
            if all(constraint.holds(point) for constraint in self.constraints):
                yield point

    def overrides(self, point: Point) -> list[str]:
        """The command-line overrides of one trial: the fixed ones, config groups, then values.

        Groups come first for the reader; Hydra itself applies them first in any order.
        """
        groups: list[str] = []
        values: list[str] = []
        for parameter, value in self.walk(lambda parameter, _: point[parameter.key]):
            is_group = isinstance(parameter, Choice) and parameter.is_group
            (groups if is_group else values).append(f"{parameter.key}={parameter.text(value)}")
        return [*self.fixed, *groups, *self.given(self.chosen(point)), *values]

    def describe(self) -> dict[str, str]:
        """What a resume compares: each parameter in Hydra's grammar, and when it is active."""
        described: dict[str, str] = {}
        for parameter in self.parameters:
            when = when_text(parameter.when)
            key = f"{parameter.key} when {when}" if when and parameter.key in described else parameter.key
            described[key] = parameter.describe() + (f" when {when}" if when else "")
        described.update({f"{c.key} (fixed) when {when_text(c.when)}": c.line for c in self.conditional})
        described.update({f"constraint {index}": c.text for index, c in enumerate(self.constraints)})
        return described


def when_text(when: Sequence[Condition]) -> str:
    """The conditions as people read them; empty for a parameter that is always active."""
    return " and ".join(condition.describe() for condition in when)


def _values(parameter: Parameter) -> Sequence[Value]:
    if isinstance(parameter, Choice):
        return [option.value for option in parameter.options]
    return range(int(parameter.low), int(parameter.high) + 1)


def _components(parameters: Sequence[Parameter]) -> list[list[Parameter]]:
    """The parameters in groups that no condition connects, so that the sizes of the groups multiply."""
    component_of: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        merged = [parameter]
        for key in {parameter.key, *(condition.key for condition in parameter.when)}:
            known = component_of.get(key)
            if known is not None:
                merged = [*known, *(p for p in merged if p not in known)]
        for member in merged:
            component_of[member.key] = merged
    unique: list[list[Parameter]] = []
    for component in component_of.values():
        if not any(component is other for other in unique):
            unique.append(component)
    return unique


def _size(component: Sequence[Parameter]) -> int:
    """The number of points of parameters that conditions connect: a sum over what the conditions look at."""
    deciding = {condition.key for parameter in component for condition in parameter.when}

    def count(rest: Sequence[Parameter], chosen: Mapping[str, str]) -> int:
        product = 1
        for index, parameter in enumerate(rest):
            if not holds(parameter.when, chosen):
                continue
            if parameter.key in deciding and isinstance(parameter, Choice):
                after = rest[index + 1 :]
                return product * sum(count(after, {**chosen, parameter.key: o.text}) for o in parameter.options)
            product *= len(_values(parameter))
        return product

    return count(component, {})


def _points(rest: Sequence[Parameter], point: dict[str, Value], chosen: dict[str, str]) -> Iterator[dict[str, Value]]:
    for index, parameter in enumerate(rest):
        if not holds(parameter.when, chosen):
            continue
        for value in _values(parameter):
            more = {**chosen, parameter.key: parameter.text(value)} if isinstance(parameter, Choice) else chosen
            yield from _points(rest[index + 1 :], {**point, parameter.key: value}, more)
        return
    yield point
