"""Which sweep directory this is: the one in which its jobs were started, moved or not, or a copy of that one.

A small file in the directory holds a random token, the directory's inode, and its path. It travels with a copy and
then names a directory that is still there and is another one. Device numbers say nothing: they change between mounts.
"""

import secrets
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from ax_mo.trial.files import read_json, write_json

IDENTITY = ".sweeper.json"
STUDY = "study.db"
"""The study's database, where it is not kept elsewhere."""
TRIALS = "trials.csv"
"""The table of all trials."""
DUMP = "study.json"
"""The rows of the study's database once more."""
_SCHEMA = 1


@dataclass(frozen=True)
class SweepDirectory:
    """A sweep directory as the sweeper that holds its lock knows it."""

    path: Path
    token: str
    """Eight hexadecimal digits that no other sweep directory has: names of jobs contain it."""
    original: Path | None = None
    """Of a copy whose open trials have not been settled yet: the directory to which their jobs belong."""
    former: Path | None = None
    """Where the directory was when the last sweeper left it, if it has been moved since."""

    def link_former(self) -> bool:
        """Let the former path lead here, which running jobs have on their command lines. False where that cannot be."""
        try:
            if self.former is not None:
                self.former.symlink_to(self.path, target_is_directory=True)
        except OSError:
            return False
        return self.former is not None

    def settled(self) -> "SweepDirectory":
        """The directory once no trial of it is taken for one of the original's. Raises OSError."""
        settled = replace(self, original=None)
        if self.original is not None:
            _write(settled)
        return settled


def enter_directory(path: Path) -> SweepDirectory:
    """Find out which directory this is and write it down; for the one that holds its lock. Raises OSError.

    A directory without a readable file is a new one. A directory that is not where it was is a copy if the one that
    was there still is; otherwise it was moved, or restored from a backup.
    """
    before = _Before.read(path)
    if before is None:
        directory = SweepDirectory(path, secrets.token_hex(4))
    elif before.lives_beside(path):
        directory = SweepDirectory(path, secrets.token_hex(4), original=before.path)
    else:
        moved = before.path != path and not _is_same(before.path, path)
        directory = SweepDirectory(path, before.token, before.original, before.path if moved else None)
    _write(directory)
    return directory


def original_of(path: Path) -> Path | None:
    """Of a copy whose open trials have not been settled yet, the original; changes nothing."""
    before = _Before.read(path)
    if before is None:
        return None
    return before.path if before.lives_beside(path) else before.original


@dataclass(frozen=True)
class _Before:
    """What the file says, which the last sweeper wrote."""

    token: str
    inode: int
    path: Path
    original: Path | None

    @classmethod
    def read(cls, directory: Path) -> "_Before | None":
        match read_json(directory / IDENTITY):
            case {"schema": 1, "token": str(token), "inode": int(inode), "path": str(path), **rest} if token.isalnum():
                original = rest.get("original")
                return cls(token, inode, Path(path), Path(original) if isinstance(original, str) else None)
        return None

    def lives_beside(self, directory: Path) -> bool:
        """Whether the directory that this was written of is still where it was, and is not ``directory``."""
        return _inode(self.path) == self.inode and not _is_same(self.path, directory)


def _write(directory: SweepDirectory) -> None:
    content = {
        "schema": _SCHEMA,
        "token": directory.token,
        "inode": _inode(directory.path),
        "path": str(directory.path),
        "original": None if directory.original is None else str(directory.original),
    }
    write_json(directory.path / IDENTITY, content)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino if path.is_dir() else None
    except OSError:
        return None


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths name one directory, also through two mounts of its file system."""
    if _inode(one) is None or _inode(one) != _inode(other):
        return False
    if one.samefile(other):
        return True
    # The inode of a snapshot is that of its original, so only a file that is made in one and seen in the other tells.
    try:
        with tempfile.NamedTemporaryFile(dir=other, prefix=f"{IDENTITY}.") as probe:
            return (one / Path(probe.name).name).exists()
    except OSError:  # who cannot write there only looks
        return True
