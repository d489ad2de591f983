"""Where a promoted file lies among a project's config groups, and the project as far as it is still there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig

from ax_mo.core.trial import Trial
from ax_mo.errors import AxMoError
from ax_mo.hydra_project.ask import AskedProject
from ax_mo.hydra_project.command import Program
from ax_mo.hydra_project.project import active_groups, chosen_option
from ax_mo.hydra_project.saved import SavedSweep, config_directories, found_again, saved_sweep, sources_of
from ax_mo.results.commands import program_of
from ax_mo.results.promote import choices_of, named_in
from ax_mo.storage.snapshot import StudySnapshot

_OPTION = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Found:
    """What is left of the program that was swept, and why not more."""

    program: Program
    sweep: SavedSweep | None = None
    project: AskedProject | None = None
    plain: DictConfig | None = None
    """The project's configuration without any of a sweep's."""
    problem: str = ""
    """Why there is no plain configuration: then nothing can be composed."""

    @property
    def roots(self) -> tuple[Path, ...]:
        """The directories of the project's own configs."""
        if self.plain is not None:
            return config_directories(sources_of(self.plain), self.program)
        return () if self.sweep is None else config_directories(self.sweep.sources, self.program)


def find_project(record: StudySnapshot, trial: Trial, target: Path) -> Found:
    """The project of a study, of which a file shall be written at ``target``; asked for the trial and without it."""
    sweep, problem = None, ""
    try:
        sweep = saved_sweep(record.directory)
    except AxMoError as error:
        problem = str(error)
    program = program_of(record)
    if program is None:
        shown = Program(("python", "train.py"), (), (), (), python="python")
        return Found(shown, sweep, problem=problem or "its program cannot be started from a command line.")
    try:
        program = found_again(program, sweep, target) if sweep is not None else program
    except AxMoError as error:
        problem = str(error)
    if problem and not program.cwd.is_dir():
        return Found(program, sweep, problem=problem)
    project = AskedProject(program, {} if sweep is None else sweep.environment, trial.overrides)
    try:
        return Found(program, sweep, project, project.compose_plain([]))
    except HydraException as error:
        return Found(program, sweep, project, problem=f"the project does not compose: {error}")


@dataclass(frozen=True)
class Place:
    """The file as an option of ``group`` below a directory of configs: ``config_dir`` unless the project has it."""

    group: str
    option: str
    config_dir: Path | None


def place_of(target: Path, roots: Sequence[Path]) -> Place:
    """Raises AxMoError for a file that Hydra cannot be asked for."""
    if target.suffix != ".yaml" or not _OPTION.fullmatch(target.stem):
        raise AxMoError(
            f"{target.name} is no name for an experiment: it must begin with a letter and end in .yaml, such as "
            "best.yaml."
        )
    place = _place(target, roots)
    given = _given(place)
    if given == (place.group, place.option):
        return place
    if given is not None and given[0] == place.group:
        raise AxMoError(
            f"{target.name} is no name for an experiment: on the command line, {place.option} is no text but a "
            "value of another type. Choose another, such as best.yaml."
        )
    raise AxMoError(
        f"'{place.group}' is no name for a config group, which the directory of the file is: Hydra cannot read "
        f"+{place.group}={place.option}. Choose another directory, such as experiment."
    )


def _place(target: Path, roots: Sequence[Path]) -> Place:
    for root in roots:
        if target.is_relative_to(root.absolute()) or target.resolve().is_relative_to(root.resolve()):
            group = target.resolve().parent.relative_to(root.resolve()).as_posix()
            if group == ".":
                raise AxMoError(
                    f"{target.parent} is the project's config directory itself: a file there is no option of a config "
                    f"group. Name one in a group's directory, such as {root / 'experiment' / target.name}."
                )
            return Place(group, target.stem, None)
    return Place(target.parent.name, target.stem, target.parent.parent)


def _given(place: Place) -> tuple[str, object] | None:
    """The group and the option as Hydra reads them from a command line; None where it cannot."""
    try:
        override = OverridesParser.create().parse_override(f"+{place.group}={place.option}")
    except HydraException:
        return None
    return (override.key_or_group, override.value()) if override.package is None else None


def keys_for(place: Place, found: Found, trial: Trial, fixed: Sequence[str]) -> list[str]:
    """What may choose the file on a command line, the shortest first.

    An option that takes the place of null in the defaults list counts as much as its place there. Under a package
    of its own, it is another entry, the last. Raises AxMoError where the file would take the place of another option,
    which the trial needs; ``fixed`` are the overrides of all trials.
    """
    group, option = place.group, None
    named = False
    if found.plain is not None:
        named, option = group in active_groups(found.plain), chosen_option(found.plain, group)
        assert found.project is not None
        if group in named_in(fixed) and choices_of(found.project.compose(trial.overrides)).get(group) != option:
            option = None  # the trial has had another there
    elif found.sweep is not None:
        named, option = found.sweep.project_option(group)
    if option not in (None, "???"):
        raise AxMoError(
            f"'{group}' is a config group of which the project needs an option ({option}); an experiment there would "
            "take its place. Choose another directory, such as experiment."
        )
    return [group, f"+{group}@_global_"] if named else [f"+{group}"]
