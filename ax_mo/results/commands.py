"""The lines for a shell that run a study's trials again, made of how its program is started."""

from dataclasses import dataclass
from pathlib import Path

from ax_mo.core.trial import Trial
from ax_mo.results.files import recipe_name
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trial.files import COMMAND


@dataclass(frozen=True)
class Rerun:
    """A run's own command, with Hydra's usual output directory instead of the trial's: words around its overrides."""

    cwd: Path
    before: tuple[str, ...]
    overrides: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The whole command."""
        return (*self.before, *self.overrides, *self.after)


def first_run(record: StudySnapshot, trial: Trial) -> Trial:
    """The first of the runs that a repeated trial is made of; a trial without repeats is its own.

    Of a trial that trained in rungs, the last.
    """
    runs = [run for run in record.runs if run.number == trial.number]
    return next((run for run in runs if run.budget in (None, trial.budget)), trial)


def rerun(record: StudySnapshot, trial: Trial) -> Rerun | None:
    """How to run the trial, or the first of its repeats, again; None where it did not run as a command."""
    run, program = first_run(record, trial), record.program
    if program is None or not (record.directory / run.directory / COMMAND).is_file():
        return None
    before = (*program.start, *program.flags)
    return Rerun(program.cwd, before, run.overrides, (*program.hydra_overrides, "hydra.mode=RUN"))


def point_words(record: StudySnapshot, trial: Trial) -> list[str] | None:
    """The short command for a point of the front, which has a config of its own; None where there is no program.

    Keys that the trial deleted are named in it, as no file can delete one.
    """
    if record.program is None:
        return None
    deletions = [override for override in first_run(record, trial).overrides if override.startswith("~")]
    return record.program.words([f"+pareto={recipe_name(trial)}", *deletions], record.directory)


def working_directory(record: StudySnapshot) -> str | None:
    """Where the study's commands were given; None where nothing tells, or that is gone."""
    place = Path() if record.program is None else record.program.cwd
    return str(place) if place != Path() and place.is_dir() else None
