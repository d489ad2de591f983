"""Slurm's view of its jobs, asked once for all of them.

TorchX 0.7.0 asks ``sacct`` once per job: without accounting it raises, a job just submitted is unknown for seconds, and
a cancelled one is an AssertionError. ``squeue`` knows every job until a few minutes after its end, accounting or not.
"""

import logging
import subprocess
from collections.abc import Sequence

from ax_mo.jobs.job import JobState, Phase

NO_ANSWER = "Slurm does not answer"

_PENDING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
_RUNNING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}


def slurm_states(ids: Sequence[str]) -> list[JobState]:
    """The state of each job; UNKNOWN where Slurm does not answer or does not know it."""
    if not ids:
        return []
    listed = ",".join(ids)
    words = _ask(["squeue", "-h", "-t", "all", "-o", "%i|%T", "-j", listed])
    if words is None:
        return [JobState(Phase.UNKNOWN, message=NO_ANSWER) for _ in ids]
    missing = [job_id for job_id in ids if job_id not in words]
    if missing:
        words = (_ask(["sacct", "-nPX", "-o", "JobID,State", "-j", ",".join(missing)]) or {}) | words
    return [_state(words.get(job_id, "")) for job_id in ids]


def cancel(ids: Sequence[str]) -> None:
    """Tell Slurm to end the jobs; one that does not answer is logged."""
    if not ids:
        return
    try:
        subprocess.run(["scancel", *ids], check=True, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        logging.getLogger(__name__).warning("Could not cancel the Slurm jobs %s: %s", ", ".join(ids), error)


def _ask(argv: list[str]) -> dict[str, str] | None:
    """State by job; None where there was no answer. Slurm fails alike for jobs that it has forgotten."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0 and "Invalid job id" not in done.stderr:
        return None
    pairs = (line.strip().split("|", 1) for line in done.stdout.splitlines() if "|" in line)
    return dict(pairs)


def _state(text: str) -> JobState:
    # "CANCELLED by 1000", "COMPLETED+"
    word = text.split()[0].rstrip("+") if text.split() else ""
    if word == "COMPLETED":
        return JobState(Phase.ENDED, 0)
    if word in _PENDING:
        return JobState(Phase.PENDING)
    if word in _RUNNING:
        return JobState(Phase.RUNNING)
    if word == "":
        return JobState(Phase.UNKNOWN)
    return JobState(Phase.ENDED, 1, f"Slurm ended the job: {word}")
