"""One entry of ``params``, or one override of the command line, becomes a parameter."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    QuotedString,
    RangeSweep,
)
from hydra.errors import HydraException

from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.compat import plain_value
from ax_mo.hydra_project.overrides import as_text
from ax_mo.search_space.parameters import Choice, Option, Parameter, Range

_EXAMPLES = (
    "interval(low, high), tag(log, interval(low, high)), int(interval(low, high)), range(start, stop), choice(a, b)"
)

# The model goes through the options of a choice one by one.
_MANY_OPTIONS = 1000


@dataclass(frozen=True)
class FixedOverride:
    """An override that is the same in every trial in which it is given."""

    key: str
    line: str
    is_group: bool = False
    text: str = ""
    """Its value, as the options of a choice are written."""
    value: Any = None


GroupOptions = Callable[[str], Sequence[str]]
"""The options of a config group; empty where the name is no group."""


def parse_entry(line: str, where: str, group_options: GroupOptions) -> Parameter | FixedOverride:
    """Parse ``key=value`` in Hydra's grammar; raises ConfigError that begins with ``where``."""
    try:
        override = OverridesParser.create().parse_override(line)
    except HydraException as error:
        raise ConfigError(f"{where}: {_syntax_hint(line, str(error))}") from None
    return from_override(override, group_options, where)


def from_override(
    override: Override, group_options: GroupOptions, where: str | None = None
) -> Parameter | FixedOverride:
    """A parsed override as a parameter, or as fixed when it sweeps nothing.

    ``where`` is what error messages call its place; the command line by default.
    """
    key = override.get_key_element()
    typed = where is None
    where = where or f"the command line's {override.input_line}"
    if override.is_hydra_override():
        raise ConfigError(
            f"{where}: Hydra's own settings cannot be searched. Remove it from params; set it on the "
            "command line or in a config file."
        )
    options = _options_of(override, group_options)
    if not override.is_sweep_override():
        value = override.value()
        if options and value is None and not override.is_delete():
            raise _null_option(key, where)
        line = str(override.input_line)
        if options and as_name(value) != value:  # Hydra takes no number for an option, and says so in a ValueError
            value = as_name(value)
            line = f"{key}={as_text(value)}"
        # A deletion sets nothing, so that nothing of it could be lost.
        return FixedOverride(key, line, bool(options), as_text(value), {} if override.is_delete() else value)
    if override.is_delete():
        raise ConfigError(f"{where}: a deletion ('~') cannot be swept over.")
    sweep = override.value()
    if options and isinstance(sweep, IntervalSweep | RangeSweep):
        raise ConfigError(
            f"{where} is a config group; choose among its options, for example 'choice({', '.join(options)})'."
        )
    if isinstance(sweep, IntervalSweep):
        return _interval(key, sweep, where)
    if isinstance(sweep, RangeSweep):
        return _range(key, sweep, where)
    if typed and isinstance(sweep, ChoiceSweep) and len(sweep.list) == 1:
        # Hydra refuses a plain value whose key the project's own config lacks, if only until an option is chosen.
        only = as_name(sweep.list[0]) if options else sweep.list[0]
        text = as_text(only)
        return FixedOverride(key, f"{key}={text}", bool(options), text, plain_value(only))
    return _choice(key, override, sweep, options, where)


def _options_of(override: Override, group_options: GroupOptions) -> list[str]:
    """The options of the override's group, and those in sub-folders that it names; empty where it is no group."""
    group = override.key_or_group
    known = list(group_options(group))
    if override.is_delete():
        return known
    value = override.value()
    if isinstance(value, ChoiceSweep):
        value = [entry for element in value.list for entry in (element if isinstance(element, list) else [element])]
    for name in value if isinstance(value, list) else [value]:
        folder, slash, option = str(name.text if isinstance(name, QuotedString) else name).rpartition("/")
        if slash and folder and option in group_options(f"{group}/{folder}"):
            known.append(f"{folder}/{option}")
    return known


def as_name(element: Any) -> Any:
    """An option of a config group, or a list of them, as names: they are, even where they look like numbers."""
    if isinstance(element, list):
        return [as_name(inner) for inner in element]
    return as_text(element) if isinstance(element, int | float) else element


def _tags(where: str, tags: Sequence[str], allowed: Sequence[str], what: str) -> bool:
    """Whether 'log' is among the tags; refuses tags that would be ignored."""
    for tag in sorted(tags):
        if tag not in allowed:
            known = f"only {', '.join(allowed)}" if allowed else "none"
            raise ConfigError(f"{where}: the tag '{tag}' means nothing for {what}; tags known there: {known}.")
    return "log" in tags


def _interval(key: str, sweep: IntervalSweep, where: str) -> Range:
    assert sweep.start is not None and sweep.end is not None
    log = _tags(where, list(sweep.tags), ("log",), "an interval")
    # Hydra makes floats of the bounds of interval(...), and whole numbers of those of int(interval(...)).
    integral = isinstance(sweep.start, int) and isinstance(sweep.end, int)
    return _bounded(Range(key, sweep.start, sweep.end, integral, log), where)


def _bounded(parameter: Range, where: str) -> Range:
    low, high = parameter.low, parameter.high
    if math.isinf(low) or math.isinf(high):
        raise ConfigError(f"{where}: the bounds must be finite in {parameter.describe()}.")
    if not low < high:
        raise ConfigError(
            f"{where}: the lower bound {low} is not below the upper bound {high} in {parameter.describe()}."
        )
    if parameter.log and low <= 0:
        raise ConfigError(f"{where}: a log scale needs a lower bound above 0, not {low}, in {parameter.describe()}.")
    return parameter


def _range(key: str, sweep: RangeSweep, where: str) -> Parameter:
    """A range's stop is exclusive, as in Hydra and in Python."""
    log = _tags(where, list(sweep.tags), ("log",), "a range")
    # In decimals: Hydra 1.3.8 adds up the errors of floats, so that 0.3 would be no value of range(0, 1, step=0.1).
    start, stop, step = (Decimal(repr(number)) for number in (sweep.start, sweep.stop, sweep.step))
    finite = all(number.is_finite() for number in (start, stop, step))
    count = max(0, math.ceil((stop - start) / step)) if step and finite else 0
    if count < 2:
        raise ConfigError(
            f"{where}: range({sweep.start}, {sweep.stop}, step={sweep.step}) holds {count} value(s); a "
            "search needs at least two (the stop is exclusive)."
        )
    # Hydra 1.4.0rc3 leaves the bounds of float(range(...)) as they are, and casts each value when its turn comes.
    casts = getattr(sweep, "transformers", ())
    integral = (
        isinstance(sweep.start, int)
        and isinstance(sweep.step, int)
        and not any(isinstance(cast(1), float) for cast in casts)
    )
    number: type[int] | type[float] = int if integral else float
    first, last = sorted((start, start + step * (count - 1)))
    neighbours = Range(key, number(first), number(last), integral, log)
    if integral and abs(sweep.step) == 1:
        return _bounded(neighbours, where)
    if log:
        raise ConfigError(f"{where}: a log scale needs steps of 1 (or no step); write {neighbours.describe()}.")
    if count > _MANY_OPTIONS:
        raise ConfigError(
            f"{where}: range({sweep.start}, {sweep.stop}, step={sweep.step}) holds {count:,} values, too many to go "
            f"through one by one; use a larger step, or write {neighbours.describe()}."
        )
    values = [number(value) for value in sorted(start + step * index for index in range(count))]
    return Choice(key, tuple(Option(value, as_text(value)) for value in values), ordered=True)


def _choice(key: str, override: Override, sweep: Any, group_options: Sequence[str], where: str) -> Choice:
    ordered: bool | None = None  # what a tag says
    if isinstance(sweep, Glob):
        if not group_options:
            raise ConfigError(f"{where}: glob(...) chooses options of a config group, and there is no such group.")
        elements: list[Any] = sweep.filter(list(group_options))
    else:
        assert isinstance(sweep, ChoiceSweep)
        if "log" in sweep.tags:
            raise ConfigError(
                f"{where}: the tag 'log' means nothing for a choice; write tag(log, interval(low, high)), or "
                "leave the tag out."
            )
        _tags(where, list(sweep.tags), ("ordered", "categorical"), "a choice")
        ordered = None if not sweep.tags else "ordered" in sweep.tags
        elements = list(sweep.list)
    if group_options:
        elements = [as_name(element) for element in elements]
    options = _distinct(elements)
    if len(options) < 2:
        listed = f" The group has: {', '.join(group_options)}." if group_options else ""
        raise ConfigError(
            f"{where}: '{override.get_value_string()}' holds {len(options)} value(s); a search needs at least "
            f"two.{listed}" + (f" To fix it, write '{key}: {options[0].text}'." if options else "")
        )
    if group_options:
        _check_options(key, options, group_options, where)
    numbers = all(isinstance(o.value, int | float) and not isinstance(o.value, bool) for o in options)
    if numbers and not group_options and ordered is not False:
        options = sorted(options, key=lambda option: float(option.value))
    if ordered is None:
        ordered = numbers and not group_options
    return Choice(key, tuple(options), ordered, is_group=bool(group_options))


def _check_options(key: str, options: Sequence[Option], known: Sequence[str], where: str) -> None:
    for option in options:
        if option.value is None:
            raise _null_option(key, where)
        chosen = option.value if isinstance(option.value, list) else [option.value]
        for name in chosen:
            if str(name) not in known:
                raise ConfigError(
                    f"{where}: the config group '{key.lstrip('+')}' has no option '{name}'; it has: "
                    f"{', '.join(known)}.{closest(str(name), known)}"
                )


def _null_option(key: str, where: str) -> ConfigError:
    return ConfigError(
        f"{where}: Hydra has no option null for the config group '{key.lstrip('+')}'; write [] to leave the group out."
    )


def _distinct(elements: Sequence[Any]) -> list[Option]:
    options: dict[tuple[type, str], Option] = {}
    for element in elements:
        value = plain_value(element)
        options.setdefault((type(value), repr(value)), Option(value, as_text(element)))
    return list(options.values())


def _syntax_hint(line: str, error: str) -> str:
    value = line.split("=", 1)[1] if "=" in line else line
    if "NoneType is incompatible" in error:
        return f"'{value}': null cannot stand in choice(...); write the values as a plain list, such as a,b,null."
    if "empty choice" in error:
        return "the choice is empty; a search needs at least two values."
    call = re.fullmatch(r"\s*([A-Za-z_][\w.]*)\s*\(.*\)\s*", value, re.DOTALL)
    if call and call[1] not in create_functions().functions:
        return f"'{call[1]}(...)' is not in Hydra's grammar; write {_EXAMPLES}."
    first = error.strip().splitlines()[0] if error.strip() else "it does not parse"
    return (
        f"'{value}' is not in Hydra's grammar ({first}). Write {_EXAMPLES}, or a plain value; quote strings that hold "
        "special characters."
    )
