"""The files of a trial's directory: their names, and how files of ours are written, read and removed."""

import json
import os
import re
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ax_mo.trial.untrusted import MOST_BYTES, Unusable, parse_json, read_bytes

SPEC = "trial.json"
"""Written by the sweeper before it submits: the trial's number, attempt, parameters, overrides and metric names."""
RESULT = "result.json"
"""Written by the trial's own process."""
CURVE = "curve.jsonl"
"""The trial's learning curve: one JSON object a line, appended by the trial's own process."""
LIGHTNING = "lightning.json"
"""What Lightning's Trainers or ``report_model`` recorded in the trial: metrics, costs, and how many fits there were."""
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
IMPORTS = ".imports"
"""Empty where the sweep wants to know what the trial imports of libraries, and then what it has imported."""
STORED_AS = ".stored_as"
"""The name by which a store has the trial's results, where they come through one."""
LOST = ".lost"
"""A copy of ``.pid``: the user says that this very process does not run any more."""

OF_AN_ATTEMPT = (RESULT, CURVE, LIGHTNING, STOP, STOPPED, PID, HEARTBEAT, IMPORTS, STORED_AS, LOST)
"""What one attempt leaves and the next must not find."""
OF_A_TRIAL = (SPEC, COMMAND, RESULT, LIGHTNING, STOP, STOPPED, IMPORTS)
"""Files of a trial's directory that are written under another, temporary name first; the names of those hold these."""

SCHEMA = 1

_UNFINISHED = re.compile(r"\.(?P<of>.+)\.(?P<pid>\d+)-[0-9a-f]{8}\.tmp")
_LONG_AGO = 3600.0
"""Seconds after which no file is still being written: a process of that number is another one then."""


class HeldOpen:
    """An open descriptor. The user's task may close it (a daemon closes all) and open another file under its number."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._stat = os.fstat(descriptor)

    @property
    def is_open(self) -> bool:
        """Whether the descriptor still is that of the file for which it was opened."""
        try:
            return os.path.samestat(os.fstat(self.descriptor), self._stat)
        except OSError:
            return False

    def close(self) -> None:
        """Close the descriptor, unless it is another file's by now."""
        if self.is_open:
            os.close(self.descriptor)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace the file's content so that a reader sees the old one or the new one, never a part.

    Raises OSError that names ``path``.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        # Not tempfile: what it makes is its owner's alone, and the umask can only be read by changing it for all.
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content.encode(errors="replace") if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)  # noqa: PTH105
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.errno is None:
            raise
        # What failed may be the temporary file, of which the user knows nothing.
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_json(path: Path, value: Any) -> None:
    """Replace the file by strict JSON, as ``write_atomically``. Raises ValueError for NaN and infinities."""
    write_atomically(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def remove(path: Path) -> None:
    """Remove the file, link or directory of that name, if there is one. Raises OSError."""
    try:
        path.unlink(missing_ok=True)
    except (IsADirectoryError, PermissionError):
        if not path.is_dir():
            raise
        import shutil  # most trials have no need of it

        shutil.rmtree(path)


def remove_unless_file(path: Path) -> None:
    """Remove whatever has the name of a file of ours and is none, such as a pipe. Raises OSError."""
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            return
    except FileNotFoundError:
        return
    remove(path)


def read_json(path: Path, most: int = MOST_BYTES) -> dict[str, Any] | None:
    """The object in the file; None when there is no file, or no complete object in it. Never follows a link or waits.

    Its numbers may be infinite, and its values of any type.
    """
    try:
        value = parse_json(read_bytes(path, most))
    except (OSError, Unusable):
        return None
    return value if isinstance(value, dict) else None


def remove_unfinished(directory: Path, is_ours: Callable[[str], bool]) -> None:
    """Remove temporary files that killed processes have left, of files for whose names ``is_ours`` is true."""
    with suppress(OSError):
        for path in list(directory.iterdir()):
            named = _UNFINISHED.fullmatch(path.name)
            if named and is_ours(named["of"]) and not _is_being_written(path, int(named["pid"])):
                path.unlink(missing_ok=True)


def _is_being_written(path: Path, pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return not _is_zombie(pid) and time.time() - path.lstat().st_mtime < _LONG_AGO
    except (ProcessLookupError, FileNotFoundError, OverflowError):
        return False
    except OSError:
        return True


def _is_zombie(pid: int) -> bool:
    """Whether the process has ended and nobody has taken note of it, as in a container without an init."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except (OSError, IndexError):
        return False
