"""The search space as a value: its parameters, the overrides that trials share, its constraints; and as JSON."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from ax_mo.core.linear import LinearConstraint
from ax_mo.core.trial import Point, Value
from ax_mo.search_space.parameters import Choice, Condition, Option, Parameter, Range, holds, when_text

NOTHING: Any = object()
"""In place of the value of a parameter that has none."""

PointIdentity = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ConditionalOverride:
    """An override with one value, given only where its conditions hold."""

    key: str
    line: str
    when: tuple[Condition, ...]


@dataclass(frozen=True)
class Outside:
    """Why a point is not in the space: the parameter to blame, None for a constraint, its value, and what is wrong."""

    problem: str
    key: str | None = None
    value: Value = NOTHING

    @property
    def kind(self) -> str:
        """For people, the same for all values of a parameter that are wrong in the same way."""
        return self.problem if self.value is NOTHING else f"{self.key} {self.problem}"

    def __str__(self) -> str:
        return self.problem if self.value is NOTHING else f"{self.key}={self.value!r} {self.problem}"


@dataclass(frozen=True)
class SearchSpace:
    """All that is searched, and the overrides that every trial shares.

    ``parameters`` come after those that their conditions name. Several may have the same key when no two of them can be
    active at once.
    """

    parameters: tuple[Parameter, ...]
    constraints: tuple[LinearConstraint, ...] = ()
    fixed: tuple[str, ...] = ()
    conditional: tuple[ConditionalOverride, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its parameters, each once."""
        return tuple(dict.fromkeys(parameter.key for parameter in self.parameters))

    def walk(self, value_of: Callable[[Parameter, Mapping[str, str]], Value]) -> Iterator[tuple[Parameter, Value]]:
        """The active parameters in their order, each with its value; those of choices decide what else is active.

        ``value_of`` gets the parameter and the options chosen so far; it may return NOTHING where a value is missing.
        """
        chosen: dict[str, str] = {}
        for parameter in self.parameters:
            if holds(parameter.when, chosen):
                value = value_of(parameter, chosen)
                yield parameter, value
                if isinstance(parameter, Choice) and value is not NOTHING:
                    chosen[parameter.key] = parameter.text(value)

    def point(self, value_of: Callable[[Parameter], Value]) -> dict[str, Value]:
        """The point whose active parameters have these values."""
        return {parameter.key: value for parameter, value in self.walk(lambda parameter, _: value_of(parameter))}

    def point_at(self, units: Sequence[float]) -> dict[str, Value]:
        """The point at one number in [0, 1] per parameter; those of inactive parameters go unused."""
        unit_of = {id(parameter): u for parameter, u in zip(self.parameters, units, strict=True)}
        return self.point(lambda parameter: parameter.at(unit_of[id(parameter)]))

    @property
    def branching(self) -> list[Choice]:
        """The choices whose options decide which other parameters are active."""
        deciding = {condition.key for parameter in self.parameters for condition in parameter.when}
        return [p for p in self.parameters if isinstance(p, Choice) and p.key in deciding]

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

    def conditional_lines(self, chosen: Mapping[str, str]) -> list[str]:
        """The lines of the conditional overrides that hold where these options are chosen."""
        return [override.line for override in self.conditional if holds(override.when, chosen)]

    def restricted(self, values: Point) -> dict[str, Value]:
        """The point among ``values``, which may hold more: those of its active parameters, in the parameters' types."""
        return self.point(lambda parameter: parameter.cast(values[parameter.key]))

    def identity(self, point: Point) -> PointIdentity:
        """Equal for points that give the same configuration, also where one of them was read from JSON.

        It is the text of each active parameter on the command line: 1, 1.0 and true differ, and NaN equals itself.
        """
        return tuple((p.key, p.text(value)) for p, value in self.walk(lambda parameter, _: point[parameter.key]))

    def outside(self, values: Point) -> Outside | None:
        """Why the point is not in the space; None when it is. ``values`` may hold inactive parameters."""
        for parameter, value in self.walk(lambda parameter, _: values.get(parameter.key, NOTHING)):
            if value is NOTHING:
                return Outside(f"it gives no value for {parameter.key}", parameter.key)
            why = parameter.outside(value)
            if why is not None:
                return Outside(why, parameter.key, value)
        broken = next((constraint for constraint in self.constraints if not constraint.holds(values)), None)
        return None if broken is None else Outside(f"it violates {broken.text}")

    def meets_constraints(self, point: Point) -> bool:
        """Whether the point meets every constraint."""
        return all(constraint.holds(point) for constraint in self.constraints)

    @property
    def size(self) -> int | None:
        """The number of points, constraints apart; None where a parameter is continuous."""
        if any(isinstance(parameter, Range) and not parameter.integral for parameter in self.parameters):
            return None
        return _size(self.parameters)

    def points(self) -> Iterator[dict[str, Value]]:
        """Every point of a finite space that meets the constraints, in order. Raises ValueError for an infinite one."""
        if self.size is None:
            raise ValueError("the space is not finite")
        return filter(self.meets_constraints, _points(self.parameters, {}, {}))

    def overrides(self, point: Point) -> list[str]:
        """The command-line overrides of one trial: the fixed ones, config groups, then values.

        Groups come first for the reader; Hydra itself applies them first in any order.
        """
        walked = [(p, p.text(value)) for p, value in self.walk(lambda parameter, _: point[parameter.key])]
        groups = [f"{p.key}={text}" for p, text in walked if p.is_group]
        values = [f"{p.key}={text}" for p, text in walked if not p.is_group]
        chosen = {p.key: text for p, text in walked if isinstance(p, Choice)}
        return [*self.fixed, *groups, *self.conditional_lines(chosen), *values]

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


def _size(parameters: Sequence[Parameter]) -> int:
    """The number of points: in how many ways each combination of options is reached that a later condition looks at."""
    left = list(parameters)
    ways: Counter[frozenset[tuple[str, str]]] = Counter({frozenset(): 1})
    while left:
        waiting = {parameter.key for parameter in left}
        ready = [p for p in left if not any(condition.key in waiting for condition in p.when)]
        # Conditional ones first: options are forgotten when no other condition looks at them.
        parameter = next((p for p in ready if p.when), ready[0])
        left.remove(parameter)
        looked_at = {condition.key for p in left for condition in p.when}
        before, ways = ways, Counter()
        for chosen, count in before.items():
            kept = frozenset(choice for choice in chosen if choice[0] in looked_at)
            if not holds(parameter.when, dict(chosen)):
                ways[kept] += count
            elif isinstance(parameter, Choice) and parameter.key in looked_at:
                ways.update({kept | {(parameter.key, option.text)}: count for option in parameter.options})
            else:
                ways[kept] += count * len(parameter.values)
    return sum(ways.values())


def _points(rest: Sequence[Parameter], point: dict[str, Value], chosen: dict[str, str]) -> Iterator[dict[str, Value]]:
    for index, parameter in enumerate(rest):
        if not holds(parameter.when, chosen):
            continue
        for value in parameter.values:
            more = {**chosen, parameter.key: parameter.text(value)} if isinstance(parameter, Choice) else chosen
            yield from _points(rest[index + 1 :], {**point, parameter.key: value}, more)
        return
    yield point


def space_as_json(space: SearchSpace) -> dict[str, Any]:
    """Only what JSON has: the value of an option is told by its text in Hydra's grammar, which keeps its type."""
    return {
        "parameters": [_parameter_as_json(parameter) for parameter in space.parameters],
        "constraints": [{"terms": dict(c.terms), "bound": c.bound, "text": c.text} for c in space.constraints],
        "fixed": list(space.fixed),
        "conditional": [asdict(override) for override in space.conditional],
    }


def space_from_json(written: Mapping[str, Any]) -> SearchSpace:
    """The space that was written. Raises KeyError or ValueError for what is no space."""
    return SearchSpace(
        tuple(_parameter_from_json(parameter) for parameter in written["parameters"]),
        tuple(LinearConstraint(tuple(c["terms"].items()), c["bound"], c["text"]) for c in written["constraints"]),
        tuple(written["fixed"]),
        tuple(ConditionalOverride(c["key"], c["line"], _when_from_json(c["when"])) for c in written["conditional"]),
    )


def _parameter_as_json(parameter: Parameter) -> dict[str, Any]:
    if isinstance(parameter, Range):
        return asdict(parameter)
    return {
        "key": parameter.key,
        "when": [asdict(condition) for condition in parameter.when],
        "options": [option.text for option in parameter.options],
        "ordered": parameter.ordered,
        "group": parameter.is_group,
    }


def _parameter_from_json(written: Mapping[str, Any]) -> Parameter:
    key, when = written["key"], _when_from_json(written["when"])
    if "options" not in written:
        return Range(key, written["low"], written["high"], written["integral"], written["log"], when)
    options = tuple(Option(_value(text), text) for text in written["options"])
    return Choice(key, options, written["ordered"], written["group"], when)


def _value(text: str) -> Any:
    return OverridesParser.create().parse_override(f"x={text}").value()


def _when_from_json(written: Any) -> tuple[Condition, ...]:
    return tuple(Condition(condition["key"], tuple(condition["texts"])) for condition in written)
