"""A disk that cannot be written stops the study with a clear error; what was recorded stays readable."""

import csv
import shlex

import pytest
import yaml

from tests.support.waiting import wait_until

SPACE = ("x=interval(0,1)", "y=interval(0,1)", "hydra.sweeper.method=random_search")


def test_sweep_directory_that_cannot_be_made(sweep):
    blocked = sweep.tmp_path / "file"
    blocked.touch()
    done = sweep.run(*SPACE, f"hydra.sweep.dir={blocked}/sweep")
    assert done.returncode == 1
    assert f"Cannot write in {blocked}/sweep" in done.output
    assert "Traceback" not in done.output


def test_sweep_directory_that_disappears_stops_the_study(sweep):
    process = sweep.start(*SPACE, "sleep=1", "hydra.sweeper.n_trials=100")
    wait_until((sweep.dir / "trials.csv").exists)
    sweep.dir.rename(sweep.tmp_path / "moved")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"The sweep directory {sweep.dir} has disappeared" in output
    assert "Traceback" not in output
    assert (sweep.tmp_path / "moved" / "study.db").exists()


@pytest.mark.long
def test_full_disk_stops_the_study_and_leaves_it_readable(sweep):
    # A limit on the size of files stands for a full disk: writes beyond it fail.
    limited = ["sh", "-c", "ulimit -f 90; trap '' XFSZ; exec " + shlex.join(
        sweep.argv(*SPACE, "hydra.sweeper.n_trials=500", "hydra/launcher=basic", "hydra.sweeper.n_jobs=20",
        "hydra.sweeper.storage_timeout=2"))
    ]  # fmt: skip
    done = sweep.run(argv=limited)
    assert done.returncode == 1
    assert "cannot be used" in done.output or "Cannot write" in done.output, done.output[-2000:]
    assert "Traceback" not in done.output
    with (sweep.dir / "trials.csv").open(newline="") as file:
        before = [row for row in csv.DictReader(file) if row["status"] == "completed"]
    assert before
    assert yaml.safe_load((sweep.dir / "optimization_results.yaml").read_text())["solutions"]
    # With room again, the study goes on.
    resumed = sweep.run(*SPACE, f"hydra.sweeper.n_trials={len(before) + 2}")
    assert resumed.returncode == 0, resumed.output[-2000:]


def test_unwritable_trial_directory_stops_the_study(sweep):
    sweep.dir.mkdir()
    (sweep.dir / "0").write_text("in the way")
    done = sweep.run(*SPACE)
    assert done.returncode == 1
    assert f"Cannot write in {sweep.dir / '0'}" in done.output
    assert "Traceback" not in done.output


def test_disk_trouble_leaves_the_running_trials_to_a_resume(sweep):
    trials = f"[{{until: {sweep.gate}, x: 0.1}}, {{until: '', x: 0.2}}]"
    options = ("x=interval(0,1)", f"until=choice({sweep.gate},'')", "sleep=2", "hydra.sweeper.n_trials=2",
               f"hydra.sweeper.initial_trials={trials}", "hydra.sweeper.start_from_config=false",
               "hydra.sweeper.n_jobs=2", f"journal={sweep.tmp_path / 'journal'}")  # fmt: skip
    process = sweep.start(*options)
    wait_until(lambda: sweep.under_way(2))
    (sweep.dir / "trials.csv").unlink()
    (sweep.dir / "trials.csv").mkdir()  # which no file can replace, when trial 1 has ended
    process.wait(60)
    output = process.stdout.read()
    assert process.returncode == 1 and "Cannot write in" in output, output
    assert "What runs goes on, and a resume adopts it: trial 0" in output
    (sweep.dir / "trials.csv").rmdir()
    resumed = sweep.run_and_release("Trial 0 is still running", *options)
    assert resumed.returncode == 0, resumed.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2
    assert sorted((sweep.tmp_path / "journal").read_text().split()) == ["0", "1"]
