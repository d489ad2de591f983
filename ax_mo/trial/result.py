"""``result.json`` as its readers see it: known types throughout, or a refusal with what is wrong in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ax_mo.trial.files import RESULT, SCHEMA
from ax_mo.trial.metric_sources.differences import ReturnedDifference
from ax_mo.trial.numbers import from_json
from ax_mo.trial.untrusted import LARGEST, Unusable, measured, parse_json, read_bytes, storable_name

_EARLIEST, _LATEST = 1970, 2200
"""Years that any reader of times can handle."""
_MOST_DIFFERENCES = 100


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


def now() -> str:
    """The present moment, ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat()


def read_result(directory: Path, number: int, attempt: int) -> TrialResult | None:
    """What this attempt of the trial has recorded; None where it has recorded nothing.

    Raises Unusable, with the key that is wrong, and OSError for a file that cannot be read.
    """
    try:
        content = read_bytes(directory / RESULT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Unusable as problem:
        raise Unusable(f"{RESULT} {problem}") from None
    try:
        return _parsed(parse_json(content), number, attempt)
    except Unusable as problem:
        raise Unusable(f"{RESULT}: {problem}") from None


def _parsed(content: Any, number: int, attempt: int) -> TrialResult | None:
    if not isinstance(content, dict):
        raise Unusable(f"is {_shown(content)}, and no object")
    whose = [_of_type(content, name, int, "whole number") for name in ("trial", "attempt")]
    if whose != [number, attempt]:
        return None
    if _of_type(content, "schema", int, "whole number") != SCHEMA:
        raise Unusable(f"schema is not {SCHEMA} ({_shown(content['schema'])})")
    status, stopped = content.get("status"), content.get("stopped")
    if status not in ("completed", "failed"):
        raise Unusable(f"status is neither 'completed' nor 'failed' ({_shown(status)})")
    if stopped is not None:
        _of_type(content, "stopped", str, "text")
    started, ended = (_moment(name, content.get(name)) for name in ("started", "ended"))
    if status == "failed" and stopped is None:
        error = _of_type(content, "error", dict, "object")
        kind, message = (_of_type(error, name, str, "text", "error.") for name in ("type", "message"))
        return TrialResult({}, TrialError(kind, message), started, ended)
    metrics = _of_type(content, "metrics", dict, "object")
    differences = _of_type({"differences": [], **content}, "differences", list, "list")
    return TrialResult(
        {storable_name(name): _metric(name, value) for name, value in metrics.items()},
        started=started,
        ended=ended,
        stopped=stopped,
        value=content.get("value"),
        differences=tuple(_difference(entry) for entry in differences[:_MOST_DIFFERENCES]),
    )


def _of_type(content: Mapping[str, Any], name: str, kind: type, noun: str, before: str = "") -> Any:
    value = content.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Unusable(f"{before}{name} is no {noun} ({_shown(value)})")
    return value


def _metric(name: str, value: Any) -> float:
    number = measured(value)
    if number is None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        wanted = f"finite number, at most {LARGEST:g}" if is_number else "number"
        raise Unusable(f"metrics.{name} is no {wanted} ({_shown(value)})")
    return number


def _difference(given: Any) -> ReturnedDifference:
    entry = given if isinstance(given, dict) else {}
    metric, source, returned = (from_json(entry.get(name)) for name in ("metric", "source", "returned"))
    used = measured(entry.get("used"))
    is_number = isinstance(returned, float) or measured(returned) is not None
    if not (isinstance(metric, str) and isinstance(source, str) and is_number) or used is None:
        raise Unusable(f"differences holds what is none ({_shown(given)})")
    return ReturnedDifference(storable_name(metric), used, storable_name(source), returned)


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
