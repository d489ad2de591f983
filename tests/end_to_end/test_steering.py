"""A running sweep is steered by commands that know nothing of it but its study."""

import json
import os
import signal
from pathlib import Path

import pytest

from ax_mo.cli.main import main
from ax_mo.hydra_project.program import how_to_resume
from ax_mo.storage.snapshot import read_snapshot
from tests.support.sweeps import APPS, Sweep
from tests.support.waiting import read_until, wait_until

Out = pytest.CaptureFixture[str]


def cli(out: Out, *words: object) -> str:
    """What a command of ``ax-mo`` prints that must not fail."""
    out.readouterr()
    code = main([str(word) for word in words])
    said = out.readouterr()
    assert code == 0, said.err
    return said.out


def test_study_is_steered_while_it_runs_over_a_crash_and_after_its_end(sweep: Sweep, capsys: Out) -> None:
    options = (
        "x=interval(0,1)", "model=choice(small,large)", sweep.held, "hydra.sweeper.n_trials=4",
        "hydra.sweeper.method=random_search", "hydra.sweeper.start_from_config=false",
    )  # fmt: skip
    running = sweep.start(*options)
    wait_until(lambda: sweep.under_way(2))

    # While it runs: paused, with a point in line, and with other settings.
    assert cli(capsys, "pause", sweep.dir).startswith("The study is paused.")
    assert cli(capsys, "enqueue", sweep.dir, "x=0.25", "model=large").startswith("It runs next, as soon as a worker is")
    assert main(["enqueue", str(sweep.dir), "x=2"]) == 1
    assert capsys.readouterr().err == "ax-mo: enqueue: x=2 is above its upper bound 1.\n"
    assert "n_trials=5 (was 4), n_jobs=3 (was 2)" in cli(capsys, "set", sweep.dir, "n_trials=5", "n_jobs=3")
    status = cli(capsys, "status", sweep.dir)
    assert "running, 0 of 5 trials ended" in status and "  paused       by " in status
    assert "  queue 2      x=0.25 model=large, by " in status
    cli(capsys, "enqueue", sweep.dir, "x=0.5", "model=small")
    assert cli(capsys, "enqueue", sweep.dir, "--remove", 4) == "Point 4 is removed.\n"

    # Its sweeper is killed: nothing of that is lost, and the printed command has the settings.
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    record = read_snapshot(sweep.dir)
    resume = how_to_resume(record.program, sweep.dir)
    assert "hydra.sweeper.n_trials=5 hydra.sweeper.n_jobs=3" in resume and "n_trials=4" not in resume
    resumed = sweep.start(*options, "hydra.sweeper.n_trials=5")
    read_until(resumed, "paused by ")
    sweep.gate.touch()
    wait_until(lambda: sweep.rows("select count(*) from ax_mo_trial where status = 'completed'") == [(2,)])
    assert cli(capsys, "resume", sweep.dir) == "The study goes on.\n"
    output, _ = resumed.communicate(timeout=100)
    assert resumed.returncode == 0, output
    assert "the study goes on, by " in output and "5 completed, 0 failed of 5 trials" in output
    trials = sweep.trials()
    assert [trial["generator"] for trial in trials].count("user") == 1
    assert (trials[2]["generator"], trials[2]["params.x"], trials[2]["params.model"]) == ("user", "0.25", "large")

    # After its end: the next resume does what is asked, once.
    said = cli(capsys, "enqueue", sweep.dir, "x=0.75", "model=small")
    assert "its next resume runs it first" in said and "resume with: " in said
    assert f"ax-mo set {sweep.dir} n_trials=6" in said.replace("\n    ", " ")
    cli(capsys, "enqueue", sweep.dir, "x=0.125", "model=small")
    number = json.loads(cli(capsys, "status", sweep.dir, "--json"))["queue"][1]["number"]
    assert main(["enqueue", str(sweep.dir), "--remove", "1"]) == 1
    assert capsys.readouterr().err == f"ax-mo: Point 1 is not in line; there are: {number - 1}, {number}.\n"
    said = cli(capsys, "enqueue", sweep.dir, "--remove", number)
    assert said.startswith(f"Point {number} is removed: the study is not running, and its next resume leaves it.")
    assert cli(capsys, "status", sweep.dir).count("  queue ") == 1
    cli(capsys, "set", sweep.dir, "n_trials=6")
    assert main(["enqueue", str(sweep.dir), "x=0.25", "model=large"]) == 1
    assert capsys.readouterr().err == "ax-mo: The point is trial 2 already: completed.\n"
    done = sweep.run(*options)
    assert done.returncode == 0 and "enqueued by " in done.output
    assert sweep.trials()[5]["generator"] == "user" and len(sweep.trials()) == 6
    assert "queue" not in cli(capsys, "status", sweep.dir)
    again = sweep.run(*options, "hydra.sweeper.n_trials=6")
    assert again.returncode == 0 and "enqueued by " not in again.output and len(sweep.trials()) == 6


@pytest.mark.parametrize("launcher", ["torchx", "basic"])
def test_trial_that_is_asked_to_stop_ends_early_and_keeps_what_it_has(
    tmp_path: Path, capsys: Out, launcher: str
) -> None:
    sweep = Sweep(tmp_path)
    sweep.script, sweep.objectives = APPS / "curves" / "task.py", "{acc: maximize, size: minimize}"
    running = sweep.start(
        "quality=interval(0.1,0.9)", "size=range(1,101)", "hydra.sweeper.n_trials=1", "hydra.sweeper.n_jobs=1",
        "steps=10000", "seconds=0.02", "hydra.sweeper.start_from_config=false", f"hydra/launcher={launcher}",
    )  # fmt: skip
    wait_until((sweep.dir / "0" / "curve.jsonl").exists)
    assert main(["stop", str(sweep.dir), "1"]) == 1
    assert "has no trial 1; its trials are 0 to 0" in capsys.readouterr().err
    said = cli(capsys, "stop", sweep.dir, 0)
    assert said.startswith("Trial 0 is asked to stop.\n") and "counts as stopped early" in said
    output, _ = running.communicate(timeout=100)
    assert running.returncode == 0, output
    (trial,) = sweep.trials()
    assert trial["status"] == "early_stopped" and trial["reason"].startswith("asked by ")
    assert 0 < int(trial["metrics.steps"]) < 10000
    assert main(["stop", str(sweep.dir), "0"]) == 1
    assert capsys.readouterr().err == "ax-mo: Trial 0 is not running: stopped early.\n"
