"""What a sweep would do: its space, its goals, and the command of its next trial, of which none is run."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.core.repeats import whole_trials
from ax_mo.core.trial import Trial
from ax_mo.core.urls import STUDY
from ax_mo.hydra_project.hydra_node import changes_directory, subdir_of
from ax_mo.hydra_project.overrides import bare
from ax_mo.hydra_project.project import reason, without_hydra
from ax_mo.hydra_project.shared_directories import shared_directories
from ax_mo.optimizer.untried import SpaceExhausted
from ax_mo.search_space.build import covering_points
from ax_mo.storage.store import StoredStudy, read_studies
from ax_mo.sweep.asked import Asked
from ax_mo.sweep.create_trial import command_of, composed, first_attempt
from ax_mo.sweep.dry_run import description
from ax_mo.sweep.messages import notices
from ax_mo.warm_start.reader import new_imports

_MOST_COMPOSED = 8
"""Configurations that are composed to see whether all trials write into one directory."""


@dataclass(frozen=True)
class Preview:
    """What ``dry_run`` shows, and why the next trial must fail, where that is known."""

    text: str
    problem: str | None = None


def preview(asked: Asked) -> Preview:
    """What there is to show. Leaves nothing behind; raises ConfigError as the sweep would."""
    study = _known_study(asked)
    known = () if study is None else study.runs
    fixed = asked.plan.space.fixed if study is None else study.definition.fixed
    remarks = notices(asked, [run.number for run in known], fixed)
    if known:
        remarks.append(_resumption(asked, known))
    title, command, problem = _next_command(asked, known, remarks)
    text = description(asked.plan.space, asked.plan.goals, command, remarks, title, _outline(asked))
    return Preview(text, problem)


def _known_study(asked: Asked) -> StoredStudy | None:
    """The study that this command without dry_run would resume. Raises ConfigError as that would."""
    asked.check_database(to_run=False)
    if asked.settings.storage is None and not (asked.sweep_dir / STUDY).exists():
        return None
    studies = read_studies(*asked.database, may_be_new=asked.settings.storage is not None)
    return studies[0] if studies else None


def _resumption(asked: Asked, known: Sequence[Trial]) -> str:
    interrupted = sorted({run.number for run in known if not run.status.ended})
    again = f"; trials {', '.join(map(str, interrupted))} would run again first" if interrupted else ""
    return (
        f"{asked.sweep_dir} holds a study of {len({run.number for run in known if run.number >= 0})} trials, which "
        f"this command without dry_run would resume{again}"
    )


def _outline(asked: Asked) -> str:
    """How many trials of what kind."""
    settings, first = asked.settings, [suggestion.generator for suggestion in asked.plan.first]
    text = f"{settings.n_trials} trials, {settings.n_jobs} at once"
    if asked.plan.repeats.key is not None:
        text += f", each run {asked.plan.repeats.values()}"
    if asked.plan.early_stopping is not None:
        text += f", bad ones stopped early (rule: {asked.plan.early_stopping.rule})"
    named = ["the project's own configuration"] if "config" in first else []
    if "initial" in first:
        named.append(f"{first.count('initial')} of initial_trials")
    return f"{text}; first {' and '.join(named)}" if named else text


def _next_command(asked: Asked, known: Sequence[Trial], remarks: list[str]) -> tuple[str, str, str | None]:
    """What to call the next new trial's command, the command, and why that must fail, where it is known.

    ``remarks`` takes what else there is to say of it.
    """
    trials = whole_trials(known)
    number = max([0, *(trial.number + 1 for trial in trials)])
    title = "the command of the next trial" if number else "the first trial's command"
    if number >= asked.settings.n_trials:
        return title, f"none: the study has its {asked.settings.n_trials} trials", None
    optimizer = asked.optimizer(asked.settings.seed or 0)
    optimizer.start([*trials, *new_imports(asked.plan.imports, known, asked.plan.space)])
    try:
        suggestion = optimizer.ask()
    except SpaceExhausted:
        if not trials and not any(found.trials for found in asked.plan.imports):
            raise asked.nothing_to_try() from None
        return title, "none: the whole space was tried", None
    overrides = asked.plan.space.overrides(suggestion.point)
    subdir, problem = str(number), None
    try:
        config = composed(asked.project, number, overrides)
        subdir = subdir_of(config, number)
        remarks += _overwritten(asked, config)
    except (HydraException, OmegaConfBaseException) as error:
        problem = f"trial {number} cannot run: it does not compose: {reason(error)}"
    run = asked.plan.repeats.runs(first_attempt(number, suggestion, overrides, subdir))[0]
    argv = run.overrides if asked.program is None else command_of(asked.program, run, asked.sweep_dir)
    if asked.settings.seed is None and suggestion.generator not in ("config", "initial", "center"):
        remarks.append("without hydra.sweeper.seed, the study will draw other values for that trial")
    return title, shlex.join(argv), problem


def _overwritten(asked: Asked, config: DictConfig) -> list[str]:
    """A sentence where all trials write into one directory: this one, and others with all options that there are."""
    shared = _shared(config, asked)
    for point in islice(covering_points(asked.plan.space), _MOST_COMPOSED) if shared else ():
        try:
            other = _shared(asked.project.compose(asked.plan.space.overrides(point)), asked)
        except (HydraException, OmegaConfBaseException):
            continue  # options that clash: such a trial writes nothing
        shared = {key: path for key, path in shared.items() if other.get(key) == path}
    for key, path in shared.items():
        said = f"all trials write into one directory, {key}={path}, over each other's checkpoints"
        if Path(path).is_absolute():
            return [f"{said}: write ${{hydra:runtime.output_dir}}/{Path(path).name} instead"]
        return [f"{said}: with hydra.job.chdir=true it lies in each trial's own"]
    return []


def _shared(config: DictConfig, asked: Asked) -> dict[str, str]:
    task: Any = OmegaConf.to_container(without_hydra(config), resolve=False)
    found = shared_directories(task, [bare(key) for key in asked.plan.space.keys])
    own = changes_directory(config)
    return {key: path for key, path in found.items() if Path(path).is_absolute() or not own}
