"""Trials as real Slurm jobs. ``make test-slurm`` runs them."""

import signal
import time

from tests.slurm.conftest import at_length, job_of, output_of
from tests.support.example_study import assert_sound, run_with_mishaps
from tests.support.s3 import own_s3
from tests.support.sweeps import APPS, ROOT, run
from tests.support.waiting import interrupt_twice, wait_until

pytestmark = at_length

OPTIONS = ("x=interval(0,1)", "hydra.launcher.scheduler=slurm", "hydra.sweeper.n_jobs=2")


def test_study_runs_as_slurm_jobs_with_reasons_for_failures(sweep):
    done = sweep.run(
        "mode=fine,exception,exit", *OPTIONS, "hydra.sweeper.n_trials=6", "hydra.sweeper.max_failure_rate=1.0",
        "hydra.sweeper.seed=4", "hydra.launcher.env={NOTE: 'a,b=\"c\"'}", timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.output
    reasons = {trial["params.mode"]: trial["reason"] for trial in sweep.trials()}
    assert reasons["fine"] == ""
    assert reasons["exception"] == "ValueError: diverged at step 7"
    assert "Slurm ended the job: FAILED: leaving for good" in reasons["exit"]
    assert not list(sweep.tmp_path.glob("slurm-*")), "nothing is left in the directory of submission"


def test_killed_sweeper_adopts_its_slurm_jobs(sweep):
    options = (*OPTIONS, "sleep=15", "hydra.sweeper.n_trials=2")
    first = sweep.start(*options)
    wait_until(lambda: sweep.under_way(2))
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = sweep.run(*options)
    assert done.returncode == 0, done.output
    assert "Trial 1 is still running; watching it again." in done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2


def test_second_interrupt_cancels_the_slurm_jobs(sweep):
    process = sweep.start(*OPTIONS, "sleep=600", "hydra.sweeper.n_trials=2")
    wait_until(lambda: sweep.under_way(2))
    output = interrupt_twice(process)
    assert process.returncode == 130, output
    assert [trial["status"] for trial in sweep.trials()] == ["cancelled"] * 2
    wait_until(lambda: not output_of("squeue", "-h", "-t", "R"), 30)


def test_options_of_sbatch_reach_the_job(sweep):
    given = "hydra.launcher.scheduler_args={comment: two words, nice: 7, mail-type: [END, FAIL], oversubscribe: true}"
    process = sweep.start(*OPTIONS, given, "sleep=600", "hydra.sweeper.n_trials=1")
    wait_until(lambda: sweep.under_way(1))
    job = output_of("scontrol", "show", "job", job_of(sweep, 0))
    assert all(text in job for text in ("Comment=two words", "Nice=7", "MailType=END,FAIL", "OverSubscribe=YES")), job
    output = interrupt_twice(process)
    assert process.returncode == 130, output


def test_no_more_jobs_wait_in_the_queue_than_may(sweep):
    options = ("hydra.sweeper.n_jobs=12", "hydra.sweeper.n_trials=12", "hydra.launcher.max_pending=1")
    process = sweep.start(OPTIONS[0], OPTIONS[1], *options, "sleep=600")
    seen = []

    def is_full():
        seen.append(output_of("squeue", "-h", "-t", "RUNNING,PENDING", "-o", "%T").split())
        time.sleep(3)  # it takes the sweep two seconds to see that a job runs
        return len(seen) > 1 and seen[-1] == seen[-2] and "PENDING" in seen[-1]

    wait_until(is_full)
    assert all(states.count("PENDING") <= 1 for states in seen) and len(seen[-1]) < 12
    output = interrupt_twice(process)
    assert process.returncode == 130, output


def test_trial_on_two_nodes_has_one_result(sweep):
    """Lightning's DDP on gloo, a process on each node."""
    options = ("+trainer.strategy=ddp", "+trainer.num_nodes=2", "trainer.devices=1", "hydra.sweeper.n_trials=2")
    launcher = ("hydra.launcher.scheduler=slurm", "hydra.launcher.nnodes=2", "hydra.sweeper.n_jobs=2")
    argv = [*sweep.argv()[:1], "train.py", "-m", "+experiment=nas", *options, *launcher, f"hydra.sweep.dir={sweep.dir}"]
    done = run(argv, ROOT / "example_project")
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 2
    for trial in ("0", "1"):
        assert {path.name for path in (sweep.dir / trial).glob("std*.log")} == {
            "stdout.log", "stderr.log", "stdout.1.log", "stderr.1.log",
        }  # fmt: skip


def test_promoted_trial_goes_on_from_its_checkpoint(sweep):
    sweep.script, sweep.objectives = APPS / "rungs" / "task.py", "{acc: maximize, size: minimize}"
    rule = "{rule: successive_halving, budget_key: epochs, max: 3, resume_key: resume, checkpoint: models/*.json}"
    done = sweep.run(
        "quality=interval(0.1,0.9)", "size=range(1,101)", *OPTIONS[1:], "hydra.sweeper.n_trials=4",
        "hydra.sweeper.method=random_search", f"hydra.sweeper.early_stopping={rule}", timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.output
    trained = [(trial["status"], trial["budget"], float(trial["metrics.trained"])) for trial in sweep.trials()]
    assert trained.count(("early_stopped", "1", 1)) == 4
    assert trained.count(("completed", "3", 2)) == len(trained) - 4 > 0, "two epochs from the checkpoint of one"


def test_results_come_through_a_store(sweep):
    with own_s3():
        done = sweep.run(*OPTIONS, "hydra.launcher.results_url=s3://bucket/x", "hydra.sweeper.n_trials=2")
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 2
    assert not (sweep.dir / "0" / ".pid").exists(), "the node has written into the directory itself"


def test_example_goes_through_all_mishaps(sweep):
    def end_trial(number):
        running = [line.split()[0] for line in output_of("squeue", "-h", "-t", "R", "-o", "%i %j").splitlines()
                   if f"-{number}-a1-" in line]  # fmt: skip
        if running:
            output_of("scancel", *running)
        return bool(running)

    done = run_with_mishaps(sweep.dir, ("hydra.launcher.scheduler=slurm",), end_trial)
    assert done.returncode == 0, done.output
    assert_sound(sweep.dir)
