"""The checkpoint that a run leaves in its directory, from which the next rung of its trial trains on."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

# Lightning's: the one that ModelCheckpoint(save_last=True) keeps, also as last-v1.ckpt; otherwise whichever it saved.
_OF_LIGHTNING = ("last*.ckpt", "*.ckpt")


def newest_checkpoint(directory: Path, pattern: str | None = None) -> Path | None:
    """The newest file, or directory of a sharded checkpoint, that matches the glob ``pattern`` in ``directory``.

    Without a pattern, Lightning's ``last.ckpt`` wherever it lies below the directory, or else its newest checkpoint.
    None where there is nothing of that kind.
    """
    for each in [pattern] if pattern is not None else [f"**/{name}" for name in _OF_LIGHTNING]:
        found = _newest(directory.glob(each))
        if found is not None:
            return found
    return None


def _newest(paths: Iterable[Path]) -> Path | None:
    ages: list[tuple[float, Path]] = []
    for path in paths:
        with suppress(OSError):  # a link that leads nowhere
            ages.append((path.stat().st_mtime, path))
    return max(ages)[1] if ages else None
