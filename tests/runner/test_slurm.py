"""What Slurm's commands say, and what it means. The commands are stand-ins; tests/slurm has the real ones."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ax_mo.runner import slurm
from ax_mo.runner.job import Cause, JobState, NoAnswer, Phase
from ax_mo.runner.slurm import SbatchFailed, slurm_states

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

    for name in ("squeue", "sacct", "sbatch", "scancel"):
        write(name, f"echo 'unexpected: {name}' >&2; exit 9")
    return write


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
    (state,) = slurm_states(["7"])
    assert (state.phase, state.cause) == (Phase.ENDED, cause)
    assert state.message == f"Slurm ended the job: {word.split()[0]}"


@pytest.mark.parametrize(
    ("word", "phase"),
    [("PENDING", Phase.PENDING), ("REQUEUED", Phase.PENDING), ("RUNNING", Phase.RUNNING), ("COMPLETING", Phase.RUNNING),
     ("SUSPENDED", Phase.RUNNING), ("WORD_OF_TOMORROW", Phase.RUNNING)],
)  # fmt: skip
def test_jobs_that_have_not_ended_go_on(command: Command, word: str, phase: Phase) -> None:
    command("squeue", f"echo '7|{word}'")
    assert slurm_states(["7"]) == [JobState(phase)]


def test_accounting_knows_what_the_queue_has_forgotten(command: Command) -> None:
    command("squeue", "echo '8|RUNNING'")
    command("sacct", "echo '7|COMPLETED'")
    assert slurm_states(["7", "8"]) == [JobState(Phase.ENDED, 0), JobState(Phase.RUNNING)]


def test_slurm_that_does_not_answer_says_nothing_about_jobs(command: Command) -> None:
    command("squeue", CONNECT_FAILURE)
    (state,) = slurm_states(["7"])
    assert state.phase is Phase.UNKNOWN
    assert state.message.startswith("Slurm does not answer: slurm_load_jobs error: Unable to contact slurm controller")


def test_accounting_that_is_away_is_no_answer_and_accounting_that_is_not_there_is_one(command: Command) -> None:
    command("squeue", "true")
    command("sacct", DATABASE_AWAY)
    assert "Connection refused" in slurm_states(["7"])[0].message
    with pytest.raises(NoAnswer, match="Connection refused"):
        slurm.find_job("ax-0", Path("/nonexistent"))
    command("sacct", NO_ACCOUNTING)
    assert slurm_states(["7"]) == [JobState(Phase.UNKNOWN)]
    assert slurm.find_job("ax-0", Path("/nonexistent")) is None


def test_job_is_found_by_its_name_in_the_queue_and_then_in_the_accounting(command: Command, tmp_path: Path) -> None:
    command("squeue", 'case "$*" in *"--name ax-1-a1-0"*) echo "12|PENDING";; esac')
    command("sacct", 'case "$*" in *"--name ax-2-a1-0 -S "*) echo "9|FAILED"; echo "13|COMPLETED";; esac')
    assert slurm.find_job("ax-1-a1-0", tmp_path) == "12"
    assert slurm.find_job("ax-2-a1-0", tmp_path) == "13"
    assert slurm.find_job("ax-3-a1-0", tmp_path) is None


def test_slurm_that_does_not_answer_is_no_reason_to_submit_again(command: Command, tmp_path: Path) -> None:
    command("squeue", CONNECT_FAILURE)
    with pytest.raises(NoAnswer, match="Unable to contact slurm controller"):
        slurm.find_job("ax-1-a1-0", tmp_path)


def test_jobs_that_may_not_have_heard_of_their_end_are_no_cancelled_jobs(command: Command) -> None:
    command("scancel", CONNECT_FAILURE)
    with pytest.raises(NoAnswer, match="Unable to contact slurm controller"):
        slurm.cancel(["7", "8"])
    ended = "scancel: error: Kill job error on job id 7: Invalid job id specified"
    command("scancel", f"echo '{ended}' >&2; exit 1")
    slurm.cancel(["7", "8"])
    command("scancel", f"echo '{ended}' >&2; echo 'scancel: error: Kill job error on job id 8: Timeout' >&2; exit 1")
    with pytest.raises(NoAnswer, match="job id 8: Timeout"):
        slurm.cancel(["7", "8"])


class Request:
    """TorchX's, as far as it matters."""

    cmd = ("sbatch", "--parsable")
    job_dir = None

    def materialize(self) -> str:
        return "#!/bin/sh\ntrue\n"


def test_submission_gives_the_id_and_failure_the_words(command: Command, tmp_path: Path) -> None:
    command("sbatch", 'cat > /dev/null; echo "17;cluster"')
    assert slurm.submit(Request(), tmp_path) == "17"
    command("sbatch", "echo 'sbatch: error: invalid partition specified: x' >&2; exit 1")
    with pytest.raises(SbatchFailed, match=r"^sbatch: error: invalid partition specified: x$"):
        slurm.submit(Request(), tmp_path)
    command("sbatch", "true")
    with pytest.raises(SbatchFailed):
        slurm.submit(Request(), tmp_path)
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
        "import pathlib, sys; from ax_mo.runner import slurm; from tests.runner.test_slurm import Request; "
        "slurm.submit(Request(), pathlib.Path(sys.argv[1]))"
    )
    sweeper = subprocess.Popen([sys.executable, "-c", code, str(trial)])
    deadline = time.monotonic() + 30
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    sweeper.kill()
    sweeper.wait()
    with pytest.raises(NoAnswer, match="an earlier sweeper's sbatch has not ended yet"):
        slurm.find_job("ax-0-a1-0", trial)
    (tmp_path / "go").touch()
    while True:
        try:
            found = slurm.find_job("ax-0-a1-0", trial)
            break
        except NoAnswer:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert found == "5"
