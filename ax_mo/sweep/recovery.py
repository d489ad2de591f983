"""What the trials' directories know and a dump does not: runs that began, or recorded a result, after it was written.

All runs of a study whose dump an earlier version wrote are such. How one ended that has recorded no result, the next
resume finds out as it does for any open run.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ax_mo.core.budget import Budget
from ax_mo.core.objectives import as_counted
from ax_mo.core.trial import Key, Status, TrialRun, Value
from ax_mo.errors import AxMoError
from ax_mo.runner.job import JobState, Phase
from ax_mo.runner.outcome import has_result, outcome_of
from ax_mo.search_space.parameters import Choice, Parameter
from ax_mo.storage.definition import StoredStudy
from ax_mo.storage.snapshot import StudySnapshot, snapshot_of
from ax_mo.trial.files import SPEC, STOP, read_json
from ax_mo.trial.numbers import as_json
from ax_mo.trial.untrusted import measured, storable, storable_value


def with_runs_of_directories(study: StoredStudy, sweep_dir: Path) -> tuple[StoredStudy, list[str]]:
    """The study with what only ``trial.json`` and ``result.json`` know of its open runs and of others; and remarks.

    Raises AxMoError where two directories claim to be the same run, or the study has no readable space.
    """
    runs = {run.key: run for run in study.runs}
    found: dict[Key, str] = {}
    remarks: list[str] = []
    record: StudySnapshot | None = None
    for directory, spec in _specs(sweep_dir, remarks):
        try:
            number, attempt = _whole(spec["trial"]), _whole(spec["attempt"])
            key = number, None if spec.get("repeat") is None else _whole(spec["repeat"])
            if key in found:
                raise AxMoError(
                    f"Both {found[key]} and {directory} in {sweep_dir} say that they are trial {number}. Move the copy "
                    "away."
                )
            found[key] = directory
            run = runs.get(key)
            if run is None or not run.status.ended:
                record = record or snapshot_of(study, sweep_dir)
                if run is None or run.attempt < attempt:
                    run = _run(key, attempt, directory, spec, record)
                runs[key] = _with_result(run, record)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            remarks.append(f"{directory}/{SPEC} is damaged, and its trial is left out: {error!r}.")
    ordered = sorted(runs.values(), key=lambda run: (run.number, -1 if run.repeat is None else run.repeat))
    numbers = {run.number for run in ordered}
    missing = sorted(set(range(max(numbers, default=-1) + 1)) - numbers)
    if missing:
        remarks.append(f"Nothing is left of the trials {', '.join(map(str, missing))}.")
    return replace(study, runs=tuple(ordered)), remarks


def _specs(sweep_dir: Path, remarks: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The trials' directories, relative to the sweep's, and what each says of itself."""
    for folder, subfolders, files in os.walk(sweep_dir):
        subfolders.sort()
        if SPEC in files:
            subfolders.clear()  # a trial may have left anything below, and much of it
            directory = Path(folder).relative_to(sweep_dir).as_posix()
            content = read_json(Path(folder) / SPEC)
            if content is None:
                remarks.append(f"{directory}/{SPEC} is damaged.")
            elif "params" not in content or content.get("directory", directory) != directory:
                remarks.append(f"{directory} is passed over: it is no trial of this study, or a copy of one.")
            else:
                yield directory, content


def _run(key: Key, attempt: int, directory: str, spec: Mapping[str, Any], record: StudySnapshot) -> TrialRun:
    """The run as it was begun. Raises KeyError, ValueError, TypeError or AttributeError."""
    given, asked = spec["params"], spec.get("asked")
    if asked is not None:
        datetime.fromisoformat(asked)
    run = TrialRun(
        number=key[0],
        repeat=key[1],
        status=Status.ASKED,
        point=record.space.point(lambda parameter: _value(parameter, given[parameter.key])),
        overrides=tuple(map(storable_value, spec["overrides"])),
        directory=directory,
        generator=storable(spec.get("generator") or ""),
        position=_whole(spec.get("position", 0)),
        suggestion_seconds=measured(spec.get("suggestion_seconds")),
        attempt=attempt,
        lost_attempts=_whole(spec.get("deaths", 0)),
        asked=asked,
        budget=None if spec.get("budget") is None else Budget.from_json(spec["budget"]),
    )
    stop = read_json(record.directory / directory / STOP)
    return run if stop is None else replace(run, reason=storable(str(stop.get("reason"))))


def _with_result(run: TrialRun, record: StudySnapshot) -> TrialRun:
    """The run as its ``result.json`` says that it ended; as it is where that says nothing."""
    place = record.directory / run.directory
    if not has_result(place, run.number, run.attempt):
        return run
    outcome = outcome_of(place, run.number, run.attempt, JobState(Phase.ENDED))
    if run.status is Status.CANCELLED and outcome.status is Status.FAILED:  # which it did of being cancelled
        return run
    return run.ended_by(as_counted(outcome, record.goals))


def _value(parameter: Parameter, written: Any) -> Value:
    """A parameter's value for one in ``trial.json``, where NaN and infinities are words."""
    for option in parameter.options if isinstance(parameter, Choice) else ():
        if isinstance(option.value, float) and as_json(option.value) == written:
            return option.value
    value = parameter.cast(written)
    if why := parameter.outside(value):
        raise ValueError(f"{parameter.key}={value!r} {why}")
    return value


def _whole(value: Any) -> int:
    """A number that any database's integer holds. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError(f"{str(value)[:60]} is no number of a trial")
    return value
