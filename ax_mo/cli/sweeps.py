"""Sweeps as they lie on the disk, and their tables: read with the standard library alone, for completion is quick."""

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ax_mo.storage.sweep_directory import DUMP, STUDY, TRIALS

NEWEST = "the newest sweep: the current directory, one directly below it, or one below a folder called multirun"
"""Which sweep is meant where none is named."""

# A study that is stored elsewhere has its description and its table in its directory all the same.
_FILES = (STUDY, DUMP, TRIALS)
_BELOW = (".", "*", *(f"{above}multirun*/{below}" for above in ("", "*/", "*/*/") for below in ("*", "*/*")))
_TRIAL = re.compile(r"(?:trial[_ ])?(-?\d+)|imported[_ ](\d+)")


def sweeps() -> list[Path]:
    """The directories of sweeps that are found from here, the one whose study has changed last first.

    Alone the current directory where it is one.
    """
    ages: dict[Path, float] = {}
    for place in _BELOW:
        for name in _FILES:
            for path in Path().glob(f"{place}/{name}"):
                with suppress(OSError):  # a sweep that is being removed
                    ages[path.parent] = max(ages.get(path.parent, 0), path.stat().st_mtime)
        if place == "." and ages:
            break
    return sorted(ages, key=lambda path: ages[path], reverse=True)


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
