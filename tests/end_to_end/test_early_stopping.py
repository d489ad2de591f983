"""Bad trials end before their last step, and keep what they have; a study ends when more of it is not worth it."""

import json
import os
import signal

import pytest

from ax_mo.storage.snapshot import read_snapshot
from tests.support.sweeps import APPS, Sweep
from tests.support.waiting import wait_until

# (quality, size): a good front, trials that are dominated in everything, and a small one of low quality.
GOOD, SMALL, LARGE = (0.8, 40), (0.3, 5), (0.9, 90)
BAD = (0.2, 95)
COMPLETED_FIRST = [GOOD, SMALL, LARGE]


@pytest.fixture
def curves(tmp_path) -> Sweep:
    sweep = Sweep(tmp_path)
    sweep.script = APPS / "curves" / "task.py"
    sweep.objectives = "{acc: maximize, size: minimize}"
    return sweep


def trials(*points: tuple[float, int], rule: str, n_jobs: int = 1) -> list[str]:
    """Overrides of a study of exactly these points, in this order."""
    named = ",".join(f"{{quality: {quality}, size: {size}}}" for quality, size in points)
    return [
        "quality=interval(0.1,0.9)", "size=range(1,101)", "hydra.sweeper.start_from_config=false",
        f"hydra.sweeper.initial_trials=[{named}]", f"hydra.sweeper.n_trials={len(points)}",
        f"hydra.sweeper.n_jobs={n_jobs}", f"hydra.sweeper.early_stopping={{min_trials: 3, patience: 0, {rule}}}",
    ]  # fmt: skip


DOMINATED = "rule: dominated, k: 2"


def test_known_bad_trial_is_stopped_and_a_known_good_one_is_not(curves):
    done = curves.run(*trials(*COMPLETED_FIRST, BAD, (0.85, 3), rule="rule: all"))
    assert done.returncode == 0, done.output
    bad, good = curves.trials()[3:]
    assert (good["status"], good["metrics.steps"]) == ("completed", "8")
    assert bad["status"] == "early_stopped"
    assert int(bad["metrics.steps"]) < 8, "training ended at the end of a step"
    assert "; size 95 at step" in bad["reason"]
    assert f"ax_mo: trial 3 stopped early: {bad['reason']}" in done.output
    assert "ax_mo: done: 4 completed, 1 stopped early, 0 failed of 5 trials" in done.output
    assert [solution["trial"] for solution in curves.solutions()] == [2, 4]
    # It keeps its checkpoints and what it had by then.
    steps = int(bad["metrics.steps"])
    assert (curves.dir / "3/checkpoint.txt").read_text().split() == [str(step) for step in range(steps)]
    result = curves.result(3)
    assert result["metrics"]["acc"] == pytest.approx(0.2 * (1 - 0.5**steps))
    points = [json.loads(line) for line in (curves.dir / "3/curve.jsonl").read_text().splitlines()]
    assert [point["step"] for point in points] == list(range(steps))
    assert result["stopped"] == bad["reason"]


@pytest.mark.parametrize("how", ["deaf=true", pytest.param("dies_when_stopped=true", marks=pytest.mark.long)])
def test_trial_that_does_not_end_as_asked_is_stopped_all_the_same(curves, how):
    rule = DOMINATED + ", grace_seconds: 0.3"
    done = curves.run(*trials(*COMPLETED_FIRST, BAD, rule=rule), how, "steps=40", "seconds=0.05")
    assert done.returncode == 0, done.output
    bad = curves.trials()[3]
    assert bad["status"] == "early_stopped"
    assert "dominated at step" in bad["reason"]
    assert float(bad["metrics.acc"]) > 0, "what it had reported"
    assert bad["metrics.steps"] == "", "it never returned"


@pytest.mark.parametrize(
    "how", ["dies_when_stopped=false", pytest.param("dies_when_stopped=true", marks=pytest.mark.long)]
)
def test_other_launchers_stop_their_trials_too(curves, how):
    done = curves.run(*trials(*COMPLETED_FIRST, BAD, rule=DOMINATED), "hydra/launcher=basic", how)
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in curves.trials()] == ["completed"] * 3 + ["early_stopped"]


@pytest.mark.long
def test_all_runs_of_a_repeated_trial_are_stopped(curves):
    options = trials(*COMPLETED_FIRST, BAD, rule=DOMINATED, n_jobs=2)
    done = curves.run(*options, "hydra.sweeper.repeats=2", "steps=30")  # on a busy machine, 8 may end before the stop
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in curves.trials()] == ["completed"] * 6 + ["early_stopped"] * 2
    assert "3 completed, 1 stopped early, 0 failed of 4 trials" in done.output


def test_decision_survives_a_resume(curves):
    options = trials(*COMPLETED_FIRST, BAD, rule=DOMINATED + ", grace_seconds: 100")
    sweeper = curves.start(*options, "deaf=true", "steps=20", "seconds=0.1")
    stop = curves.dir / "3/stop.json"
    wait_until(stop.exists)
    os.killpg(sweeper.pid, signal.SIGKILL)
    sweeper.communicate()
    asked = json.loads(stop.read_text())["reason"]
    pid = int((curves.dir / "3/.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)  # its trial, too: nobody saw it end
    resumed = curves.run(*options, "deaf=true", "steps=20", "seconds=0.1")
    assert resumed.returncode == 0, resumed.output
    (bad,) = curves.trials()[3:]
    assert (bad["status"], bad["reason"], bad["attempt"]) == ("early_stopped", asked, "1")
    again = curves.run(*options, "deaf=true", "steps=20", "seconds=0.1")
    assert "resuming after 4 ended trials" in again.output
    assert curves.trials()[3] == bad


def test_study_without_curves_says_that_nothing_will_be_stopped(sweep):
    options = ("x=range(0,6)", "sleep=0.3", "hydra.sweeper.n_jobs=1", "hydra.sweeper.n_trials=3")
    done = sweep.run(*options, "hydra.sweeper.early_stopping={rule: dominated}")
    assert done.returncode == 0, done.output
    assert done.output.count("no trial reports a learning curve, so nothing will be stopped") == 1


# The study as a whole


@pytest.mark.long
def test_study_ends_after_its_hours_and_can_be_resumed(sweep):
    options = ("x=interval(0,1)", "sleep=3", "hydra.sweeper.n_jobs=1", "hydra.sweeper.method=random_search")
    done = sweep.run(*options, "hydra.sweeper.n_trials=50", "hydra.sweeper.timeout_hours=0.002")
    assert done.returncode == 0, done.output
    assert "ax_mo: ended before its last trial (timeout_hours=0.002 are over): " in done.output
    before = sweep.trials()
    record = read_snapshot(sweep.dir)
    assert (record.state, str(record.stop_reason)) == ("ended", "timeout_hours=0.002 are over")
    assert 1 <= len(before) < 50
    assert {trial["status"] for trial in before} == {"completed"}, "running trials are finished"
    assert sweep.run(*options, f"hydra.sweeper.n_trials={len(before) + 1}").returncode == 0
    assert len(sweep.trials()) == len(before) + 1
    assert read_snapshot(sweep.dir).stop_reason is None


def test_study_ends_when_its_front_stands_still(sweep):
    sweep.objectives = "{loss: {goal: minimize, threshold: 1}, size: {goal: minimize, threshold: 100}}"
    options = ("y=interval(0,1)", "x=0.3", "hydra.sweeper.initial_trials=[{y: 0.5}, {y: 0}]",
               "hydra.sweeper.method=random_search")  # fmt: skip
    done = sweep.run(
        *options, "hydra.sweeper.n_trials=30",
        "hydra.sweeper.stop_when={hypervolume_gain: 0.01, over_trials: 4}",
    )  # fmt: skip
    assert done.returncode == 0, done.output
    assert "ended before its last trial (the last 4 trials have enlarged the hypervolume by" in done.output
    assert 5 <= len(sweep.trials()) < 30


@pytest.mark.long
def test_trial_that_has_noticed_may_take_its_time_after_training(curves):
    rule = DOMINATED + ", grace_seconds: 0.3"
    done = curves.run(*trials(*COMPLETED_FIRST, BAD, rule=rule), "closing_seconds=2")
    assert done.returncode == 0, done.output
    bad = curves.trials()[3]
    assert bad["status"] == "early_stopped"
    assert bad["metrics.steps"] != "", "it returned what it has after that"
