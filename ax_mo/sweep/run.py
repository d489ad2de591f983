"""Where a sweep begins: what Hydra gave is read and checked, then shown (``dry_run``) or run (``Session``)."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from ax_mo.core.objectives import Goals
from ax_mo.errors import AxMoError, ConfigError, NotRerunnableError
from ax_mo.hydra_project.compat import add_callback
from ax_mo.hydra_project.hydra_node import in_force, sweep_dir_of
from ax_mo.hydra_project.program import Program
from ax_mo.hydra_project.project import Project, hydra_overrides
from ax_mo.hydra_project.this_program import this_program
from ax_mo.runner.in_place import is_trial, refuse_inside_a_job, run_in_place
from ax_mo.runner.job import NoAnswer
from ax_mo.runner.scheduler import Scheduler, open_scheduler
from ax_mo.runner.settings import AUTO, LOCAL, LauncherSettings, launcher_settings
from ax_mo.storage.sweep_directory import TRIALS
from ax_mo.sweep.dry_run import preview
from ax_mo.sweep.session import Session
from ax_mo.sweep.settings import AUTO_JOBS, Settings, parse_settings
from ax_mo.sweep.spec import StudySpec, make_plan
from ax_mo.terminal.screen import screen_for_this_terminal
from ax_mo.trial.current import disown_ranks
from ax_mo.trial.recorder import ResultRecorder

_WITH_IMPORTS = ("trial_seconds", "peak_memory_mb")
"""Costs of trials that are smaller for one which finds its libraries in memory."""


def sweep(
    given: Mapping[str, Any],
    arguments: Sequence[str],
    context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
) -> list[list[JobReturn]]:
    """Run a study to its end. Raises ConfigError before any trial, StudyStopped after some; exits 130 on Ctrl-C."""
    if is_trial(config):
        return [[run_in_place(arguments, context, task_function, config)]]
    refuse_inside_a_job()
    try:
        with in_force(config):
            return _sweep(given, arguments, context, task_function, config)
    except KeyboardInterrupt:  # before the first trial; later ones are counted by the loop
        raise SystemExit(130) from None
    except AxMoError as error:
        if given.get("dry_run") is not True:
            raise
        print(f"ax_mo: error: {error}", file=sys.stderr)  # the last line: Hydra would add one of its own
        raise SystemExit(1) from None


def _sweep(
    given: Mapping[str, Any],
    arguments: Sequence[str],
    context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
) -> list[list[JobReturn]]:
    disown_ranks()
    settings = parse_settings(given)
    project = Project(context.config_loader, config)
    sweep_dir = sweep_dir_of(config)
    plan = make_plan(settings, arguments, project, resuming=(sweep_dir / TRIALS).exists())
    # Batches run wherever their launcher likes: the recorder goes there with Hydra's own callbacks.
    add_callback(context, ResultRecorder(gives_environment=True))
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=task_function, config=config
    )
    values = launcher_settings(launcher.settings) if _is_torchx(launcher) else None  # type: ignore[attr-defined]
    values, remark = _without_forks(values, plan.goals)
    scheduler = None if values is None else open_scheduler(values)
    program = _program(values, arguments, config)
    if settings.n_jobs == AUTO_JOBS:
        if scheduler is not None and program is not None:
            scheduler.check_program(program.start, program.cwd, sweep_dir)
            scheduler.check_arguments()
        settings = replace(settings, n_jobs=_auto_n_jobs(scheduler))
    spec = StudySpec(settings, plan, project, program, sweep_dir, config)
    if scheduler is not None:
        _check_capacity(scheduler, settings)
    screen = screen_for_this_terminal()
    if settings.dry_run:
        text, problem = preview(spec, scheduler, remark)
        screen.header(text)
        if problem is not None:
            raise ConfigError(problem)
    if scheduler is not None:
        _check_submission(scheduler, spec)  # after the preview, which shows what would be submitted
    return [] if settings.dry_run else [Session(spec, launcher, scheduler, screen).run()]


def _without_forks(values: LauncherSettings | None, goals: Goals) -> tuple[LauncherSettings | None, str]:
    """The settings with trials that are started, not forked, where their costs are compared; and a remark on that."""
    measured = [cost for cost in _WITH_IMPORTS if cost in goals.required]
    if values is None or values.scheduler != AUTO or not measured:
        return values, ""
    why = f"{' and '.join(measured)} would be less for a forked trial than for the first one, which imports more itself"
    return replace(values, scheduler=LOCAL), f"each trial starts a Python of its own: {why}"


def _program(values: LauncherSettings | None, arguments: Sequence[str], config: DictConfig) -> Program | None:
    """How to run this program again; None where it cannot be, and the launcher has no need of it."""
    try:
        program = this_program(list(arguments), hydra_overrides(config))
    except NotRerunnableError:
        if values is not None:
            raise
        return None
    if values is None:
        return program
    return program.with_python(values.python).with_processes(values.nnodes, values.nproc_per_node)


def _is_torchx(launcher: Launcher) -> bool:
    # By name: Hydra's plugin scan executes plugin modules anew, so that there may be two such classes.
    return type(launcher).__name__ == "TorchXLauncher"


def _auto_n_jobs(scheduler: Scheduler | None) -> int:
    """How many trials the scheduler has room for. Raises ConfigError where nobody knows, or for none."""
    key = f"hydra.sweeper.n_jobs={AUTO_JOBS}"
    if scheduler is None:
        raise ConfigError(f"{key}: another launcher than hydra/launcher=torchx does not say. Give a number.")
    try:
        n_jobs = scheduler.auto_n_jobs
    except NoAnswer as error:
        raise ConfigError(f"{key}: the scheduler '{scheduler.settings.scheduler}' does not answer: {error}") from None
    if n_jobs is None:
        raise ConfigError(f"{key}: the scheduler '{scheduler.settings.scheduler}' does not say. Give a number.")
    if n_jobs == 0:
        raise ConfigError(
            f"{key}: the scheduler '{scheduler.settings.scheduler}' has no node with what a trial needs (cpu, gpu and "
            "memMB of hydra.launcher)."
        )
    return n_jobs


def _check_capacity(scheduler: Scheduler, settings: Settings) -> None:
    """Raises ConfigError where not so many trials can run at once."""
    n_jobs, gpu = settings.n_jobs, scheduler.settings.gpu
    if scheduler.capacity is not None and scheduler.capacity < n_jobs:
        raise ConfigError(
            f"hydra.sweeper.n_jobs={n_jobs} with hydra.launcher.gpu={gpu:g} needs {n_jobs * gpu:g} GPUs; this machine "
            f"has room for {scheduler.capacity} such job(s)."
        )


def _check_submission(scheduler: Scheduler, spec: StudySpec) -> None:
    """Raises ConfigError where no trial could be submitted."""
    if spec.program is not None:
        scheduler.check_program(spec.program.start, spec.program.cwd, spec.sweep_dir)
    scheduler.check()
