"""``result.json``: what a trial writes of its end, and what its readers see.

Readers see known types throughout, or refuse the file with what is wrong in it.
"""

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ax_mo.trial import current
from ax_mo.trial.files import RESULT, SCHEMA
from ax_mo.trial.metric_sources.differences import ReturnedDifference, describe_differences
from ax_mo.trial.metric_sources.gather import gather, trial_output
from ax_mo.trial.metric_sources.precedence import choose_metrics
from ax_mo.trial.metric_sources.source import MetricError
from ax_mo.trial.numbers import as_json
from ax_mo.trial.untrusted import (
    LARGEST,
    MOST_BYTES,
    Unusable,
    is_too_deep,
    measured,
    parse_json,
    read_bytes,
    storable,
    storable_name,
)  # fmt: skip

log = logging.getLogger("ax_mo")

_LONGEST_MESSAGE = 10_000
_LONGEST_ENTRY = 4000
"""Of a traceback: a line of code or a message."""
_LONGEST_TRACEBACK = 40_000
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


def recorded_result(
    job_return: Any, spec: dict[str, Any], started: str, directory: Path, built_in: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """The content of ``result.json`` for a job that has returned or raised and whose files are in ``directory``.

    ``built_in`` are the costs that every trial has, where the job itself is asked.
    """
    value = job_return._return_value  # .return_value would raise the job's own exception
    error: dict[str, str] | None = None
    metrics: dict[str, float] = {}
    extra: dict[str, Any] = {}
    stopped: str | None = None
    if isinstance(value, BaseException):
        error = _error_content(value)
    try:
        if "objectives" not in spec:  # a job of another sweeper, which wants the value itself
            if error is None:
                extra["value"] = as_json(value)
        else:
            stopped = current.acknowledged(directory)
            if error is None or stopped is not None:
                metrics, extra = _chosen_metrics(value, spec, directory, stopped, built_in)
    except MetricError as problem:
        error = error or {"type": "MetricError", "message": storable(str(problem), _LONGEST_MESSAGE), "traceback": ""}
    except Exception as problem:  # of a value that nobody thought of: Hydra's warning alone would not reach the sweeper
        error = error or _error_content(problem, "what the task gave cannot be recorded: ")
    return _within_limits({
        "schema": SCHEMA,
        "trial": spec.get("trial"),
        "attempt": spec.get("attempt"),
        "status": "failed" if error and stopped is None else "completed",
        "metrics": metrics,
        "error": error,
        "started": started,
        "ended": now(),
        **extra,
        **({} if stopped is None else {"stopped": stopped}),
    }, spec)  # fmt: skip


def _within_limits(result: dict[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """The result without what would make it larger or deeper than its reader takes."""
    text = json.dumps(result, ensure_ascii=False)
    if len(text.encode("utf-8", "replace")) <= MOST_BYTES * 0.9 and not is_too_deep(text):
        return result
    log.warning("What the task gave is too much to be recorded: only the metrics that the study needs are.")
    metrics = {name: value for name, value in result["metrics"].items() if name in list(spec.get("required", ()))}
    small = {name: value for name, value in result.items() if name not in ("value", "sources", "differences")}
    return {**small, "metrics": metrics}


def _error_content(error: BaseException, before: str = "") -> dict[str, str]:
    """Whatever the exception is: its texts may be long, or raise exceptions themselves."""
    try:
        message = str(error)
    except Exception as problem:
        message = f"(its message cannot be shown: {type(problem).__name__})"
    try:
        entries = traceback.format_exception(type(error), error, error.__traceback__)
    except Exception:
        entries = []
    trace = "".join(storable(entry, _LONGEST_ENTRY) for entry in entries)[-_LONGEST_TRACEBACK:]
    return {
        "type": storable_name(type(error).__name__),
        "message": storable(f"{before}{message}", _LONGEST_MESSAGE),
        "traceback": trace,
    }


def _chosen_metrics(
    value: Any, spec: dict[str, Any], directory: Path, stopped: str | None, built_in: Mapping[str, float] | None
) -> tuple[dict[str, float], dict[str, Any]]:
    """The trial's metrics, and what ``result.json`` says about them. Raises MetricError."""
    required = spec.get("required", [])
    for stream in (sys.stdout, sys.stderr):  # what the task has printed may be where its metrics are
        with suppress(AttributeError, OSError, ValueError):  # they may be closed, or none
            stream.flush()
    trial = trial_output(directory, spec, value)
    candidates = gather(trial, required if stopped is None else (), built_in)
    merged = choose_metrics(candidates, required, stopped is not None)
    curve = trial.curve
    about: dict[str, Any] = {"sources": merged.sources}
    if merged.differences:
        log.warning("%s.", describe_differences(merged.differences))
        about["differences"] = [difference.as_json() for difference in merged.differences]
    if curve.dropped:
        log.warning("%d points or values of the learning curve were dropped: repeated or not finite.", curve.dropped)
    if merged.unnamed is not None:
        about["value"] = merged.unnamed
    if curve.dropped:
        about["dropped"] = curve.dropped
    return {storable_name(name): value for name, value in merged.metrics.items()}, about


def now() -> str:
    """The present moment, ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat()
