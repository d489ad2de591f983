"""Workers do not wait: not for each other, and not for ever for the model."""

from datetime import datetime


def moments(trial):
    return (datetime.fromisoformat(trial["submitted"]), datetime.fromisoformat(trial["ended"]))


def test_next_trial_starts_while_a_slow_one_still_runs(sweep):
    done = sweep.run(
        "x=interval(0,1)", "sleep=0.1,8", "hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.method=random_search", "hydra.sweeper.seed=1",
    )  # fmt: skip
    assert done.returncode == 0, done.output
    trials = sweep.trials()
    slow = [moments(trial) for trial in trials if float(trial["params.sleep"]) > 1]
    fast = [moments(trial) for trial in trials if float(trial["params.sleep"]) < 1]
    next_starts = [start for start, _ in slow + fast]
    overtaken = [
        (ended, start)
        for slow_start, slow_end in slow
        for _, ended in fast
        for start in next_starts
        if slow_start < ended < start < slow_end
    ]
    assert overtaken, "a batch would have waited for the slow trial"


def test_worker_that_waits_too_long_for_the_model_takes_a_quasi_random_point(sweep):
    done = sweep.run(
        "x=interval(0,1)", "y=interval(0,1)", "hydra.sweeper.n_trials=8", "hydra.sweeper.n_jobs=3",
        "hydra.sweeper.n_startup_trials=3", "hydra.sweeper.suggestion_timeout=0.2",
    )  # fmt: skip
    assert done.returncode == 0, done.output
    assert "a quasi-random point runs meanwhile" in done.output
    trials = sweep.trials()
    assert [trial["status"] for trial in trials] == ["completed"] * 8
    assert len({(trial["params.x"], trial["params.y"]) for trial in trials}) == 8
