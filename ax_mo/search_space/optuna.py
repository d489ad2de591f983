"""The ``search_space`` of Hydra's Optuna sweeper, as entries of ``params`` in Hydra's override grammar."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.overrides import as_text
from ax_mo.hydra_project.settings import given_values, parse_block

_TYPES = ("int", "float", "categorical")


@dataclass(frozen=True)
class _Distribution:
    """An entry as it is written; ``type`` may be an enum, in configs that were written in Python."""

    type: Any = None
    low: float | None = None
    high: float | None = None
    log: bool | None = None
    step: float | None = None
    choices: Any = None


def translated(search_space: Mapping[str, Any]) -> dict[str, str]:
    """Each dotted key with its values in Hydra's grammar: ``{x: {type: int, low: 1, high: 4}}`` is
    ``{x: int(interval(1, 4))}``. Bounds belong to the space, as in Optuna. Raises ConfigError that names the key.
    """
    return {key: _values(f"hydra.sweeper.search_space.{key}", entry) for key, entry in _entries(search_space)}


def _entries(search_space: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their distributions; on the command line, ``search_space.optim.lr.low=0`` nests."""
    for name, entry in search_space.items():
        key = f"{prefix}{name}"
        if isinstance(entry, Mapping) and entry and all(isinstance(inner, Mapping) for inner in entry.values()):
            yield from _entries(entry, f"{key}.")
        else:
            yield key, entry


def _values(where: str, entry: Any) -> str:
    example = "{type: float, low: 0.0, high: 1.0}"
    given = parse_block(_Distribution, given_values(entry, where, example), where, example)
    kind = str(getattr(given.type, "name", given.type))
    if kind not in _TYPES:
        raise ConfigError(
            f"{where}.type must be one of {', '.join(_TYPES)}, not {kind}.{closest(kind.lower(), _TYPES)}"
        )
    for name in ("low", "high", "log", "step") if kind == "categorical" else ("choices",):
        if (value := getattr(given, name)) is not None and value is not False:
            raise ConfigError(f"{where}: '{name}' means nothing for type {kind}; remove it, or change the type.")
    return _categorical(where, given.choices) if kind == "categorical" else _number(where, kind, given)


def _categorical(where: str, choices: Any) -> str:
    if not isinstance(choices, list) or not choices:
        raise ConfigError(f"{where}.choices must be a list of values, such as [adam, sgd], and not {choices!r}.")
    # A plain list, since choice(...) takes no null; a single value is the same in every trial.
    return ",".join(dict.fromkeys(map(_choice, choices)))


def _choice(value: Any) -> str:
    # Optuna's choices are scalars: projects write lists as text there, for Hydra to read.
    if isinstance(value, str) and value[:1] + value[-1:] in ("[]", "{}"):
        return value
    return as_text(value)


def _number(where: str, kind: str, given: _Distribution) -> str:
    """The range; whether its bounds are in order is for the grammar's reader to say."""
    if given.low is None or given.high is None:
        missing = "low" if given.low is None else "high"
        raise ConfigError(f"{where} has no '{missing}'; type {kind} needs 'low' and 'high'.")
    for name in ("low", "high", "step"):
        value = getattr(given, name)
        if kind == "int" and value is not None and not value.is_integer():
            raise ConfigError(
                f"{where}.{name} must be a whole number for type int, not {value!r}; or write type: float."
            )
    cast = int if kind == "int" else float
    low, high = cast(given.low), cast(given.high)
    if given.step is None or (kind == "int" and given.step == 1):
        if low == high:
            return repr(low)
        text = f"interval({low}, {high})"
        text = f"int({text})" if kind == "int" else text
    else:
        if not given.step > 0:
            raise ConfigError(f"{where}.step must be above 0, not {given.step}.")
        start, step = Decimal(repr(low)), Decimal(repr(cast(given.step)))  # so that 0.3 is a multiple of 0.1
        steps = (Decimal(repr(high)) - start) // step
        if steps == 0:
            return repr(low)
        stop = cast(start + step * steps) + cast(given.step / 2)  # between the last value and what would be the next
        text = f"range({low}, {stop}, step={cast(given.step)})"
    return f"tag(log, {text})" if given.log else text
