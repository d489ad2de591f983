"""What a sweep would do: its space, its goals, and the command of its next trial, of which none is run."""

import shlex
from collections.abc import Sequence

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ax_mo.asked import Asked
from ax_mo.dry_run import description
from ax_mo.hydra_node import subdir_of
from ax_mo.opening import command_of, composed, first_attempt
from ax_mo.project import reason
from ax_mo.study.optimizer import SpaceExhausted
from ax_mo.study.repeats import whole_trials
from ax_mo.study.store import StoredStudy, read_studies
from ax_mo.study.trial import Trial
from ax_mo.study.urls import STUDY
from ax_mo.telling import notices
from ax_mo.warm_start import new_imports


def preview(asked: Asked) -> str:
    """The text for ``dry_run``. Leaves nothing behind; raises ConfigError as the sweep would."""
    study = _known_study(asked)
    known = () if study is None else study.runs
    fixed = asked.plan.space.fixed if study is None else study.definition.fixed
    remarks = notices(asked, [run.number for run in known], fixed)
    if known:
        remarks.append(_resumption(asked, known))
    title, command = _next_command(asked, known, remarks)
    return description(asked.plan.space, asked.plan.goals, command, remarks, title, _outline(asked))


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


def _next_command(asked: Asked, known: Sequence[Trial], remarks: list[str]) -> tuple[str, str]:
    """The command of the next new trial, and what to call it; ``remarks`` takes what there is to say of it."""
    trials = whole_trials(known)
    number = max([0, *(trial.number + 1 for trial in trials)])
    title = "the command of the next trial" if number else "the first trial's command"
    if number >= asked.settings.n_trials:
        return title, f"none: the study has its {asked.settings.n_trials} trials"
    optimizer = asked.optimizer(asked.settings.seed or 0)
    optimizer.start([*trials, *new_imports(asked.plan.imports, known, asked.plan.space)])
    try:
        suggestion = optimizer.ask()
    except SpaceExhausted:
        if not trials and not any(found.trials for found in asked.plan.imports):
            raise asked.nothing_to_try() from None
        return title, "none: the whole space was tried"
    overrides = asked.plan.space.overrides(suggestion.point)
    subdir = str(number)
    try:
        subdir = subdir_of(composed(asked.project, number, overrides), number)
    except (HydraException, OmegaConfBaseException) as error:
        remarks.append(f"the trial below does not compose: {reason(error)}")
    run = asked.plan.repeats.runs(first_attempt(number, suggestion, overrides, subdir))[0]
    argv = run.overrides if asked.program is None else command_of(asked.program, run, asked.sweep_dir)
    if asked.settings.seed is None and suggestion.generator not in ("config", "initial", "center"):
        remarks.append("without hydra.sweeper.seed, the study will draw other values for that trial")
    return title, shlex.join(argv)
