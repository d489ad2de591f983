"""Studies that version 1 of the files was written for: every command reads them, and they are resumed to their end.

``tests/fixtures/studies`` holds two, each with its sweeper and a trial killed in mid-run on another machine: ``plain``
has completed, failed, early stopped and imported trials, ``repeats`` has each trial twice. They were written before
``study.json`` had the rows of the runs.
"""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from ax_mo.core.trial import Status
from ax_mo.storage.snapshot import read_snapshot
from tests.support.sweeps import Finished, Sweep

from .conftest import Cli

STUDIES = Path(__file__).resolve().parents[1] / "fixtures" / "studies"
ORIGIN = "/tmp/ax_mo_fixture"
"""Where they were written; nothing is there."""
POINTS = "[{quality: 0.8, size: 40}, {quality: 0.3, size: 5}, {quality: 0.9, size: 90}, {quality: 0.6, size: 50}, {quality: 0.2, size: 95}, {quality: 0.85, size: 3}]"  # noqa: E501
OPTIONS = {
    "plain": (
        "hydra.sweeper.early_stopping={rule: dominated, k: 2, min_trials: 3, patience: 0}", "failing=[0.6]",
        "seconds=0.1", "hydra.sweeper.n_trials=7", "hydra.sweeper.n_jobs=1",
    ),
    "repeats": ("failing=[0.3]", "hydra.sweeper.repeats=2", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2"),
}  # fmt: skip
ENDED = {
    "plain": {"imported": 2, "completed": 5, "failed": 1, "early_stopped": 1},
    "repeats": {"completed": 6, "failed": 2},
}


@pytest.fixture(params=sorted(OPTIONS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sweep(tmp_path: Path, name: str) -> Sweep:
    """A copy of the study, with its project where its files say."""
    sweep = Sweep(tmp_path)
    shutil.rmtree(sweep.project)
    shutil.copytree(STUDIES / "project", sweep.project)
    shutil.copytree(STUDIES / name, sweep.dir)
    sweep.script, sweep.objectives = sweep.project / "task.py", "{acc: maximize, size: minimize}"
    for path in [*sweep.dir.rglob("*.yaml"), *sweep.dir.rglob("*.json"), *sweep.dir.rglob("command.sh")]:
        text = path.read_text().replace(f"{ORIGIN}/{name}", str(sweep.dir))
        path.write_text(text.replace(ORIGIN, str(tmp_path)))
    return sweep


def resume(sweep: Sweep, name: str) -> Finished:
    return sweep.run(
        "hydra.sweeper.method=random_search", "quality=interval(0.1,0.9)", "size=range(1,101)",
        "hydra.sweeper.start_from_config=false", f"hydra.sweeper.initial_trials={POINTS}", *OPTIONS[name],
    )  # fmt: skip


def counts(directory: Path) -> dict[str, int]:
    return dict(Counter(run.status.value for run in read_snapshot(directory).runs))


def test_study_of_an_earlier_version_is_read_by_every_command(
    cli: Cli, sweep: Sweep, name: str, tmp_path: Path
) -> None:
    status = json.loads(cli("status", sweep.dir, "--json").out)
    assert status["state"] == "not running"
    commands = [
        ("status", sweep.dir), ("show", sweep.dir, 0), ("pareto", sweep.dir), ("compare", sweep.dir, sweep.dir),
        ("export", sweep.dir, "--to", tmp_path / "trials.csv"), ("export", sweep.dir, "--to", tmp_path / "trials.json"),
        ("report", sweep.dir), ("adopt", sweep.dir), ("rebuild", sweep.dir, "--force"), ("status", sweep.dir),
    ]  # fmt: skip
    for command in commands:
        done = cli(*command)
        assert done.code == 0, (command, done.err)
    runs = read_snapshot(sweep.dir).runs
    assert sum(run.status.ended for run in runs) == {"plain": 7, "repeats": 4}[name]


def test_study_of_an_earlier_version_is_resumed_to_its_end(cli: Cli, sweep: Sweep, name: str) -> None:
    before = [run for run in read_snapshot(sweep.dir).runs if run.status.ended]
    if name == "plain":
        (sweep.dir / "study.db").unlink()
        assert cli("rebuild", sweep.dir).code == 0
    running = {run.number for run in read_snapshot(sweep.dir).runs if not run.status.ended}
    for number in running:
        done = cli("adopt", sweep.dir, "--lost", number)
        assert done.code == 0, done.err
    done = resume(sweep, name)
    assert done.returncode == 0, done.output
    record = read_snapshot(sweep.dir)
    assert counts(sweep.dir) == ENDED[name]
    told = [(run.key, run.status, run.point, run.overrides, run.metrics, run.reason) for run in before]
    after = [(run.key, run.status, run.point, run.overrides, run.metrics, run.reason) for run in record.runs]
    assert [run for run in after if run[0] in {key for key, *_ in told}] == told
    assert {run.attempt for run in record.runs if run.number in running} == {2}
    assert all(run.status is not Status.RUNNING for run in record.runs)
