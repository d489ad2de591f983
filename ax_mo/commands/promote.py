"""``promote``: a trial as an experiment file of the user's project."""

import re
import shlex
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ax_mo.commands.lines import from_here
from ax_mo.commands.shared import UNFINISHED, new_file, one_line, say, standing, study_at, trial_named
from ax_mo.comparison import Composed, Ran, differences, saved
from ax_mo.errors import AxMoError
from ax_mo.project import Project, active_groups, chosen_option
from ax_mo.record import StudyRecord
from ax_mo.results.files import PARETO
from ax_mo.results.promote import Recipes, recipe_name
from ax_mo.saved_project import saved_project, why_not
from ax_mo.screen import printable
from ax_mo.study.trial import Status, Trial
from ax_mo.trial.files import write_atomically

_OPTION = re.compile(r"[A-Za-z_][\w.-]*")
_SHOWN = 3


def run(arguments: Namespace) -> None:
    record = study_at(arguments.source)
    trial = trial_named(record, arguments.trial)
    if not (trial.status.has_metrics or trial.status is Status.EARLY_STOPPED):
        raise AxMoError(f"{_what_became(trial, record)}. Only a trial with metrics is promoted.")
    target = new_file(arguments.to, arguments.force)
    _check_name(target)
    found = _found(record)
    body = _body(record, trial, found)
    place = _place(target, found)
    command = _command(record, target, place, body.removed, found)
    write_atomically(target, _text(record, trial, body, command))
    say(f"Trial {trial.label} is in {target}")
    say(f"Run it: {from_here(record, command)}")
    for line in _doubts(record, trial, found):
        say(line)


def _what_became(trial: Trial, record: StudyRecord) -> str:
    stands = standing(trial, record.is_running)
    verb = {"running": "is still running", "failed": "failed", UNFINISHED: "was left unfinished"}
    why = f": {one_line(trial.reason)}" if trial.reason and trial.reason != stands else ""
    return f"Trial {trial.label} {verb.get(stands, f'was {stands}')}{why}"


@dataclass(frozen=True)
class _Found:
    """The project, or why there is none."""

    project: Project | None
    roots: tuple[Path, ...]
    problem: str = ""


@dataclass(frozen=True)
class _Body:
    text: str
    """The file without its comments."""
    removed: tuple[str, ...]
    """Overrides that delete what the trial deleted, ``~key``; a file cannot."""


def _check_name(target: Path) -> None:
    if target.suffix != ".yaml" or not _OPTION.fullmatch(target.stem):
        raise AxMoError(
            f"{target.name} is no name for an experiment: it must begin with a letter and end in .yaml, such as "
            "best.yaml."
        )


def _found(record: StudyRecord) -> _Found:
    try:
        project, roots = saved_project(record.directory)
    except AxMoError as error:
        return _Found(None, (), str(error))
    return _Found(project, tuple(roots))


def _body(record: StudyRecord, trial: Trial, found: _Found) -> _Body:
    """From ``pareto/`` for a trial of the front; composed for any other. Raises AxMoError where neither can be."""
    path = record.directory / PARETO / f"{recipe_name(trial)}.yaml"
    if path.is_file():
        return _without_comments(path.read_text(encoding="utf-8"))
    if found.project is None:
        raise AxMoError(f"Trial {trial.label} is not on the front, and so has no file there. {found.problem}")
    recipes = Recipes(found.project, record.goals, None, record.directory)
    text = recipes.text(trial)
    if text is None:
        raise AxMoError(f"Trial {trial.label} is not on the front, and {_composing_problem(found.project, trial)}")
    return _without_comments(text)


def _composing_problem(project: Project, trial: Trial) -> str:
    try:
        project.compose(trial.overrides)
    except (HydraException, OmegaConfBaseException) as error:
        return why_not(error)
    return "its configuration cannot be written as YAML."


def _without_comments(text: str) -> _Body:
    head, _, body = text.partition("\n\n")
    note = re.search(r"^# \(with (.*): a file cannot delete keys\)$", head, re.MULTILINE)
    return _Body(body, tuple(note[1].split()) if note else ())


@dataclass(frozen=True)
class _Place:
    """The file as an option of ``group``, in ``config_dir`` where that is not a directory of the project's configs."""

    group: str
    config_dir: Path | None


def _place(target: Path, found: _Found) -> _Place:
    for root in found.roots:
        if target.is_relative_to(root.absolute()) or target.resolve().is_relative_to(root.resolve()):
            group = target.resolve().parent.relative_to(root.resolve()).as_posix()
            if group == ".":
                raise AxMoError(
                    f"{target.parent} is the project's config directory itself: a file there is no option of a config "
                    f"group. Name one in a group's directory, such as {root / 'experiment' / target.name}."
                )
            return _Place(group, None)
    return _Place(target.parent.name, target.parent.parent)


def _command(record: StudyRecord, target: Path, place: _Place, removed: Sequence[str], found: _Found) -> str:
    """The line that runs the file: the program as the study ran it."""
    words = shlex.split(record.commands.get("pareto", "python train.py --config-dir x +pareto={name}"))
    at = words.index("--config-dir")
    flags = [word for word in words[at + 2 :] if not word.startswith("+pareto=")]
    start = words[:at]
    if place.config_dir is not None:
        start += ["--config-dir", str(place.config_dir)]
    else:
        start, flags = _with_own_directory(start, flags, found)
    plus = "" if _in_defaults(found, place.group) else "+"
    mode = ["hydra.mode=RUN"] if _sweeps(found) else []
    return shlex.join([*start, f"{plus}{place.group}={target.stem}", *flags, *removed, *mode])


def _sweeps(found: _Found) -> bool:
    """Whether the project's plain config says ``hydra.mode: MULTIRUN``, which no experiment can undo in Hydra 1.4."""
    plain = _plain(found)
    return plain is not None and bool(plain.hydra.mode == RunMode.MULTIRUN)


def _plain(found: _Found) -> DictConfig | None:
    try:
        return None if found.project is None else found.project.compose_plain([], tolerant=True)
    except (HydraException, OmegaConfBaseException):
        return None


def _with_own_directory(start: list[str], flags: list[str], found: _Found) -> tuple[list[str], list[str]]:
    """``--config-dir`` as the user had it, which the command of ``pareto/`` had to turn into a search path."""
    for root in found.roots[1:] or found.roots:
        line = f"hydra.searchpath=['file://{root}']"
        if line in flags:
            return [*start, "--config-dir", str(root)], [flag for flag in flags if flag != line]
    return start, flags


def _in_defaults(found: _Found, group: str) -> bool:
    """Whether the project's defaults list names the group already, so that an option takes the place of null there.

    Raises AxMoError where it would take the place of another option, which the trial needs.
    """
    plain = _plain(found)
    if plain is None or group not in active_groups(plain):
        return False
    option = chosen_option(plain, group)
    if option is not None:
        raise AxMoError(
            f"'{group}' is a config group of which the project needs an option ({option}); an experiment there would "
            "take its place. Choose another directory, such as experiment."
        )
    return True


def _text(record: StudyRecord, trial: Trial, body: _Body, command: str) -> str:
    metrics = ", ".join(f"{name} = {value:g}" for name, value in trial.metrics.items())
    lines = [
        "# @package _global_",
        f"# Trial {trial.label} of {record.directory}"
        + (" (stopped early: these metrics are of fewer steps)" if trial.status is Status.EARLY_STOPPED else ""),
        f"# {metrics}",
        *(f"#   {one_line(line)}" for line in trial.overrides),
        f"# Run it: {command}",
    ]
    if body.removed:
        lines.append(f"# (with {' '.join(body.removed)}: a file cannot delete keys)")
    return "\n".join(map(printable, lines)) + "\n\n" + body.text


def _doubts(record: StudyRecord, trial: Trial, found: _Found) -> list[str]:
    """What the person should know: the project is not what the trial ran with, or it could not be looked at."""
    run = next(run for run in record.runs if run.number == trial.number)
    ran = saved(record.directory / run.directory)
    if ran is None or found.project is None:
        return [f"(It was not compared with what the trial ran with: {found.problem or 'its .hydra/ is gone'})"]
    here = _composed(found.project, run)
    if here is None:
        return [
            "(It was not compared with what the trial ran with: the project does not compose from its files alone.)"
        ]
    counted, _ = differences(ran, here, [])
    if not counted:
        return []
    shown = ", ".join(f"{d.key} was {d.there} and is {d.here}" for d in counted[:_SHOWN])
    more = f", and {len(counted) - _SHOWN} more" if len(counted) > _SHOWN else ""
    return [f"The project has changed since the trial ran, and so will the result: {shown}{more}."]


def _composed(project: Project, run: Trial) -> Ran | None:
    try:
        return Composed(project).run(run.overrides)
    except (HydraException, OmegaConfBaseException):
        return None
