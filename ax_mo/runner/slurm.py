"""Slurm by its own commands: what became of jobs, asked once for all of them; how one is submitted, found and ended.

TorchX 0.7.0 asks ``sacct`` once per job: without accounting it raises, a job just submitted is unknown for seconds, and
a cancelled one is an AssertionError. ``squeue`` knows every job until a few minutes after its end, accounting or not.
It also lets ``sbatch`` write its reasons past us, to the terminal.
"""

import fcntl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ax_mo.runner.job import Cause, JobState, NoAnswer, Phase
from ax_mo.trial.files import SPEC

_PENDING = {
    "PENDING", "CONFIGURING", "POWER_UP_NODE", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD",
    "SPECIAL_EXIT", "EXPEDITING",
}  # fmt: skip
_ENDED = {
    "FAILED": None,
    "LAUNCH_FAILED": None,
    "RECONFIG_FAIL": None,
    "REVOKED": None,
    "PREEMPTED": Cause.PREEMPTED,
    "NODE_FAIL": Cause.NODE_FAILURE,
    "BOOT_FAIL": Cause.NODE_FAILURE,
    "OUT_OF_MEMORY": Cause.OUT_OF_MEMORY,
    "TIMEOUT": Cause.TIMEOUT,
    "DEADLINE": Cause.TIMEOUT,
    "CANCELLED": Cause.CANCELLED,
}

# Slurm's commands give up after 10 s themselves, also where they try again.
_PATIENCE = 40.0
# A lock file of each submission, in the trial's directory.
_SUBMITTING = ".sbatch"
_DAY = 24 * 3600.0
# What scancel says of jobs that need not be told.
_HAS_ENDED = ("Invalid job id", "already completing or completed")


class SbatchFailed(Exception):
    """``sbatch`` did not say that it had submitted a job; the message is what it said."""


def slurm_states(ids: Sequence[str]) -> list[JobState]:
    """The state of each job; UNKNOWN where Slurm does not know it, and with a message where it does not answer."""
    if not ids:
        return []
    try:
        words = _ask(["squeue", "-h", "-t", "all", "-o", "%i|%T", "-j", ",".join(ids)])
        missing = [job_id for job_id in ids if job_id not in words]
        if missing:
            words |= _ask_accounting(["-j", ",".join(missing)])
    except NoAnswer as error:
        return [JobState(Phase.UNKNOWN, message=f"Slurm does not answer: {error}") for _ in ids]
    return [_state(words.get(job_id, "")) for job_id in ids]


def find_job(name: str, directory: Path) -> str | None:
    """The id of the job that was submitted by this name, to write into ``directory``. Raises NoAnswer.

    ``squeue`` shows a job as soon as ``sbatch`` has returned, so one that neither knows was never submitted, or ended
    long ago.
    """
    with _submission(directory):  # an earlier sweeper's sbatch may have outlived it
        words = _ask(["squeue", "-h", "-t", "all", "-o", "%i|%T", "--name", name])
        if not words:
            words = _ask_accounting(["--name", name, "-S", _before(directory)])
    return max(words, key=_number) if words else None


def submit(request: Any, directory: Path | None, *options: str) -> str:
    """Hand in TorchX's request, whose job writes into ``directory``; returns its id. Raises SbatchFailed, OSError.

    It may have been taken although this raises: ``find`` knows. A request that is only tried has no directory.
    """
    chdir = [f"--chdir={request.job_dir}"] if request.job_dir else []
    with _submission(directory) as lock:
        try:
            done = subprocess.run(
                [*request.cmd, *chdir, *options], input=request.materialize(), capture_output=True, text=True,
                check=False, timeout=_PATIENCE, pass_fds=() if lock is None else (lock,),
                start_new_session=True,  # a Ctrl-C is for the sweeper, and a submission is better finished
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise SbatchFailed(f"sbatch has not ended within {_PATIENCE:g} s") from None
    job_id: str = done.stdout.strip().partition(";")[0]  # "id;cluster" where there are several
    if done.returncode != 0 or not (job_id or options):
        raise SbatchFailed(done.stderr.strip() or f"sbatch ended with {done.returncode} and said: {done.stdout}")
    return job_id


def cancel(ids: Sequence[str]) -> None:
    """Tell Slurm to end the jobs. Raises NoAnswer where it may not have heard of all of them."""
    if not ids:
        return
    try:
        done = subprocess.run(["scancel", *ids], check=False, capture_output=True, text=True, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswer(str(error)) from error
    words = done.stderr.strip()
    of_ended_jobs_alone = words and all(any(said in line for said in _HAS_ENDED) for line in words.splitlines())
    if done.returncode != 0 and not of_ended_jobs_alone:
        raise NoAnswer(words or f"scancel ended with {done.returncode}")


@contextmanager
def _submission(directory: Path | None) -> Iterator[int | None]:
    """Held while a job of this directory is being submitted, also by an ``sbatch`` whose sweeper was killed.

    Raises NoAnswer where such a one is still under way. None where the file system has no locks.
    """
    if directory is None:
        yield None
        return
    path = directory / _SUBMITTING
    try:
        file = open(path, "w")  # noqa: SIM115  closed below, on every way out
    except OSError:
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NoAnswer("an earlier sweeper's sbatch has not ended yet") from None
        except OSError:
            yield None
            return
        try:
            yield file.fileno()
        finally:
            path.unlink(missing_ok=True)


def _ask_accounting(options: Sequence[str]) -> dict[str, str]:
    try:
        return _ask(["sacct", "-nPX", "-o", "JobID,State", *options])
    except NoAnswer as error:
        if "storage is disabled" in str(error) or isinstance(error.__cause__, FileNotFoundError):
            return {}  # a cluster without accounting
        raise


def _ask(argv: Sequence[str]) -> dict[str, str]:
    """State by job. Raises NoAnswer. Slurm fails alike where it is away and for jobs that it has forgotten."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswer(str(error)) from error
    if done.returncode != 0 and "Invalid job id" not in done.stderr:
        raise NoAnswer(done.stderr.strip() or f"{argv[0]} ended with {done.returncode}")
    return dict(line.strip().split("|", 1) for line in done.stdout.splitlines() if "|" in line)


def _before(directory: Path) -> str:
    """A day before the job can have been submitted, as ``sacct`` wants it; its own default is today."""
    try:
        moment = (directory / SPEC).stat().st_mtime
    except OSError:
        moment = _DAY
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(moment - _DAY))


def _number(job_id: str) -> int:
    digits = job_id.partition("_")[0].partition("+")[0]
    return int(digits) if digits.isdigit() else 0


def _state(text: str) -> JobState:
    # "CANCELLED by 1000", "COMPLETED+"
    word = text.split()[0].rstrip("+") if text.split() else ""
    if word == "COMPLETED":
        return JobState(Phase.ENDED, 0)
    if word in _ENDED:
        return JobState(Phase.ENDED, 1, f"Slurm ended the job: {word}", _ENDED[word])
    if word == "":
        return JobState(Phase.UNKNOWN)
    # Words that no Slurm of today has are no reason to give a job up: of one that ends, Slurm will say so.
    return JobState(Phase.PENDING if word in _PENDING else Phase.RUNNING)
