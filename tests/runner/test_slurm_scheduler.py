"""What Slurm's commands say, and what it means. The commands are stand-ins; tests/slurm has the real ones."""

import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ax_mo.runner.job import CancelFailed, Cause, Job, JobSpec, JobState, NoAnswer, Phase, SubmitLater, SubmitRefused
from ax_mo.runner.scheduler import Scheduler, open_scheduler
from ax_mo.runner.settings import LauncherSettings

Command = Callable[[str, str], None]

CONNECT_FAILURE = "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1"
NO_ACCOUNTING = "echo 'Slurm accounting storage is disabled' >&2; exit 1"
DATABASE_AWAY = "echo 'sacct: error: Sending PersistInit msg: Connection refused' >&2; exit 1"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Puts a command of that name, which is this shell script, before all others."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory), prepend=":")

    def write(name: str, script: str) -> None:
        (directory / name).write_text(f"#!/bin/sh\n{script}\n")
        (directory / name).chmod(0o755)

    write("sinfo", "true")
    for name in ("squeue", "sacct", "sbatch", "scancel"):
        write(name, f"echo 'unexpected: {name}' >&2; exit 9")
    return write


def slurm() -> Scheduler:
    return open_scheduler(LauncherSettings(scheduler="slurm"))


def states_of(*ids: str) -> list[JobState]:
    return slurm().states([Job(f"slurm://ax_mo/{job_id}", Path("/nonexistent")) for job_id in ids])


@pytest.mark.parametrize(
    ("word", "cause"),
    [
        ("PREEMPTED", Cause.PREEMPTED), ("NODE_FAIL", Cause.NODE_FAILURE), ("BOOT_FAIL", Cause.NODE_FAILURE),
        ("OUT_OF_MEMORY", Cause.OUT_OF_MEMORY), ("TIMEOUT", Cause.TIMEOUT), ("DEADLINE", Cause.TIMEOUT),
        ("CANCELLED by 1000", Cause.CANCELLED), ("CANCELLED", Cause.CANCELLED), ("FAILED", None),
    ],
)  # fmt: skip
def test_jobs_that_slurm_ended_have_the_cause(command: Command, word: str, cause: Cause | None) -> None:
    command("squeue", f"echo '7|{word}'")
    (state,) = states_of("7")
    assert (state.phase, state.cause) == (Phase.ENDED, cause)
    assert state.message == f"Slurm ended the job: {word.split()[0]}"


def test_a_hundred_jobs_cost_one_squeue_and_one_sacct_for_those_it_has_forgotten(
    command: Command, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    command("squeue", f'echo squeue >> {asked}; for i in $(seq 1 90); do echo "$i|RUNNING"; done')
    command("sacct", f'echo sacct >> {asked}; for i in $(seq 91 100); do echo "$i|COMPLETED"; done')
    states = states_of(*(str(job_id) for job_id in range(1, 101)))
    assert [state.phase for state in states] == [Phase.RUNNING] * 90 + [Phase.ENDED] * 10
    assert asked.read_text().split() == ["squeue", "sacct"]


@pytest.mark.parametrize(
    ("log", "message", "cause"),
    [
        (
            "+ srun --wait=60 train.py\n"
            "srun: error: Unable to confirm allocation for job 7: Unable to contact slurm controller\n"
            "srun: Check SLURM_JOB_ID environment variable. Expired or invalid job 7\n+ exit 1\n",
            "FAILED: Unable to confirm allocation for job 7: Unable to contact slurm controller",
            Cause.NODE_FAILURE,
        ),
        ("srun: error: n1: task 0: Exited with exit code 1\n", "FAILED", None),
        ("srun: error: n[1-2]: tasks 0-1: Killed\n", "FAILED", None),
    ],
)
def test_job_that_srun_could_not_begin_has_its_words_and_no_fault(
    command: Command, tmp_path: Path, log: str, message: str, cause: Cause | None
) -> None:
    command("squeue", "echo '7|FAILED'")
    (tmp_path / "slurm.log").write_text(log)
    job = Job("slurm://ax_mo/7", tmp_path)
    assert slurm().states([job]) == [JobState(Phase.ENDED, 1, f"Slurm ended the job: {message}", cause)]
    (tmp_path / ".pid").touch()
    assert slurm().states([job]) == [JobState(Phase.ENDED, 1, "Slurm ended the job: FAILED")]


@pytest.mark.parametrize(
    ("word", "phase"),
    [("PENDING", Phase.PENDING), ("REQUEUED", Phase.PENDING), ("RUNNING", Phase.RUNNING), ("COMPLETING", Phase.RUNNING),
     ("SUSPENDED", Phase.RUNNING), ("WORD_OF_TOMORROW", Phase.RUNNING)],
)  # fmt: skip
def test_jobs_that_have_not_ended_go_on(command: Command, word: str, phase: Phase) -> None:
    command("squeue", f"echo '7|{word}'")
    assert states_of("7") == [JobState(phase)]


def test_accounting_knows_what_the_queue_has_forgotten(command: Command) -> None:
    command("squeue", "echo '8|RUNNING'")
    command("sacct", "echo '7|COMPLETED'")
    assert states_of("7", "8") == [JobState(Phase.ENDED, 0), JobState(Phase.RUNNING)]


def test_slurm_that_does_not_answer_says_nothing_about_jobs(command: Command) -> None:
    command("squeue", CONNECT_FAILURE)
    (state,) = states_of("7")
    assert state.phase is Phase.UNKNOWN
    assert state.message.startswith("Slurm does not answer: slurm_load_jobs error: Unable to contact slurm controller")


def test_accounting_that_is_away_is_no_answer_and_accounting_that_is_not_there_is_one(command: Command) -> None:
    command("squeue", "true")
    command("sacct", DATABASE_AWAY)
    assert "Connection refused" in states_of("7")[0].message
    with pytest.raises(NoAnswer, match="Connection refused"):
        slurm().find("ax-0", Path("/nonexistent"))
    command("sacct", NO_ACCOUNTING)
    assert states_of("7") == [JobState(Phase.UNKNOWN)]
    assert slurm().find("ax-0", Path("/nonexistent")) is None


def test_job_is_found_by_its_name_in_the_queue_and_then_in_the_accounting(command: Command, tmp_path: Path) -> None:
    command("squeue", 'case "$*" in *"--name ax-1-a1-0"*) echo "12|PENDING";; esac')
    command("sacct", 'case "$*" in *"--name ax-2-a1-0 -S "*) echo "9|FAILED"; echo "13|COMPLETED";; esac')
    assert slurm().find("ax-1-a1", tmp_path) == "slurm://ax_mo/12"
    assert slurm().find("ax-2-a1", tmp_path) == "slurm://ax_mo/13"
    assert slurm().find("ax-3-a1", tmp_path) is None


def test_jobs_that_may_not_have_heard_of_their_end_are_no_cancelled_jobs(command: Command, tmp_path: Path) -> None:
    jobs = [Job(f"slurm://ax_mo/{job_id}", tmp_path) for job_id in (7, 8)]
    ended = "scancel: error: Kill job error on job id 7: Invalid job id specified"
    command("scancel", f"echo '{ended}' >&2; exit 1")
    slurm().cancel(jobs)
    command("scancel", f"echo '{ended}' >&2; echo 'scancel: error: Kill job error on job id 8: Timeout' >&2; exit 1")
    with pytest.raises(CancelFailed, match="job id 8: Timeout"):
        slurm().cancel(jobs)
    command("scancel", CONNECT_FAILURE)
    with pytest.raises(CancelFailed, match="Unable to contact slurm controller") as caught:
        slurm().cancel(jobs)
    assert caught.value.jobs == tuple(jobs)


def test_submission_gives_the_id_and_failure_the_words(command: Command, tmp_path: Path) -> None:
    spec = JobSpec("ax-0-a1", ("true",), tmp_path, tmp_path)
    jobs = slurm()
    command("sbatch", 'cat > /dev/null; echo "17;cluster"')
    assert jobs.submit(spec) == "slurm://ax_mo/17"
    command("sbatch", "echo 'sbatch: error: invalid partition specified: x' >&2; exit 1")
    with pytest.raises(SubmitRefused, match="takes no such job: sbatch: error: invalid partition specified: x"):
        jobs.submit(spec)
    command("sbatch", "true")
    with pytest.raises(SubmitLater, match="sbatch ended with 0"):
        jobs.submit(spec)
    command("squeue", CONNECT_FAILURE)  # whether it was submitted is not known now
    with pytest.raises(SubmitLater, match="Unable to contact slurm controller"):
        jobs.submit(spec)
    command("squeue", "echo '18|PENDING'")
    assert jobs.submit(spec) == "slurm://ax_mo/18"
    assert [path.name for path in tmp_path.iterdir()] == ["bin"], "nothing is left in the trial's directory"


def test_submission_that_outlives_its_sweeper_is_waited_for(command: Command, tmp_path: Path) -> None:
    trial = tmp_path / "0"
    trial.mkdir()
    command("squeue", f"cat {tmp_path}/queue 2>/dev/null || true")
    command("sacct", "true")
    command(
        "sbatch",
        f"touch {tmp_path}/begun; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; "
        f"echo '5|PENDING' > {tmp_path}/queue",
    )
    code = (
        "import pathlib, sys; from tests.runner.test_slurm_scheduler import JobSpec, slurm; "
        "slurm().submit(JobSpec('ax-0-a1', ('true',), *map(pathlib.Path, sys.argv[1:] * 2)))"
    )
    sweeper = subprocess.Popen([sys.executable, "-c", code, str(trial)])
    deadline = time.monotonic() + 30
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    sweeper.kill()
    sweeper.wait()
    with pytest.raises(NoAnswer, match="an earlier sweeper's sbatch has not ended yet"):
        slurm().find("ax-0-a1", trial)
    (tmp_path / "go").touch()
    while True:
        try:
            found = slurm().find("ax-0-a1", trial)
            break
        except NoAnswer:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert found == "slurm://ax_mo/5"


def test_room_is_counted_on_the_nodes_that_take_jobs(command: Command) -> None:
    twice = "a|8|64000|gpu:a100:4(S:0-1)|mixed"  # in two partitions
    listed = [twice, twice, "b|16|32000|(null)|idle~", "c|8|64000|gpu:2|down*"]
    command("sinfo", f"printf '%s\\n' {' '.join(map(shlex.quote, listed))}")

    def room(**settings: int) -> int | None:
        return open_scheduler(LauncherSettings(scheduler="slurm", **settings)).auto_n_jobs  # type: ignore[arg-type]

    assert room() == 24
    assert room(cpu=3) == 2 + 5
    assert room(memMB=20_000) == 3 + 1
    assert room(gpu=1) == 4
    assert room(gpu=8) == 0
