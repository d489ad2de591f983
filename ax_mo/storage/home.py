"""Which sweep directory this is: the one that its jobs were started in, moved or not, or a copy of that one.

A small file in the directory holds a random token, the directory's inode, and where it was. It travels with a copy and
then names a directory that is still there and is another one. Device numbers say nothing: they change between mounts.
"""

import secrets
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ax_mo.trial.files import read_json, write_json

HOME = ".sweeper.json"
_SCHEMA = 1


@dataclass(frozen=True)
class Home:
    """A sweep directory as the sweeper that holds its lock knows it."""

    directory: Path
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
                self.former.symlink_to(self.directory, target_is_directory=True)
        except OSError:
            return False
        return self.former is not None

    def settled(self) -> "Home":
        """The home once no trial of it is taken for one of the original's. Raises OSError."""
        home = replace(self, original=None)
        if self.original is not None:
            _write(home)
        return home


def enter_home(sweep_dir: Path) -> Home:
    """Find out which directory this is and write it down; for the one that holds its lock. Raises OSError.

    A directory without a readable file is a new one. A directory that is not where it was is a copy if the one that
    was there still is; otherwise it was moved, or restored from a backup.
    """
    known = _Known.of(read_json(sweep_dir / HOME) or {})
    if known is None:
        home = Home(sweep_dir, secrets.token_hex(4))
    elif known.lives_beside(sweep_dir):
        home = Home(sweep_dir, secrets.token_hex(4), original=known.path)
    else:
        moved = known.path != sweep_dir and not _is_same(known.path, sweep_dir)
        home = Home(sweep_dir, known.token, known.original, known.path if moved else None)
    _write(home)
    return home


def original_of(sweep_dir: Path) -> Path | None:
    """Of a copy whose open trials have not been settled yet, the original; changes nothing."""
    known = _Known.of(read_json(sweep_dir / HOME) or {})
    if known is None:
        return None
    return known.path if known.lives_beside(sweep_dir) else known.original


@dataclass(frozen=True)
class _Known:
    """What the file says."""

    token: str
    inode: int
    path: Path
    original: Path | None

    @classmethod
    def of(cls, content: dict[str, Any]) -> "_Known | None":
        token, inode, path, original = (content.get(name) for name in ("token", "inode", "path", "original"))
        if content.get("schema") != _SCHEMA or not (isinstance(token, str) and isinstance(path, str)):
            return None
        if not isinstance(inode, int) or not (token.isalnum() and token.isascii()):
            return None
        return cls(token, inode, Path(path), Path(original) if isinstance(original, str) else None)

    def lives_beside(self, sweep_dir: Path) -> bool:
        """Whether the directory that this was written of is still where it was, and is not ``sweep_dir``."""
        return _inode(self.path) == self.inode and not _is_same(self.path, sweep_dir)


def _write(home: Home) -> None:
    content = {
        "schema": _SCHEMA,
        "token": home.token,
        "inode": _inode(home.directory),
        "path": str(home.directory),
        "original": None if home.original is None else str(home.original),
    }
    write_json(home.directory / HOME, content)


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
        with tempfile.NamedTemporaryFile(dir=other, prefix=f"{HOME}.") as probe:
            return (one / Path(probe.name).name).exists()
    except OSError:  # who cannot write there only looks
        return True
