"""How a suggestion becomes a trial: its configuration, its directory, the job of each of its runs."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ValidationError

from ax_mo.core.trial import Status, Suggestion, TrialRun
from ax_mo.early_stopping.checkpoints import newest_checkpoint
from ax_mo.early_stopping.successive_halving import directory_of_trial
from ax_mo.errors import ConfigError, StudyStopped
from ax_mo.hydra_project.hydra_node import number_job, subdir_of
from ax_mo.hydra_project.job_directory import make_room, prepare_directory
from ax_mo.hydra_project.overrides import override_value
from ax_mo.hydra_project.project import COMPOSE_ERRORS, Project, reason
from ax_mo.hydra_project.settings import check_bounds
from ax_mo.runner.job import JobSpec, Resources, job_name
from ax_mo.runner.settings import check_gpu
from ax_mo.search_space.config_metrics import config_metrics
from ax_mo.storage.sweep_directory import SweepDirectory
from ax_mo.sweep.spec import Plan, StudySpec
from ax_mo.trial.files import PID, SPEC, remove
from ax_mo.trial.numbers import as_json
from ax_mo.trial.result import now

_RESOURCES = ("cpu", "gpu", "memMB")


def compose_trial(project: Project, number: int, overrides: Sequence[str]) -> DictConfig:
    """The configuration of the trial with that number, Hydra's node included, until the next one is composed.

    Raises Hydra's exceptions.
    """
    config = project.compose_to_read(overrides)
    number_job(config, number)
    return config


def resources_differ(sweep: DictConfig) -> bool:
    """Whether trials may need different resources, since the launcher's settings refer to the trial's configuration."""
    launcher = sweep.hydra.launcher
    return any(name in launcher and OmegaConf.is_interpolation(launcher, name) for name in _RESOURCES)


def resources_of(trial: DictConfig) -> Resources:
    """What a trial of this configuration needs. Raises OmegaConf's exceptions for a value that is no number."""
    resources = Resources(**{name: trial.hydra.launcher[name] for name in _RESOURCES})
    try:
        check_bounds("hydra.launcher", vars(resources), {"cpu": 1, "gpu": 0})
        check_gpu(resources.gpu, trial.hydra.launcher.scheduler)
    except ConfigError as error:
        raise ValidationError(str(error)) from None
    return resources


def first_runs(
    plan: Plan, number: int, suggestion: Suggestion, overrides: Sequence[str], directory: str
) -> list[TrialRun]:
    """The runs that a new trial begins with: a single one, one for each repeat, or the one of the lowest rung.

    ``overrides`` are the trial's, and ``directory`` is its own, relative to the sweep's.
    """
    run = TrialRun(
        number=number,
        status=Status.ASKED,
        point=dict(suggestion.point),
        overrides=tuple(overrides),
        directory=directory,
        generator=suggestion.generator,
        position=suggestion.position,
        suggestion_seconds=suggestion.seconds,
        asked=now(),
    )
    return plan.repeats.runs(run) if plan.halving is None else [plan.halving.first_run(run)]


class TrialCreator:
    """Gives a new trial its configuration and its directory, and makes a job of a run.

    ``environment`` gives the variables that a run's own loggers find.
    """

    def __init__(
        self, spec: StudySpec, home: SweepDirectory, environment: Callable[[TrialRun], Mapping[str, str]]
    ) -> None:
        self._spec = spec
        self._home = home
        self._environment = environment
        self._cwd = Path.cwd() if spec.program is None else spec.program.cwd
        self._metrics: Mapping[str, Any] = spec.settings.metrics or {}
        self._config_metrics = config_metrics(self._metrics, spec.plan.goals.required)
        self._config_values: dict[int, dict[str, float]] = {}  # by trial
        self._resources_differ = resources_differ(spec.config)
        self._resources: dict[int, Resources] = {}  # by trial

    def first_runs(
        self, number: int, suggestion: Suggestion, taken: Collection[str]
    ) -> tuple[list[TrialRun], str | None]:
        """The runs that a new trial begins with, and None; if it does not compose, a single one, and why it does not.

        ``taken`` are the directories of other trials. Raises StudyStopped where there is a trial of another study.
        """
        plan = self._spec.plan
        overrides = plan.space.overrides(suggestion.point)
        try:
            subdir = subdir_of(self._read_config(number, overrides), number, taken)
        except COMPOSE_ERRORS as error:
            runs = first_runs(plan, number, suggestion, overrides, str(number))
            return runs[:1], f"does not compose: {reason(error)}"
        runs = first_runs(plan, number, suggestion, overrides, subdir)
        if any((self._spec.sweep_dir / name / SPEC).exists() for name in (subdir, *(run.directory for run in runs))):
            raise StudyStopped(
                f"{self._spec.sweep_dir / subdir} holds a trial that this study does not know. Choose another "
                "hydra.sweep.dir, or move that directory away."
            )
        return runs, None

    def prepare(self, run: TrialRun) -> JobSpec:
        """Make a job of the run; its directory has what it needs then, and nothing that an earlier attempt left."""
        job, goals = self._job(run), self._spec.plan.goals
        content = {
            "trial": run.number,
            "attempt": run.attempt,
            "deaths": run.lost_attempts,  # as studies of earlier versions have it
            **({} if run.repeat is None else {"repeat": run.repeat}),
            **({} if run.budget is None else {"budget": run.budget.as_json()}),
            "params": as_json(run.point),
            "overrides": list(run.overrides),
            "objectives": list(goals.returned),
            "required": [name for name in goals.required if name not in goals.derived],
            **({"metrics": as_json(self._metrics)} if self._metrics else {}),
            **({"config": self._config_values_of(run)} if self._config_metrics.keys else {}),
            "generator": run.generator,
            "position": run.position,
            "suggestion_seconds": run.suggestion_seconds,
            "directory": run.directory,
            "asked": run.asked,
            "env": dict(job.env),
        }
        try:
            prepare_directory(job.directory, content, job.argv, job.cwd, f"Trial {run.label}")
        except OSError as error:
            raise cannot_write(job.directory, error) from None
        return job

    def clear(self, run: TrialRun) -> None:
        """Make room for a next attempt in the run's directory, and forget the process of the last one."""
        directory = self._spec.sweep_dir / run.directory
        try:
            make_room(directory)
            remove(directory / PID)
        except OSError as error:
            raise cannot_write(directory, error) from None

    def _job(self, run: TrialRun) -> JobSpec:
        run, program, sweep_dir = self._resuming(run), self._spec.program, self._spec.sweep_dir
        return JobSpec(
            self.job_name(run),
            argv=() if program is None else tuple(program.command_of(run, sweep_dir)),
            directory=sweep_dir / run.directory,
            cwd=self._cwd,
            env=self._environment(run),
            key=run.key,
            attempt=run.attempt,
            label=run.label,
            overrides=run.overrides,
            resources=self._resources_of(run),
        )

    def job_name(self, run: TrialRun) -> str:
        """The name that only this attempt of the run is submitted by."""
        return job_name(self._home.token, run.number, run.repeat, run.attempt)

    def _resuming(self, run: TrialRun) -> TrialRun:
        """The run told to train on from the checkpoint of the rung before, where it has left one.

        Looked for each time: the sweep's directory may have been moved since.
        """
        halving = self._spec.plan.halving
        if halving is None or not run.repeat or halving.resume_key is None:
            return run
        before = self._spec.sweep_dir / directory_of_trial(run) / str(halving.budgets[run.repeat - 1])
        found = newest_checkpoint(before, halving.checkpoint)
        if found is None:
            return run
        return replace(run, overrides=(*run.overrides, f"{halving.resume_key}={override_value(str(found))}"))

    def _read_config(self, number: int, overrides: Sequence[str]) -> DictConfig:
        """Compose the trial and keep what is needed of its configuration. Raises Hydra's exceptions."""
        config = compose_trial(self._spec.project, number, overrides)
        self._config_values[number] = self._config_metrics.of(config)
        if self._resources_differ:
            self._resources[number] = resources_of(config)
        return config

    def _resources_of(self, run: TrialRun) -> Resources | None:
        """What the run needs; None where all need the same, and where its trial does not compose any more."""
        if self._resources_differ and run.number not in self._resources:
            self._read_again(run)
        return self._resources.get(run.number)

    def _config_values_of(self, run: TrialRun) -> Mapping[str, float]:
        """The run's metrics that are values of its configuration; none where that does not compose any more."""
        if run.budget is not None or run.number not in self._config_values:  # the budget may be one of them
            self._read_again(run)
        return self._config_values.get(run.number, {})

    def _read_again(self, run: TrialRun) -> None:
        """Of a trial that an earlier sweeper has created, or whose configuration has another budget now."""
        self._config_values.pop(run.number, None)
        with suppress(*COMPOSE_ERRORS):  # the project has changed: the trial will fail of it
            self._read_config(run.number, run.overrides)


def cannot_write(path: Path, error: OSError) -> StudyStopped:
    """Why the study cannot go on where its files cannot be written."""
    what = f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else "")
    return StudyStopped(f"Cannot write in {path}: {what}. What was recorded before stays readable.")
