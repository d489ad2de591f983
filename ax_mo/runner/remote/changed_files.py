"""The files of a trial that runs where the sweep cannot look: what has changed since they were last sent.

Logs and curves only grow, so that their new part is enough; other files are small, and sent whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ax_mo.trial.files import CURVE, LIGHTNING, RESULT, STDERR, STDOUT, STOPPED, write_atomically

RETURNED = (RESULT, CURVE, LIGHTNING, STOPPED, STDOUT, STDERR, "*.log", ".hydra/*")
"""Patterns of what every trial returns."""

_GROWS = (".log", ".jsonl")
_MOST_AT_ONCE = 2**20
_MOST_OF_A_LOG = 2**24
"""Bytes of a file that grows; of a longer one the rest stays where it is."""


@dataclass(frozen=True)
class Change:
    """Bytes of the file ``name``, relative to the trial's directory: from ``offset`` on, or all of it (None)."""

    name: str
    content: bytes
    offset: int | None = None

    def write(self, directory: Path) -> None:
        """Make the change in ``directory``. Raises OSError."""
        path = directory / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.offset is None:
            write_atomically(path, self.content)
            return
        with path.open("r+b" if path.exists() else "xb") as file:
            file.truncate(self.offset)
            file.seek(self.offset)
            file.write(self.content)


class ChangedFiles:
    """What has changed in ``directory`` among the files that every trial returns, since it was last asked.

    ``appends``: whether of those that grow the new part is enough; of a long log, the end is all otherwise.
    """

    def __init__(self, directory: Path, appends: bool = True) -> None:
        self._directory = directory
        self._appends = appends
        self._sent: dict[str, tuple[int, int]] = {}  # size and time of change, or of a file that grows what was sent

    def changes(self) -> Iterator[Change]:
        """At most a mebibyte of each file; until there are none, more may be to come. The result comes last."""
        for name in sorted(self._names(), key=lambda name: (name == RESULT, name)):
            try:
                change = self._change(name)
            except OSError:  # it was there
                continue
            if change is not None:
                yield change

    def _names(self) -> set[str]:
        found = (path for pattern in RETURNED for path in self._directory.glob(pattern))
        return {path.relative_to(self._directory).as_posix() for path in found if _is_file(path)}

    def _change(self, name: str) -> Change | None:
        path = self._directory / name
        stat = path.stat()
        suffix = PurePosixPath(name).suffix
        if suffix not in _GROWS or not self._appends:
            state = (stat.st_size, stat.st_mtime_ns)
            if self._sent.get(name) == state:
                return None
            with path.open("rb") as file:
                file.seek(max(0, stat.st_size - _MOST_AT_ONCE) if suffix == ".log" else 0)
                content = file.read()
            self._sent[name] = state
            return Change(name, content)
        sent, _ = self._sent.get(name, (0, 0))
        start = sent if sent <= stat.st_size else 0  # a file that is shorter than it was began anew
        if (start == stat.st_size == sent and name in self._sent) or start >= _MOST_OF_A_LOG:
            return None
        with path.open("rb") as file:
            file.seek(start)
            content = file.read(_MOST_AT_ONCE)
        self._sent[name] = (start + len(content), 0)
        return Change(name, content, start)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
