"""The lines for a shell that run a study's trials again, made of how its program is started."""

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ax_mo.core.trial import Trial
from ax_mo.hydra_project.program import Program
from ax_mo.hydra_project.saved import MULTIRUN
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
        return (*self.before, *self.overrides, *self.after)


def first_run(record: StudySnapshot, trial: Trial) -> Trial:
    """The first of the runs that a repeated trial is made of; a trial without repeats is its own.

    Of a trial that trained in rungs, the last.
    """
    runs = [run for run in record.runs if run.number == trial.number]
    return next((run for run in runs if run.budget in (None, trial.budget)), trial)


def rerun(record: StudySnapshot, trial: Trial) -> Rerun | None:
    """How to run the trial, or the first of its repeats, again; None where it did not run as a command."""
    run, program = first_run(record, trial), program_of(record)
    if program is None or not (record.directory / run.directory / COMMAND).is_file():
        return None
    before = (*program.start, *program.flags)
    return Rerun(program.cwd, before, run.overrides, (*program.hydra_overrides, "hydra.mode=RUN"))


def line_of_point(record: StudySnapshot, trial: Trial) -> str | None:
    """The short line for a point of the front, which has a config of its own; None where there is no such line.

    Keys that the trial deleted are named in it, as no file can delete one.
    """
    line = record.commands.get("pareto")
    deletions = [override for override in first_run(record, trial).overrides if override.startswith("~")]
    return None if line is None else " ".join([line.replace("{name}", recipe_name(trial)), *map(quote, deletions)])


def program_of(record: StudySnapshot) -> Program | None:
    """How the study's program is started; in studies of earlier versions, as far as their line for the front says."""
    line = record.commands.get("pareto")
    if record.program is not None or line is None:
        return record.program
    try:
        return Program.from_line(line, Path(_recorded_directory(record) or ""))
    except ValueError:
        return None


def working_directory(record: StudySnapshot) -> str | None:
    """Where the study's commands were given; None where nothing tells, or that is gone."""
    place = _recorded_directory(record)
    return place if place is not None and Path(place).is_dir() else None


def _recorded_directory(record: StudySnapshot) -> str | None:
    if record.program is not None:
        return str(record.program.cwd)
    try:
        saved: Any = OmegaConf.load(record.directory / MULTIRUN)
        place = OmegaConf.select(saved, "hydra.runtime.cwd")
    except (OSError, ValueError, YAMLError, OmegaConfBaseException):
        return None
    return place if isinstance(place, str) else None
