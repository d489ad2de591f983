"""Sweeps as they lie on the disk, and their tables: read with the standard library alone, for completion is quick."""

import csv
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ax_mo.storage.sweep_directory import DUMP, STUDY, TRIALS

NEWEST = "the newest sweep: the current directory, one directly below it, or one below a folder called multirun"
"""Which sweep is meant where none is named."""

_DEPTH = 3
"""How far down a folder called multirun is looked for."""
_MOST = 10_000
"""Entries of one directory that are looked at: data sets may have millions."""
_TRIAL = re.compile(r"(?:trial[_ ])?(-?\d+)|imported[_ ](\d+)")


def sweeps() -> list[Path]:
    """The directories of sweeps that are found from here, the one whose study has changed last first.

    Alone the current directory where it is one.
    """
    ages: dict[Path, float] = {}
    for place in _places():
        changed = {}
        for name in (STUDY, DUMP, TRIALS):
            with suppress(OSError):
                changed[name] = (place / name).stat().st_mtime
        if STUDY in changed or DUMP in changed:  # which one has that is stored elsewhere; others have a trials.csv, too
            ages[place] = max(changed.values())
        if ages.keys() == {Path()}:
            break
    return sorted(ages, key=lambda path: ages[path], reverse=True)


def _places() -> Iterator[Path]:
    """Directories that may be sweeps, the current one first."""
    level = [Path()]
    yield from level
    for depth in range(_DEPTH):
        level = [child for directory in level for child in _directories_in(directory)]
        if depth == 0:
            yield from level
        for directory in level:
            if directory.name.startswith("multirun"):
                for child in _directories_in(directory):
                    yield child
                    yield from _directories_in(child)


def _directories_in(directory: Path) -> list[Path]:
    """None of one that cannot be read, or has gone."""
    with suppress(OSError), os.scandir(directory) as entries:
        return [directory / entry.name for entry in islice(entries, _MOST) if entry.is_dir()]
    return []


def trial_number(text: str) -> int | None:
    """The trial that the user calls so: ``7``, ``trial_7``, ``imported_2`` or ``-2``. None for any other word."""
    match = _TRIAL.fullmatch(text.strip())
    if match is None:
        return None
    return int(match[1]) if match[1] is not None else -int(match[2])


def table(sweep: Path) -> Iterator[dict[str, str]]:
    """The rows of a sweep's ``trials.csv``; none where it cannot be read."""
    with suppress(OSError, UnicodeDecodeError, csv.Error), (sweep / TRIALS).open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
