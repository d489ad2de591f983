"""What became of a job, from its exit code and the files it left."""

import os
import signal
import stat
from pathlib import Path

from ax_mo.core.trial import Outcome
from ax_mo.runner.job import JobState
from ax_mo.trial.files import RESULT, SPEC, STDERR
from ax_mo.trial.result import TrialResult, read_result
from ax_mo.trial.untrusted import Unusable, read_tail, without_escapes

_TAIL_LINES = 20
_TAIL_BYTES = 8192
_HYDRA_HINT = "Set the environment variable HYDRA_FULL_ERROR=1"


def result_of(directory: Path, number: int, attempt: int) -> TrialResult | None:
    """The result that this attempt of the trial has recorded; None where there is none that can be used."""
    try:
        return read_result(directory, number, attempt)
    except (OSError, Unusable):
        return None


def has_result(directory: Path, number: int, attempt: int) -> bool:
    """Whether the attempt has recorded its end, be it in a way that cannot be used."""
    try:
        return read_result(directory, number, attempt) is not None
    except Unusable:
        return True
    except OSError:
        return False


def outcome_of(directory: Path, number: int, attempt: int, state: JobState) -> Outcome:
    """Success is exit code 0 *and* a valid result; where nobody saw the exit code, the result alone decides."""
    tail, result = stderr_tail(directory), None
    problem = destroyed_directory(directory)
    if problem is None:
        try:
            result = read_result(directory, number, attempt)
        except Unusable as error:
            problem = str(error)
        except OSError as error:
            problem = f"{RESULT} cannot be read: {error.strerror or error}"
    if result is None:
        if problem is None and state.exit_code == 0 and not (directory / SPEC).exists():
            problem = f"removed {SPEC} from its own directory"
        return _without_result(state, tail, problem)
    started, ended = result.started, result.ended
    if result.stopped is not None:  # however its task ended then
        return Outcome(result.metrics, result.stopped, started=started, ended=ended, stopped=True)
    if result.error is not None:
        kind, message = result.error.kind, result.error.message
        first, *more = message.strip().splitlines() or ["(no message)"]
        reason = first if kind == "MetricError" else f"{kind}: {first}"
        if kind == "MetricError":  # the task has ended well: what it wrote to stderr is not why its metrics are missing
            tail = "\n".join(more)
        return Outcome({}, reason, f"{kind}: {message}", tail, started, ended)
    if state.exit_code not in (0, None):
        reason = f"recorded its result, then {_ending(state)}"
        return Outcome({}, reason, reason, tail, started, ended)
    return Outcome(result.metrics, started=started, ended=ended, differences=result.differences)


def destroyed_directory(directory: Path) -> str | None:
    """What a run has done to its own directory, so that nothing can be read or written there; None for a sound one."""
    try:
        mode = directory.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "its directory is gone"
    except OSError as error:
        return f"its directory cannot be read: {error.strerror or error}"
    if stat.S_ISLNK(mode):
        return "its directory was replaced by a link"
    if not stat.S_ISDIR(mode):
        return "its directory was replaced by a file"
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return f"its directory cannot be used: its permissions are {stat.filemode(mode)}"
    return None


def stderr_tail(directory: Path) -> str:
    """The last lines that the job wrote to stderr."""
    text = without_escapes(read_tail(directory / STDERR, _TAIL_BYTES))
    lines = [line for line in text.splitlines() if not line.startswith(_HYDRA_HINT)]
    return "\n".join("\n".join(lines).rstrip().splitlines()[-_TAIL_LINES:])


def _without_result(state: JobState, tail: str, problem: str | None) -> Outcome:
    """``problem`` is why there is no result that can be used, where that is known."""
    code, reason = state.exit_code, _ending(state)
    if problem is not None:
        reason = f"{reason}, and {problem}" if code else problem
    elif code == 0:
        reason = "ended with exit code 0 but recorded no result (did it call sys.exit or os._exit?)"
    lines = tail.split("\n")
    if code is not None and code > 0 and lines[-1].strip():
        reason = f"{reason}: {lines[-1].strip()}"
    return Outcome({}, reason, reason, tail)


def _ending(state: JobState) -> str:
    code = state.exit_code
    if state.message or code is None:
        return state.message or "ended without a result"
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"killed by {name}{hint}"
    return f"ended with exit code {code}"
