"""From any value to a number, and to strict JSON."""

import math
from collections.abc import Mapping
from typing import Any

_MOST_BITS = 10_000
"""Of an integer that Python writes in decimal: it refuses those of more than 4300 digits."""


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


def from_json(value: Any) -> Any:
    """A value of our own files, with the numbers again that ``as_json`` has written as texts."""
    return float(value) if value in ("nan", "inf", "-inf") else value


def finite_number(entry: Any) -> float | None:
    """The finite number that an entry of a document is, or whose text it is; else None."""
    if isinstance(entry, str):
        try:
            found: float | None = float(entry)
        except ValueError:
            return None
    else:
        found = None if isinstance(entry, Mapping | list | tuple) else as_number(entry)
    return found if found is not None and math.isfinite(found) else None


def finite_numbers(entry: Any) -> list[float]:
    """The finite numbers of an entry, which may be a list of them."""
    entries = entry if isinstance(entry, list | tuple) else [entry]
    return [found for one in entries if (found := finite_number(one)) is not None]
