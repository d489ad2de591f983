"""The search space in Ax's terms, and points translated both ways."""

import math
from collections.abc import Mapping
from typing import Any

from ax_mo.space.parameters import Choice, Parameter, Point, Range, Space


class AxSpace:
    """Names, types and scales that Ax accepts, for each parameter of a space.

    Ax 1.3.1 refuses constraints over parameters on a log scale. An order constraint between two of them is as
    linear in their logarithms, so those parameters are given to Ax as their base-10 logarithm. A parameter that
    appears in a constraint gets a plain name, since Ax parses constraints with SymPy.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        constrained = {name for constraint in space.constraints for name in constraint.names}
        self._names = {
            parameter.key: f"p{index}" if parameter.key in constrained else parameter.key
            for index, parameter in enumerate(space.parameters)
        }
        self._as_log = {
            parameter.key
            for parameter in space.parameters
            if isinstance(parameter, Range) and parameter.log and parameter.key in constrained
        }

    def configs(self) -> list[Any]:
        return [self._config(parameter) for parameter in self._space.parameters]

    def constraints(self) -> list[str]:
        lines: list[str] = []
        for constraint in self._space.constraints:
            if any(name in self._as_log for name in constraint.names):
                (a, weight), (b, _) = constraint.terms
                smaller, larger = (a, b) if weight > 0 else (b, a)
                lines.append(f"{self._names[smaller]} <= {self._names[larger]}")
            else:
                terms = " + ".join(f"{weight!r} * {self._names[name]}" for name, weight in constraint.terms)
                lines.append(f"{terms} <= {constraint.bound!r}")
        return lines

    def encode(self, point: Point) -> dict[str, Any]:
        """A point as Ax's parameterization."""
        return {
            self._names[parameter.key]: self._encode(parameter, point[parameter.key])
            for parameter in self._space.parameters
        }

    def decode(self, parameterization: Mapping[str, Any]) -> dict[str, Any]:
        """Ax's parameterization as a point; numbers become plain Python numbers inside their bounds."""
        return {
            parameter.key: self._decode(parameter, parameterization[self._names[parameter.key]])
            for parameter in self._space.parameters
        }

    def _config(self, parameter: Parameter) -> Any:
        from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

        name = self._names[parameter.key]
        if isinstance(parameter, Choice):
            kind, values = _choice_values(parameter)
            return ChoiceParameterConfig(
                name=name, values=values, parameter_type=kind, is_ordered=parameter.ordered and kind != "str"
            )
        if parameter.key in self._as_log:
            bounds = (math.log10(parameter.low), math.log10(parameter.high))
            return RangeParameterConfig(name=name, bounds=bounds, parameter_type="float")
        return RangeParameterConfig(
            name=name,
            bounds=(parameter.low, parameter.high),
            parameter_type="int" if parameter.integral else "float",
            scaling="log" if parameter.log else "linear",
        )

    def _encode(self, parameter: Parameter, value: Any) -> Any:
        if isinstance(parameter, Choice):
            _, values = _choice_values(parameter)
            text = parameter.text(value)
            return values[[option.text for option in parameter.options].index(text)]
        return math.log10(value) if parameter.key in self._as_log else value

    def _decode(self, parameter: Parameter, value: Any) -> Any:
        if isinstance(parameter, Choice):
            _, values = _choice_values(parameter)
            return parameter.options[values.index(value)].value
        number = 10.0 ** float(value) if parameter.key in self._as_log else float(value)
        number = min(max(number, float(parameter.low)), float(parameter.high))
        return round(number) if parameter.integral else number


def _choice_values(parameter: Choice) -> tuple[str, list[Any]]:
    """Ax knows choices of one primitive type; anything else goes by the text of its options."""
    values = [option.value for option in parameter.options]
    types = {type(value) for value in values}
    if types == {bool}:
        return "bool", values
    if types == {int}:
        return "int", values
    if types <= {int, float} and all(math.isfinite(value) for value in values):
        return "float", [float(value) for value in values]
    if types == {str}:
        return "str", values
    return "str", [option.text for option in parameter.options]
