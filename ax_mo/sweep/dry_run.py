"""What a sweep would do, for ``hydra.sweeper.dry_run=true``: its space, its goals, the command of its next trial."""

import shlex
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ax_mo.core.objectives import Goals
from ax_mo.core.repeats import aggregate_trials, as_last_known
from ax_mo.core.trial import TrialRun
from ax_mo.hydra_project.hydra_node import changes_directory, subdir_of
from ax_mo.hydra_project.overrides import bare
from ax_mo.hydra_project.project import COMPOSE_ERRORS, reason, without_hydra
from ax_mo.hydra_project.shared_directories import shared_directories
from ax_mo.optimizer.untried import SpaceExhausted
from ax_mo.runner.job import JobSpec, job_name
from ax_mo.runner.scheduler import Scheduler
from ax_mo.search_space.parameters import Choice, Parameter, when_text
from ax_mo.search_space.sample import covering_points
from ax_mo.search_space.space import SearchSpace
from ax_mo.storage.definition import StoredStudy
from ax_mo.storage.store import read_studies
from ax_mo.storage.sweep_directory import STUDY
from ax_mo.sweep.create_trial import compose_trial, first_runs
from ax_mo.sweep.messages import notices
from ax_mo.sweep.spec import StudySpec
from ax_mo.terminal.text import text_table
from ax_mo.warm_start.reader import new_imports

# Counting the points that meet constraints means going through them.
_COUNTABLE = 1_000_000

# So many configurations are composed to see whether all trials write into one directory.
_MOST_COMPOSED = 8


def preview(spec: StudySpec, scheduler: Scheduler | None, remark: str) -> tuple[str, str | None]:
    """What there is to show, and why the next trial must fail, where that is known.

    ``remark`` is what there is to say of how trials begin, where that is not the scheduler's choice. Leaves nothing
    behind; raises ConfigError as the sweep would.
    """
    study = _study_so_far(spec)
    runs = () if study is None else study.runs
    remarks = notices(
        spec, [run.number for run in runs], spec.plan.space.fixed if study is None else study.definition.fixed
    )
    if runs:
        interrupted = sorted({run.number for run in runs if not run.status.ended})
        again = f"; trials {', '.join(map(str, interrupted))} would run again first" if interrupted else ""
        remarks.append(
            f"{spec.sweep_dir} holds a study of {len({run.number for run in runs if not run.is_imported})} trials, "
            f"which this command without dry_run would resume{again}"
        )
    command, argv, problem = _next_command(spec, runs, remarks)
    if scheduler is not None and spec.program is not None:
        remark = remark or scheduler.remark(spec.program.start, spec.program.cwd)
        command += _request(spec, scheduler, argv) if argv else ""
    remarks += [remark] if remark else []
    return description(spec.plan.space, spec.plan.goals, _outline(spec), remarks, command), problem


def _request(spec: StudySpec, scheduler: Scheduler, argv: Sequence[str]) -> str:
    """What the scheduler is sent for a trial with this command, under its title; empty where it cannot be made."""
    assert spec.program is not None
    job = JobSpec(job_name("study", 0), tuple(argv), spec.sweep_dir / "0", spec.program.cwd)
    try:
        text = scheduler.request(job)
    except Exception:  # whatever TorchX's schedulers raise, the check that follows says what is wrong
        return ""
    return f"\n\nwhat the scheduler '{scheduler.settings.scheduler}' is sent for it:\n{text}" if text else ""


def _study_so_far(spec: StudySpec) -> StoredStudy | None:
    """The study that this command without dry_run would resume. Raises ConfigError as that would."""
    spec.check_database(to_run=False)
    if spec.settings.storage is None and not (spec.sweep_dir / STUDY).exists():
        return None
    studies = read_studies(*spec.database, may_be_new=spec.settings.storage is not None)
    return studies[0] if studies else None


def _outline(spec: StudySpec) -> str:
    """How many trials of what kind."""
    settings, first = spec.settings, [suggestion.generator for suggestion in spec.plan.first]
    text = f"{settings.n_trials} trials, {settings.n_jobs} at once"
    if spec.plan.repeats.key is not None:
        text += f", each run {spec.plan.repeats.values()}"
    if spec.plan.halving is not None:
        text += f", each at {spec.plan.halving.described}: one of {spec.plan.halving.factor} goes on to the next"
    if spec.plan.early_stopping is not None:
        text += f", bad ones stopped early (rule: {spec.plan.early_stopping.settings.rule})"
    named = ["the project's own configuration"] if "config" in first else []
    if "initial" in first:
        named.append(f"{first.count('initial')} of initial_trials")
    return f"{text}; first {' and '.join(named)}" if named else text


def _next_command(
    spec: StudySpec, runs: Sequence[TrialRun], remarks: list[str]
) -> tuple[str, Sequence[str], str | None]:
    """The command of the next new trial under its title, as it is, and why it must fail, where that is known.

    ``remarks`` takes what else there is to say of it.
    """
    space, trials, seed = spec.plan.space, aggregate_trials(runs), spec.settings.seed or 0
    number = max([0, *(trial.number + 1 for trial in trials)])
    title = "the command of the next trial:\n" if number else "the first trial's command:\n"
    if number >= spec.settings.n_trials:
        return f"{title}none: the study has its {spec.settings.n_trials} trials", (), None
    optimizer, points = spec.optimizer(seed), spec.points(seed)
    before = [*trials, *new_imports(spec.plan.imports, runs, space)]
    points.mark_tried(before)
    optimizer.restore([as_last_known(trial) for trial in before])
    try:
        suggestion = points.next(optimizer.ask)
    except SpaceExhausted:
        if not before:
            raise spec.nothing_to_try() from None
        return f"{title}none: the whole space was tried", (), None
    overrides, subdir, problem = space.overrides(suggestion.point), str(number), None
    try:
        config = compose_trial(spec.project, number, overrides)
        subdir = subdir_of(config, number)
        remarks += _overwritten(spec, config)
    except COMPOSE_ERRORS as error:
        problem = f"trial {number} cannot run: it does not compose: {reason(error)}"
    run = first_runs(spec.plan, number, suggestion, overrides, subdir)[0]
    argv = run.overrides if spec.program is None else spec.program.command_of(run, spec.sweep_dir)
    if spec.settings.seed is None and suggestion.generator not in ("config", "initial", "center"):
        remarks.append("without hydra.sweeper.seed, the study will draw other values for that trial")
    return f"{title}{shlex.join(argv)}", argv, problem


def _overwritten(spec: StudySpec, config: DictConfig) -> list[str]:
    """A sentence where all trials write into one directory: this one, and others with all options that there are."""
    shared = _shared(config, spec)
    for point in islice(covering_points(spec.plan.space), _MOST_COMPOSED) if shared else ():
        try:
            other = _shared(spec.project.compose(spec.plan.space.overrides(point)), spec)
        except COMPOSE_ERRORS:
            continue  # options that clash: such a trial writes nothing
        shared = {key: path for key, path in shared.items() if other.get(key) == path}
    for key, path in shared.items():
        said = f"all trials write into one directory, {key}={path}, over each other's checkpoints"
        if Path(path).is_absolute():
            return [f"{said}: write ${{hydra:runtime.output_dir}}/{Path(path).name} instead"]
        return [f"{said}: with hydra.job.chdir=true it lies in each trial's own"]
    return []


def _shared(config: DictConfig, spec: StudySpec) -> dict[str, str]:
    task: Any = OmegaConf.to_container(without_hydra(config), resolve=False)
    found = shared_directories(task, [bare(key) for key in spec.plan.space.keys])
    own = changes_directory(config)
    return {key: path for key, path in found.items() if Path(path).is_absolute() or not own}


def description(space: SearchSpace, goals: Goals, outline: str, remarks: Sequence[str], command: str) -> str:
    """The whole text. ``outline`` says how many trials of what kind, ``remarks`` are worth a second look."""
    header = ["key", "kind", "values", "scale", "active when"]
    rows = [[p.key, *_described(p), when_text(p.when) or "always"] for p in space.parameters]
    limits = [
        # An automatic scale is that of its results, unless it is a cost's.
        [o.name, o.goal, "" if o.threshold is None else f"{o.threshold:g}", known.scale if known.is_log else o.scale]
        for o, known in zip(goals.objectives, goals.settled(()).objectives, strict=True)
    ]
    given = [*space.fixed, *(f"{c.line} (when {when_text(c.when)})" for c in space.conditional)]
    parts = [
        text_table(header, rows),
        _listed("parameter constraints: ", "; ", [constraint.text for constraint in space.constraints]),
        _listed("in every trial: ", " ", given),
        f"configurations: {_count(space)}",
        text_table(["objective", "goal", "threshold", "scale"], limits),
        _listed("constraints: ", "; ", [constraint.text for constraint in goals.constraints]),
        outline,
        "\n".join(f"note: {remark}" for remark in remarks),
        command,
    ]
    return "\n\n".join(part for part in parts if part)


def _listed(title: str, separator: str, items: Sequence[str]) -> str:
    return f"{title}{separator.join(items)}" if items else ""


def _described(parameter: Parameter) -> tuple[str, str, str]:
    """A parameter's kind, its values and their scale."""
    if isinstance(parameter, Choice):
        texts = ", ".join(option.text for option in parameter.options)
        return (
            "config group" if parameter.is_group else "choice",
            texts,
            "ordered" if parameter.ordered else "categorical",
        )
    scale = "log" if parameter.log else "linear"
    if parameter.integral:
        return "int", f"{int(parameter.low)} to {int(parameter.high)}", scale
    return "float", f"{parameter.low:g} to {parameter.high:g}", scale


def _count(space: SearchSpace) -> str:
    size = space.size
    if size is None:
        return "infinitely many"
    if not space.constraints:
        return f"{size:,}"
    if size > _COUNTABLE:
        return f"at most {size:,}, before the constraints"
    return f"{sum(1 for _ in space.points()):,}"
