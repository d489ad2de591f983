"""The command that runs a promoted file: which form of it gives the trial's configuration, tried before it is told."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ax_mo.errors import AxMoError
from ax_mo.hydra_project.command import split_argv
from ax_mo.hydra_project.config_diff import Difference, Ran, differences, text
from ax_mo.hydra_project.project import active_groups, chosen_option, reason
from ax_mo.hydra_project.saved import SavedProject, SavedSweep, saved_project, saved_sweep, why_not
from ax_mo.results.commands import working_directory
from ax_mo.storage.snapshot import StudyRecord

_OPTION = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_SETTINGS = ("chdir", "env_set", "env_copy")
"""Of ``hydra.job``: what a task may depend on."""


@dataclass(frozen=True)
class Found:
    """What is left of the program that was swept, and why not more."""

    sweep: SavedSweep | None = None
    project: SavedProject | None = None
    plain: DictConfig | None = None
    """The project's configuration without any of a sweep's."""
    problem: str = ""
    """Why there is no plain configuration: then nothing can be composed to compare with."""

    @property
    def roots(self) -> tuple[Path, ...]:
        return () if self.project is None else self.project.roots


def find(record: StudyRecord, target: Path) -> Found:
    """The project of a study, of which a file shall be written at ``target``."""
    sweep, project = None, None
    try:
        sweep = saved_sweep(record.directory)
        project = saved_project(sweep, Template.of(record).script, target, working_directory(record))
        return Found(sweep, project, project.project.compose_plain([], tolerant=True))
    except AxMoError as error:
        return Found(sweep, project, None, str(error))
    except (HydraException, OmegaConfBaseException) as error:
        return Found(sweep, project, None, why_not(error))


@dataclass(frozen=True)
class Template:
    """The study's own line for a point of its front, taken apart."""

    start: tuple[str, ...]
    flags: tuple[str, ...]
    """Overrides that the program is always given."""

    @staticmethod
    def of(record: StudyRecord) -> "Template":
        line = record.commands.get("pareto", "python train.py --config-dir x +pareto={name}")
        words = shlex.split(line)
        at = words.index("--config-dir")
        flags = tuple(word for word in words[at + 2 :] if not word.startswith("+pareto="))
        return Template(tuple(words[:at]), flags)

    @property
    def script(self) -> Path | None:
        """The program's file; None for ``-m module``."""
        prefix, _ = split_argv(self.start)
        return None if len(prefix) < 2 or prefix[-1].startswith("-") or prefix[-2] in ("-m", "-c") else Path(prefix[-1])


@dataclass(frozen=True)
class Place:
    """The file as an option of ``group`` below ``root``, which is ``config_dir`` unless it is the project's own."""

    group: str
    option: str
    root: Path
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
            return Place(group, target.stem, root, None)
    return Place(target.parent.name, target.stem, target.parent.parent, target.parent.parent)


def _given(place: Place) -> tuple[str, object] | None:
    """The group and the option as Hydra reads them from a command line; None where it cannot."""
    try:
        override = OverridesParser.create().parse_override(f"+{place.group}={place.option}")
    except HydraException:
        return None
    return (override.key_or_group, override.value()) if override.package is None else None


@dataclass(frozen=True)
class Line:
    """A command for a shell."""

    start: tuple[str, ...]
    config_dir: Path | None
    overrides: tuple[str, ...]

    def __str__(self) -> str:
        directory = [] if self.config_dir is None else ["--config-dir", str(self.config_dir)]
        return shlex.join([*self.start, *directory, *self.overrides])


@dataclass(frozen=True)
class Tried:
    """What a line gives, against the trial."""

    line: Line
    wrong: tuple[Difference, ...] = ()
    """Keys that are not as in the trial, ``there``."""
    problem: str = ""
    """Why nothing is known of that: nothing to compare with, or the project does not compose with the line."""
    rejected: tuple[Difference, ...] = ()
    """What the plain line gave wrong, for which this one was taken."""

    @property
    def right(self) -> bool:
        return not (self.wrong or self.problem)


@dataclass(frozen=True)
class Reference:
    """The trial's configuration, apart from the keys that its repeats changed."""

    ran: Ran
    composed: DictConfig | None
    """With Hydra's node, where it could be composed."""
    apart: tuple[str, ...] = ()


def lines(record: StudyRecord, place: Place, beside: Sequence[str], found: Found) -> list[Line]:
    """The plain form first. ``beside`` are overrides that the file needs beside it.

    An option that takes the place of null in the defaults list counts as much as its place there. Under a package
    of its own, it is another entry, the last.
    """
    template = Template.of(record)
    flags, config_dir = list(template.flags), place.config_dir
    if config_dir is None:
        config_dir, flags = _own_directory(flags, found)
    more = [*flags, *beside]
    # No experiment can undo ``hydra.mode: MULTIRUN`` of the project's plain config in Hydra 1.4.
    if found.plain is not None and found.plain.hydra.mode == RunMode.MULTIRUN and "hydra.mode=RUN" not in more:
        more.append("hydra.mode=RUN")
    keys = [place.group, f"+{place.group}@_global_"] if _in_defaults(found, place.group) else [f"+{place.group}"]
    return [Line(template.start, config_dir, (f"{key}={place.option}", *more)) for key in keys]


def _own_directory(flags: list[str], found: Found) -> tuple[Path | None, list[str]]:
    """``--config-dir`` as the user had it, which the command of ``pareto/`` had to turn into a search path."""
    for root in found.roots[1:] or found.roots:
        line = f"hydra.searchpath=['file://{root}']"
        if line in flags:
            return root, [flag for flag in flags if flag != line]
    return None, flags


def _in_defaults(found: Found, group: str) -> bool:
    """Whether the project's defaults list names the group already, so that an option takes the place of null there.

    Raises AxMoError where it would take the place of another option, which the trial needs.
    """
    if found.plain is not None:
        named, option = group in active_groups(found.plain), chosen_option(found.plain, group)
    elif found.sweep is not None:
        named, option = found.sweep.project_option(group)
    else:
        named, option = False, None
    if option is not None:
        raise AxMoError(
            f"'{group}' is a config group of which the project needs an option ({option}); an experiment there would "
            "take its place. Choose another directory, such as experiment."
        )
    return named


def best(candidates: Sequence[Line], place: Place, content: str, found: Found, reference: Reference | None) -> Tried:
    """The first line that gives the trial's configuration with a file of that content; where none does, the nearest."""
    if found.project is None or found.problem or reference is None:
        return Tried(candidates[0], problem=found.problem or "nothing says what the trial ran with.")
    tried: list[Tried] = []
    for line in candidates:
        tried.append(_tried(line, place, content, found.project, reference))
        if tried[-1].right:
            break
    first, nearest = tried[0], min(tried, key=lambda one: (bool(one.problem), len(one.wrong)))
    return nearest if nearest is first else Tried(nearest.line, nearest.wrong, nearest.problem, first.wrong)


def _tried(line: Line, place: Place, content: str, project: SavedProject, reference: Reference) -> Tried:
    with TemporaryDirectory() as scratch:
        file = Path(scratch, place.group, f"{place.option}.yaml")
        file.parent.mkdir(parents=True)
        file.write_text(content, encoding="utf-8")
        try:
            config = project.started(line.config_dir, line.overrides, (place.root, Path(scratch)))
        except (HydraException, OmegaConfBaseException) as error:
            return Tried(line, problem=f"the project does not compose with it: {reason(error)}")
    wrong, _ = differences(reference.ran, project.as_run(config), reference.apart)
    if reference.composed is not None:
        wrong += _settings(reference.composed, config)
    return Tried(line, tuple(wrong))


def _settings(trial: DictConfig, config: DictConfig) -> list[Difference]:
    there, here = ({key: one.hydra.job[key] for key in _SETTINGS} for one in (trial, config))
    return [
        Difference(f"hydra.job.{key}", text(there[key]), text(here[key]))
        for key in _SETTINGS
        if there[key] != here[key]
    ]
