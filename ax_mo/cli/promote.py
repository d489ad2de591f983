"""``promote``: a trial as an experiment file of the user's project, and the command that was found to run it."""

import shlex
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ax_mo.cli.lines import from_here
from ax_mo.cli.promoted_place import Found, Place, find_project, keys_for, place_of
from ax_mo.cli.shared import new_file, one_line, say, study_at, trial_named
from ax_mo.core.trial import Status, Trial
from ax_mo.errors import AxMoError
from ax_mo.hydra_project.config_diff import Difference, Ran, composed_run, config_differences, saved, text
from ax_mo.results.files import PARETO, recipe_name
from ax_mo.results.promote import (
    DOES_NOT_COMPOSE,
    Recipe,
    dropped_primary,
    experiment_file,
    recipe,
    sweeps,
    take_additions,
)
from ax_mo.results.standing import UNFINISHED, standing
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.terminal.text import printable
from ax_mo.trial.files import write_atomically

_SHOWN = 3
_SETTINGS = ("chdir", "env_set", "env_copy")
"""Of ``hydra.job``: what a task may depend on."""


def run(arguments: Namespace) -> None:
    record = study_at(arguments.source)
    trial = trial_named(record, arguments.trial)
    if not (trial.status.has_metrics or trial.status is Status.EARLY_STOPPED):
        raise AxMoError(f"{_what_became(trial, record)}. Only a trial with metrics is promoted.")
    target = new_file(arguments.to, arguments.force)
    place_of(target, ())  # a name that cannot be is told first
    found = find_project(record, trial, target)
    place = place_of(target, found.roots)
    promoted = Promoted(record, trial, found, place)
    doubts = promoted.doubts()  # before the file is there, which may be one that the trial itself names
    tried = promoted.tried(target)
    notes = [*_repeats(record, trial), *_warnings(tried, place, found)]
    comments = [
        f"Trial {trial.label} of {record.directory}"
        + (" (stopped early: these metrics are of fewer steps)" if trial.status is Status.EARLY_STOPPED else ""),
        ", ".join(f"{name} = {value:g}" for name, value in trial.metrics.items()),
        *(f"  {one_line(line)}" for line in trial.overrides),
        f"Run it: {shlex.join(tried.words)}",
        *map(one_line, notes),
    ]
    write_atomically(target, experiment_file(list(map(printable, comments)), tried.beside, tried.body))
    say(f"Trial {trial.label} is in {target}")
    say(f"Run it: {from_here(record, shlex.join(tried.words))}")
    for line in [*notes, *doubts]:
        say(line)


def _what_became(trial: Trial, record: StudySnapshot) -> str:
    stands = standing(trial, record.is_running)
    verb = {"running": "is still running", "failed": "failed", UNFINISHED: "was left unfinished"}
    why = f": {one_line(trial.reason)}" if trial.reason and trial.reason != stands else ""
    return f"Trial {trial.label} {verb.get(stands, f'was {stands}')}{why}"


@dataclass(frozen=True)
class Tried:
    """A command with the content of the file that it names, and what it gives against the trial."""

    words: tuple[str, ...]
    body: str
    """The file without its comments."""
    beside: tuple[str, ...]
    """Overrides of the command that do what the trial did and a file cannot."""
    wrong: tuple[Difference, ...] = ()
    """Keys that are not as in the trial, ``there``."""
    problem: str = ""
    """Why nothing is known of that: nothing to compare with, or the program does not compose the command."""
    rejected: tuple[Difference, ...] = ()
    """What the plain form of the command gave wrong, for which this one was taken."""

    @property
    def right(self) -> bool:
        return not (self.wrong or self.problem)


class Promoted:
    """A trial in its project: what it runs with there, and how a file and a command give the same."""

    def __init__(self, record: StudySnapshot, trial: Trial, found: Found, place: Place) -> None:
        self._record, self._trial, self._found, self._place = record, trial, found, place
        self._run = next(run for run in record.runs if run.number == trial.number)
        self._ran = saved(record.directory / self._run.directory)
        self._composed: DictConfig | None = None
        self._why = found.problem
        if found.plain is not None and found.project is not None:
            try:
                self._composed = found.project.compose(trial.overrides)
            except HydraException as error:
                self._why = f"the project does not compose it any more: {error}"

    @property
    def _is_as_it_ran(self) -> bool:
        """Whether the trial's own record is what the file shall give: it may be one of another project."""
        return self._ran is not None and (self._trial.is_imported or self._composed is None)

    def doubts(self) -> list[str]:
        """What the person should know: the project is not what the trial ran with, or it could not be looked at."""
        if self._found.problem or self._found.project is None:
            return [
                f"(It was not compared with what the trial ran with, nor was the command tried: {self._found.problem})"
            ]
        if self._ran is None:
            gone = "its .hydra/ is gone"
            if self._composed is None:
                return [f"(It was not compared with what the trial ran with, nor was the command tried: {gone}.)"]
            return [f"(It was not compared with what the trial ran with: {gone}.)"]
        if self._is_as_it_ran:  # then the command itself is compared with it
            return []
        try:
            here = composed_run(self._found.project.compose(self._run.overrides))
        except HydraException as error:
            return [f"(It was not compared with what the trial ran with: {error})"]
        counted, _ = config_differences(self._ran, here)
        if not counted:
            return []
        shown = ", ".join(f"{d.key} was {d.there} and is {d.here}" for d in counted[:_SHOWN])
        return [f"The project has changed since the trial ran, and so will the result: {shown}{_more(counted)}."]

    def tried(self, target: Path) -> Tried:
        """Write the file and ask the program what the command gives, in one form after the other until one is right.

        Raises AxMoError where no file can be made.
        """
        keys = keys_for(self._place, self._found, self._trial, self._record.space.fixed)
        made = self._recipe()
        if made is None or self._found.project is None:
            body, beside = _kept(self._record, self._trial, self._ran, self._why)
            write_atomically(target, experiment_file([], beside, body))
            return self._asked(keys[0], body, beside)
        primary = dropped_primary(self._found.project, self._found.plain) if self._found.plain is not None else None
        tried = self._best(target, keys, made, primary)
        if tried.problem and (added := take_additions(self._trial.overrides, made.values, lambda _: True)):
            # Where the project's configs have a type, no file can add a key to them.
            tried = self._best(target, keys, replace(made, beside=(*made.beside, *added)), primary)
        return tried

    def _best(self, target: Path, keys: Sequence[str], made: Recipe, primary: str | None) -> Tried:
        body = made.body(primary if keys[0].startswith("+") else None)
        write_atomically(target, experiment_file([], made.beside, body))
        tried: list[Tried] = []
        for key in keys:
            tried.append(self._asked(key, body, made.beside))
            if tried[-1].right:
                break
        first, nearest = tried[0], min(tried, key=lambda one: (bool(one.problem), len(one.wrong)))
        return nearest if nearest is first else replace(nearest, rejected=first.wrong)

    def _asked(self, key: str, body: str, beside: Sequence[str]) -> Tried:
        found, program = self._found, self._found.program
        searched = [] if found.plain is None else [str(path) for path in found.plain.hydra.searchpath]
        # No experiment can undo ``hydra.mode: MULTIRUN`` of the project's plain config in Hydra 1.4.
        mode = ["hydra.mode=RUN"] if found.plain is not None and sweeps(found.plain) else []
        words = program.words([f"{key}={self._place.option}", *beside, *mode], self._place.config_dir, searched)
        tried = Tried(tuple(words), body, tuple(beside))
        if found.project is None or found.plain is None:
            return replace(tried, problem=found.problem)
        try:
            config = found.project.answer(words[len(program.prefix) :])
        except HydraException as error:
            return replace(tried, problem=f"the project does not compose with it: {error}")
        return self._compared(tried, config)

    def _compared(self, tried: Tried, config: DictConfig) -> Tried:
        here = composed_run(config)
        if self._is_as_it_ran and self._ran is not None:
            apart = [_key(line) for line in self._run.overrides[len(self._trial.overrides) :]]
            return replace(tried, wrong=tuple(config_differences(_by_value(self._ran), _by_value(here), apart)[0]))
        if self._composed is None:
            return replace(tried, problem="nothing says what the trial ran with.")
        wrong, _ = config_differences(_by_value(composed_run(self._composed)), _by_value(here))
        pairs = [(key, self._composed.hydra.job[key], config.hydra.job[key]) for key in _SETTINGS]
        wrong += [Difference(f"hydra.job.{key}", text(old), text(new)) for key, old, new in pairs if old != new]
        return replace(tried, wrong=tuple(wrong))

    def _recipe(self) -> Recipe | None:
        found = self._found
        if found.project is None or found.plain is None or self._composed is None:
            return None
        ran_with = self._ran.config if self._is_as_it_ran and self._ran is not None else None
        try:
            return recipe(found.project, self._trial.overrides, found.plain, ran_with, self._place.group)
        except DOES_NOT_COMPOSE as error:
            self._why = f"its configuration cannot be written as YAML ({type(error).__name__})."
            return None


def _by_value(run: Ran) -> Ran:
    """To be compared value by value, whatever options they are from."""
    return replace(run, choices={})


def _kept(record: StudySnapshot, trial: Trial, ran: Ran | None, why: str) -> tuple[str, tuple[str, ...]]:
    """The trial's file of the front, without comments, and the overrides that it needs beside it. Raises AxMoError."""
    path = record.directory / PARETO / f"{recipe_name(trial)}.yaml"
    if not path.is_file():
        raise AxMoError(f"Trial {trial.label} is not on the front, so has no file there, and {why}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AxMoError(f"{path} cannot be read ({type(error).__name__}), and no new one made: {why}") from None
    if not isinstance(content, dict) or (trial.point and not content):
        raise AxMoError(f"{path} holds no configuration, and no new one can be made: {why}")
    groups = () if ran is None else ran.choices
    beside = [
        str(override.input_line)
        for override in OverridesParser.create().parse_overrides(list(trial.overrides))
        if override.is_delete()
        or ((override.is_add() or override.is_force_add()) and not _holds(content, override.get_key_element(), groups))
    ]
    return OmegaConf.to_yaml(OmegaConf.create(content)) if content else "{}\n", tuple(beside)


def _holds(content: Any, key: str, groups: Any) -> bool:
    """Whether an experiment file sets what is added as ``key``, or it is a config group."""
    for part in key.lstrip("+").split("."):
        if not isinstance(content, dict) or part not in content:
            return key.lstrip("+") in groups
        content = content[part]
    return True


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+")


def _repeats(record: StudySnapshot, trial: Trial) -> list[str]:
    """That the metrics are means of several runs, and the file is one."""
    if not trial.samples:
        return []
    runs = [run for run in record.runs if run.number == trial.number]
    counted = [run.overrides[-1] for run in runs if run.status is trial.status]
    failed = sum(run.status is Status.FAILED for run in runs)
    of = f"the mean of {len(counted)} runs" if len(counted) > 1 else "those of one run"
    started = f"{len(runs)} started" + (f", {failed} failed" if failed else "")
    key = _key(runs[0].overrides[-1])
    return [
        f"Its metrics are {of} ({started}), with {' and '.join(counted)}. The command is one run: give it {key}=... "
        "to have one of those again."
    ]


def _warnings(tried: Tried, place: Place, found: Found) -> list[str]:
    """What is wrong with the command, or with the one that a person would expect."""
    if tried.wrong:
        return [
            f"Warning: this command does not give the trial's configuration: {_differences(tried.wrong)}. Set what "
            "differs on the command line, or see what overrides it in the project's defaults list."
        ]
    if tried.problem:
        return [] if found.problem else [f"Warning: this command was not found to work: {tried.problem}"]
    if tried.rejected:
        return [
            f"({place.group}={place.option} would not do: what comes after '{place.group}' in the project's defaults "
            f"list overrides the file, so that {_differences(tried.rejected)}. It would if `- {place.group}: null` "
            "stood last in that list, after `- _self_`.)"
        ]
    return []


def _differences(found: Sequence[Difference]) -> str:
    """As between the trial and a command."""
    shown = [
        f"{d.key} is {'not there' if d.here is None else d.here} and "
        f"{'was not there' if d.there is None else f'was {d.there}'} in the trial"
        for d in found[:_SHOWN]
    ]
    return ", ".join(shown) + _more(found)


def _more(found: Sequence[Difference]) -> str:
    return f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
