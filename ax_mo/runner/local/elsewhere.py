"""Local jobs that were started on another machine or in another container: unknown, and never dead by a guess.

Their processes cannot be looked up from here. Their heartbeat tells that they run, its silence that they do not, and
where there was none the user has to say so.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ax_mo.core.process import Identity, Whereabouts, whereabouts
from ax_mo.runner.job import Cause, JobState, Phase
from ax_mo.trial.files import HEARTBEAT, LOST, PID
from ax_mo.trial.untrusted import Unusable, read_bytes

# How often a job's files are looked at: each look makes a file.
_EVERY = 2.0


def silence(directory: Path) -> float | None:
    """Seconds since the job in ``directory`` last gave a sign of life; None where it never did.

    By the clock of the file system, which both machines share.
    """
    try:
        last = (directory / HEARTBEAT).lstat().st_mtime
        with tempfile.NamedTemporaryFile(dir=directory, prefix=f"{HEARTBEAT}.") as probe:
            return max(0.0, Path(probe.name).stat().st_mtime - last)
    except OSError:
        return None


def out_of_reach(directory: Path, process: Identity) -> bool:
    """Whether nobody here can tell if the process runs.

    Not of one that ran before this machine was started again, unless it gave a sign of life since: then another machine
    has the same name.
    """
    where = whereabouts(process)
    if where is Whereabouts.REBOOTED:
        silent = silence(directory)
        return silent is not None and silent < _uptime()
    return where is Whereabouts.ELSEWHERE


def declare_lost(directory: Path, handle: str = "") -> None:
    """Note that the process which ran in ``directory`` last does not run any more. Raises OSError.

    Where none has begun, it is the job with this ``handle`` that never will.
    """
    begun = not handle or (directory / PID).exists()
    (directory / LOST).write_bytes(read_bytes(directory / PID) if begun else handle.encode())


def declared_lost(directory: Path, handle: str = "") -> bool:
    """Whether the user said so of the process that ran in ``directory`` last, or of the job with this ``handle``."""
    try:
        lost = read_bytes(directory / LOST)
        return bool(handle and lost == handle.encode()) or lost == read_bytes(directory / PID)
    except (OSError, Unusable):
        return False


class Elsewhere:
    """Looks after such jobs; one that was silent for ``unknown_timeout`` seconds is lost."""

    def __init__(self, unknown_timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._unknown_timeout = unknown_timeout
        self._clock = clock
        self._looked: dict[Path, tuple[float, JobState]] = {}

    def state(self, directory: Path, process: Identity) -> JobState:
        """What can be told of the job in ``directory``, whose process is out of reach."""
        moment, state = self._looked.get(directory, (-_EVERY, None))
        if state is None or self._clock() - moment >= _EVERY:
            state = self._look(directory, process)
            self._looked[directory] = self._clock(), state
        return state

    def _look(self, directory: Path, process: Identity) -> JobState:
        if declared_lost(directory):
            return JobState(Phase.ENDED, None, f"was lost on {process.place}, as ax-mo adopt was told", Cause.LOST)
        silent = silence(directory)
        if silent is not None and silent > self._unknown_timeout:
            text = f"was lost on {process.place}: no sign of life for {silent:.0f} s"
            return JobState(Phase.ENDED, None, text, Cause.LOST)
        return JobState(Phase.UNKNOWN, place=process.place)


def _uptime() -> float:
    try:
        return float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
