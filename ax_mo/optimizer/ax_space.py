"""The search space in Ax's terms, and points translated both ways."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ax_mo.core.linear import LinearConstraint
from ax_mo.core.trial import Point
from ax_mo.search_space.parameters import Choice, Condition, Parameter, Range
from ax_mo.search_space.space import SearchSpace


@dataclass(frozen=True)
class AxBranch:
    """A choice in Ax standing at its ``index``-th of ``count`` values."""

    name: str
    index: int
    count: int


@dataclass(frozen=True)
class AxParameter:
    """One of Ax's parameters: a parameter of the space below one option that makes it active.

    Ax's dependent parameters form a tree, so that a parameter that is active under several options is several of
    Ax's. ``tree`` holds the choices above it there, from the root; ``path`` all that it depends on, which is more
    where choices that do not depend on each other decide together. It is then one of Ax's in several variants.
    """

    name: str
    parameter: Parameter
    tree: tuple[AxBranch, ...] = ()
    path: tuple[AxBranch, ...] = ()


class AxSpace:
    """Names, types and scales that Ax accepts, for each parameter of a space.

    Ax 1.3.1 refuses constraints over parameters on a log scale. An order constraint between two of them is as
    linear in their logarithms, so those parameters are given to Ax as their base-10 logarithm. A parameter that
    appears in a constraint gets a plain name, since Ax parses constraints with SymPy.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        constrained = {name for constraint in space.constraints for name in constraint.names}
        self._aliases = {
            parameter.key: f"p{index}"
            for index, parameter in enumerate(space.parameters)
            if parameter.key in constrained
        }
        self._deciding = {choice.key for choice in space.branching}
        self._ranges = {p.key: p for p in space.parameters if isinstance(p, Range) and p.key in constrained}
        self._as_log = {key for key, parameter in self._ranges.items() if parameter.log}
        self._orders = [order for order in map(_order, space.constraints) if order is not None]
        self.variants: list[list[AxParameter]] = []  # of each parameter, in the space's order
        self._by_name: dict[str, AxParameter] = {}
        for parameter in space.parameters:
            self.variants.append(self._variants_of(parameter))

    @property
    def conditional(self) -> bool:
        """Whether some parameters are not always active."""
        return any(parameter.when for parameter in self.space.parameters)

    def configs(self) -> list[Any]:
        """Its parameters as Ax's client takes them."""
        dependents: dict[str, dict[Any, list[str]]] = {}
        for variant in self._by_name.values():
            if variant.tree:
                above = variant.tree[-1]
                dependents.setdefault(above.name, {}).setdefault(self._value(above), []).append(variant.name)
        return [self._config(variant, dependents.get(variant.name)) for variant in self._by_name.values()]

    def constraints(self) -> list[str]:
        """Its constraints as Ax's client takes them."""
        lines: list[str] = []
        for constraint in self.space.constraints:
            if any(name in self._as_log for name in constraint.names):
                order = _order(constraint)
                assert order is not None  # nothing else is linear in the logarithms, too
                smaller, larger = order
                lines.append(f"{self._aliases[smaller]} <= {self._aliases[larger]}")
            else:
                terms = " + ".join(f"{weight!r} * {self._aliases[name]}" for name, weight in constraint.terms)
                lines.append(f"{terms} <= {constraint.bound!r}")
        return lines

    def encode(self, point: Point) -> dict[str, Any]:
        """A point as Ax's parameterization: the parameters that are active in Ax's tree."""
        active = {id(parameter) for parameter in self.space.active(point)}
        encoded: dict[str, Any] = {}
        for variant in self._by_name.values():
            if self._is_at(variant.tree, encoded):
                given = id(variant.parameter) in active
                value = point[variant.parameter.key] if given else variant.parameter.at(0.5)
                encoded[variant.name] = self._encode(variant.parameter, value)
        return encoded

    def decode(self, parameterization: Mapping[str, Any]) -> dict[str, Any]:
        """Ax's parameterization as a point; numbers become plain Python numbers in their bounds and exact orders."""
        variants_of = {id(parameter): of for parameter, of in zip(self.space.parameters, self.variants, strict=True)}

        def value_of(parameter: Parameter) -> Any:
            variants = variants_of[id(parameter)]
            variant = next(variant for variant in variants if self._is_at(variant.path, parameterization))
            return self._decode(parameter, parameterization[variant.name])

        point = self.space.point(value_of)
        self._put_in_order(point)
        return point

    def _put_in_order(self, point: dict[str, Any]) -> None:
        """Mend orders that were exact to Ax: what it rounds in a logarithm grows with the number, and shows."""
        for _ in self._orders:  # along a chain, each pass carries a value one step further
            for smaller, larger in self._orders:
                if point[smaller] > point[larger]:
                    below, above = self._ranges[smaller], self._ranges[larger]
                    whole = below.integral and not above.integral  # which would lose all of one for a hair
                    wanted = min(point[smaller], above.high) if whole else max(point[larger], below.low)
                    point[larger] = math.ceil(wanted) if above.integral else float(wanted)
                    most = math.floor(point[larger]) if below.integral else float(point[larger])
                    point[smaller] = min(point[smaller], most)

    def _is_at(self, levels: Sequence[AxBranch], parameterization: Mapping[str, Any]) -> bool:
        return all(parameterization.get(level.name) == self._value(level) for level in levels)

    def _value(self, level: AxBranch) -> Any:
        """What Ax calls the option at the level."""
        choice = self._by_name[level.name].parameter
        assert isinstance(choice, Choice)
        return self._choice_values(choice)[1][level.index]

    def _variants_of(self, parameter: Parameter) -> list[AxParameter]:
        if not parameter.when:
            return [self._add(self._aliases.get(parameter.key, self._free_name(parameter.key)), parameter, (), ())]
        # With conditions on choices that do not depend on each other, Ax's tree follows the last.
        *others, last = parameter.when
        texts: dict[tuple[AxBranch, ...], str] = {}
        paths: dict[tuple[AxBranch, ...], list[tuple[AxBranch, ...]]] = {}
        for above, level, text in self._places(last):
            tree = (*above.tree, level)
            texts[tree] = text
            paths.setdefault(tree, []).append((*above.path, level))
        for other in others:
            places = [(*above.path, level) for above, level, _ in self._places(other)]
            for tree, ways in paths.items():
                joined = [_joined(way, place) for way in ways for place in places]
                paths[tree] = list(dict.fromkeys(path for path in joined if path is not None))
        reached = [tree for tree, ways in paths.items() if ways]
        variants: list[AxParameter] = []
        for tree in reached:
            name = self._free_name(parameter.key if len(reached) == 1 else f"{parameter.key} ({texts[tree]})")
            variants += [self._add(name, parameter, tree, path) for path in paths[tree]]
        return variants

    def _add(
        self, name: str, parameter: Parameter, tree: tuple[AxBranch, ...], path: tuple[AxBranch, ...]
    ) -> AxParameter:
        variant = AxParameter(name, parameter, tree, path)
        self._by_name.setdefault(name, variant)
        return variant

    def _places(self, condition: Condition) -> Iterator[tuple[AxParameter, AxBranch, str]]:
        """Where the condition holds: a variant of its choice, the level at which it stands, and the option's text."""
        for variant in [variant for of_one in self.variants for variant in of_one]:
            choice = variant.parameter
            if choice.key == condition.key and isinstance(choice, Choice):
                for index, option in enumerate(choice.options):
                    if option.text in condition.texts:
                        yield variant, AxBranch(variant.name, index, len(choice.options)), option.text

    def _free_name(self, wanted: str) -> str:
        taken = {*self._by_name, *self._aliases.values()}
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted} #{number}", number + 1
        return name

    def _config(self, variant: AxParameter, dependents: Mapping[Any, list[str]] | None) -> Any:
        from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

        parameter = variant.parameter
        if isinstance(parameter, Choice):
            kind, values = self._choice_values(parameter)
            return ChoiceParameterConfig(
                name=variant.name,
                values=values,
                parameter_type=kind,
                is_ordered=parameter.ordered,
                dependent_parameters=dependents,
            )
        if parameter.key in self._as_log:
            bounds = (math.log10(parameter.low), math.log10(parameter.high))
            return RangeParameterConfig(name=variant.name, bounds=bounds, parameter_type="float")
        return RangeParameterConfig(
            name=variant.name,
            bounds=(parameter.low, parameter.high),
            parameter_type="int" if parameter.integral else "float",
            scaling="log" if parameter.log else "linear",
        )

    def _encode(self, parameter: Parameter, value: Any) -> Any:
        if isinstance(parameter, Choice):
            _, values = self._choice_values(parameter)
            text = parameter.text(value)
            return values[[option.text for option in parameter.options].index(text)]
        if parameter.key in self._as_log:
            return math.log10(value)
        return int(value) if parameter.integral else float(value)

    def _decode(self, parameter: Parameter, value: Any) -> Any:
        if isinstance(parameter, Choice):
            _, values = self._choice_values(parameter)
            return parameter.options[values.index(value)].value
        number = 10.0 ** float(value) if parameter.key in self._as_log else float(value)
        number = min(max(number, float(parameter.low)), float(parameter.high))
        return round(number) if parameter.integral else number

    def _choice_values(self, choice: Choice) -> tuple[str, Sequence[Any]]:
        """Ax knows choices of one primitive type: numbers, or texts; anything else goes by the text of its options.

        So do numbers without an order, and those that decide what is active: Ax 1.3.1 sorts numbers, keeps their
        distances, and has some on a log scale, so that nobody could tell where the model sees them.
        """
        values: list[Any] = [option.value for option in choice.options]
        types = {type(value) for value in values}
        if types == {str}:
            return "str", values
        is_number = choice.ordered and choice.key not in self._deciding
        if is_number and types <= {int, float} and all(map(math.isfinite, values)):
            kind = int if types == {int} else float
            numbers = list(map(kind, values))
            if len(set(numbers)) == len(numbers):  # not so for 1 and 1.0, or 0.0 and -0.0
                return kind.__name__, numbers
        return "str", [option.text for option in choice.options]


def _order(constraint: LinearConstraint) -> tuple[str, str] | None:
    """The smaller and the larger of two parameters, where that is all that the constraint says."""
    if len(constraint.terms) != 2 or constraint.bound != 0:
        return None
    (a, weight), (b, other) = constraint.terms
    if weight != -other:
        return None
    return (a, b) if weight > 0 else (b, a)


def _joined(path: Sequence[AxBranch], other: Sequence[AxBranch]) -> tuple[AxBranch, ...] | None:
    """Both paths in one, from the root; None when no point is on both."""
    stands = {level.name: level.index for level in path}
    if any(stands.get(level.name, level.index) != level.index for level in other):
        return None
    return (*(level for level in other if level.name not in stands), *path)
