"""Files on their way to their names: how they are called, and which of them nobody will finish."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

_NAME = re.compile(r"\.(?P<of>.+)\.(?P<pid>\d+)-[0-9a-f]{8}\.tmp")
_OF_OLD = re.compile(r"\.(?P<of>.+)\.[a-z0-9_]{8}")
"""As Python's tempfile named them, for earlier versions."""
_LONG_AGO = 3600.0
"""Seconds in which any file is written: the process that has that number now is another one."""


def temporary(path: Path) -> Path:
    """A new name beside ``path``."""
    return path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")


def remove_left(directory: Path, is_ours: Callable[[str], bool]) -> None:
    """Remove what processes that were killed have left in the directory of files whose names are ours."""
    try:
        entries = [path for path in directory.iterdir() if path.name.startswith(".")]
    except OSError:
        return
    for path in entries:
        if _is_left(path, is_ours):
            try:
                path.unlink()
            except OSError:
                continue


def _is_left(path: Path, is_ours: Callable[[str], bool]) -> bool:
    named = _NAME.fullmatch(path.name)
    if named is None:
        old = _OF_OLD.fullmatch(path.name)
        return old is not None and is_ours(old["of"])
    return is_ours(named["of"]) and not _is_being_written(path, int(named["pid"]))


def _is_being_written(path: Path, pid: int) -> bool:
    try:
        os.kill(pid, 0)
        if _is_zombie(pid):
            return False
        return time.time() - path.lstat().st_mtime < _LONG_AGO
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
