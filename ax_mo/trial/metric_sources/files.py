"""The files that a task leaves in its trial's directory, by a glob: those of this attempt, and what else is there.

No link is followed, and what could keep its reader waiting or never come to an end is not opened.
"""

import logging
import os
import stat
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from ax_mo.trial.files import COMMAND, OF_AN_ATTEMPT, SPEC, read_json
from ax_mo.trial.untrusted import open_regular

log = logging.getLogger("ax_mo")

_MOST_BYTES = 2**30
"""Of a file that is read line by line."""
_LONGEST_LINE = 2**20
_MOST_SHOWN = 5
_OURS = frozenset((SPEC, *OF_AN_ATTEMPT))


def trial_files(directory: Path, glob: str) -> list[Path]:
    """Of this attempt, from the oldest directory to the newest, those of one directory together.

    In ``glob``, a ``*`` stands for any part of one name, and ``**`` for any number of directories.
    """
    since = _modified(directory / SPEC)
    times = {path: _modified(path) for path in _below(directory) if _matches(path, directory, glob)}
    times = {path: when for path, when in times.items() if when >= since and _is_usable(path)}
    newest: dict[Path, float] = {}
    for path, when in times.items():
        newest[path.parent] = max(when, newest.get(path.parent, when))
    return sorted(times, key=lambda path: (newest[path.parent], path.parent, times[path]))


def what_is_there(directory: Path, glob: str) -> str:
    """What the trial's directory has instead of a file by that name, in words."""
    paths = [path for path in _below(directory) if not _is_ours(path, directory)]
    if earlier := [path for path in paths if _matches(path, directory, glob)]:
        listed = _listed([path.relative_to(directory).as_posix() for path in earlier])
        return f"there is {listed}, which no run of this attempt has written"
    wanted = PurePosixPath(glob)
    paths.sort(key=lambda path: (not fnmatchcase(path.name, wanted.name), path.suffix != wanted.suffix))
    names = [path.relative_to(directory).as_posix() for path in paths]
    there = f"there is no such file; the directory has {_listed(names)}" if names else "there is no file at all"
    return f"{there} (what a task writes where it was started is there with hydra.job.chdir=true)"


def file_lines(path: Path, begin: int = 0) -> Iterator[str]:
    """The lines of a text from a byte on, in pieces of at most 1 MiB. Raises OSError and Unusable."""
    with open_regular(path) as file:
        file.seek(begin)
        while line := file.readline(_LONGEST_LINE):
            yield line.decode("utf-8-sig" if begin == 0 and file.tell() == len(line) else "utf-8", errors="replace")


def sizes_of_logs(directory: Path) -> dict[str, int]:
    """The bytes of each log in the directory, to which an attempt that begins now will add its own."""
    return {path.name: path.lstat().st_size for path in directory.glob("*.log") if _is_usable(path)}


def written_before(directory: Path) -> dict[str, int]:
    """The bytes that the logs in the directory had before this attempt, which goes on writing at their ends."""
    sizes = (read_json(directory / SPEC) or {}).get("logs")
    return {name: size for name, size in sizes.items() if isinstance(size, int)} if isinstance(sizes, dict) else {}


def _below(directory: Path) -> Iterator[Path]:
    # Path.rglob raises for a directory that vanishes meanwhile, such as another program's temporary one.
    for folder, _, names in os.walk(directory):
        yield from (Path(folder, name) for name in sorted(names))


def _is_ours(path: Path, directory: Path) -> bool:
    first, *rest = path.relative_to(directory).parts
    return first.startswith(".") or (not rest and first in (*_OURS, COMMAND))


def _matches(path: Path, directory: Path, glob: str) -> bool:
    if path.parent == directory and path.name in _OURS:
        return False
    return _match(path.relative_to(directory).parts, PurePosixPath(glob).parts)


def _match(names: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not names
    first, *rest = patterns
    if first == "**":
        return _match(names, rest) or (bool(names) and _match(names[1:], patterns))
    if not names or (names[0].startswith(".") and not first.startswith(".")):
        return False
    return fnmatchcase(names[0], first) and _match(names[1:], rest)


def _is_usable(path: Path) -> bool:
    """Whether it can be opened without waiting, as a pipe could not, and read in any reasonable time."""
    try:
        found = path.lstat()
    except OSError:
        return False
    if found.st_size > _MOST_BYTES:
        log.warning("%s is larger than %d MiB and is not read.", path, _MOST_BYTES // 2**20)
    return stat.S_ISREG(found.st_mode) and found.st_size <= _MOST_BYTES


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_SHOWN
    return ", ".join(names[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
