"""The search space in Ax's terms, and points translated both ways."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ax_mo.space.parameters import Choice, Condition, Parameter, Point, Range, Space


@dataclass(frozen=True)
class Level:
    """A choice in Ax standing at its ``index``-th of ``count`` values; ``one_hot`` when Ax spreads it over columns."""

    name: str
    index: int
    count: int
    one_hot: bool


@dataclass(frozen=True)
class Copy:
    """One of Ax's parameters: a parameter of the space below one option that makes it active.

    Ax's dependent parameters form a tree, so that a parameter that is active under several options is several of
    Ax's. ``path`` holds the choices above it, from the root.
    """

    name: str
    parameter: Parameter
    path: tuple[Level, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its features in Ax's model."""
        if isinstance(self.parameter, Choice) and _one_hot(self.parameter):
            return tuple(f"{self.name}_OH_PARAM_{index}" for index in range(len(self.parameter.options)))
        return (self.name,)


class AxSpace:
    """Names, types and scales that Ax accepts, for each parameter of a space.

    Ax 1.3.1 refuses constraints over parameters on a log scale. An order constraint between two of them is as
    linear in their logarithms, so those parameters are given to Ax as their base-10 logarithm. A parameter that
    appears in a constraint gets a plain name, since Ax parses constraints with SymPy.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        constrained = {name for constraint in space.constraints for name in constraint.names}
        self._aliases = {
            parameter.key: f"p{index}"
            for index, parameter in enumerate(space.parameters)
            if parameter.key in constrained
        }
        self._as_log = {
            parameter.key
            for parameter in space.parameters
            if isinstance(parameter, Range) and parameter.log and parameter.key in constrained
        }
        self.copies: list[list[Copy]] = []  # of each parameter, in the space's order
        for parameter in space.parameters:
            self.copies.append(self._copies(parameter))

    @property
    def conditional(self) -> bool:
        return any(parameter.when for parameter in self._space.parameters)

    def configs(self) -> list[Any]:
        dependents: dict[str, dict[Any, list[str]]] = {}
        copies = [copy for of_one in self.copies for copy in of_one]
        values = {copy.name: _choice_values(copy.parameter)[1] for copy in copies if isinstance(copy.parameter, Choice)}
        for copy in copies:
            if copy.path:
                above = copy.path[-1]
                dependents.setdefault(above.name, {}).setdefault(values[above.name][above.index], []).append(copy.name)
        return [self._config(copy, dependents.get(copy.name)) for copy in copies]

    def constraints(self) -> list[str]:
        lines: list[str] = []
        for constraint in self._space.constraints:
            if any(name in self._as_log for name in constraint.names):
                (a, weight), (b, _) = constraint.terms
                smaller, larger = (a, b) if weight > 0 else (b, a)
                lines.append(f"{self._aliases[smaller]} <= {self._aliases[larger]}")
            else:
                terms = " + ".join(f"{weight!r} * {self._aliases[name]}" for name, weight in constraint.terms)
                lines.append(f"{terms} <= {constraint.bound!r}")
        return lines

    def encode(self, point: Point) -> dict[str, Any]:
        """A point as Ax's parameterization: the parameters that are active in Ax's tree."""
        active = {id(parameter) for parameter in self._space.active(point)}
        encoded: dict[str, Any] = {}
        for copies in self.copies:
            for copy in copies:
                if self._is_active(copy, encoded):
                    given = id(copy.parameter) in active
                    value = point[copy.parameter.key] if given else _middle(copy.parameter)
                    encoded[copy.name] = self._encode(copy.parameter, value)
        return encoded

    def decode(self, parameterization: Mapping[str, Any]) -> dict[str, Any]:
        """Ax's parameterization as a point; numbers become plain Python numbers inside their bounds."""
        chosen: dict[str, str] = {}
        point: dict[str, Any] = {}
        for parameter, copies in zip(self._space.parameters, self.copies, strict=True):
            if not all(condition.holds(chosen) for condition in parameter.when):
                continue
            copy = next(copy for copy in copies if self._is_active(copy, parameterization))
            point[parameter.key] = self._decode(parameter, parameterization[copy.name])
            if isinstance(parameter, Choice):
                chosen[parameter.key] = parameter.text(point[parameter.key])
        return point

    def _is_active(self, copy: Copy, parameterization: Mapping[str, Any]) -> bool:
        for level in copy.path:
            above = next(c for of_one in self.copies for c in of_one if c.name == level.name)
            assert isinstance(above.parameter, Choice)
            if parameterization.get(level.name) != _choice_values(above.parameter)[1][level.index]:
                return False
        return True

    def _copies(self, parameter: Parameter) -> list[Copy]:
        if not parameter.when:
            return [Copy(self._aliases.get(parameter.key, self._free_name(parameter.key)), parameter)]
        # With conditions on choices that do not depend on each other, Ax's tree follows the last; the others are
        # left to ``decode`` and to the model.
        paths = self._levels(parameter.when[-1])
        if len(paths) == 1:
            return [Copy(self._free_name(parameter.key), parameter, paths[0][0])]
        return [Copy(self._free_name(f"{parameter.key} ({text})"), parameter, path) for path, text in paths]

    def _levels(self, condition: Condition) -> list[tuple[tuple[Level, ...], str]]:
        """The places in Ax's tree where the condition holds, each with the option's text."""
        places: list[tuple[tuple[Level, ...], str]] = []
        for copy in (copy for of_one in self.copies for copy in of_one):
            choice = copy.parameter
            if choice.key != condition.key or not isinstance(choice, Choice):
                continue
            for index, option in enumerate(choice.options):
                if option.text in condition.texts:
                    level = Level(copy.name, index, len(choice.options), _one_hot(choice))
                    places.append(((*copy.path, level), option.text))
        return places

    def _free_name(self, wanted: str) -> str:
        taken = {copy.name for of_one in self.copies for copy in of_one} | set(self._aliases.values())
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted} #{number}", number + 1
        return name

    def _config(self, copy: Copy, dependents: Mapping[Any, list[str]] | None) -> Any:
        from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

        parameter = copy.parameter
        if isinstance(parameter, Choice):
            kind, values = _choice_values(parameter)
            return ChoiceParameterConfig(
                name=copy.name,
                values=values,
                parameter_type=kind,
                is_ordered=parameter.ordered,
                dependent_parameters=dependents,
            )
        if parameter.key in self._as_log:
            bounds = (math.log10(parameter.low), math.log10(parameter.high))
            return RangeParameterConfig(name=copy.name, bounds=bounds, parameter_type="float")
        return RangeParameterConfig(
            name=copy.name,
            bounds=(parameter.low, parameter.high),
            parameter_type="int" if parameter.integral else "float",
            scaling="log" if parameter.log else "linear",
        )

    def _encode(self, parameter: Parameter, value: Any) -> Any:
        if isinstance(parameter, Choice):
            _, values = _choice_values(parameter)
            text = parameter.text(value)
            return values[[option.text for option in parameter.options].index(text)]
        if parameter.key in self._as_log:
            return math.log10(value)
        return int(value) if parameter.integral else float(value)

    def _decode(self, parameter: Parameter, value: Any) -> Any:
        if isinstance(parameter, Choice):
            _, values = _choice_values(parameter)
            return parameter.options[values.index(value)].value
        number = 10.0 ** float(value) if parameter.key in self._as_log else float(value)
        number = min(max(number, float(parameter.low)), float(parameter.high))
        return round(number) if parameter.integral else number


def _one_hot(choice: Choice) -> bool:
    """Whether Ax's model sees the choice as one column per option: two options are a matter of order to it."""
    return not choice.ordered and len(choice.options) > 2


def _middle(parameter: Parameter) -> Any:
    if isinstance(parameter, Choice):
        return parameter.options[len(parameter.options) // 2].value
    middle = math.sqrt(parameter.low * parameter.high) if parameter.log else (parameter.low + parameter.high) / 2
    return round(middle) if parameter.integral else middle


def _choice_values(parameter: Choice) -> tuple[str, Sequence[Any]]:
    """Ax knows choices of one primitive type; anything else goes by the text of its options."""
    values = [option.value for option in parameter.options]
    types = {type(value) for value in values}
    if parameter.ordered and not types <= {int, float}:
        return "str", [option.text for option in parameter.options]  # in the order that the user gave
    if types == {bool}:
        return "bool", values
    if types == {int}:
        return "int", values
    if types <= {int, float} and all(math.isfinite(value) for value in values):
        return "float", [float(value) for value in values]
    if types == {str}:
        return "str", values
    return "str", [option.text for option in parameter.options]
