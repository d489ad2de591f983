"""``rebuild``: a study's database from its dump, ``study.json``."""

import shlex
from argparse import Namespace
from pathlib import Path

from ax_mo.cli.shared import one_line, say, say_json
from ax_mo.core.urls import is_redacted, redacted, sqlite_url
from ax_mo.errors import AxMoError, StudyLost
from ax_mo.storage.directory_lock import sole_sweeper
from ax_mo.storage.dump import read_dump
from ax_mo.storage.location import whole_path
from ax_mo.storage.snapshot import read_snapshot
from ax_mo.storage.sweep_directory import DUMP, STUDY
from ax_mo.sweep.rebuild import rebuild


def rebuild_command(arguments: Namespace) -> None:
    """Make a study's database anew."""
    directory = whole_path(arguments.source)
    if not directory.is_dir():
        raise AxMoError(f"There is no directory {directory}.")
    dump = read_dump(directory)
    if dump is None:
        raise AxMoError(f"{directory} holds no {DUMP}, which says what the study was; it cannot be rebuilt.")
    if dump.storage is not None and arguments.storage is None:
        raise AxMoError(
            f"This study was kept in {dump.storage}. To write it there again: "
            f"ax-mo rebuild {shlex.quote(str(directory))} --storage {_to_write(dump.storage)}"
        )
    if dump.storage is None and arguments.storage is not None:
        raise AxMoError(f"This study was kept in {STUDY}, and a resume looks for it there; leave out --storage.")
    with sole_sweeper(directory):  # refuses while the study runs
        if arguments.storage is None and not arguments.force:
            _check_lost(directory)
        rebuilt = rebuild(directory, dump, arguments.storage)
    url = arguments.storage or sqlite_url(directory / STUDY)
    if arguments.json:
        kept = None if rebuilt.kept is None else rebuilt.kept.name
        found = {"database": redacted(url), "runs": len(rebuilt.study.runs), "remarks": rebuilt.remarks, "kept": kept}
        say_json(found)
        return
    say(f"Rebuilt {redacted(url)}: {rebuilt.describe()}")
    for remark in rebuilt.remarks:
        say(f"  {one_line(remark)}")
    if rebuilt.kept is not None:
        say(f"  What was there is kept as {rebuilt.kept.name}")


def _to_write(storage: str) -> str:
    return "<that URL, with its password>" if is_redacted(storage) else shlex.quote(storage)


def _check_lost(directory: Path) -> None:
    """Raises AxMoError when there is a database that can be read, or cannot be read only now or only here."""
    if not (directory / STUDY).exists():
        return
    try:
        record = read_snapshot(directory)
    except StudyLost:
        return
    raise AxMoError(
        f"{directory / STUDY} can be read and holds {len(record.trials)} trials; there is nothing to rebuild. --force "
        "rebuilds it all the same, and keeps it under another name."
    )
