"""What became of a job, from its exit code and the files it left."""

import re
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ax_mo.jobs.job import JobState
from ax_mo.study.trial import Outcome
from ax_mo.trial.files import RESULT, SCHEMA, STDERR, read_json

_TAIL_LINES = 20
_TAIL_BYTES = 8192
_HYDRA_HINT = "Set the environment variable HYDRA_FULL_ERROR=1"


def result_of(directory: Path, number: int, attempt: int) -> dict[str, Any] | None:
    """The trial's ``result.json`` if it is this trial's and this attempt's."""
    result = read_json(directory / RESULT)
    if result is None or result.get("schema") != SCHEMA:
        return None
    if result.get("trial") != number or result.get("attempt") != attempt:
        return None
    metrics = result.get("metrics")
    if not isinstance(metrics, dict) or not all(isinstance(value, int | float) for value in metrics.values()):
        return None
    return result


def outcome_of(directory: Path, number: int, attempt: int, state: JobState) -> Outcome:
    """Success is exit code 0 *and* a valid result; where nobody saw the exit code, the result alone decides."""
    result = result_of(directory, number, attempt)
    tail = stderr_tail(directory)
    if result is None:
        return _without_result(state, tail)
    started, ended = result.get("started"), result.get("ended")
    if isinstance(result.get("stopped"), str):  # however its task ended then
        return Outcome(result["metrics"], result["stopped"], started=started, ended=ended, stopped=True)
    if result.get("status") != "completed":
        error = result.get("error")
        error = error if isinstance(error, dict) else {"message": str(error)}
        kind, message = str(error.get("type", "Error")), str(error.get("message", ""))
        first = message.strip().splitlines()[0] if message.strip() else "(no message)"
        reason = first if kind == "MetricError" else f"{kind}: {first}"
        return Outcome({}, reason, _normal(f"{kind}: {message}"), tail, started, ended)
    if state.exit_code not in (0, None):
        reason = f"recorded its result, then {_ending(state)}"
        return Outcome({}, reason, _normal(reason), tail, started, ended)
    return Outcome(result["metrics"], started=started, ended=ended)


def with_required(outcome: Outcome, required: Sequence[str]) -> Outcome:
    """The outcome as the study counts it: a result written under other goals, or by hand, may lack what it needs."""
    missing = [name for name in required if outcome.completed and name not in outcome.metrics]
    if not missing:
        return outcome
    listed = ", ".join(outcome.metrics) or "none"
    text = f"the metric '{missing[0]}' was not returned; returned were: {listed}."
    return replace(outcome, metrics={}, reason=text, signature=text)


def stderr_tail(directory: Path) -> str:
    """The last lines that the job wrote to stderr."""
    try:
        with open(directory / STDERR, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    text = text.replace("\0", "\ufffd")  # which PostgreSQL does not take
    lines = [line for line in text.splitlines() if not line.startswith(_HYDRA_HINT)]
    return "\n".join("\n".join(lines).rstrip().splitlines()[-_TAIL_LINES:])


def _without_result(state: JobState, tail: str) -> Outcome:
    if state.exit_code == 0:
        reason = "ended with exit code 0 but recorded no result (did it call sys.exit or os._exit?)"
    else:
        reason = _ending(state)
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    last = lines[-1] if lines and state.exit_code is not None and state.exit_code > 0 else ""
    return Outcome({}, f"{reason}: {last}" if last else reason, _normal(f"{reason}: {last}"), tail)


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


def _normal(text: str) -> str:
    """The text without what differs between two occurrences of the same fault."""
    text = re.sub(r"0x[0-9a-fA-F]+", "0x", text)
    text = re.sub(r"(/[\w.+@=,-]+)+", "/path", text)
    return re.sub(r"\d+(\.\d+)?([eE][+-]?\d+)?", "#", text)[:2000]
