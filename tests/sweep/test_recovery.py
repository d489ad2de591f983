"""What a rebuild makes of a trial's own description of itself, which anybody may have written."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.snapshot import describe_study
from ax_mo.storage.store import read_studies, write_study
from ax_mo.sweep.recovery import with_runs_of_directories
from ax_mo.trial.files import SPEC
from ax_mo.trial.numbers import as_json
from tests.support import studies

POISONS: dict[str, dict[str, Any]] = {
    "trial is an object": {"trial": {}},
    "trial is beyond the database": {"trial": 2**40},
    "trial is below zero": {"trial": -1},
    "attempt is text": {"attempt": "1"},
    "attempt is beyond all floats": {"attempt": 10**400},
    "repeat is a list": {"repeat": []},
    "params are a list": {"params": []},
    "params are empty": {"params": {}},
    "overrides are a number": {"overrides": 7},
    "overrides hold a number": {"overrides": [7]},
    "position is an object": {"position": {}},
    "generator is a number": {"generator": 7},
    "asked at no time": {"asked": "yesterday"},
    "levels": {"more": json.loads("[" * 200 + "]" * 200)},
    "too large": {"more": "x" * 2_000_000},
}
HARMLESS: dict[str, dict[str, Any]] = {
    "seconds": {"suggestion_seconds": "soon"},
    "overrides": {"overrides": ["a=\ud800"]},
}


@pytest.mark.timeout(60)
def test_trial_whose_description_is_poisoned_is_left_out_with_a_remark(tmp_path: Path) -> None:
    changes = [*POISONS.values(), *HARMLESS.values(), {}]
    record = studies.study(tmp_path / "sweep", 3, 2)
    point = next(trial.point for trial in record.trials if not trial.is_imported)
    for number, changed in enumerate(changes):
        directory = record.directory / str(number)
        directory.mkdir(parents=True)
        content = {
            "schema": 1, "trial": number, "attempt": 1, "params": as_json(dict(point)),
            "overrides": ["a=1"], "generator": "sobol", "position": 1, "directory": str(number),
            "asked": "2026-01-01T00:00:00+00:00",
        }  # fmt: skip
        (directory / SPEC).write_text(json.dumps({**content, **changed}))
    pipe = record.directory / "pipe"
    pipe.mkdir()
    os.mkfifo(pipe / SPEC)
    told = json.dumps(describe_study(record.space, record.goals, {}))
    study = StoredStudy(record.name, "", Definition({}, {}), (), record.seed, record.created, told)

    found, remarks = with_runs_of_directories(study, record.directory)

    assert [run.number for run in found.runs] == list(range(len(POISONS), len(changes)))
    for number in range(len(POISONS)):
        said = [remark for remark in remarks if remark.startswith(f"{number}/{SPEC} is")]
        assert len(said) == 1, (list(POISONS)[number], remarks)
    assert f"pipe/{SPEC} is damaged." in remarks
    url = f"sqlite:///{tmp_path}/study.db"
    write_study(url, found)
    (again,) = read_studies(url)
    assert again.runs == found.runs
