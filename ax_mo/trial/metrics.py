"""From what a task function returned to named values, and from any value to a number."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_MOST_BITS = 10_000
"""Of an integer that Python writes in decimal: it refuses those of more than 4300 digits."""


class MetricError(Exception):
    """The trial has not given what the study needs; says what it has given."""


@dataclass(frozen=True)
class Returned:
    """What a task returned: values by name, or by their positions alone, or one that has neither."""

    named: dict[str, Any]
    by_position: dict[str, Any] = field(default_factory=dict)
    """By the objective that has the place of each: no source that names a metric gives way to these."""
    unnamed: Any = None
    problem: str | None = None
    """The sentence that says why it has neither."""

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys([*self.named, *self.by_position]))


def by_name(value: Any, objectives: Sequence[str]) -> Returned:
    """A dict has names; a tuple or list stands for the ``objectives`` in their order; one number for the only one."""
    if isinstance(value, Mapping):
        return Returned({str(name): entry for name, entry in value.items()})
    if isinstance(value, tuple | list):
        if len(value) == len(objectives):
            return Returned({}, dict(zip(objectives, value, strict=True)))
        return Returned(
            {},
            {},
            value,
            f"the task returned {len(value)} values for {len(objectives)} objectives ({', '.join(objectives)})",
        )
    if value is None:
        return Returned({}, {}, None, "the task returned nothing")
    if as_number(value) is None:
        return Returned({}, {}, None, f"the task returned {type(value).__name__} {value!r:.200}, not numbers")
    if len(objectives) != 1:
        return Returned(
            {}, {}, value, f"the task returned one number for {len(objectives)} objectives ({', '.join(objectives)})"
        )
    return Returned({}, {objectives[0]: value})


def as_number(value: Any) -> float | None:
    """A Python number of anything that is one: int, float, numpy and torch scalars, Decimal. Else None."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        # Subclasses (numpy.float64) are not JSON's business; integers that no float can hold count as infinite.
        try:
            return int(value) if isinstance(value, int) and math.isfinite(value) else float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    item = getattr(value, "item", None)  # numpy and torch
    if callable(item):
        try:
            inner = item()
        except Exception:  # more than one element, or an "item" that is something else
            return None
        return as_number(inner) if isinstance(inner, bool | int | float) else None
    if isinstance(value, str | bytes | complex):
        return None
    try:
        return float(value)
    except Exception:
        return None


def as_json(value: Any) -> Any:
    """Any return value as strict JSON: containers kept, numbers as numbers, the rest by its text.

    NaN and infinities become the strings "nan", "inf" and "-inf".
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() < _MOST_BITS else hex(value)
    if isinstance(value, Mapping):
        return {str(key): as_json(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [as_json(entry) for entry in value]
    number = as_number(value)
    if number is None:
        return str(value)
    return number if math.isfinite(number) else str(number)
