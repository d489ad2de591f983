"""A study's trials from what its sweep directory holds, for a database that was lost.

Three witnesses, each for what it knows best: a trial's own directory (``trial.json``, ``result.json``) for what it was
and what it measured; ``trials.csv`` for how the sweeper saw it end, as an exit code is in no other file, and for trials
that never had a directory; ``study.json`` for the study itself and the trials it imported.
"""

import csv
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ax_mo.core.checked import CheckedObject, Wrong
from ax_mo.core.objectives import Goals
from ax_mo.core.process import alive, identity
from ax_mo.core.trial import Key, Outcome, Status, TrialRun, fingerprint_of
from ax_mo.errors import AxMoError
from ax_mo.results.files import TRIALS
from ax_mo.runner.elsewhere import out_of_reach
from ax_mo.runner.job import JobState, Phase
from ax_mo.runner.outcome import has_result, outcome_of, result_of, with_required
from ax_mo.search_space.parameters import Choice, Parameter
from ax_mo.search_space.space import SearchSpace
from ax_mo.storage.description import Description
from ax_mo.storage.snapshot import record_of
from ax_mo.storage.store import StoredStudy
from ax_mo.trial.files import SPEC, STOP, read_json
from ax_mo.trial.metric_sources.gather import partial_metrics
from ax_mo.trial.numbers import as_json
from ax_mo.trial.untrusted import measured, storable, storable_value

_LONGEST_GENERATOR = 32
"""As the database's column."""
_REPEATS = re.compile(r"(\d+) of (.+), from (\d+)")


@dataclass(frozen=True)
class Recovered:
    """A study made anew, and what the person should know of it."""

    study: StoredStudy
    remarks: tuple[str, ...]


def recovered(sweep_dir: Path, description: Description) -> Recovered:
    """The study of ``sweep_dir``. Raises AxMoError where two directories claim to be the same trial."""
    record = record_of(description.study, sweep_dir)
    remarks: list[str] = []
    specs = _specs(sweep_dir, remarks)
    rows = _rows(sweep_dir, remarks)
    builder = _Builder(sweep_dir, record.space, record.goals, description.study.definition.params)
    runs: list[TrialRun] = list(description.study.runs)
    for key in sorted({*specs, *rows}, key=lambda key: (key[0], -1 if key[1] is None else key[1])):
        if key[0] < 0:
            continue
        row = rows.get(key)
        try:
            run = builder.from_directory(specs[key], row) if key in specs else builder.from_row(key, row or {})
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            remarks.append(f"Trial {key[0]} is left out: it is not to be read ({error!r}).")
            continue
        runs.append(run)
    numbers = {run.number for run in runs if not run.is_imported}
    missing = sorted(set(range(max(numbers, default=-1) + 1)) - numbers)
    if missing:
        remarks.append(f"Nothing is left of the trials {', '.join(map(str, missing))}.")
    return Recovered(replace(description.study, runs=tuple(runs)), tuple(remarks))


@dataclass(frozen=True)
class _Spec:
    """A ``trial.json`` and where it was found, relative to the sweep directory."""

    directory: str
    content: Mapping[str, Any]


def _specs(sweep_dir: Path, remarks: list[str]) -> dict[Key, _Spec]:
    found: dict[Key, _Spec] = {}
    for directory in _trial_directories(sweep_dir):
        content = read_json(directory / SPEC)
        relative = directory.relative_to(sweep_dir).as_posix()
        if content is None:
            remarks.append(f"{relative}/{SPEC} is damaged.")
            continue
        if "params" not in content or content.get("directory", relative) != relative:
            remarks.append(f"{relative} is passed over: it is no trial of this study, or a copy of one.")
            continue
        try:
            key = _key(CheckedObject(content))
        except Wrong as error:
            remarks.append(f"{relative}/{SPEC} is damaged: {error}.")
            continue
        if key in found:
            raise AxMoError(
                f"Both {found[key].directory} and {relative} in {sweep_dir} say that they are trial {key[0]}. Move the "
                "copy away."
            )
        found[key] = _Spec(relative, content)
    return found


def _key(content: CheckedObject) -> Key:
    """Raises Wrong for numbers that no database's integer holds."""
    repeat = None if content.content.get("repeat") is None else content.whole("repeat")
    for name in ("trial", "attempt", *([] if repeat is None else ["repeat"])):
        if not 0 <= content.whole(name) < 2**31:
            raise Wrong(f"'{name}' is {content.whole(name)}")
    return content.whole("trial"), repeat


def _trial_directories(sweep_dir: Path) -> Iterator[Path]:
    for folder, subfolders, files in os.walk(sweep_dir):
        subfolders.sort()
        if SPEC in files:
            subfolders.clear()  # a trial may have left anything below, and much of it
            yield Path(folder)


def _rows(sweep_dir: Path, remarks: list[str]) -> dict[Key, dict[str, str]]:
    try:
        with (sweep_dir / TRIALS).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {(int(row["trial"]), int(row["repeat"]) if row.get("repeat") else None): row for row in rows}
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        remarks.append(
            f"{TRIALS} is not to be read ({error}): trials that left no result count as interrupted, and run again."
        )
        return {}


class _Builder:
    def __init__(self, sweep_dir: Path, space: SearchSpace, goals: Goals, params: Mapping[str, str]) -> None:
        self._sweep_dir = sweep_dir
        self._space = space
        self._goals = goals
        self._repeats = _REPEATS.fullmatch(params.get("hydra.sweeper.repeats", ""))

    def from_directory(self, spec: _Spec, row: Mapping[str, str] | None) -> TrialRun:
        """Raises KeyError, ValueError or TypeError for what is no trial of the space."""
        content = CheckedObject(spec.content)
        number, repeat = _key(content)
        attempt = content.whole("attempt")
        if row is not None and row["attempt"] != str(attempt):
            row = None  # of an attempt before
        given = content.object("params").content
        generator, position = spec.content.get("generator"), spec.content.get("position", 0)
        run = TrialRun(
            number=number,
            repeat=repeat,
            status=Status.ASKED,
            point=_point(self._space, lambda p: _value(p, given[p.key])),
            overrides=tuple(storable_value(line) for line in content.texts("overrides")),
            directory=spec.directory,
            generator=storable(str(generator or (row or {}).get("generator") or ""), _LONGEST_GENERATOR),
            position=position if isinstance(position, int) and 0 <= position < 2**29 else 0,
            suggestion_seconds=measured(spec.content.get("suggestion_seconds")),
            attempt=attempt,
            lost_attempts=content.whole("deaths") if "deaths" in spec.content else 0,
            asked=content.moment_or_null("asked") if "asked" in spec.content else None,
            submitted=(row or {}).get("submitted") or None,
        )
        return self._ended(run, row)

    def _ended(self, run: TrialRun, row: Mapping[str, str] | None) -> TrialRun:
        directory = self._sweep_dir / run.directory
        seen = Status.ASKED if row is None else Status(row["status"])
        outcome = outcome_of(directory, run.number, run.attempt, JobState(Phase.ENDED))
        recorded = has_result(directory, run.number, run.attempt)
        stop = read_json(directory / STOP)
        process = identity(directory)
        obeyed = outcome.stopped
        if seen.ended and row is not None:
            outcome = replace(outcome, reason=row["reason"] or None, stopped=seen is Status.EARLY_STOPPED)
            if seen is Status.EARLY_STOPPED and not obeyed:
                outcome = replace(outcome, metrics=partial_metrics(directory))
            if seen is Status.COMPLETED and result_of(directory, run.number, run.attempt) is None:
                outcome = replace(outcome, metrics=_metrics(row), error_fingerprint=None, stderr_tail="")
            if seen is Status.FAILED:
                why = row["reason"] or outcome.reason or "failed"
                outcome = replace(
                    outcome, metrics={}, reason=why, error_fingerprint=outcome.error_fingerprint if recorded else why
                )
            outcome = replace(outcome, started=row["started"] or None, ended=row["ended"] or None)
        elif recorded and not (seen is Status.CANCELLED and outcome.status is Status.FAILED):
            outcome = with_required(outcome, self._goals.required)
        elif process is not None and (alive(process) or out_of_reach(directory, process)):
            reason = None if stop is None else storable(str(stop.get("reason")))
            return replace(run, status=Status.RUNNING, reason=reason)
        elif stop is not None and seen is not Status.CANCELLED:  # asked to stop, and ended by it
            outcome = Outcome(partial_metrics(directory), str(stop.get("reason")), None, stopped=True)
        else:
            left = row or {}
            return replace(run, status=seen, reason=left.get("reason") or None, ended=left.get("ended") or None)
        return run.ended_by(outcome)

    def from_row(self, key: Key, row: Mapping[str, str]) -> TrialRun:
        """A trial that is known from ``trials.csv`` alone: it did not compose, or its directory is gone."""
        point = _point(self._space, lambda p: _from_cell(p, row[f"params.{p.key}"]))
        overrides = self._space.overrides(point)
        if key[1] is not None and self._repeats is not None:
            overrides.append(f"{self._repeats[2]}={int(self._repeats[3]) + key[1]}")
        status = Status(row["status"])
        return TrialRun(
            number=key[0],
            repeat=key[1],
            status=status,
            point=point,
            overrides=tuple(overrides),
            directory=row["dir"],
            generator=row["generator"],
            attempt=int(row["attempt"]),
            metrics=_metrics(row),
            reason=row["reason"] or None,
            error_fingerprint=fingerprint_of(row["reason"]) if status is Status.FAILED else None,
            asked=row["asked"] or None,
            submitted=row["submitted"] or None,
            started=row["started"] or None,
            ended=row["ended"] or None,
        )


def _point(space: SearchSpace, value_of: Any) -> dict[str, Any]:
    """The point whose active parameters have these values. Raises KeyError or ValueError."""
    point: dict[str, Any] = {}
    chosen: dict[str, str] = {}
    for parameter in space.parameters:
        if all(condition.holds(chosen) for condition in parameter.when):
            point[parameter.key] = value_of(parameter)
            if isinstance(parameter, Choice):
                chosen[parameter.key] = parameter.text(point[parameter.key])
    return point


def _value(parameter: Parameter, written: Any) -> Any:
    """A parameter's value for one in ``trial.json``, where NaN and infinities are words."""
    if isinstance(parameter, Choice):
        for option in parameter.options:
            if isinstance(option.value, float) and as_json(option.value) == written:
                return option.value
    value = parameter.cast(written)
    why = parameter.outside(value)
    if why is not None:
        raise ValueError(why)
    return value


def _from_cell(parameter: Parameter, cell: str) -> Any:
    """A parameter's value for a cell of ``trials.csv``. Raises ValueError."""
    if not isinstance(parameter, Choice):
        return parameter.cast(float(cell))
    for option in parameter.options:
        value = option.value
        plain = isinstance(value, str | int | float) and not isinstance(value, bool)
        if cell == (str(value) if plain else json.dumps(value)):
            return value
    raise ValueError(f"{parameter.key} has no option {cell!r}")


def _metrics(row: Mapping[str, str]) -> dict[str, float]:
    prefix = "metrics."
    cells = {name.removeprefix(prefix): cell for name, cell in row.items() if name.startswith(prefix) and cell}
    return {name: int(cell) if re.fullmatch(r"-?\d+", cell) else float(cell) for name, cell in cells.items()}
