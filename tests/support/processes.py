"""Processes of this machine by what their command lines hold."""

from contextlib import suppress
from pathlib import Path


def pids_with(word: str) -> list[int]:
    """Zombies have no command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if word.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found
