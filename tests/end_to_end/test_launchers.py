"""The user's own choice of launcher wins; any launcher works, in batches."""

import pytest
import yaml

from tests.support.waiting import interrupt_twice, wait_until

SPACE = ("x=interval(0,1)", "hydra.sweeper.n_trials=5", "hydra.sweeper.n_jobs=2")


def chosen_launcher(sweep):
    return yaml.safe_load((sweep.dir / "multirun.yaml").read_text())["hydra"]["launcher"]["_target_"]


def test_other_launchers_run_the_study_in_batches(sweep):
    subdir = "hydra.sweep.subdir=${hydra:runtime.choices.model}"  # the same for all of them
    options = (*SPACE, "hydra/launcher=basic", "hydra.sweeper.trial_timeout=600", subdir)
    assert sweep.run(*options, "hydra.sweeper.n_trials=2").returncode == 0
    done = sweep.run(*options)
    assert done.returncode == 0, done.output
    assert "trial_timeout and max_retries do nothing with this launcher" in done.output
    assert "basic" in chosen_launcher(sweep)
    trials = sweep.trials()
    assert [trial["status"] for trial in trials] == ["completed"] * 5
    assert [trial["dir"] for trial in trials] == ["small", *(f"small_{number}" for number in range(1, 5))]
    assert (sweep.dir / "small_3" / ".hydra" / "config.yaml").exists()


def test_torchx_is_the_default_and_a_file_can_choose_another(sweep):
    assert sweep.run(*SPACE, "hydra.sweeper.n_trials=1").returncode == 0
    assert "torchx" in chosen_launcher(sweep)
    config = sweep.project / "conf" / "config.yaml"
    config.write_text("defaults:\n  - model: small\n  - optim: adam\n  - override hydra/launcher: basic\n  - _self_\n"
                      + config.read_text().split("- _self_\n")[1])  # fmt: skip
    sweep.dir = sweep.tmp_path / "other"
    assert sweep.run(*SPACE, "hydra.sweeper.n_trials=1").returncode == 0
    assert "BasicLauncher" in chosen_launcher(sweep)


def test_failures_in_batches_fail_their_own_trials_only(sweep):
    modes = "exception,exit,not_a_number,fine"
    done = sweep.run(
        f"mode={modes}", "hydra/launcher=basic", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=4",
        "hydra.sweeper.max_failure_rate=1.0",
    )  # fmt: skip
    assert done.returncode == 0, done.output
    status = {trial["params.mode"]: (trial["status"], trial["reason"]) for trial in sweep.trials()}
    assert status["fine"] == ("completed", "")
    assert status["exception"] == ("failed", "ValueError: diverged at step 7")
    assert status["exit"] == ("failed", "ended by sys.exit(3) and recorded no result")
    assert status["not_a_number"][0] == "failed"


@pytest.mark.long
def test_dead_worker_fails_its_trial_and_spares_the_others_of_its_batch(sweep):
    done = sweep.run(
        "mode=sigkill,fine,text", "hydra/launcher=joblib", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=3",
        "hydra.sweeper.max_failure_rate=1.0",
    )  # fmt: skip
    assert done.returncode == 0, done.output
    status = {trial["params.mode"]: (trial["status"], trial["reason"]) for trial in sweep.trials()}
    assert status["fine"][0] == "completed"
    assert status["sigkill"][0] == "failed"
    assert "the launcher lost it: TerminatedWorkerError" in status["sigkill"][1]
    assert status["text"][1] == "the metric 'loss' is not a number: 'low'"


@pytest.mark.long
def test_second_interrupt_cancels_the_batch_and_keeps_what_had_ended(sweep):
    journal = sweep.tmp_path / "journal"
    options = ("x=interval(0,1)", f"journal={journal}", "sleep=5", "hydra/launcher=basic", "hydra.sweeper.n_trials=2")
    process = sweep.start(*options)
    wait_until(lambda: journal.exists() and len(journal.read_text().split()) == 2)
    output = interrupt_twice(process)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert [trial["status"] for trial in sweep.trials()] == ["completed", "cancelled"]
    resumed = sweep.run(*options)
    assert resumed.returncode == 0, resumed.output
    assert [trial["attempt"] for trial in sweep.trials()] == ["1", "2"]
    assert journal.read_text().split() == ["0", "1", "1"]


@pytest.mark.long
def test_jobs_that_another_launcher_cannot_see_are_not_run_beside(sweep):
    options = ("x=interval(0,1)", sweep.held, "hydra.sweeper.n_trials=1", "hydra.sweeper.n_jobs=1")
    first = sweep.start(*options)
    wait_until(lambda: sweep.under_way(1))
    first.kill()
    first.wait()
    refused = sweep.run(*options, "hydra/launcher=basic")
    assert refused.returncode == 1
    assert "Submitted to the scheduler 'local_cwd', and not known to have ended: trial 0" in refused.output
    assert "Resume with hydra/launcher=torchx hydra.launcher.scheduler=local_cwd" in refused.output
    done = sweep.run_and_release("Trial 0 is still running", *options)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")]


def test_mistake_that_lets_no_trial_compose_ends_a_batch(sweep):
    done = sweep.run(
        "x=interval(0,1)", "hydra.sweep.subdir=${nothing_of_this_name}", "hydra/launcher=basic", timeout=120
    )
    assert done.returncode == 1
    assert "The first 3 trials failed with the same error: does not compose" in done.output
