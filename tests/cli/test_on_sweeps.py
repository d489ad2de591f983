"""The command line on real sweeps: while one runs, after its database was lost, and a promoted trial run again."""

import json
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ax_mo.cli.main import main
from ax_mo.core.trial import Status
from ax_mo.storage.directory_lock import sole_sweeper
from ax_mo.storage.snapshot import StudySnapshot, read_snapshot
from ax_mo.storage.store import read_studies
from ax_mo.trial.files import SCHEMA
from ax_mo.trial.recorder import ResultRecorder
from tests.support.sweeps import ROOT, Sweep, run, without_built_in
from tests.support.waiting import wait_until

from .conftest import Cli

FAST = ("hydra.sweeper.method=random_search", "hydra.sweeper.seed=1", "x=interval(0,1)", "y=interval(0,1)")
MIXED = (*FAST, "model=choice(small,large)", "mode=choice(fine,exception,sigkill)", "hydra.sweeper.max_failure_rate=1")
RECORDER = f"++hydra.callbacks.ax_mo._target_={ResultRecorder.__module__}.{ResultRecorder.__name__}"


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """A sweep of 6 trials, of which some failed in several ways."""
    sweep = Sweep(tmp_path_factory.mktemp("ended"))
    done = sweep.run(*MIXED, "hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=2")
    assert done.returncode == 0, done.output
    return sweep


@pytest.fixture
def copy(ended: Sweep, tmp_path: Path) -> Iterator[Sweep]:
    """That sweep, to be damaged."""
    sweep = Sweep(tmp_path)
    shutil.copytree(ended.dir, sweep.dir, symlinks=True)
    yield sweep


def again(argv: list[str], directory: Path, cwd: Path) -> dict[str, Any]:
    """Run a command, and give the metrics that its task returned."""
    directory.mkdir()
    spec = {"schema": SCHEMA, "trial": 0, "attempt": 1, "objectives": ["loss", "size"], "required": ["loss", "size"]}
    (directory / "trial.json").write_text(json.dumps(spec))
    done = run([*argv, f"hydra.run.dir={directory}", RECORDER], cwd=cwd)
    assert done.returncode == 0, done.output
    metrics: dict[str, Any] = json.loads((directory / "result.json").read_text())["metrics"]
    return without_built_in(metrics)


# promote


def run_it(out: str, place: Path) -> str:
    """The command that ``promote`` printed, which names the directory that it needs."""
    line = next(line for line in out.splitlines() if line.startswith("Run it: "))
    there, _, command = line.removeprefix("Run it: ").partition(" && ")
    assert shlex.split(there) == ["cd", str(place)]
    return command


def test_promoted_trial_gives_its_metrics_again(cli: Cli, ended: Sweep, tmp_path: Path) -> None:
    record = read_snapshot(ended.dir)
    front = {int(path.stem.removeprefix("trial_")) for path in (ended.dir / "pareto").iterdir()}
    completed = [trial for trial in record.trials if trial.status is Status.COMPLETED]
    trial = next(trial for trial in completed[::-1] if trial.number not in front)
    folder = ended.project / "conf" / "experiment"
    folder.mkdir(exist_ok=True)
    target = folder / "best.yaml"
    done = cli("promote", ended.dir, trial.number, "--to", target)
    assert (done.code, done.err) == (0, "")
    line = run_it(done.out, ended.tmp_path)
    assert line.endswith("+experiment=best")
    assert f"# Run it: {line}" in target.read_text() and f"# Trial {trial.number} of " in target.read_text()
    assert again(shlex.split(line), tmp_path / "again", ended.tmp_path) == without_built_in(trial.metrics)
    assert "compared" not in done.out and "changed" not in done.out
    assert "--force overwrites it" in cli("promote", ended.dir, trial.number, "--to", target).err
    assert cli("promote", ended.dir, trial.number, "--to", target, "--force").code == 0


@pytest.mark.long
def test_promoted_file_may_lie_outside_of_the_project(cli: Cli, ended: Sweep, tmp_path: Path) -> None:
    trial = next(t for t in read_snapshot(ended.dir).trials if t.status is Status.COMPLETED)
    (tmp_path / "found").mkdir()
    done = cli("promote", ended.dir, trial.number, "--to", tmp_path / "found" / "best.yaml")
    line = run_it(done.out, ended.tmp_path)
    assert line.endswith(f"--config-dir {tmp_path} +found=best")
    assert again(shlex.split(line), tmp_path / "again", ended.tmp_path) == without_built_in(trial.metrics)


def test_promote_says_where_a_file_would_be_of_no_use(cli: Cli, ended: Sweep) -> None:
    conf = ended.project / "conf"
    assert "the project's config directory itself" in cli("promote", ended.dir, 0, "--to", conf / "best.yaml").err
    done = cli("promote", ended.dir, 0, "--to", conf / "model" / "best.yaml")
    assert "'model' is a config group of which the project needs an option (small)" in done.err


# rebuild


def told(record: StudySnapshot) -> list[Any]:
    """What must survive: everything but what only served the sweeper that is gone."""
    return [replace(run, handle=None, error_fingerprint=None, stderr_tail="") for run in record.runs]


def compare_rebuilt(cli: Cli, sweep: Sweep, before: StudySnapshot, *more: str) -> str:
    url = f"sqlite:///{sweep.dir}/study.db"
    done = cli("rebuild", sweep.dir, *more)
    assert (done.code, done.err) == (0, "")
    after = read_snapshot(sweep.dir)
    assert told(after) == told(before)
    assert replace(after, runs=(), trials=()) == replace(before, runs=(), trials=())
    assert read_studies(url)[0].name == "study"
    return done.out


@pytest.mark.parametrize("how", ["lost", "damaged", "forced"])
def test_rebuilt_study_is_the_one_that_was_lost(cli: Cli, copy: Sweep, how: str) -> None:
    database = copy.dir / "study.db"
    before, definition = read_snapshot(copy.dir), read_studies(f"sqlite:///{database}")[0].definition
    assert {run.status for run in before.runs} == {Status.COMPLETED, Status.FAILED}
    assert any("SIGKILL" in (run.reason or "") for run in before.runs)
    if how == "lost":
        database.unlink()
    if how == "damaged":
        database.write_bytes(b"\0" * 5000)
        (copy.dir / "study.db-journal").write_bytes(b"old")
    out = compare_rebuilt(cli, copy, before, *(["--force"] if how == "forced" else []))
    assert read_studies(f"sqlite:///{database}")[0].definition == definition
    assert ("kept as study.db.old1" in out) == (how != "lost")
    assert not (copy.dir / "study.db-journal").exists()


def test_nothing_is_rebuilt_that_can_be_read_or_is_in_use(cli: Cli, copy: Sweep) -> None:
    assert "can be read and holds 6 trials; there is nothing to rebuild" in cli("rebuild", copy.dir).err
    with sole_sweeper(copy.dir):
        assert "Another sweeper is running" in cli("rebuild", copy.dir, "--force").err
    shutil.copytree(copy.dir / "0", copy.dir / "0_copy")
    assert "0_copy is passed over" in cli("rebuild", copy.dir, "--force").out


def test_trials_are_rebuilt_without_their_table_and_without_their_directories(cli: Cli, copy: Sweep) -> None:
    before = read_snapshot(copy.dir)
    (copy.dir / "trials.csv").unlink()
    for number in (0, 3):
        shutil.rmtree(copy.dir / str(number))
    compare_rebuilt(cli, copy, before, "--force")


def test_study_whose_dump_is_of_the_version_before_is_rebuilt_from_its_trials(cli: Cli, copy: Sweep) -> None:
    before, (study,) = read_snapshot(copy.dir), read_studies(f"sqlite:///{copy.dir}/study.db")
    definition = study.definition
    dump = {
        "schema": 1, "name": study.name, "storage": None, "sweep_dir": "", "created": study.created, "seed": study.seed,
        "params": definition.params, "objectives": definition.objectives, "fixed": definition.fixed,
        "about": json.loads(study.about), "imported": [],
    }  # fmt: skip
    (copy.dir / "study.json").write_text(json.dumps(dump))
    assert cli("rebuild", copy.dir, "--force").code == 0
    after = read_snapshot(copy.dir)
    for old, new in zip(before.runs, after.runs, strict=True):
        assert (new.point, new.overrides, new.metrics) == (old.point, old.overrides, old.metrics)
        killed = "SIGKILL" in (old.reason or "")  # which its directory does not say
        assert new.status is (Status.ASKED if killed else old.status)
    (copy.dir / "study.json").write_text(json.dumps(dump))
    for number in (0, 3):
        shutil.rmtree(copy.dir / str(number))
    assert "Nothing is left of the trials 0, 3." in cli("rebuild", copy.dir, "--force").out


def test_sweep_whose_sweeper_was_killed_and_whose_database_was_lost_is_resumed(cli: Cli, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    argv = [*FAST, "sleep=0.7", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", f"journal={tmp_path}/journal"]
    process = sweep.start(*argv)
    wait_until(lambda: (sweep.dir / "2" / ".pid").exists())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (sweep.dir / "study.db").unlink()
    assert "ax-mo rebuild" in cli("status", sweep.dir).err
    assert cli("rebuild", sweep.dir).code == 0
    before = [run for run in told(read_snapshot(sweep.dir)) if run.status.ended]
    done = sweep.run(*argv)
    assert done.returncode == 0 and f"resuming after {len(before)} ended" in done.output, done.output
    record = read_snapshot(sweep.dir)
    assert before and told(record)[: len(before)] == before
    assert [trial.status for trial in record.trials] == [Status.COMPLETED] * 4
    assert sorted((tmp_path / "journal").read_text().split()) == ["0", "1", "2", "3"]


# While it runs


@pytest.mark.long
def test_running_study_is_read_ten_times_and_does_not_notice(ended: Sweep, tmp_path: Path, capsys: Any) -> None:
    sweep = Sweep(tmp_path)
    process = sweep.start(*MIXED, "hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=2", "sleep=0.5")
    wait_until(lambda: (sweep.dir / "0" / "result.json").exists())
    states: list[str] = []
    for count in range(10):
        for line in (["status", "--json"], ["pareto", "--json"], ["export", "--to", str(tmp_path / f"{count}.csv")]):
            assert main([line[0], str(sweep.dir), *line[1:]]) == 0
            out, err = capsys.readouterr()
            assert err == ""
            if line[0] == "status":
                states.append(json.loads(out)["state"])
    line = [sys.executable, "-m", "ax_mo", "status", str(sweep.dir)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 0, output
    assert states[0] == "running"
    assert _outcome(sweep) == _outcome(ended)
    assert {path.name for path in sweep.dir.iterdir()} == {path.name for path in ended.dir.iterdir()}


def _outcome(sweep: Sweep) -> list[Any]:
    trials = read_snapshot(sweep.dir).trials
    return [(t.number, t.status, t.attempt, t.point, t.metrics.get("loss"), t.metrics.get("size")) for t in trials]
