"""Where a promoted file lies among a project's config groups, and the project that is asked what it composes to."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig

from ax_mo.core.trial import Trial
from ax_mo.errors import AxMoError
from ax_mo.hydra_project.ask import AskedProject
from ax_mo.hydra_project.program import Program
from ax_mo.hydra_project.project import active_groups, chosen_option
from ax_mo.hydra_project.saved import config_directories, found_again, saved_sweep, sources_of
from ax_mo.results.promote import choices_of, named_in
from ax_mo.storage.snapshot import StudySnapshot

_OPTION = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class SweptProject:
    """The project that was swept, as its own program composes it today."""

    program: Program
    asked: AskedProject
    plain: DictConfig
    """Without any of a sweep's overrides."""
    trial: DictConfig
    """With the trial's."""

    @property
    def roots(self) -> tuple[Path, ...]:
        """The directories of the project's own configs."""
        return config_directories(sources_of(self.plain), self.program)


def find_project(record: StudySnapshot, trial: Trial, target: Path) -> SweptProject:
    """The project of a study, of which a file shall be written at ``target``.

    Raises AxMoError where it cannot be started any more, or does not compose.
    """
    program = record.program
    environment: Mapping[str, str] = {}
    if program is None:
        raise AxMoError("its program cannot be started from a command line.")
    try:
        sweep = saved_sweep(record.directory)
        program, environment = found_again(program, sweep, target), sweep.environment
    except AxMoError:
        if not program.cwd.is_dir():
            raise
    asked = AskedProject(program, environment, trial.overrides)
    asked.begin(asked.of_trial(trial.overrides))
    try:
        return SweptProject(program, asked, asked.compose_plain([]), asked.compose(trial.overrides))
    except HydraException as error:
        raise AxMoError(f"the project does not compose: {error}") from None


@dataclass(frozen=True)
class Place:
    """The file as an option of ``group`` below a directory of configs: ``config_dir`` unless the project has it."""

    group: str
    option: str
    config_dir: Path | None


def place_of(target: Path, roots: Sequence[Path] = ()) -> Place:
    """Raises AxMoError for a file that Hydra cannot be asked for; ``roots`` are the project's config directories."""
    place = _place(target, roots)
    try:
        override = OverridesParser.create().parse_override(f"+{place.group}={place.option}")
        given = (override.key_or_group, override.value(), override.package)
    except HydraException:
        given = None
    if target.suffix != ".yaml" or given != (place.group, place.option, None) or not _OPTION.fullmatch(place.option):
        raise AxMoError(
            f"{target} cannot be named on Hydra's command line, as +{place.group}={place.option}: name a file such as "
            "experiment/best.yaml, which begins with a letter and is no value such as null."
        )
    return place


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


def keys_for(place: Place, project: SweptProject, fixed: Sequence[str]) -> list[str]:
    """What may choose the file on a command line, the shortest first; ``fixed`` are the overrides of all trials.

    An option that takes the place of null in the defaults list counts as much as its place there. Under a package
    of its own, it is another entry, the last. Raises AxMoError where the file would take the place of another option,
    which the trial needs.
    """
    group = place.group
    if group not in active_groups(project.plain):
        return [f"+{group}"]
    option = chosen_option(project.plain, group)
    had_another = group in named_in(fixed) and choices_of(project.trial).get(group) != option
    if option in (None, "???") or had_another:
        return [group, f"+{group}@_global_"]
    raise AxMoError(
        f"'{group}' is a config group of which the project needs an option ({option}); an experiment there would "
        "take its place. Choose another directory, such as experiment."
    )
