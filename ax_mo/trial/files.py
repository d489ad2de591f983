"""The files of a trial's directory: their names, and how they are written and read."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

SPEC = "trial.json"
"""Written by the sweeper before it submits: number, attempt, params, overrides, metric names, command."""
RESULT = "result.json"
"""Written by the trial's own process."""
CURVE = "curve.jsonl"
"""The trial's learning curve: one JSON object a line, appended by the trial's own process."""
LIGHTNING = "lightning.json"
"""What Lightning's Trainers in the trial recorded: ``{"costs", "metrics", "fits", "started"}``."""
STOP = "stop.json"
"""Written by the sweeper that wants the trial to end: ``{"reason"}``."""
STOPPED = ".stopped"
"""Written by the trial that ends because of it: ``{"reason"}``."""
CONSTANT_COSTS = ("num_params", "num_params_total")
"""Those costs that are known from the start of a fit and do not change."""
COMMAND = "command.sh"
STDOUT = "stdout.log"
STDERR = "stderr.log"
PID = ".pid"
HEARTBEAT = ".heartbeat"
"""Touched by the trial's own process while it runs."""
LOST = ".lost"
"""A copy of ``.pid``: the user says that this very process does not run any more."""

OF_AN_ATTEMPT = (RESULT, CURVE, LIGHTNING, STOP, STOPPED, PID, HEARTBEAT, LOST)
"""What one attempt leaves and the next must not find."""

SCHEMA = 1


def write_atomically(path: Path, text: str) -> None:
    """Replace the file's content so that a reader sees the old text or the new one, never a part.

    Raises OSError that names ``path``.
    """
    try:
        _replace(path, text)
    except OSError as error:
        if error.errno is None:
            raise
        # What failed may be the temporary file, of which the user knows nothing.
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # noqa: PTH101  mkstemp makes files that only their owner can read
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Strict JSON: raises ValueError for NaN and infinities."""
    write_atomically(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in the file; None when there is no file, or no complete object in it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
