"""Whatever trials leave behind, and whatever they do to their own directories, the study goes on and can be read."""

import os
import shutil
import sqlite3
import stat
import sys

import pytest

from tests.apps.poison.poisons import CURVES, LINES, RESULTS
from tests.support.long import LONG
from tests.support.sweeps import APPS, run

SPACE = ("x=interval(0,1)", "hydra.sweeper.method=random_search", "hydra.sweeper.max_failure_rate=1")


@pytest.fixture
def poisoned(sweep):
    shutil.copytree(APPS / "poison", sweep.project, dirs_exist_ok=True)
    sweep.script = sweep.project / "app.py"
    return sweep


def cli(sweep, *words):
    done = run([sys.executable, "-m", "ax_mo", *map(str, words)], cwd=sweep.tmp_path)
    assert "Traceback" not in done.output, done.output[-3000:]
    return done


def statuses(sweep):
    return [trial["status"] for trial in sweep.trials()]


EVERY = 1 if LONG else 20
"""`make test-long` takes all; how each is read is tested in ``runner/test_poisons.py``."""


@pytest.mark.longer
def test_poisons_are_failed_trials_and_the_study_goes_on_and_is_read(poisoned):
    left = RESULTS[::EVERY]
    count = 2 * len(left)
    options = (
        *SPACE, "hydra.sweeper.n_jobs=4", "hydra.sweeper.early_stopping={rule: dominated, min_trials: 1000}",
        f"every={EVERY}",
    )  # fmt: skip
    done = poisoned.run(*options, f"hydra.sweeper.n_trials={count}", timeout=900)
    assert done.returncode == 0, done.output[-3000:]
    assert "Traceback" not in done.output
    trials = poisoned.trials()
    assert [trial["status"] for trial in trials] == ["failed", "completed"] * len(left)
    for poison, trial in zip(left, trials[::2], strict=True):
        assert poison.reason in trial["reason"], (poison.name, trial["reason"])

    resumed = poisoned.run(*options, f"hydra.sweeper.n_trials={count + 1}")
    assert resumed.returncode == 0, resumed.output[-3000:]
    assert len(poisoned.trials()) == count + 1

    directory = poisoned.dir
    assert f"{len(left)} failed" in cli(poisoned, "status", directory).output
    for number in [2 * n for n, poison in enumerate(left) if n % 10 == 0 or "link" in poison.name]:
        assert cli(poisoned, "show", directory, number).returncode == 0
    assert cli(poisoned, "export", directory, "--to", poisoned.tmp_path / "all.csv").returncode == 0
    assert cli(poisoned, "report", directory).returncode == 0
    assert (directory / "report.html").exists()

    before = poisoned.trials()
    (directory / "study.db").unlink()
    rebuilt = cli(poisoned, "rebuild", directory)
    assert rebuilt.returncode == 0, rebuilt.output
    with sqlite3.connect(directory / "study.db") as database:
        rows = dict(database.execute("select number, status || ': ' || coalesce(reason, '') from ax_mo_trial"))
    assert rows == {int(trial["trial"]): f"{trial['status']}: {trial['reason']}" for trial in before}


def test_poisoned_curves_cover_the_table():
    assert len(RESULTS) >= len(LINES) + len(CURVES)


@pytest.mark.parametrize("launcher", ["torchx", pytest.param("basic", marks=pytest.mark.long)])
def test_trial_that_destroys_its_own_directory_is_a_failed_trial(poisoned, launcher):
    # In one process with the sweeper there is no moment after the result was recorded.
    options = (
        *SPACE, "spoils=true", f"at_once={launcher == 'basic'}", f"hydra/launcher={launcher}",
        "hydra.sweeper.n_jobs=2",
    )  # fmt: skip
    done = poisoned.run(*options, "hydra.sweeper.n_trials=10")
    assert done.returncode == 0, done.output[-3000:]
    assert "Traceback" not in done.output
    trials = poisoned.trials()
    assert [trial["status"] for trial in trials] == ["failed", "completed"] * 5
    assert [trial["attempt"] for trial in trials] == ["1"] * 10
    assert [trial["reason"] for trial in trials[::2]] == [
        "its directory is gone",
        "its directory was replaced by a file",
        "its directory was replaced by a link",
        "its directory was replaced by a link",
        "removed trial.json from its own directory",
    ]
    resumed = poisoned.run(*options, "hydra.sweeper.n_trials=11")
    assert resumed.returncode == 0, resumed.output[-3000:]
    assert cli(poisoned, "status", poisoned.dir).returncode == 0


@pytest.mark.long
def test_attempt_after_one_that_destroyed_its_directory_finds_a_new_one(poisoned):
    assert poisoned.run(*SPACE, "hydra.sweeper.n_trials=2").returncode == 0
    directory = poisoned.dir / "1"
    shutil.rmtree(directory)
    directory.write_text("a file")
    with poisoned.database() as database:
        database.execute("update ax_mo_trial set status='cancelled', metrics='{}', checksum=null where number=1")
    done = poisoned.run(*SPACE, "hydra.sweeper.n_trials=2")
    assert done.returncode == 0, done.output[-3000:]
    assert statuses(poisoned)[1] == "completed"
    (kept,) = poisoned.dir.glob("1.replaced-*")
    assert kept.read_text() == "a file"


@pytest.mark.long
def test_nobody_else_can_read_a_study_under_a_strict_umask(sweep):
    strict = ["sh", "-c", 'umask 077; exec "$@"', "sh"]
    options = ("x=interval(0,1)", "hydra.sweeper.method=random_search", "hydra.sweeper.n_trials=1")
    done = sweep.run(argv=[*strict, *sweep.argv(*options)], env={"AX_MO_REPORT": "1"})
    assert done.returncode == 0, done.output[-3000:]
    found = [sweep.dir, *sweep.dir.rglob("*")]
    assert {"study.db", "report.html", ".sweeper.lock", "result.json", "trial.json"} <= {path.name for path in found}
    open_to_others = {str(path): stat.filemode(path.lstat().st_mode) for path in found if path.lstat().st_mode & 0o077}
    assert open_to_others == {}


@pytest.mark.long
def test_what_killed_processes_were_writing_is_removed_at_the_next_start(sweep):
    options = ("x=interval(0,1)", "hydra.sweeper.method=random_search")
    assert sweep.run(*options, "hydra.sweeper.n_trials=2").returncode == 0
    gone = 2**22 + 1  # beyond the largest process id
    left = [
        sweep.dir / f".trials.csv.{gone}-01234567.tmp",
        sweep.dir / f"..sweeper.json.{gone}-01234567.tmp",
        sweep.dir / "pareto" / f".trial_1.yaml.{gone}-01234567.tmp",
        sweep.dir / "1" / f".result.json.{gone}-01234567.tmp",
    ]
    kept = [
        sweep.dir / f".report.html.{os.getpid()}-01234567.tmp",  # somebody writes it at this moment
        sweep.dir / ".trials.csv.swp",
        sweep.dir / ".notes.txt.abcdefgh",
        sweep.dir / ".my.tmp",
        sweep.dir / "pareto" / ".mine.yaml.abcdefgh",
        sweep.dir / "1" / ".cache.bin.12345-01234567.tmp",
        sweep.dir / "1" / ".env",
    ]
    for path in (*left, *kept):
        path.write_text("x")
    assert sweep.run(*options, "hydra.sweeper.n_trials=3").returncode == 0
    assert [path for path in left if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []
