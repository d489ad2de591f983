"""What must be true of a study that has ended, whatever happened to it on the way."""

import csv
import json
import re
import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ax_mo.storage.dump import read_dump
from tests.chaos.study import Study

_TEMPORARY = re.compile(r"\..+\.tmp|.+-journal")

OBJECTIVES = ("loss", "size")


def assert_sound(
    study: Study,
    failed: Mapping[int, str] = {},
    interrupted: Collection[int] = (),
    unrecorded: Collection[int] = (),
) -> None:
    """All that this module knows to check. ``failed`` are the trials that had to fail, with words of their reasons.

    ``interrupted`` are the trials that were killed: they may have begun more than once, but not after they had ended;
    ``unrecorded`` those that may have come to their end without a chance to leave their result: they run once more.
    """
    assert_nothing_runs(study)  # first: what still ran could run a trial once more
    folder = study.sweep_dir
    rows = _table(folder)
    _ended_and_numbered(rows, study.n_trials, failed)
    assert _database(folder) == [_seen(row) for row in rows]
    for row in rows:
        _check_trial(folder / row["dir"], row)
    for row in rows:
        if row["status"] == "completed":
            _check_runs(study, int(row["trial"]), interrupted, unrecorded)
    _check_front(folder, [row for row in rows if row["status"] == "completed"])
    _check_description(folder)
    assert [str(path) for path in folder.rglob("*") if _TEMPORARY.fullmatch(path.name)] == []


def points(study: Study) -> list[tuple[str, str]]:
    """What was suggested, by number."""
    return [(row["params.x"], row["params.y"]) for row in _table(study.sweep_dir)]


def assert_nothing_runs(study: Study, seconds: float = 10) -> None:
    """A process that is about to end has some seconds for it."""
    deadline = time.monotonic() + seconds
    while left := study.processes():
        assert time.monotonic() < deadline, f"left behind: {left}"
        time.sleep(0.02)


def runs(journal: Path) -> list[tuple[str, int, int]]:
    """``start`` or ``end``, trial and attempt, in the order in which they happened."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [(what, int(trial), int(attempt)) for what, trial, attempt, _pid in map(str.split, lines)]


def _table(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _ended_and_numbered(rows: Sequence[Mapping[str, str]], n_trials: int, failed: Mapping[int, str]) -> None:
    assert [int(row["trial"]) for row in rows] == list(range(n_trials))
    for row in rows:
        why = failed.get(int(row["trial"]))
        assert row["status"] == ("completed" if why is None else "failed"), dict(row)
        assert (why or "") in row["reason"], dict(row)


Seen = tuple[int, str, int, dict[str, float], dict[str, float]]


def _seen(row: Mapping[str, str]) -> Seen:
    """A trial's number, status, attempt, point and metrics."""
    point = {key: float(row[f"params.{key}"]) for key in ("x", "y")}
    metrics = {
        name.removeprefix("metrics."): float(value)
        for name, value in row.items()
        if name.startswith("metrics.") and value
    }
    return int(row["trial"]), row["status"], int(row["attempt"]), point, metrics


def _database(folder: Path) -> list[Seen]:
    connection = sqlite3.connect(f"file:{folder / 'study.db'}?mode=ro", uri=True)
    try:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        found = connection.execute(
            'select number, status, attempt, params, metrics from ax_mo_trial order by number, "repeat"'
        ).fetchall()
    finally:
        connection.close()
    return [
        (n, status, attempt, json.loads(point), json.loads(metrics)) for n, status, attempt, point, metrics in found
    ]


def _check_trial(directory: Path, row: Mapping[str, str]) -> None:
    number, status, attempt, point, metrics = _seen(row)
    spec = json.loads((directory / "trial.json").read_text())
    assert (spec["trial"], spec["attempt"], spec["params"]) == (number, attempt, point)
    assert (directory / "command.sh").read_text().startswith("#!/bin/sh")
    if status == "completed":
        result = json.loads((directory / "result.json").read_text())
        assert (result["trial"], result["attempt"], result["status"]) == (number, attempt, "completed")
        assert result["metrics"] == metrics
        assert result["error"] is None


def _check_runs(study: Study, trial: int, interrupted: Collection[int], unrecorded: Collection[int]) -> None:
    ran = [what for what, of, _attempt in runs(study.journal) if of == trial]
    assert ran[-2:] == ["start", "end"], f"trial {trial} ran so: {ran}"
    if trial not in unrecorded:
        assert ran.count("end") == 1, f"trial {trial} ran so: {ran}"
        assert len(ran) == 2 or trial in interrupted, f"trial {trial} ran so: {ran}"


def _check_front(folder: Path, completed: Sequence[Mapping[str, str]]) -> None:
    values = {int(row["trial"]): tuple(float(row[f"metrics.{name}"]) for name in OBJECTIVES) for row in completed}
    front = {number for number, own in values.items() if not any(_dominates(other, own) for other in values.values())}
    results = _yaml(folder / "optimization_results.yaml")
    assert results["name"] == "ax_mo"
    assert {solution["trial"]: tuple(solution["values"].values()) for solution in results["solutions"]} == {
        number: values[number] for number in front
    }
    assert {path.name for path in (folder / "pareto").glob("[!.]*")} == {f"trial_{number}.yaml" for number in front}
    for number in front:
        recipe = folder / "pareto" / f"trial_{number}.yaml"
        assert "# @package _global_" in recipe.read_text()
        point = _seen(completed[[int(row["trial"]) for row in completed].index(number)])[3]
        assert {key: _yaml(recipe)[key] for key in point} == point


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def _check_description(folder: Path) -> None:
    description = read_dump(folder)
    assert description is not None and description.study.seed == 7
    assert _yaml(folder / "multirun.yaml")["hydra"]["sweep"]["dir"] == str(folder)


def _yaml(path: Path) -> Any:
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict), path
    return loaded


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
