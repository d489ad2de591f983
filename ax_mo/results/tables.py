"""Trials as rows: for scripts as JSON and CSV, for notebooks as pandas DataFrames."""

import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import pareto_front
from ax_mo.core.repeats import standard_errors
from ax_mo.core.trial import Trial, Value
from ax_mo.search_space.parameters import Choice
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trial.numbers import as_json

TIMES = ("asked", "submitted", "started", "ended")


def front_numbers(record: StudySnapshot) -> frozenset[int]:
    """The trials on the front."""
    return frozenset(trial.number for trial in pareto_front(record.trials, record.goals))


def trial_as_json(trial: Trial, record: StudySnapshot, front: Collection[int]) -> dict[str, Any]:
    """One trial as strict JSON; ``front`` is the numbers of those on it."""
    return {
        "trial": trial.number,
        "status": trial.status.value,
        "pareto": trial.number in front,
        "params": as_json(dict(trial.point)),
        "metrics": dict(trial.metrics),
        "standard_errors": standard_errors(trial, list(trial.metrics)),
        "samples": [dict(sample) for sample in trial.samples],
        "overrides": list(trial.overrides),
        "directory": str(record.directory / trial.directory),
        "reason": trial.reason,
        "generator": trial.generator,
        "attempt": trial.attempt,
        **({} if trial.budget is None else {"budget": trial.budget.value}),
        **{name: getattr(trial, name) for name in TIMES},
    }


def metric_names(goals: Goals, trials: Sequence[Trial]) -> list[str]:
    """Objectives and constrained metrics first, then what else any trial has."""
    return list(dict.fromkeys([*goals.required, *(name for trial in trials for name in trial.metrics)]))


def frame(trials: Sequence[Trial], record: StudySnapshot) -> Any:
    """A pandas DataFrame with a row per trial, by number.

    Columns: ``status``, ``budget`` (where trials train in rungs), ``pareto`` (whether it is on the front),
    ``params.<key>`` (missing where the parameter is inactive), ``metrics.<name>``, ``sem.<name>`` (standard errors,
    with repeats only), ``reason``, ``generator``, ``attempt``, ``asked``, ``submitted``, ``started``, ``ended`` (UTC)
    and ``directory`` (absolute).
    """
    import pandas as pd

    def series(name: str, values: list[Any]) -> Any:
        kind, _, key = name.partition(".")
        if kind == "params" and None not in _options(
            record, key
        ):  # where a value is null, that is not the same as none
            return _column(values, pd)
        if kind in TIMES:
            return pd.to_datetime(pd.Series(values, dtype="object"), utc=True, format="ISO8601")
        dtypes = {"params": "object", "reason": "object", "metrics": "float64", "sem": "float64"}
        return pd.Series(values, dtype=dtypes[kind]) if kind in dtypes else values

    columns = {name: series(name, values) for name, values in _columns(trials, record).items()}
    made = pd.DataFrame(columns)
    made.index = pd.Index([trial.number for trial in trials], name="trial", dtype="int64")
    return made


def _columns(trials: Sequence[Trial], record: StudySnapshot) -> dict[str, list[Any]]:
    """The values of each column, a value for each trial."""
    front, metrics = front_numbers(record), metric_names(record.goals, record.trials)
    errors = [standard_errors(trial, metrics) for trial in trials]
    with_error = [name for name in metrics if any(name in of_trial for of_trial in errors)]
    in_rungs = any(trial.budget is not None for trial in trials)
    return {
        "status": [trial.status.value for trial in trials],
        **({"budget": [trial.budget and trial.budget.value for trial in trials]} if in_rungs else {}),
        "pareto": [trial.number in front for trial in trials],
        **{f"params.{key}": [trial.point.get(key) for trial in trials] for key in record.space.keys},
        **{f"metrics.{name}": [trial.metrics.get(name) for trial in trials] for name in metrics},
        **{f"sem.{name}": [of_trial.get(name) for of_trial in errors] for name in with_error},
        **{name: [getattr(trial, name) for trial in trials] for name in ("reason", "generator", "attempt", *TIMES)},
        "directory": [str(record.directory / trial.directory) for trial in trials],
    }


def flat(trials: Sequence[Trial], record: StudySnapshot) -> Any:
    """The ``frame`` with one type a column, for a file: what is neither all numbers nor all true or false is text.

    Text stays as it is; other values, null among them, are JSON. Where two values of a parameter would then be the same
    text, as 2.5 and '2.5', all of its text is JSON as well.
    """
    table = frame(trials, record)
    for key in record.space.keys:
        name = f"params.{key}"
        if table[name].dtype == object:
            write = _writer(record, key)
            table[name] = [write(trial.point[key]) if key in trial.point else None for trial in trials]
    return table


def csv_text(trials: Sequence[Trial], record: StudySnapshot) -> str:
    """What ``frame`` has, as CSV: times in ISO 8601, whole numbers without a point, nothing where there is no value."""
    columns: dict[str, Sequence[Any]] = {"trial": [trial.number for trial in trials]}
    for name, values in _columns(trials, record).items():
        kind, _, key = name.partition(".")
        if kind == "params":
            columns[name] = _csv_values(trials, record, key)
        else:
            write = {"pareto": json_text, "metrics": _number, "sem": _number}.get(kind)
            columns[name] = values if write is None else [write(value) for value in values]
    return as_csv(list(columns), zip(*columns.values(), strict=True))


def as_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Lines of CSV; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def json_text(value: Any) -> str:
    """A parameter's value as text: text as it is, all else as JSON, which lacks a word for nan."""
    return value if isinstance(value, str) else repr(value) if isinstance(value, float) else _as_json_text(value)


def _as_json_text(value: Any) -> str:
    return json.dumps(as_json(value))


def _options(record: StudySnapshot, key: str) -> list[Value]:
    """All values of a choice."""
    found = [p for p in record.space.parameters if isinstance(p, Choice) and p.key == key]
    return [option.value for parameter in found for option in parameter.options]


def _writer(record: StudySnapshot, key: str) -> Callable[[Any], str]:
    """How values of a column of text are written: text as JSON too, where else two options would be alike."""
    options = [_as_json_text(value) for value in _options(record, key)]
    alike = len({json_text(json.loads(option)) for option in options}) < len(set(options))
    return _as_json_text if alike else json_text


def _csv_values(trials: Sequence[Trial], record: StudySnapshot, key: str) -> list[str | None]:
    values = [trial.point[key] for trial in trials if key in trial.point]
    are_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    write = _number if are_numbers and None not in _options(record, key) else _writer(record, key)
    return [write(trial.point[key]) if key in trial.point else None for trial in trials]


def _number(value: float | None) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return None if value is None else repr(value)


def _column(values: list[Any], pd: Any) -> Any:
    """Numbers as numbers where all are, true and false as such, anything else as it is."""
    if any(isinstance(v, bool) for v in values) and all(v is None or isinstance(v, bool) for v in values):
        return pd.Series(values, dtype="boolean")
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values if v is not None)
    given = [value for value in values if value is not None]
    if not given or not numbers:
        return pd.Series(values, dtype="object")
    whole = len(given) == len(values) and all(isinstance(v, int) and abs(v) < 2**63 for v in values)
    return pd.Series(values, dtype="int64" if whole else "float64")
