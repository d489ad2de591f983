"""Lines for a shell as a command prints them: quoted for people, and with the directory that they need."""

from collections.abc import Collection
from pathlib import Path

from ax_mo.core.shell import in_directory, joined, requoted
from ax_mo.core.trial import Trial, TrialRun
from ax_mo.results.commands import command_of, pareto_command, program_of, rerun, working_directory
from ax_mo.storage.snapshot import StudyRecord


def point_command(record: StudyRecord, trial: Trial, front: Collection[int]) -> str | None:
    """The line that runs a point of the front again; None for a trial that is not on it."""
    return pareto_command(record, trial) if trial.number in front else None


def from_here(record: StudyRecord, line: str) -> str:
    """A command of the study as it works in the current directory."""
    place = working_directory(record)
    return requoted(line) if place is None or _is_current(place) else from_anywhere(record, line)


def from_anywhere(record: StudyRecord, line: str) -> str:
    """A command of the study with the directory that it needs."""
    place = working_directory(record)
    return requoted(line) if place is None else in_directory(place, requoted(line))


def _is_current(place: str) -> bool:
    try:
        return Path.cwd().samefile(place)
    except OSError:
        return False


def line_that_ran(record: StudyRecord, run: TrialRun) -> str | None:
    """A run's own command, which writes into its directory; None for one that did not run as a command."""
    program = None if rerun(record, run) is None else program_of(record)
    return (
        None if program is None else in_directory(str(program.cwd), joined(command_of(program, run, record.directory)))
    )


def rerun_line(record: StudyRecord, trial: Trial) -> str | None:
    """The line that runs a trial again without touching its files; None for one that did not run as a command."""
    found = rerun(record, trial)
    return None if found is None else in_directory(str(found.cwd), joined(found.words))
