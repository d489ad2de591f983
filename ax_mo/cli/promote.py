"""``promote``: a trial as an experiment file of the user's project, and the command that was found to run it."""

import shlex
import shutil
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hydra.errors import HydraException

from ax_mo.cli.lines import from_anywhere, from_here
from ax_mo.cli.promoted_place import SweptProject, find_project, keys_for, place_of
from ax_mo.cli.shared import new_file, one_line, say, say_json, study_at, trial_named
from ax_mo.core.trial import Status, Trial
from ax_mo.errors import AxMoError
from ax_mo.hydra_project.config_diff import Difference, Ran, composed_run, config_differences, saved, short_value
from ax_mo.hydra_project.overrides import bare
from ax_mo.hydra_project.program import Program
from ax_mo.results.commands import first_run
from ax_mo.results.files import PARETO, recipe_name
from ax_mo.results.promote import (
    DOES_NOT_COMPOSE,
    Recipe,
    dropped_primary,
    experiment_file,
    is_multirun,
    recipe,
)
from ax_mo.results.standing import is_unfinished, status_text
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.terminal.text import printable
from ax_mo.trial.files import write_atomically

_SHOWN = 3
"""Differences in one message."""
_SETTINGS = ("chdir", "env_set", "env_copy")
"""Of ``hydra.job``: what a task may depend on."""


def promote_command(arguments: Namespace) -> None:
    """Write the trial as an experiment file, and print the command that runs it."""
    record = study_at(arguments.source)
    trial = trial_named(record, arguments.trial)
    if not trial.status.teaches:
        raise AxMoError(f"{_what_became(trial, record)}. Only a trial with metrics is promoted.")
    target = new_file(arguments.to, arguments.force)
    place_of(target)  # a name that cannot be is told first
    try:
        project = find_project(record, trial, target)
    except AxMoError as error:
        words, notes = _copy(record, trial, target, error), list[str]()
        doubts = [f"(It was not compared with what the trial ran with, nor was the command tried: {error})"]
    else:
        promotion = Promotion(record, trial, target, project)
        doubts = promotion.doubts()  # before the file is there, which may be one that the trial itself names
        words, notes = promotion.write(_comments(record, trial), _repeats(record, trial))
    if arguments.json:
        command = from_anywhere(record, words)
        say_json({"trial": trial.number, "file": str(target), "command": command, "notes": [*notes, *doubts]})
        return
    say(f"Trial {trial.label} is in {target}")
    say(f"Run it: {from_here(record, words)}")
    for line in [*notes, *doubts]:
        say(line)


def _what_became(trial: Trial, record: StudySnapshot) -> str:
    verb = {Status.RUNNING: "is still running", Status.FAILED: "failed"}.get(trial.status)
    if is_unfinished(trial, record.is_running):
        verb = "was left unfinished"
    why = f": {one_line(trial.reason)}" if trial.reason and trial.status is not Status.CANCELLED else ""
    return f"Trial {trial.label} {verb or f'was {status_text(trial.status)}'}{why}"


def _copy(record: StudySnapshot, trial: Trial, target: Path, why: Exception) -> list[str]:
    """Where the project cannot be asked, take the trial's file of the front as it is. Raises AxMoError without one."""
    path = record.directory / PARETO / f"{recipe_name(trial)}.yaml"
    if not path.is_file():
        raise AxMoError(f"Trial {trial.label} is not on the front, so has no file there, and {why}")
    shutil.copyfile(path, target)
    program = record.program or Program(("python", "train.py"), (), (), (), python="python")
    place = place_of(target)
    return program.words([f"+{place.group}={place.option}"], place.config_dir)


@dataclass(frozen=True)
class Attempt:
    """A command that names the file, and what the program composes from it against the trial."""

    words: list[str]
    wrong: tuple[Difference, ...] = ()
    """Keys that are not as in the trial, ``there``."""
    problem: str = ""
    """Why the program does not compose it."""


class Promotion:
    """A trial in its project: what it runs with there, and how a file and a command give the same.

    Raises AxMoError for a place of the file that is of no use.
    """

    def __init__(self, record: StudySnapshot, trial: Trial, target: Path, project: SweptProject) -> None:
        self._trial, self._target, self._project = trial, target, project
        self._place = place_of(target, project.roots)
        self._keys = keys_for(self._place, project, record.space.fixed)
        self._run = first_run(record, trial)
        self._ran = saved(record.directory / self._run.directory)

    @property
    def _imported(self) -> Ran | None:
        """What an imported trial ran with, which may be more than its overrides give here."""
        return self._ran if self._trial.is_imported else None

    def doubts(self) -> list[str]:
        """What the person should know of the project: it is not what the trial ran with, or nobody can tell."""
        if self._ran is None:
            return ["(It was not compared with what the trial ran with: its .hydra/ is gone.)"]
        if self._imported is not None:  # then the command itself is compared with it
            return []
        try:
            here = composed_run(self._project.asked.compose(self._run.overrides))
        except HydraException as error:
            return [f"(It was not compared with what the trial ran with: {error})"]
        apart = () if self._trial.budget is None else self._trial.budget.set_apart
        counted, _ = config_differences(self._ran, here, apart)
        if not counted:
            return []
        shown = ", ".join(f"{d.key} was {d.there} and is {d.here}" for d in counted[:_SHOWN])
        return [f"The project has changed since the trial ran, and so will the result: {shown}{_more(counted)}."]

    def write(self, comments: Sequence[str], notes: Sequence[str]) -> tuple[list[str], list[str]]:
        """Write the file. Returns the command that gives the trial, or comes nearest to it, and what to know of that.

        Raises AxMoError where no file can be made.
        """
        project, trial = self._project, self._trial
        ran_with = None if self._imported is None else self._imported.config
        try:
            made = recipe(project.asked, trial.overrides, project.plain, ran_with, self._place.group)
        except DOES_NOT_COMPOSE as error:
            raise AxMoError(f"Its configuration cannot be written as YAML ({type(error).__name__}).") from None
        attempts = self._attempts(made)
        typed = made.with_additions_beside(trial.overrides)
        if all(one.problem for one in attempts) and typed.beside != made.beside:
            made = typed  # where the project's configs have a type, no file can add a key to them
            attempts = self._attempts(made)
        best = min(attempts, key=lambda one: (bool(one.problem), len(one.wrong)))
        notes = [*notes, *self._notes(best, attempts[0])]
        told = [*comments, f"Run it: {shlex.join(best.words)}", *map(one_line, notes)]
        write_atomically(self._target, experiment_file(list(map(printable, told)), made.beside, self._body(made)))
        return best.words, notes

    def _body(self, made: Recipe) -> str:
        project = self._project
        return made.body(dropped_primary(project.asked, project.plain) if self._keys[0].startswith("+") else None)

    def _attempts(self, made: Recipe) -> list[Attempt]:
        """One command after the other until one is right."""
        write_atomically(self._target, experiment_file([], made.beside, self._body(made)))
        attempts: list[Attempt] = []
        for key in self._keys:
            attempts.append(self._attempt(key, made.beside))
            if not (attempts[-1].wrong or attempts[-1].problem):
                break
        return attempts

    def _attempt(self, key: str, beside: Sequence[str]) -> Attempt:
        program, plain = self._project.program, self._project.plain
        # No experiment can undo ``hydra.mode: MULTIRUN`` of the project's plain config in Hydra 1.4.
        mode = ["hydra.mode=RUN"] if is_multirun(plain) else []
        searched = [str(path) for path in plain.hydra.searchpath]
        words = program.words([f"{key}={self._place.option}", *beside, *mode], self._place.config_dir, searched)
        try:
            config = self._project.asked.answer(words[len(program.prefix) :])
        except HydraException as error:
            return Attempt(words, problem=f"the project does not compose with it: {error}")
        wanted = self._project.trial
        there = self._imported or composed_run(wanted)
        # By value, whatever options they are from.
        wrong, _ = config_differences(replace(there, choices={}), replace(composed_run(config), choices={}))
        pairs = [(key, wanted.hydra.job[key], config.hydra.job[key]) for key in _SETTINGS]
        wrong += [
            Difference(f"hydra.job.{key}", short_value(old), short_value(new)) for key, old, new in pairs if old != new
        ]
        return Attempt(words, tuple(wrong))

    def _notes(self, best: Attempt, plain: Attempt) -> list[str]:
        """What is wrong with the command, or with the ``plain`` one that a person would expect."""
        if best.problem:
            return [f"Warning: this command was not found to work: {best.problem}"]
        if best.wrong:
            return [
                f"Warning: this command does not give the trial's configuration: {_differences(best.wrong)}. Set what "
                "differs on the command line, or see what overrides it in the project's defaults list."
            ]
        if best is plain:
            return []
        group = self._place.group
        return [
            f"({group}={self._place.option} would not do: what comes after '{group}' in the project's defaults "
            f"list overrides the file, so that {_differences(plain.wrong)}. It would if `- {group}: null` "
            "stood last in that list, after `- _self_`.)"
        ]


def _comments(record: StudySnapshot, trial: Trial) -> list[str]:
    stopped = " (stopped early: these metrics are of fewer steps)" if trial.status is Status.EARLY_STOPPED else ""
    return [
        f"Trial {trial.label} of {record.directory}{stopped}",
        ", ".join(f"{name} = {value:g}" for name, value in trial.metrics.items()),
        *(f"  {one_line(line)}" for line in trial.overrides),
    ]


def _repeats(record: StudySnapshot, trial: Trial) -> list[str]:
    """That the metrics are means of several runs, and the file is one."""
    if not trial.samples:
        return []
    runs = [run for run in record.runs if run.number == trial.number]
    counted = [run.overrides[-1] for run in runs if run.status is trial.status]
    failed = sum(run.status is Status.FAILED for run in runs)
    of = f"the mean of {len(counted)} runs" if len(counted) > 1 else "those of one run"
    started = f"{len(runs)} started" + (f", {failed} failed" if failed else "")
    key = bare(runs[0].overrides[-1].partition("=")[0])
    return [
        f"Its metrics are {of} ({started}), with {' and '.join(counted)}. The command is one run: give it {key}=... "
        "to have one of those again."
    ]


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
