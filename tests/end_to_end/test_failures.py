"""A failing trial never ends the study, and says why it failed."""

import sys

import pytest

MODES = {
    "exception": "ValueError: diverged at step 7",
    "exit": "ended with exit code 3: leaving for good",
    "exit_zero": "ended with exit code 0 but recorded no result",
    "sigkill": "killed by SIGKILL",
    "sigsegv": "killed by SIGSEGV",
    "not_a_number": "the metric 'loss' is not finite: nan",
    "text": "the metric 'loss' is not a number: 'low'",
    "misspelled": "the metric 'loss' appeared nowhere; seen were returned: los, size. Did you mean 'los'?",
    "nothing": "the task returned nothing",
}


def test_every_way_to_fail_is_a_failed_trial_with_its_reason(sweep):
    modes = ",".join([*MODES, "fine"])
    done = sweep.run(
        f"mode={modes}", f"hydra.sweeper.n_trials={len(MODES) + 1}", "hydra.sweeper.max_failure_rate=1.0",
        "hydra.sweeper.method=random_search",
        "hydra.sweeper.n_jobs=3",
    )  # fmt: skip
    assert done.returncode == 0, done.output
    trials = {trial["params.mode"]: trial for trial in sweep.trials()}
    assert set(trials) == {*MODES, "fine"}
    for mode, reason in MODES.items():
        assert trials[mode]["status"] == "failed", mode
        assert reason in trials[mode]["reason"], mode
        assert trials[mode]["metrics.loss"] == ""
        assert reason in done.output
    assert trials["fine"]["status"] == "completed"
    assert [solution["params"]["mode"] for solution in sweep.solutions()] == ["fine"]
    assert 'raise ValueError("diverged at step 7")' in done.output, "the last lines of stderr are shown"
    assert "Traceback" not in done.output.split("ValueError")[0]


def test_too_many_failures_stop_the_study(sweep):
    # Alternating faults, so that it is the rate that counts.
    modes = "exception,exit,not_a_number,text,infinite,nothing,misspelled,fine"
    done = sweep.run(
        f"mode={modes}", "hydra.sweeper.n_trials=8", "hydra.sweeper.n_jobs=1", "hydra.sweeper.max_failure_rate=0.5",
        "hydra.sweeper.method=random_search", "hydra.sweeper.seed=3", "hydra/launcher=basic",
    )  # fmt: skip
    assert done.returncode == 1
    assert "more than max_failure_rate=0.5 allows" in done.output
    ended = sweep.trials()
    assert 5 <= len(ended) < 8


def test_a_short_study_whose_trials_all_fail_exits_with_1(sweep):
    done = sweep.run("x=interval(0,1)", "mode=exception", "hydra.sweeper.n_trials=1")
    assert done.returncode == 1
    assert "1 of 1 trials failed" in done.output


def test_broken_environment_ends_the_study_and_burns_no_trials(sweep):
    options = (
        "x=interval(0,1)",
        "hydra.sweeper.n_jobs=1",
        "hydra.sweeper.seed=1",
        "hydra.sweeper.method=random_search",
    )
    assert sweep.run(*options, "hydra.sweeper.n_trials=1").returncode == 0
    broken = sweep.run(*options, "mode=exception", "hydra.sweeper.n_trials=9", "hydra.sweeper.max_same_failures=3")
    assert broken.returncode == 1
    assert "The first 3 trials failed with the same error: ValueError: diverged at step 7" in broken.output
    assert "to resume:" in broken.output
    mended = sweep.run(*options, "hydra.sweeper.n_trials=2", "hydra.sweeper.max_same_failures=3")
    assert mended.returncode == 0, mended.output
    assert "of which 3 do not count: they failed by the same error" in mended.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed", *["failed"] * 3, "completed"]
    status = sweep.run(argv=[sys.executable, "-m", "ax_mo", "status", str(sweep.dir)])
    assert "ended, 2 of 2 trials ended (2 completed, 3 failed)" in status.output, status.output
    assert "not counted  3 trials that failed by the same error: 1, 2, 3" in status.output


@pytest.mark.long
def test_same_error_in_a_row_ends_a_study_in_which_trials_have_succeeded(sweep):
    options = (
        "x=interval(0,1)",
        "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.seed=1",
        "hydra.sweeper.method=random_search",
        "hydra.sweeper.max_failure_rate=0.9",
        "hydra/launcher=basic",
    )
    script = sweep.script.read_text()
    # From the third trial on, as when a disk or a dependency goes away.
    sweep.script.write_text(
        script.replace(
            "    time.sleep(cfg.sleep)",
            "    if HydraConfig.get().job.num > 2:\n"
            "        raise OSError('No space left on device')\n    time.sleep(cfg.sleep)",
        )
    )
    done = sweep.run(*options, "hydra.sweeper.n_trials=30")
    assert done.returncode == 1
    assert "failed with the same error: OSError: No space left on device" in done.output
    ended = [trial["status"] for trial in sweep.trials()]
    assert ended.count("completed") == 3 and 5 <= ended.count("failed") <= 6
    sweep.script.write_text(script)
    assert sweep.run(*options, "hydra.sweeper.n_trials=5").returncode == 0
    assert [trial["status"] for trial in sweep.trials()].count("completed") == 5
