"""Lines for a shell: a trial run again, and in which directory."""

import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ax_mo.core.shell import in_directory, joined, requoted
from ax_mo.core.trial import Trial
from ax_mo.html_report.commands import exact_command, front_command
from ax_mo.hydra_project.saved import MULTIRUN
from ax_mo.storage.snapshot import StudyRecord
from ax_mo.trial.files import COMMAND
from ax_mo.trial.untrusted import read_text


def point_command(record: StudyRecord, trial: Trial, front: Collection[int]) -> str | None:
    """The line that runs a point of the front again; None for a trial that is not on it."""
    return front_command(record, trial) if trial.number in front else None


def from_here(record: StudyRecord, line: str) -> str:
    """A command of the study as it works in the current directory."""
    place = working_directory(record)
    return requoted(line) if place is None or _is_current(place) else from_anywhere(record, line)


def from_anywhere(record: StudyRecord, line: str) -> str:
    """A command of the study with the directory that it needs."""
    place = working_directory(record)
    return requoted(line) if place is None else in_directory(place, requoted(line))


def working_directory(record: StudyRecord) -> str | None:
    """Where the study's commands were given; None where nothing tells, or that is gone."""
    place = _recorded_directory(record)
    return place if place is not None and Path(place).is_dir() else None


def _recorded_directory(record: StudyRecord) -> str | None:
    for run in record.runs:
        if not run.is_imported:
            try:
                words = shlex.split(read_text(record.directory / run.directory / COMMAND), comments=True)
            except (OSError, ValueError):
                continue
            if words[:1] == ["cd"] and len(words) > 1:
                return words[1]
    try:
        saved: Any = OmegaConf.load(record.directory / MULTIRUN)
        place = OmegaConf.select(saved, "hydra.runtime.cwd")
    except (OSError, ValueError, YAMLError, OmegaConfBaseException):
        return None
    return place if isinstance(place, str) else None


def _is_current(place: str) -> bool:
    try:
        return Path.cwd().samefile(place)
    except OSError:
        return False


def again(record: StudyRecord, trial: Trial) -> str | None:
    """The line that runs a trial again without touching its files; None for one that did not run as a command.

    Of a repeated trial, that of its first run.
    """
    run = next((run for run in record.runs if run.number == trial.number), trial)
    if not (record.directory / run.directory / COMMAND).is_file():
        return None
    return requoted(exact_command(record, trial))


def as_it_ran(directory: Path) -> str | None:
    """The line of ``command.sh``, with the directory it is run in."""
    try:
        lines = read_text(directory / COMMAND, errors="replace").splitlines()
        words = shlex.split("\n".join(lines), comments=True)
    except (OSError, ValueError):
        return None
    if words[:1] != ["cd"] or words[2:4] != ["&&", "exec"]:
        return None
    return in_directory(words[1], joined(words[4:]))
