"""``result.json`` as its readers see it: of known types throughout, or refused with what is wrong in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ax_mo.trial.files import RESULT, SCHEMA
from ax_mo.trial.metric_sources.differences import ReturnedDifference
from ax_mo.trial.untrusted import LARGEST, Unusable, measured, parse_json, read_bytes, storable_name

_EARLIEST, _LATEST = 1970, 2200
"""Years that any reader of times can handle."""
_MOST_DIFFERENCES = 100
_NOT_FINITE = ("nan", "inf", "-inf")


@dataclass(frozen=True)
class TrialError:
    """The exception that a task raised."""

    kind: str
    message: str


@dataclass(frozen=True)
class TrialResult:
    """What one attempt of a trial recorded at its end. ``metrics`` are empty where there is an ``error`` alone."""

    metrics: Mapping[str, float]
    error: TrialError | None = None
    started: str | None = None
    ended: str | None = None
    stopped: str | None = None
    """Why it has stopped early; its metrics are those of its first steps then, and it may have an error as well."""
    value: Any = None
    """What the task returned, for sweepers that want that."""
    differences: tuple[ReturnedDifference, ...] = ()


def read_result(directory: Path, number: int, attempt: int) -> TrialResult | None:
    """What this attempt of the trial has recorded; None where it has recorded nothing.

    Raises Unusable, with the key that is wrong, and OSError for a file that cannot be read.
    """
    try:
        content = read_bytes(directory / RESULT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return _parsed(parse_json(content), number, attempt)
    except Unusable as problem:
        raise Unusable(f"{RESULT}: {problem}") from None


def _parsed(content: Any, number: int, attempt: int) -> TrialResult | None:
    if not isinstance(content, dict):
        raise Unusable(f"is {_shown(content)}, and no object")
    whose = [content.get(name) for name in ("trial", "attempt")]
    for name, value in zip(("trial", "attempt"), whose, strict=True):
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unusable(f"{name} is no whole number ({_shown(value)})")
    if whose != [number, attempt]:
        return None
    if content.get("schema") != SCHEMA or isinstance(content["schema"], bool):
        raise Unusable(f"schema is not {SCHEMA} ({_shown(content.get('schema'))})")
    status, stopped = content.get("status"), content.get("stopped")
    if status not in ("completed", "failed"):
        raise Unusable(f"status is neither 'completed' nor 'failed' ({_shown(status)})")
    if stopped is not None and not isinstance(stopped, str):
        raise Unusable(f"stopped is no text ({_shown(stopped)})")
    has_metrics = status == "completed" or stopped is not None
    return TrialResult(
        metrics=_metrics(content.get("metrics")) if has_metrics else {},
        error=None if has_metrics else _error(content.get("error")),
        started=_moment("started", content.get("started")),
        ended=_moment("ended", content.get("ended")),
        stopped=stopped,
        value=content.get("value"),
        differences=_differences(content.get("differences", [])) if has_metrics else (),
    )


def _metrics(given: Any) -> dict[str, float]:
    if not isinstance(given, dict):
        raise Unusable(f"metrics is no object ({_shown(given)})")
    metrics: dict[str, float] = {}
    for name, value in given.items():
        number = measured(value)
        if number is None:
            wanted = "number" if isinstance(value, bool) or not isinstance(value, int | float) else "finite number"
            beyond = f", at most {LARGEST:g}" if wanted == "finite number" else ""
            raise Unusable(f"metrics.{name} is no {wanted}{beyond} ({_shown(value)})")
        metrics[storable_name(name)] = number
    return metrics


def _differences(given: Any) -> tuple[ReturnedDifference, ...]:
    if not isinstance(given, list):
        raise Unusable(f"differences is no list ({_shown(given)})")
    return tuple(_difference(entry) for entry in given[:_MOST_DIFFERENCES])


def _difference(given: Any) -> ReturnedDifference:
    entry = given if isinstance(given, dict) else {}
    metric, source, used, returned = (entry.get(name) for name in ("metric", "source", "used", "returned"))
    number, other = measured(used), float(returned) if returned in _NOT_FINITE else measured(returned)
    if not (isinstance(metric, str) and isinstance(source, str)) or number is None or other is None:
        raise Unusable(f"differences holds what is none ({_shown(given)})")
    return ReturnedDifference(storable_name(metric), number, storable_name(source), other)


def _error(given: Any) -> TrialError:
    if not isinstance(given, dict):
        raise Unusable(f"error is no object ({_shown(given)})")
    kind, message = given.get("type"), given.get("message")
    if not isinstance(kind, str):
        raise Unusable(f"error.type is no text ({_shown(kind)})")
    if not isinstance(message, str):
        raise Unusable(f"error.message is no text ({_shown(message)})")
    return TrialError(kind, message)


def _moment(name: str, given: Any) -> str | None:
    """In ISO 8601 and UTC, as short as the database's column."""
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
        if moment.tzinfo is not None and _EARLIEST <= moment.year < _LATEST:
            return moment.astimezone(UTC).isoformat()
    except (ValueError, TypeError, OverflowError):
        pass
    raise Unusable(f"{name} is no time with its zone ({_shown(given)})")


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
