"""Studies in a database, without a sweep, and the command line in this process."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ax_mo.cli.main import main
from ax_mo.results.files import trials_csv
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.snapshot import StudySnapshot, describe_study
from ax_mo.storage.store import write_study
from ax_mo.storage.sweep_directory import TRIALS
from tests.support import studies


@dataclass
class Done:
    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """``cli("status", directory)``: the command's exit code and what it printed."""

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run


def stored(record: StudySnapshot) -> StudySnapshot:
    """Write the study to the database of its directory."""
    record.directory.mkdir(parents=True, exist_ok=True)
    told = json.dumps(describe_study(record.space, record.goals, record.settings, record.program))
    study = StoredStudy(record.name, "", Definition({}, {}), record.runs, record.seed, record.created, told)
    write_study(f"sqlite:///{record.directory}/study.db", study)
    return record


def stored_with_table(record: StudySnapshot) -> StudySnapshot:
    """Write the study, and its trials.csv as a sweep does."""
    stored(record)
    (record.directory / TRIALS).write_text(trials_csv(record.runs, record.space.keys, record.goals))
    return record


Make = Callable[..., StudySnapshot]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """``make(count, objectives)``: a study on disk."""
    return lambda count=30, objectives=2, name="sweep", **more: stored(
        studies.study(tmp_path / name, count, objectives, **more)
    )


def all_failed(directory: Path, reasons: Sequence[str] = ("RuntimeError: out of memory",) * 4) -> StudySnapshot:
    points = studies.QuasiRandomPoints(studies.FLAT, 1)
    trials = [studies.failed(n, point, reason) for n, (point, reason) in enumerate(zip(points, reasons, strict=False))]
    return stored(studies.record(directory, trials))
