"""Workers do not wait: not for each other, and not for ever for the model."""

from tests.support.waiting import wait_until


def test_next_trial_starts_while_a_slow_one_still_runs(sweep, live):
    process = sweep.start(*live.options)
    wait_until(lambda: sweep.under_way(2))
    live.first.touch()
    wait_until((sweep.dir / "2" / "result.json").exists)  # a batch would wait for the slow trial first
    assert not (sweep.dir / "1" / "result.json").exists()
    sweep.gate.touch()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert live.ran() == {"0": 1, "1": 1, "2": 1}


def test_worker_that_waits_too_long_for_the_model_takes_a_quasi_random_point(sweep):
    done = sweep.run(
        "x=interval(0,1)", "y=interval(0,1)", "hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=3",
        "hydra.sweeper.n_startup_trials=3", "hydra.sweeper.suggestion_timeout=0.2",
    )  # fmt: skip
    assert done.returncode == 0, done.output
    assert "a quasi-random point runs meanwhile" in done.output
    trials = sweep.trials()
    assert [trial["status"] for trial in trials] == ["completed"] * 6
    late = sum(trial["generator"] == "sobol_timeout" for trial in trials)
    assert late and f"in place of the model's: {late} as it took longer than suggestion_timeout." in done.output
    assert len({(trial["params.x"], trial["params.y"]) for trial in trials}) == 6
