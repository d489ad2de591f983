"""Trials as rows: for scripts as JSON and CSV, for notebooks as pandas DataFrames."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from ax_mo.core.pareto import pareto_front
from ax_mo.core.repeats import standard_errors
from ax_mo.core.trial import Trial, Value
from ax_mo.search_space.parameters import Choice
from ax_mo.storage.snapshot import StudyRecord
from ax_mo.trial.numbers import as_json

TIMES = ("asked", "submitted", "started", "ended")


def front_numbers(record: StudyRecord) -> frozenset[int]:
    """The trials on the front."""
    return frozenset(trial.number for trial in pareto_front(record.trials, record.goals))


def trial_as_json(trial: Trial, record: StudyRecord, front: Collection[int]) -> dict[str, Any]:
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
        **{name: getattr(trial, name) for name in TIMES},
    }


def frame(trials: Sequence[Trial], record: StudyRecord) -> Any:
    """A pandas DataFrame with a row per trial, by number.

    Columns: ``status``, ``pareto`` (whether it is on the front), ``params.<key>`` (missing where the parameter is
    inactive), ``metrics.<name>``, ``sem.<name>`` (standard errors, with repeats only), ``reason``, ``generator``,
    ``attempt``, ``asked``, ``submitted``, ``started``, ``ended`` (UTC) and ``directory`` (absolute).
    """
    import pandas as pd

    front = front_numbers(record)
    metrics = list(
        dict.fromkeys([*record.goals.required, *(name for trial in record.trials for name in trial.metrics)])
    )
    columns: dict[str, Any] = {
        "status": [trial.status.value for trial in trials],
        "pareto": [trial.number in front for trial in trials],
    }
    for key in record.space.keys:
        values = [trial.point.get(key) for trial in trials]
        # A value that is null is not the same as none.
        plain = None in _options(record, key)
        columns[f"params.{key}"] = pd.Series(values, dtype="object") if plain else _column(values, pd)
    for name in metrics:
        columns[f"metrics.{name}"] = pd.Series([trial.metrics.get(name) for trial in trials], dtype="float64")
    errors = [standard_errors(trial, metrics) for trial in trials]
    for name in metrics:
        if any(name in of_trial for of_trial in errors):
            columns[f"sem.{name}"] = pd.Series([of_trial.get(name) for of_trial in errors], dtype="float64")
    columns["reason"] = pd.Series([trial.reason for trial in trials], dtype="object")
    columns["generator"] = [trial.generator for trial in trials]
    columns["attempt"] = [trial.attempt for trial in trials]
    for name in TIMES:
        moments = [getattr(trial, name) for trial in trials]
        columns[name] = pd.to_datetime(pd.Series(moments, dtype="object"), utc=True, format="ISO8601")
    columns["directory"] = [str(record.directory / trial.directory) for trial in trials]
    made = pd.DataFrame(columns)
    made.index = pd.Index([trial.number for trial in trials], name="trial", dtype="int64")
    return made


def flat(trials: Sequence[Trial], record: StudyRecord) -> Any:
    """The ``frame`` with one type a column, for a file: what is neither all numbers nor all true or false is text.

    Text stays as it is; other values, null among them, are JSON. Where two values of a parameter would then be the same
    text, as 2.5 and '2.5', all of its text is JSON as well.
    """
    table = frame(trials, record)
    for key in record.space.keys:
        name = f"params.{key}"
        if table[name].dtype == object:
            options = [_as_json_text(value) for value in _options(record, key)]
            alike = len({_text(json.loads(option)) for option in options}) < len(set(options))
            write = _as_json_text if alike else _text
            table[name] = [write(trial.point[key]) if key in trial.point else None for trial in trials]
    return table


def _options(record: StudyRecord, key: str) -> list[Value]:
    """All values of a choice."""
    found = [p for p in record.space.parameters if isinstance(p, Choice) and p.key == key]
    return [option.value for parameter in found for option in parameter.options]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _as_json_text(value)


def _as_json_text(value: Any) -> str:
    return json.dumps(as_json(value))


def csv_text(trials: Sequence[Trial], record: StudyRecord) -> str:
    """The ``flat`` frame as CSV: times in ISO 8601, whole numbers without a point, nothing where there is no value."""
    table = flat(trials, record)
    for name in table.columns:
        if table[name].dtype in ("bool", "boolean"):
            table[name] = table[name].astype("object").map({True: "true", False: "false"})
    for name in TIMES:
        table[name] = [getattr(trial, name) for trial in trials]
    text: str = table.to_csv(lineterminator="\n", float_format=_number)
    return text


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(float(value))


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
