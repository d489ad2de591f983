"""``promote``: a trial as an experiment file of the user's project."""

import re
import shlex
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace

import yaml
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ax_mo.cli.lines import from_here
from ax_mo.cli.promoted_line import Found, Place, Reference, Tried, best, find, lines, place_of
from ax_mo.cli.shared import UNFINISHED, new_file, one_line, say, standing, study_at, trial_named
from ax_mo.core.trial import Status, Trial
from ax_mo.errors import AxMoError
from ax_mo.hydra_project.config_diff import Composed, Difference, differences, saved
from ax_mo.hydra_project.project import Project
from ax_mo.hydra_project.saved import REGISTERED, why_not
from ax_mo.results.files import PARETO, recipe_name
from ax_mo.results.promote import Recipes
from ax_mo.storage.snapshot import StudyRecord
from ax_mo.terminal import printable
from ax_mo.trial.files import write_atomically

_SHOWN = 3


def run(arguments: Namespace) -> None:
    record = study_at(arguments.source)
    trial = trial_named(record, arguments.trial)
    if not (trial.status.has_metrics or trial.status is Status.EARLY_STOPPED):
        raise AxMoError(f"{_what_became(trial, record)}. Only a trial with metrics is promoted.")
    target = new_file(arguments.to, arguments.force)
    place_of(target, ())  # a name that cannot be is told first
    found = find(record, target)
    body = _body(record, trial, found)
    place = place_of(target, found.roots)
    reference = _reference(record, trial, found)
    candidates = lines(record, place, body.beside, found)
    content = f"# @package _global_\n{body.text}"
    tried = best(candidates, place, content, found, reference)
    notes = [*_repeats(record, trial), *_warnings(tried, place, found)]
    write_atomically(target, _text(record, trial, body, tried, notes))
    say(f"Trial {trial.label} is in {target}")
    say(f"Run it: {from_here(record, str(tried.line))}")
    for line in [*notes, *_doubts(record, trial, found, reference)]:
        say(line)


def _what_became(trial: Trial, record: StudyRecord) -> str:
    stands = standing(trial, record.is_running)
    verb = {"running": "is still running", "failed": "failed", UNFINISHED: "was left unfinished"}
    why = f": {one_line(trial.reason)}" if trial.reason and trial.reason != stands else ""
    return f"Trial {trial.label} {verb.get(stands, f'was {stands}')}{why}"


@dataclass(frozen=True)
class _Body:
    text: str
    """The file without its comments."""
    beside: tuple[str, ...]
    """Overrides that do what the trial did and a file cannot: ``~key``, and ``+key`` where the configs have a type."""


def _body(record: StudyRecord, trial: Trial, found: Found) -> _Body:
    """Composed anew where the project composes; for a trial of the front, else from ``pareto/``.

    Raises AxMoError where neither can be.
    """
    why = found.problem
    if found.project is not None:
        project = found.project.project
        text = None if found.problem else Recipes(project, record.goals, None, record.directory).text(trial)
        if text is not None:
            return _without_comments(text)
        why = f"{why} {REGISTERED}" if why else _composing_problem(project, trial)
    path = record.directory / PARETO / f"{recipe_name(trial)}.yaml"
    if not path.is_file():
        so = "so has no file there." if found.project is None else ""
        raise AxMoError(f"Trial {trial.label} is not on the front, and {f'{so} {why}'.strip()}")
    try:
        body = _without_comments(path.read_text(encoding="utf-8"))
        content = yaml.safe_load(body.text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AxMoError(f"{path} cannot be read ({type(error).__name__}), and no new one made: {why}") from None
    if not isinstance(content, dict) or (trial.point and not content):
        raise AxMoError(f"{path} holds no configuration, and no new one can be made: {why}")
    return body


def _composing_problem(project: Project, trial: Trial) -> str:
    try:
        project.compose(trial.overrides)
    except (HydraException, OmegaConfBaseException) as error:
        return f"{why_not(error)} {REGISTERED}"
    return "its configuration cannot be written as YAML."


def _without_comments(text: str) -> _Body:
    head, _, body = text.partition("\n\n")
    note = re.search(r"^# \(with (.*): a file cannot do that\)$", head, re.MULTILINE)
    return _Body(body, tuple(shlex.split(note[1])) if note else ())


def _reference(record: StudyRecord, trial: Trial, found: Found) -> Reference | None:
    """What the promoted file shall compose to: the trial as the project composes it now, or as it ran.

    An imported trial is promoted as it ran, in a project that may have been another.
    """
    run = _run(record, trial)
    ran = saved(record.directory / run.directory)
    if found.project is not None and (not trial.is_imported or ran is None):
        try:
            config = found.project.project.compose(trial.overrides)
            return Reference(found.project.as_run(config), config)
        except (HydraException, OmegaConfBaseException):
            pass
    if ran is None:
        return None
    return Reference(replace(ran, choices={}), None, tuple(map(_key, run.overrides[len(trial.overrides) :])))


def _run(record: StudyRecord, trial: Trial) -> Trial:
    return next(run for run in record.runs if run.number == trial.number)


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+")


def _text(record: StudyRecord, trial: Trial, body: _Body, tried: Tried, notes: Sequence[str]) -> str:
    metrics = ", ".join(f"{name} = {value:g}" for name, value in trial.metrics.items())
    lines = [
        "# @package _global_",
        f"# Trial {trial.label} of {record.directory}"
        + (" (stopped early: these metrics are of fewer steps)" if trial.status is Status.EARLY_STOPPED else ""),
        f"# {metrics}",
        *(f"#   {one_line(line)}" for line in trial.overrides),
        f"# Run it: {tried.line}",
        *(f"# {one_line(note)}" for note in notes),
    ]
    if body.beside:
        lines.append(f"# (with {shlex.join(body.beside)}: a file cannot do that)")
    return "\n".join(map(printable, lines)) + "\n\n" + body.text


def _repeats(record: StudyRecord, trial: Trial) -> list[str]:
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
    return ", ".join(shown) + (f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def _doubts(record: StudyRecord, trial: Trial, found: Found, reference: Reference | None) -> list[str]:
    """What the person should know: the project is not what the trial ran with, or it could not be looked at."""
    run = _run(record, trial)
    ran = saved(record.directory / run.directory)
    unknown = "(It was not compared with what the trial ran with, nor was the command tried: "
    if found.project is None or found.problem:
        return [f"{unknown}{found.problem})"]
    if reference is None:
        return [f"{unknown}its .hydra/ is gone, and the project does not compose it any more.)"]
    if ran is None:
        return ["(It was not compared with what the trial ran with: its .hydra/ is gone.)"]
    if reference.composed is None:  # then the command itself was compared with it
        return []
    try:
        here = Composed(found.project.project).run(run.overrides)
    except (HydraException, OmegaConfBaseException) as error:
        return [f"(It was not compared with what the trial ran with: {why_not(error)})"]
    counted, _ = differences(ran, here, [])
    if not counted:
        return []
    shown = ", ".join(f"{d.key} was {d.there} and is {d.here}" for d in counted[:_SHOWN])
    more = f", and {len(counted) - _SHOWN} more" if len(counted) > _SHOWN else ""
    return [f"The project has changed since the trial ran, and so will the result: {shown}{more}."]
