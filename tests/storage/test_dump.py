"""``study.json``: the rows of a study are read from it as they were written, or refused with what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status
from ax_mo.errors import AxMoError
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.dump import read_dump, write_dump
from ax_mo.storage.snapshot import describe_study
from ax_mo.storage.sweep_directory import DUMP
from ax_mo.trial.result import now
from tests.support.studies import CONDITIONAL
from tests.support.trials import make_run

GOALS = parse_goals({"loss": "minimize", "top 5 (%)": "maximize"}, None, ["cost <= 1e-11"])
IMPORTED = make_run(
    -1, status=Status.IMPORTED, point={"lr": float("nan"), "layers": [64, 64]}, directory="/elsewhere/3",
    generator="imported", handle="job", metrics={"loss": 1, "cost": 0.5}, started=now(),
)  # fmt: skip
FAILED = make_run(0, status=Status.FAILED, reason="é", error_fingerprint="#", lost_attempts=1, suggestion_seconds=1)
STUDY = StoredStudy(
    name="nas",
    sweep_dir="/sweeps/nas",
    definition=Definition({"lr": "interval(0, 1)"}, {"loss": "minimize"}, ("epochs=1",)),
    runs=(IMPORTED, FAILED, make_run(1, repeat=0), make_run(1, repeat=1)),
    seed=7,
    created=now(),
    about=json.dumps(describe_study(CONDITIONAL, GOALS, {"n_trials": 3})),
)
OF_SCHEMA_1: dict[str, Any] = {
    "schema": 1, "name": STUDY.name, "storage": None, "sweep_dir": STUDY.sweep_dir, "created": STUDY.created,
    "seed": STUDY.seed, "params": dict(STUDY.definition.params), "objectives": dict(STUDY.definition.objectives),
    "fixed": list(STUDY.definition.fixed), "about": json.loads(STUDY.about),
    "imported": [{
        "number": -1, "point": IMPORTED.point, "overrides": list(IMPORTED.overrides), "directory": "/elsewhere/3",
        "generator": "imported", "handle": "job", "metrics": IMPORTED.metrics, "started": IMPORTED.started,
        "ended": None,
    }],
}  # fmt: skip


def message_of(directory: Path) -> str:
    with pytest.raises(AxMoError) as caught:
        read_dump(directory)
    return str(caught.value)


def changed(content: Any, path: str, value: Any) -> str:
    """The text with another value at ``path``, such as ``runs.0.number``; ``...`` takes the key away."""
    copy = json.loads(json.dumps(content))
    *above, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    place = copy
    for key in above:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(copy)


def test_study_and_all_its_runs_are_read_as_written(tmp_path: Path) -> None:
    write_dump(tmp_path, STUDY, "postgresql://me:secret@host/db")
    found = read_dump(tmp_path)
    assert found is not None and found.storage == "postgresql://me:***@host/db"
    assert repr(found.study).replace("seconds=1.0", "seconds=1") == repr(STUDY)  # NaN is not equal to itself


def test_file_of_the_version_before_has_the_study_and_its_imported_runs(tmp_path: Path) -> None:
    (tmp_path / DUMP).write_text(json.dumps(OF_SCHEMA_1))
    found = read_dump(tmp_path)
    assert found is not None and found.storage is None
    assert repr(found.study.runs) == repr((IMPORTED,))
    assert found.study.definition == STUDY.definition
    assert (found.study.seed, found.study.created, found.study.about) == (STUDY.seed, STUDY.created, STUDY.about)


def test_directory_without_the_file_has_no_dump(tmp_path: Path) -> None:
    assert read_dump(tmp_path) is None
    assert read_dump(tmp_path / "nothing") is None


# BUG: it counted as "holds no study.json".
def test_file_that_is_there_and_cannot_be_read_is_no_missing_file(tmp_path: Path) -> None:
    (tmp_path / DUMP).mkdir()
    assert message_of(tmp_path) == f"{tmp_path / DUMP} cannot be read: Is a directory."


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe{}", b"[]", b"null", b"[" * 100_000],
    ids=["empty", "half", "UTF-16", "list", "null", "deep"],
)
def test_what_is_no_object_in_json_is_told_with_the_path(tmp_path: Path, content: bytes) -> None:
    (tmp_path / DUMP).write_bytes(content)
    assert message_of(tmp_path).startswith(f"{tmp_path / DUMP} is damaged: ")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("schema", 3, "was written by another version of ax_mo (schema 3)."),
        ("schema", ..., "is damaged: it has no 'schema'."),
        ("storage", 5, "is damaged: storage is 5."),
        ("study", 5, "is damaged: "),
        ("study.name", "other", "is damaged: the row of the study 'other' is not what was written."),
        ("study.seed", ..., "is damaged: the row of the study 'nas' is not what was written."),
        ("runs", {"a": 1}, "is damaged: "),
        ("runs.1.metrics", '{"loss": 0}', "is damaged: the row of trial 0 is not what was written."),
        ("runs.1.number", ..., "is damaged: it has no 'number'."),
    ],
)
def test_what_was_not_written_so_is_told_with_the_path(tmp_path: Path, path: str, value: Any, said: str) -> None:
    write_dump(tmp_path, STUDY, None)
    (tmp_path / DUMP).write_text(changed(json.loads((tmp_path / DUMP).read_text()), path, value))
    message = message_of(tmp_path)
    assert message.startswith(f"{tmp_path / DUMP} {said}") and "\n" not in message


@pytest.mark.parametrize(
    ("path", "value"),
    [("seed", "x"), ("params", ...), ("about", ...), ("imported", 5), ("imported.0", 5), ("imported.0.overrides", 7)],
)
def test_damaged_file_of_the_version_before_is_told_with_the_path(tmp_path: Path, path: str, value: Any) -> None:
    (tmp_path / DUMP).write_text(changed(OF_SCHEMA_1, path, value))
    assert message_of(tmp_path).startswith(f"{tmp_path / DUMP} is damaged: ")
