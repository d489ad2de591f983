"""A space as JSON, and back: what a study's readers know of it without the project. Pure."""

from collections.abc import Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from ax_mo.core.linear import LinearConstraint
from ax_mo.search_space.parameters import Choice, Condition, ConditionalOverride, Option, Parameter, Range, Space


def space_as_json(space: Space) -> dict[str, Any]:
    """Only what JSON has: the value of an option is told by its text in Hydra's grammar, which keeps its type."""
    return {
        "parameters": [_parameter_as_json(parameter) for parameter in space.parameters],
        "constraints": [{"terms": dict(c.terms), "bound": c.bound, "text": c.text} for c in space.constraints],
        "fixed": list(space.fixed),
        "conditional": [{"key": c.key, "line": c.line, "when": _when_as_json(c.when)} for c in space.conditional],
    }


def space_from_json(written: Mapping[str, Any]) -> Space:
    """The space that was written. Raises KeyError or ValueError for what is no space."""
    return Space(
        tuple(_parameter_from_json(parameter) for parameter in written["parameters"]),
        tuple(LinearConstraint(tuple(c["terms"].items()), c["bound"], c["text"]) for c in written["constraints"]),
        tuple(written["fixed"]),
        tuple(ConditionalOverride(c["key"], c["line"], _when_from_json(c["when"])) for c in written["conditional"]),
    )


def _parameter_as_json(parameter: Parameter) -> dict[str, Any]:
    common = {"key": parameter.key, "when": _when_as_json(parameter.when)}
    if isinstance(parameter, Range):
        bounds = {"low": parameter.low, "high": parameter.high}
        return {**common, **bounds, "integral": parameter.integral, "log": parameter.log}
    options = [option.text for option in parameter.options]
    return {**common, "options": options, "ordered": parameter.ordered, "group": parameter.is_group}


def _parameter_from_json(written: Mapping[str, Any]) -> Parameter:
    key, when = written["key"], _when_from_json(written["when"])
    if "options" not in written:
        return Range(key, written["low"], written["high"], written["integral"], written["log"], when)
    options = tuple(Option(_value(text), text) for text in written["options"])
    return Choice(key, options, written["ordered"], written["group"], when)


def _value(text: str) -> Any:
    return OverridesParser.create().parse_override(f"x={text}").value()


def _when_as_json(when: tuple[Condition, ...]) -> list[dict[str, Any]]:
    return [{"key": condition.key, "texts": list(condition.texts)} for condition in when]


def _when_from_json(written: Any) -> tuple[Condition, ...]:
    return tuple(Condition(condition["key"], tuple(condition["texts"])) for condition in written)
