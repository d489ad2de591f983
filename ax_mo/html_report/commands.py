"""The lines that run a trial again, once and outside of the study."""

import re
import shlex
from pathlib import Path

from ax_mo.core.trial import Trial
from ax_mo.results.promote import recipe_name
from ax_mo.storage.snapshot import StudyRecord
from ax_mo.trial.files import COMMAND
from ax_mo.trial.untrusted import read_text

# What makes a run a trial: its place in the sweep, and the recorder of its result, which another run would replace.
_OF_A_TRIAL = re.compile(
    r"hydra\.(?:run\.dir|sweep\.dir|sweep\.subdir|job\.num|job\.id)=|\+\+hydra\.callbacks\.ax_mo\._target_="
)


def exact_command(record: StudyRecord, trial: Trial) -> str:
    """The trial's own command, with Hydra's usual output directory instead of the trial's.

    Of a repeated trial, that of its first run. Where there is no command (another launcher), its overrides.
    """
    run = next((run for run in record.runs if run.number == trial.number), trial)
    found = _command_in(record.directory / run.directory / COMMAND)
    return found or shlex.join(run.overrides)


def front_command(record: StudyRecord, trial: Trial) -> str | None:
    """The short line for a point of the front, which has a config of its own; None where there is no such line."""
    line = record.commands.get("pareto")
    return None if line is None else line.replace("{name}", recipe_name(trial))


def _command_in(path: Path) -> str | None:
    try:
        lines = read_text(path).split("\n", 2)[2]
        place, _, command = lines.partition(" &&\nexec ")
        words = [word for word in shlex.split(command) if not _OF_A_TRIAL.match(word)]
    except (OSError, ValueError, IndexError):
        return None
    return f"{place} && {shlex.join(words)}" if words else None
