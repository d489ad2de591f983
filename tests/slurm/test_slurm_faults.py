"""What a cluster does to a study: jobs cancelled and requeued, nodes and controllers lost, a sweeper killed at sbatch.

After each, every trial has run exactly once, or its failure says what happened.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ax_mo.runner.job import Cause, Job, JobSpec, Phase
from ax_mo.runner.scheduler import open_scheduler
from ax_mo.runner.settings import LauncherSettings
from tests.slurm.conftest import (
    CONTROLLER_PID,
    at_length,
    job_of,
    output_of,
    owns_slurm,
    runs,
    start_controller,
    stop_controller,
)  # fmt: skip
from tests.support.sweeps import Sweep, environment
from tests.support.waiting import interrupt_twice, wait_until

pytestmark = pytest.mark.timeout(400)

OPTIONS = ("x=interval(0,1)", "hydra.launcher.scheduler=slurm", "hydra.sweeper.n_jobs=2", "hydra.sweeper.seed=1")


def finish(process: "subprocess.Popen[str]") -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


@pytest.mark.usefixtures("any_slurm")
def test_cancelled_job_is_a_trial_that_says_so_and_the_study_goes_on(sweep: Sweep) -> None:
    process = sweep.start(*OPTIONS, sweep.held, "hydra.sweeper.n_trials=3", "hydra.sweeper.max_failure_rate=1.0")
    wait_until(lambda: sweep.under_way(2))
    subprocess.run(["scancel", job_of(sweep, 0)], check=True)
    sweep.gate.touch()
    finish(process)
    trials = {trial["trial"]: trial for trial in sweep.trials()}
    assert len(trials) == 3
    assert "Slurm ended the job: CANCELLED" in trials["0"]["reason"]
    assert [trials[number]["status"] for number in "12"] == ["completed"] * 2


@at_length
@owns_slurm
def test_requeued_job_runs_again_and_is_one_trial(sweep: Sweep) -> None:
    process = sweep.start(*OPTIONS, "sleep=8", "hydra.sweeper.n_trials=2")
    wait_until(lambda: sweep.under_way(2))
    job = job_of(sweep, 0)
    subprocess.run(["scontrol", "requeue", job], check=True)
    wait_until(lambda: output_of("squeue", "-h", "-j", job, "-o", "%T") == "PENDING")
    finish(process)
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2


@at_length
@owns_slurm
def test_job_of_a_node_that_fails_has_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SBATCH_NO_REQUEUE", "1")  # TorchX asks for the contrary
    monkeypatch.chdir(tmp_path)
    jobs = open_scheduler(LauncherSettings(scheduler="slurm"))
    directory = tmp_path / "0"
    directory.mkdir()
    job = Job(jobs.submit(JobSpec("ax-nodefail-0-a1", ("sleep", "100"), directory, tmp_path)), directory)
    wait_until(lambda: jobs.states([job])[0].phase is Phase.RUNNING and (directory / ".pid").exists())
    node = output_of("squeue", "-h", "-j", job.handle.rpartition("/")[2], "-o", "%N")
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"], check=True)
    try:
        wait_until(lambda: jobs.states([job])[0].phase is Phase.ENDED)
        state = jobs.states([job])[0]
        assert (state.cause, state.message) == (Cause.NODE_FAILURE, "Slurm ended the job: NODE_FAIL")
    finally:
        # Refused where the node has come back by itself.
        subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], check=False, capture_output=True)


@at_length
@owns_slurm
@pytest.mark.parametrize("requeued", [True, False])
def test_trials_of_a_node_that_is_lost_run_again_on_another(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, requeued: bool
) -> None:
    """By Slurm itself, and where it may not, by the sweep as further attempts."""
    if not requeued:
        monkeypatch.setenv("SBATCH_NO_REQUEUE", "1")
    journal = sweep.tmp_path / "journal"
    more = ("hydra.sweeper.n_trials=3", "hydra.sweeper.max_retries=1")
    process = sweep.start(*OPTIONS, *more, sweep.held, f"journal={journal}")
    wait_until(lambda: sweep.under_way(2) and runs(journal) == {"0": 1, "1": 1})
    node = output_of("squeue", "-h", "-j", job_of(sweep, 0), "-o", "%N")
    lost = {str(trial) for trial in (0, 1) if output_of("squeue", "-h", "-j", job_of(sweep, trial), "-o", "%N") == node}
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"], check=True)
    try:
        wait_until(lambda: all(runs(journal)[trial] == 2 for trial in lost), 100)
        sweep.gate.touch()
        finish(process)
    finally:
        subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], check=False, capture_output=True)
    attempts = {str(trial): "2" if str(trial) in lost and not requeued else "1" for trial in range(3)}
    assert {trial["trial"]: (trial["status"], trial["attempt"]) for trial in sweep.trials()} == {
        trial: ("completed", attempt) for trial, attempt in attempts.items()
    }
    assert runs(journal) == {trial: 1 + (trial in lost) for trial in ("0", "1", "2")}


@at_length
@owns_slurm
def test_controller_that_is_away_for_a_minute_costs_nothing(sweep: Sweep) -> None:
    journal = sweep.tmp_path / "journal"
    process = sweep.start(*OPTIONS, "sleep=10", f"journal={journal}", "hydra.sweeper.n_trials=4")
    wait_until(lambda: sweep.under_way(2))
    stop_controller()
    try:
        time.sleep(60)
    finally:
        start_controller()
    output = finish(process)
    assert "Slurm does not answer: " in output
    assert "Nothing is lost" in output
    assert "The scheduler answers again." in output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 4
    assert runs(journal) == {str(number): 1 for number in range(4)}


def test_jobs_that_could_not_be_cancelled_are_adopted_and_not_run_twice(toy_slurm: Path, sweep: Sweep) -> None:
    journal = sweep.tmp_path / "journal"
    options = (*OPTIONS, sweep.held, f"journal={journal}", "hydra.sweeper.n_trials=2")
    process = sweep.start(*options)
    wait_until(lambda: sweep.under_way(2))
    (toy_slurm / "down").touch()
    output = interrupt_twice(process)
    assert process.returncode == 130, output
    assert "Could not be cancelled, and may go on, until a resume adopts it: trial 0, 1." in output
    assert "scancel: error: Unable to contact slurm controller" in output
    assert {trial["status"] for trial in sweep.trials()} == {"running"}
    (toy_slurm / "down").unlink()
    done = sweep.run_and_release("Trial 1 is still running", *options)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2
    assert runs(journal) == {"0": 1, "1": 1}


@at_length
def test_cancelled_job_that_has_not_ended_is_ended_before_its_trial_runs_again(toy_slurm: Path, sweep: Sweep) -> None:
    options = (*OPTIONS, "sleep=90", "hydra.sweeper.n_trials=1")
    process = sweep.start(*options)
    wait_until(lambda: sweep.under_way(1))
    (toy_slurm / "deaf").touch()
    output = interrupt_twice(process)
    assert process.returncode == 130, output
    assert [trial["status"] for trial in sweep.trials()] == ["cancelled"]
    assert (toy_slurm / "told").exists()
    with sweep.database() as connection:  # so that the second attempt is a short one
        connection.execute(
            "update ax_mo_trial set overrides = replace(overrides, 'sleep=90', 'sleep=0'), checksum=null"
        )
    done = sweep.run(*options, timeout=200)
    assert done.returncode == 0, done.output
    assert "Trial 0 was cancelled and has not ended yet; it runs again then." in done.output
    assert (toy_slurm / "1" / "cancelled").exists()
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "2")]


@at_length
@pytest.mark.parametrize("launcher", ["hydra.launcher.scheduler=local_cwd", "hydra/launcher=basic"])
def test_resume_with_another_scheduler_is_refused_while_jobs_of_the_first_may_run(
    sweep: Sweep, toy_slurm: Path, launcher: str
) -> None:
    journal = sweep.tmp_path / "journal"
    space, *others = OPTIONS
    options = (space, sweep.held, f"journal={journal}", "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=2")
    first = sweep.start(*options, *others)
    wait_until(lambda: sweep.under_way(2))
    first.kill()
    first.wait()
    refused = sweep.run(*options, launcher, timeout=100)
    assert refused.returncode == 1
    assert "Submitted to the scheduler 'slurm', and not known to have ended: trial 0, 1." in refused.output
    assert f"ax-mo adopt {sweep.dir} --lost 0 1" in refused.output
    done = sweep.run_and_release("Trial 1 is still running", *options, *others)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2
    assert runs(journal) == {"0": 1, "1": 1}


@at_length
def test_job_that_has_outlasted_its_time_and_did_not_hear_of_its_end_is_told_again(
    sweep: Sweep, toy_slurm: Path
) -> None:
    (toy_slurm / "deaf").touch()
    done = sweep.run(
        *OPTIONS, "sleep=200", "hydra.sweeper.n_trials=1", "hydra.sweeper.trial_timeout=3",
        "hydra.sweeper.max_failure_rate=1", timeout=150,
    )  # fmt: skip
    assert (toy_slurm / "told").exists()
    assert (toy_slurm / "1" / "cancelled").exists(), done.output
    assert [trial["reason"] for trial in sweep.trials()] == ["ran longer than trial_timeout=3 seconds and was ended"]


# At the moment of submission

SBATCH = """#!/bin/sh
# Slurm's own sbatch, and what happens around it, at the second submission of a trial.
case "$*" in *--test-only*) exec {sbatch} "$@";; esac
echo x >> {directory}/calls
if [ "$(wc -l < {directory}/calls)" != 2 ]; then exec {sbatch} "$@"; fi
script=$(mktemp {directory}/script.XXXXXX); cat > "$script"
{around}
"""


def with_sbatch(sweep: Sweep, around: str) -> dict[str, str]:
    """An environment in which ``around`` happens at a submission; ``$script`` is what is submitted."""
    directory = sweep.tmp_path / "bin"
    directory.mkdir()
    sbatch = shutil.which("sbatch") or "sbatch"
    (directory / "sbatch").write_text(SBATCH.format(sbatch=sbatch, directory=directory, around=around))
    (directory / "sbatch").chmod(0o755)
    return environment(PATH=f"{directory}:{os.environ['PATH']}", SBATCH=sbatch)


KILLED_BEFORE = 'kill -KILL "$PPID"; sleep 4; exec "$SBATCH" "$@" < "$script"'
KILLED_AFTER = '"$SBATCH" "$@" < "$script"; kill -KILL "$PPID"'
KILLED_AFTER_PENDING = '"$SBATCH" --begin=now+12 "$@" < "$script"; kill -KILL "$PPID"'


@pytest.mark.usefixtures("any_slurm")
@pytest.mark.parametrize(
    "around",
    [
        pytest.param(KILLED_BEFORE, id="before", marks=at_length),
        pytest.param(KILLED_AFTER, id="after"),
        pytest.param(KILLED_AFTER_PENDING, id="after, pending", marks=at_length),
    ],
)
def test_sweeper_killed_around_sbatch_runs_no_trial_twice_and_loses_none(sweep: Sweep, around: str) -> None:
    journal = sweep.tmp_path / "journal"
    argv = sweep.argv(*OPTIONS, "sleep=3", f"journal={journal}", "hydra.sweeper.n_trials=3")
    first = sweep.run(argv=argv, env=with_sbatch(sweep, around), timeout=200)
    assert first.returncode == -signal.SIGKILL, first.output
    done = sweep.run(argv=argv, timeout=200)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 3
    assert runs(journal) == {str(number): 1 for number in range(3)}


@at_length
@owns_slurm
def test_submission_that_timed_out_and_was_taken_is_not_made_again(sweep: Sweep) -> None:
    journal = sweep.tmp_path / "journal"
    frozen = (
        f"pid=$(cat {CONTROLLER_PID}); kill -STOP $pid; (sleep 11; kill -CONT $pid) > /dev/null 2>&1 & "
        'exec "$SBATCH" "$@" < "$script"'
    )
    argv = sweep.argv(*OPTIONS, "sleep=1", f"journal={journal}", "hydra.sweeper.n_trials=3")
    done = sweep.run(argv=argv, env=with_sbatch(sweep, frozen), timeout=200)
    assert done.returncode == 0, done.output
    assert "The scheduler did not take trial 1; trying again in 2 s: sbatch: error: " in done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 3
    assert runs(journal) == {str(number): 1 for number in range(3)}


@at_length
@owns_slurm
def test_resume_waits_for_a_controller_that_does_not_answer(sweep: Sweep) -> None:
    journal = sweep.tmp_path / "journal"
    argv = sweep.argv(*OPTIONS, "sleep=1", f"journal={journal}", "hydra.sweeper.n_trials=2")
    env = with_sbatch(sweep, KILLED_AFTER)
    subprocess.run(argv, cwd=sweep.tmp_path, env=env, capture_output=True, check=False, timeout=200)
    wait_until((sweep.dir / "1" / ".pid").exists)  # without a controller, srun begins nothing
    stop_controller()
    try:
        resumed = subprocess.Popen(
            argv, cwd=sweep.tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment()
        )
        assert resumed.stdout is not None
        told = next(line for line in resumed.stdout if "Nothing is lost" in line)  # of whichever trial was asked first
        assert "slurm_load_jobs error: Unable to contact slurm controller" in told
        assert resumed.poll() is None
    finally:
        start_controller()
    assert "The scheduler answers again." in finish(resumed)
    assert runs(journal) == {"0": 1, "1": 1}


# Refusals


@at_length
def test_partition_that_does_not_exist_is_said_in_slurms_words_before_the_first_trial(sweep: Sweep) -> None:
    done = sweep.run(*OPTIONS, "hydra.launcher.scheduler_args.partition=gpuu", "hydra.sweeper.n_trials=2", timeout=100)
    assert done.returncode == 1
    assert "sbatch: error: invalid partition specified: gpuu" in done.output
    assert "hydra.launcher.scheduler_args.partition" in done.output
    assert not (sweep.dir / "0").exists()


@pytest.mark.usefixtures("any_slurm")
def test_refusal_in_mid_study_ends_it_at_once_and_leaves_what_runs(sweep: Sweep) -> None:
    journal = sweep.tmp_path / "journal"
    refused = "echo 'sbatch: error: Batch job submission failed: Invalid qos specification' >&2; exit 1"
    argv = sweep.argv(*OPTIONS, sweep.held, f"journal={journal}", "hydra.sweeper.n_trials=2")
    done = sweep.run(argv=argv, env=with_sbatch(sweep, refused), timeout=100)
    assert done.returncode == 1
    assert "Invalid qos specification. See hydra.launcher.scheduler_args.qos." in done.output
    assert job_of(sweep, 0), "the job that ran was cancelled"
    sweep.gate.touch()
    resumed = sweep.run(argv=argv, timeout=200)
    assert resumed.returncode == 0, resumed.output
    assert runs(journal) == {"0": 1, "1": 1}
