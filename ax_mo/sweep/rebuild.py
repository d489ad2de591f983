"""A lost or damaged ``study.db`` is made anew from ``study.json``; what was there is kept beside it."""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ax_mo.core.urls import sqlite_url
from ax_mo.errors import AxMoError, StudyLost, StudyStopped
from ax_mo.results.standing import status_text
from ax_mo.storage.definition import StoredStudy
from ax_mo.storage.dump import Dump, read_dump
from ax_mo.storage.store import Store, write_study
from ax_mo.storage.sweep_directory import DUMP, STUDY
from ax_mo.sweep.recovery import with_runs_of_directories

# With SQLite's journal: left behind, it would be rolled back into the new database.
_PARTS = ("-journal", "-wal", "-shm")
_NEW = f"{STUDY}.new"


@dataclass(frozen=True)
class Rebuilt:
    """The study as it was made anew, and what a person should know of it."""

    study: StoredStudy
    remarks: tuple[str, ...]
    kept: Path | None
    """What was there before, where something was."""

    def describe(self) -> str:
        """How many runs there are of which kind."""
        counts = Counter(status_text(run.status) for run in self.study.runs)
        listed = ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
        runs = len(self.study.runs)
        return f"{runs} {'run' if runs == 1 else 'runs'} ({listed})"


def rebuild(directory: Path, dump: Dump, url: str | None = None) -> Rebuilt:
    """Make the study's database anew: at ``url``, or in its directory, whose lock must be held.

    However this ends, either what was there or the whole of the new database is in its place. Raises AxMoError where
    two directories claim to be the same run, OSError where it cannot be written.
    """
    study, remarks = with_runs_of_directories(dump.study, directory)
    if url is not None:
        write_study(url, replace(study, sweep_dir=str(directory)))
        return Rebuilt(study, tuple(remarks), None)
    new = directory / _NEW
    for part in ("", *_PARTS):
        Path(f"{new}{part}").unlink(missing_ok=True)
    # The directory's own database moves with it, and says nothing of where it is.
    write_study(sqlite_url(new), replace(study, sweep_dir=""))
    kept = _kept(directory)
    new.replace(directory / STUDY)
    return Rebuilt(study, tuple(remarks), kept)


def open_or_rebuild(
    directory: Path, name: str, open_store: Callable[[bool], Store], notice: Callable[[str], None]
) -> Store:
    """Open the directory's own database, whose lock must be held; one that is damaged is made anew, with a notice.

    ``open_store`` is told whether there was a study before. Raises StudyLost where nothing says what it was.
    """
    try:
        dump = read_dump(directory)
    except AxMoError:  # it is written again if the database is sound
        dump = None
    if dump is None or dump.storage is not None or dump.study.name != name:
        return open_store(False)
    try:
        return open_store(True)
    except StudyLost as error:
        try:
            rebuilt = rebuild(directory, dump)
        except AxMoError as reason:
            raise StudyStopped(f"{error} It cannot be rebuilt: {reason}") from None
        kept = "" if rebuilt.kept is None else f" What was there is kept as {rebuilt.kept.name}."
        remarks = "".join(f" {remark}" for remark in rebuilt.remarks)
        notice(f"{error} It was made anew from {DUMP}: {rebuilt.describe()}.{kept}{remarks}")
    return open_store(True)


def _kept(directory: Path) -> Path | None:
    """Keep what is left of the database under another name as well; returns that."""
    number = 1
    while any((directory / f"{STUDY}.old{number}{part}").exists() for part in ("", *_PARTS)):
        number += 1
    aside = directory / f"{STUDY}.old{number}"
    database = directory / STUDY
    there = database.exists()
    if there:
        try:
            os.link(database, aside)
        except OSError:  # a file system without links
            shutil.copyfile(database, aside)
    for part in _PARTS:
        path = directory / f"{STUDY}{part}"
        if path.exists():
            path.rename(f"{aside}{part}")
            there = True
    return aside if there else None
