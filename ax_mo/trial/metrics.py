"""From what a task function returned to named finite numbers."""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any


class MetricError(Exception):
    """The return value is not what the study needs; says what was returned."""


def metrics_from(value: Any, objectives: Sequence[str], required: Sequence[str]) -> dict[str, float]:
    """The metrics of one trial.

    A dict is taken by name; a tuple or list in the order of ``objectives``; one number as the only objective.
    Entries that are no finite numbers are left out unless they are ``required``. Raises MetricError.
    """
    named = _by_name(value, objectives)
    metrics: dict[str, float] = {}
    for name, entry in named.items():
        number = as_number(entry)
        if number is not None and math.isfinite(number):
            metrics[name] = number
        elif name in required:
            what = "not a number" if number is None else "not finite"
            raise MetricError(f"the metric '{name}' is {what}: {entry!r:.200}")
    for name in required:
        if name not in metrics:
            listed = ", ".join(map(str, named)) or "none"
            near = difflib.get_close_matches(name, [str(n) for n in named], n=1, cutoff=0.5)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise MetricError(f"the metric '{name}' was not returned; returned were: {listed}.{hint}")
    return metrics


def _by_name(value: Any, objectives: Sequence[str]) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {str(name): entry for name, entry in value.items()}
    if isinstance(value, tuple | list):
        if len(value) != len(objectives):
            raise MetricError(
                f"the task returned {len(value)} values for {len(objectives)} objectives ({', '.join(objectives)})"
            )
        return dict(zip(objectives, value, strict=True))
    if value is None:
        raise MetricError(
            f"the task returned nothing; return a dict with {', '.join(objectives)} from the function under @hydra.main"
        )
    if as_number(value) is None:
        raise MetricError(f"the task returned {type(value).__name__} {value!r:.200}, not numbers")
    if len(objectives) != 1:
        raise MetricError(f"the task returned one number for {len(objectives)} objectives ({', '.join(objectives)})")
    return {objectives[0]: value}


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
        except (TypeError, ValueError, RuntimeError):  # more than one element
            return None
        return as_number(inner) if isinstance(inner, bool | int | float) else None
    if isinstance(value, str | bytes | complex):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def as_json(value: Any) -> Any:
    """Any return value as strict JSON: containers kept, numbers as numbers, the rest by its text.

    NaN and infinities become the strings "nan", "inf" and "-inf".
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): as_json(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [as_json(entry) for entry in value]
    number = as_number(value)
    if number is None:
        return str(value)
    return number if math.isfinite(number) else str(number)
