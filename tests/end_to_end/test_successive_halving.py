"""Trials that train in rungs: promoted from their checkpoints, through kills of the sweeper, with failures."""

import os
import signal

import pytest
from omegaconf import OmegaConf

from ax_mo.storage.snapshot import read_snapshot
from tests.support.sweeps import APPS, Sweep
from tests.support.waiting import wait_until

RULE = "rule: successive_halving, budget_key: epochs, max: 4, factor: 2"
RESUMING = RULE + ", resume_key: resume, checkpoint: models/*.json"


@pytest.fixture
def rungs(tmp_path) -> Sweep:
    sweep = Sweep(tmp_path)
    sweep.script = APPS / "rungs" / "task.py"
    sweep.objectives = "{acc: maximize, size: minimize}"
    return sweep


def options(n_trials: int, rule: str = RESUMING, n_jobs: int = 2) -> list[str]:
    return [
        "quality=interval(0.1,0.9)", "size=range(1,101)", f"hydra.sweeper.n_trials={n_trials}",
        f"hydra.sweeper.n_jobs={n_jobs}", "hydra.sweeper.method=random_search", "hydra.sweeper.seed=1",
        f"hydra.sweeper.early_stopping={{{rule}}}", "hydra.sweeper.report=false",
    ]  # fmt: skip


def rungs_of(sweep: Sweep) -> dict[int, list[int]]:
    """The budgets at which each trial ran, as trials.csv has them."""
    found: dict[int, list[int]] = {}
    for line in sweep.trials():
        found.setdefault(int(line["trial"]), []).append(int(line["budget"]))
    return found


def test_trials_are_promoted_from_their_checkpoints_and_the_complete_ones_make_the_front(rungs):
    done = rungs.run(*options(4))
    assert done.returncode == 0, done.output
    ran = rungs_of(rungs)
    assert len(ran) == 4
    assert all(budgets == [1, 2, 4][: len(budgets)] for budgets in ran.values())
    assert sum(len(budgets) > 1 for budgets in ran.values()) >= 2
    for line in rungs.trials():
        budget = int(line["budget"])
        assert line["status"] == ("completed" if budget == 4 else "early_stopped")
        assert float(line["metrics.trained"]) == {1: 1, 2: 1, 4: 2}[budget], "it went on from the rung before"
    complete = {number for number, budgets in ran.items() if budgets[-1] == 4}
    assert complete
    solutions = rungs.solutions()
    assert {solution["trial"] for solution in solutions} <= complete
    # What the front's files repeat is the whole training, and not its last part.
    point = OmegaConf.load(rungs.dir / "pareto" / f"trial_{solutions[0]['trial']}.yaml")
    assert (point.epochs, "resume" in point) == (4, False)
    record = read_snapshot(rungs.dir)
    best = record.trials[solutions[0]["trial"]]
    assert [point.step for point in record.curve_of(best)] == list(range(4)), "one curve of all its rungs"
    assert "paused at epochs=1 of 4: acc=" in done.output


def test_rungs_go_on_after_the_sweeper_and_a_trial_were_killed(rungs):
    held = ("held_from=2", f"until={rungs.gate}")
    sweeper = rungs.start(*options(4), *held)
    wait_until(lambda: len(list(rungs.dir.glob("*/2/.pid"))) == 2)  # two promoted trials hold both workers
    os.killpg(sweeper.pid, signal.SIGKILL)
    sweeper.communicate()
    before = rungs.rows("select number, repeat, status, metrics from ax_mo_trial where status = 'early_stopped'")
    pid = int(sorted(rungs.dir.glob("*/2/.pid"))[0].read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    rungs.gate.touch()
    done = rungs.run(*options(4), *held)
    assert done.returncode == 0, done.output
    assert set(before) <= set(rungs.rows("select number, repeat, status, metrics from ax_mo_trial"))
    ran = rungs_of(rungs)
    assert len(ran) == 4
    assert all(budgets == [1, 2, 4][: len(budgets)] for budgets in ran.values()), "no rung ran twice or was left out"
    assert all(line["status"] in ("completed", "early_stopped") for line in rungs.trials())
    other = rungs.run(*options(4, RESUMING.replace("max: 4", "max: 8")), *held)
    assert other.returncode == 1
    assert "hydra.sweeper.early_stopping is not what this study was started with" in other.output


@pytest.mark.long
def test_trial_that_fails_at_a_rung_of_another_launcher_has_failed(rungs):
    more = ["fails_from=4", "hydra.sweeper.max_failure_rate=1", "hydra/launcher=basic"]
    done = rungs.run(*options(4, RULE, n_jobs=1), *more)
    assert done.returncode == 0, done.output
    lines = rungs.trials()
    failed = [line for line in lines if line["status"] == "failed"]
    assert failed
    assert {line["budget"] for line in failed} == {"4"}
    assert all("diverged" in line["reason"] for line in failed)
    at_two = [line for line in lines if line["budget"] == "2"]
    assert all(float(line["metrics.trained"]) == 2 for line in at_two), "without a resume_key, from scratch"
    statuses = {trial.number: trial.status for trial in read_snapshot(rungs.dir).trials}
    assert all(statuses[int(line["trial"])] == "failed" for line in failed)
