"""Slurm's view of its jobs, asked once for all of them.

TorchX 0.7.0 asks ``sacct`` once per job: without accounting it raises, a job just submitted is unknown for seconds, and
a cancelled one is an AssertionError. ``squeue`` knows every job until a few minutes after its end, accounting or not.
"""

import subprocess
from collections.abc import Sequence

from ax_mo.jobs.job import JobState, Phase

_PENDING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
_RUNNING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}


def slurm_states(ids: Sequence[str]) -> list[JobState]:
    """The state of each job; UNKNOWN where Slurm does not answer or does not know it."""
    if not ids:
        return []
    listed = ",".join(ids)
    words = _ask(["squeue", "-h", "-t", "all", "-o", "%i|%T", "-j", listed])
    missing = [job_id for job_id in ids if job_id not in words]
    if missing:
        words = _ask(["sacct", "-nPX", "-o", "JobID,State", "-j", ",".join(missing)]) | words
    return [_state(words.get(job_id, "")) for job_id in ids]


def cancel(ids: Sequence[str]) -> None:
    if ids:
        subprocess.run(["scancel", *ids], check=False, capture_output=True, timeout=60)


def _ask(argv: list[str]) -> dict[str, str]:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return {}
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
