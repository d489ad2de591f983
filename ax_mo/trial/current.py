"""Which trial this process belongs to, if any, as which of its ranks, and whether the sweep wants it to stop.

Environment variables say so, because the processes that a trial starts (DDP ranks, workers) belong to it as well.
Launchers that run their jobs in one process enter and leave one trial after another. Apart from those variables, the
process holds the trial's directory open, which may be moved while it runs.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ax_mo.trial.files import STOP, STOPPED, HeldOpen, read_json, write_json
from ax_mo.trial.untrusted import storable

DIRECTORY = "AX_MO_TRIAL_DIR"
STARTED = "AX_MO_TRIAL_STARTED"
"""Seconds since the epoch."""
JOB_PID = "AX_MO_JOB_PID"
"""The pid of a job's own process, by which it, and no child of it, knows that it is one."""
_ADDED = "AX_MO_TRIAL_ENV"
"""Names of further variables that the trial was given, to be taken away again."""

SWEEPERS_RANKS = "AX_MO_SWEEPER_RANKS"
"""The rank variables that the sweeper itself has, each with its launch."""

RANKS = {
    "RANK": ("TORCHELASTIC_RUN_ID",),
    "SLURM_PROCID": ("SLURM_JOB_ID", "SLURM_STEP_ID"),
    "LOCAL_RANK": ("TORCHELASTIC_RUN_ID",),
    "NODE_RANK": (),
}
"""Each variable that may hold a rank, and those that tell two launches apart which both set it."""


_open: tuple[Path, HeldOpen] | None = None


def enter(directory: Path, environment: Mapping[str, str] | None = None) -> None:
    """Make ``directory`` the current trial's. Variables of ``environment`` are set unless they are set already."""
    global _open
    os.environ[DIRECTORY] = str(directory.absolute())
    with suppress(OSError):
        _open = directory.absolute(), HeldOpen(os.open(directory, os.O_RDONLY | os.O_CLOEXEC))
    os.environ[STARTED] = repr(time.time())
    added = {name: value for name, value in (environment or {}).items() if name not in os.environ}
    if added:
        os.environ.update(added)
        os.environ[_ADDED] = " ".join(added)


def leave() -> None:
    """End the current trial, if any, and take its variables away again."""
    global _open
    if _open is not None:
        _open[1].close()
        _open = None
    for name in (DIRECTORY, STARTED, *os.environ.pop(_ADDED, "").split()):
        os.environ.pop(name, None)


def directory() -> Path | None:
    """The current trial's directory; None outside a trial."""
    value = os.environ.get(DIRECTORY)
    return present(Path(value)) if value else None


def present(directory: Path) -> Path:
    """The path of ``directory`` now, which may have been moved since ``enter``; as given on systems without /proc."""
    if _open is None or _open[0] != directory or not _open[1].is_open:  # a daemon closes what it finds open
        return directory
    with suppress(OSError):
        is_open = os.fstat(_open[1].descriptor)
        with suppress(FileNotFoundError):
            if os.path.samestat(directory.stat(), is_open):
                return directory
        moved = Path(f"/proc/self/fd/{_open[1].descriptor}").readlink()
        if os.path.samestat(moved.stat(), is_open):
            return moved
    return directory


def seconds() -> float:
    """Seconds since the trial started; 0 outside a trial."""
    try:
        return max(0.0, time.time() - float(os.environ[STARTED]))
    except (KeyError, ValueError):
        return 0.0


def disown_ranks() -> None:
    """Note in the environment that the ranks which this process, a sweeper, finds there are none of its trials'.

    A sweep under srun, or in a pod of several workers, may be the second of its kind; its trials, which inherit the
    variables, are not. This goes by the environment too, and so exactly as far as they do.
    """
    os.environ[SWEEPERS_RANKS] = json.dumps([_launch(name) for name in RANKS if name in os.environ])


def rank() -> int:
    """This process's rank under torchrun, Slurm's srun or Lightning's own launcher; 0 when alone."""
    distributed = sys.modules.get("torch.distributed")  # spawned workers have a rank but no variable for it
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    inherited = json.loads(os.environ.get(SWEEPERS_RANKS, "[]"))
    for name in RANKS:
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0 and _launch(name) not in inherited:
            return int(value)
    return 0


def _launch(name: str) -> dict[str, str]:
    """What identifies the launch that set the rank variable ``name``, and the process in it."""
    return {key: value for key in (name, *RANKS[name]) if (value := os.environ.get(key)) is not None}


def stop_requested(trial: Path) -> str | None:
    """The sweeper's reason for ending the trial; None while it may go on."""
    if not (trial / STOP).exists():
        return None
    return _reason(read_json(trial / STOP))


def acknowledge_stop(trial: Path, reason: str) -> None:
    """Leave the mark by which the trial counts as stopped, however its task ends now."""
    if not (trial / STOPPED).exists():
        write_json(trial / STOPPED, {"reason": reason})


def acknowledged(trial: Path) -> str | None:
    """The reason for which this attempt has stopped early; None for one that went its whole way."""
    mark = read_json(trial / STOPPED)
    return None if mark is None else _reason(mark)


def _reason(content: Mapping[str, Any] | None) -> str:
    reason = (content or {}).get("reason")
    return storable(reason) if reason and isinstance(reason, str) else "stopped"
