"""The ``search_space`` of Hydra's Optuna sweeper, as entries of ``params`` in Hydra's override grammar."""

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.overrides import as_text

_TYPES = ("int", "float", "categorical")
_SETTINGS = ("type", "low", "high", "log", "step", "choices")
_OF_NUMBERS = ("low", "high", "log", "step")

# A step makes a choice among single values, each of which the model goes through.
_MANY = 1000


def translated(search_space: Mapping[str, Any]) -> dict[str, str]:
    """Each dotted key with its values in Hydra's grammar: ``{x: {type: int, low: 1, high: 4}}`` is
    ``{x: int(interval(1, 4))}``. Bounds belong to the space, as in Optuna. Raises ConfigError that names the key.
    """
    return {key: _values(key, entry) for key, entry in _distributions(search_space)}


def _where(key: str) -> str:
    return f"hydra.sweeper.search_space.{key}"


def _distributions(search_space: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their distributions; on the command line, ``search_space.optim.lr.low=0`` nests."""
    for name, entry in search_space.items():
        key = f"{prefix}{name}"
        if isinstance(entry, Mapping) and entry and all(isinstance(inner, Mapping) for inner in entry.values()):
            yield from _distributions(entry, f"{key}.")
        else:
            yield key, entry


def _values(key: str, entry: Any) -> str:
    where = _where(key)
    if not isinstance(entry, Mapping):
        raise ConfigError(
            f"{where}: an entry is a mapping, such as {{type: float, low: 0.0, high: 1.0}}, and not {entry!r}. Hydra's "
            "grammar (interval, choice, range) goes under hydra.sweeper.params."
        )
    for name in entry:
        if name not in _SETTINGS:
            raise ConfigError(
                f"{where}: unknown setting '{name}'; an entry takes {', '.join(_SETTINGS)}."
                f"{closest(str(name), _SETTINGS)}"
            )
    if entry.get("type") is None:
        raise ConfigError(f"{where} has no 'type'; write one of {', '.join(_TYPES)}.")
    kind = str(getattr(entry["type"], "name", entry["type"]))  # an enum, in configs that were written in Python
    if kind not in _TYPES:
        raise ConfigError(
            f"{where}.type: unknown type '{kind}'; write one of {', '.join(_TYPES)}.{closest(kind.lower(), _TYPES)}"
        )
    foreign = _OF_NUMBERS if kind == "categorical" else ("choices",)
    for name in foreign:
        if entry.get(name) is not None and entry[name] is not False:
            raise ConfigError(f"{where}: '{name}' means nothing for type {kind}; remove it, or change the type.")
    if kind == "categorical":
        return _categorical(where, entry.get("choices"))
    return _int(where, entry) if kind == "int" else _float(where, entry)


def _categorical(where: str, choices: Any) -> str:
    if not isinstance(choices, Sequence) or isinstance(choices, str) or not choices:
        raise ConfigError(f"{where}.choices must be a list of values, such as [adam, sgd], and not {choices!r}.")
    # A plain list, since choice(...) takes no null; a single value is the same in every trial.
    return ",".join(dict.fromkeys(map(_choice, choices)))


def _choice(value: Any) -> str:
    # Optuna's choices are scalars: projects write lists as text there, for Hydra to read.
    if isinstance(value, str) and value[:1] + value[-1:] in ("[]", "{}"):
        return value
    return as_text(value)


def _int(where: str, entry: Mapping[str, Any]) -> str:
    low, high = _whole(where, entry, "low"), _whole(where, entry, "high")
    step = 1 if entry.get("step") is None else _whole(where, entry, "step")
    log = _log(where, entry)
    _check(where, low, high, step)
    if log and step != 1:
        raise _step_and_log(where)
    if log and low < 1:
        raise ConfigError(f"{where}: a log scale needs a 'low' of at least 1, not {low}.")
    last = low + (high - low) // step * step
    if last == low:
        return str(low)
    if log:
        return f"tag(log, int(interval({low}, {high})))"
    if step == 1:
        return f"int(interval({low}, {high}))"
    _countable(where, (last - low) // step + 1)
    return f"range({low}, {last + 1}, step={step})"


def _float(where: str, entry: Mapping[str, Any]) -> str:
    low, high = float(_number(where, entry, "low")), float(_number(where, entry, "high"))
    step = None if entry.get("step") is None else float(_number(where, entry, "step"))
    log = _log(where, entry)
    _check(where, low, high, step)
    if log and step is not None:
        raise _step_and_log(where)
    if log and low <= 0:
        raise ConfigError(f"{where}: a log scale needs a 'low' above 0, not {low}.")
    if low == high:
        return repr(low)
    if log:
        return f"tag(log, interval({low!r}, {high!r}))"
    if step is None:
        return f"interval({low!r}, {high!r})"
    # In decimals, so that 0.3 is a multiple of 0.1, and one by one: Hydra 1.3's range of floats adds up their errors.
    start, width = Decimal(repr(low)), Decimal(repr(step))
    count = int((Decimal(repr(high)) - start) / width) + 1
    _countable(where, count)
    values = [repr(float(start + width * index)) for index in range(count)]
    return values[0] if count == 1 else f"choice({', '.join(values)})"


def _check(where: str, low: float, high: float, step: float | None) -> None:
    if low > high:
        raise ConfigError(f"{where}: 'low' ({low}) is above 'high' ({high}).")
    if step is not None and step <= 0:
        raise ConfigError(f"{where}.step must be above 0, not {step}.")


def _countable(where: str, count: int) -> None:
    if count > _MANY:
        raise ConfigError(
            f"{where}: {count:,} values between 'low' and 'high' are too many; use a larger 'step' or none."
        )


def _step_and_log(where: str) -> ConfigError:
    return ConfigError(f"{where}: 'log' and 'step' exclude each other; remove one of them.")


def _log(where: str, entry: Mapping[str, Any]) -> bool:
    log = entry.get("log")
    if log is not None and not isinstance(log, bool):
        raise ConfigError(f"{where}.log must be true or false, not {log!r}.")
    return bool(log)


def _whole(where: str, entry: Mapping[str, Any], name: str) -> int:
    value = _number(where, entry, name)
    if value != int(value):
        raise ConfigError(f"{where}.{name} must be a whole number for type int, not {value!r}; or write type: float.")
    return int(value)


def _number(where: str, entry: Mapping[str, Any], name: str) -> float:
    value = entry.get(name)
    if value is None:
        raise ConfigError(f"{where} has no '{name}'; type {entry['type']} needs 'low' and 'high'.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{where}.{name} must be a finite number, not {value!r}.")
    return value
