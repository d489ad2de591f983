"""A whole batch of jobs through TorchX, for sweepers that hand one over and wait (Hydra's basic sweeper)."""

import logging
import os
import secrets
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from ax_mo.core.trial import Key
from ax_mo.errors import AxMoError, StudyStopped
from ax_mo.hydra_project.hydra_node import changes_directory, job_name_of, number_job, subdir_of, sweep_dir_of
from ax_mo.hydra_project.job_directory import prepare_directory
from ax_mo.hydra_project.program import Program
from ax_mo.hydra_project.project import hydra_overrides, task_overrides, without_hydra
from ax_mo.hydra_project.this_program import this_program
from ax_mo.runner.in_place import is_trial, refuse_inside_a_job, run_in_place
from ax_mo.runner.job import JobSpec, JobState, Phase, job_name
from ax_mo.runner.outcome import outcome_of, result_of
from ax_mo.runner.scheduler import open_scheduler, parallel_jobs
from ax_mo.runner.scheduler_runner import SchedulerRunner
from ax_mo.runner.settings import launcher_settings
from ax_mo.trial.current import disown_ranks

log = logging.getLogger(__name__)


class JobFailure(AxMoError):
    """Why a job failed, as the exception of its JobReturn."""


def launch(
    settings: Mapping[str, Any],
    job_overrides: Sequence[Sequence[str]],
    initial_job_idx: int,
    context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
) -> list[JobReturn]:
    """Run the jobs, at most ``n_jobs`` at once; returns a JobReturn each, in order.

    Raises ConfigError and NotRerunnableError before any job starts.
    """
    if is_trial(config):
        if len(job_overrides) > 1:
            raise AxMoError("This process is one job of a sweep and cannot start a sweep of its own.")
        return [run_in_place(job_overrides[0], context, task_function, config)]
    refuse_inside_a_job()
    values = launcher_settings(settings)
    program = this_program(task_overrides(config), hydra_overrides(config)).with_python(values.python)
    program = program.with_processes(values.nnodes, values.nproc_per_node)
    disown_ranks()
    jobs = open_scheduler(values)
    jobs.check_program(program.start, program.cwd, sweep_dir_of(config))
    jobs.check()
    token = secrets.token_hex(4)  # tells the names of this batch's jobs from those of others
    try:
        log.info("Launching %d jobs with TorchX (%s)", len(job_overrides), jobs.settings.scheduler)
        composed: list[DictConfig] = []
        specs: list[JobSpec] = []
        for number, overrides in enumerate(job_overrides, initial_job_idx):
            composed.append(context.config_loader.load_sweep_config(config, list(overrides)))
            number_job(composed[-1], number)
            specs.append(_prepare(program, overrides, composed[-1], token, [spec.directory for spec in specs]))
        n_jobs = parallel_jobs(settings.get("n_jobs"), jobs)
        states = run_jobs(SchedulerRunner(jobs, n_jobs, threading.Event(), log.warning), specs)
        return [_job_return(spec, job, states[spec.key]) for spec, job in zip(specs, composed, strict=True)]
    finally:
        jobs.close()


def _prepare(
    program: Program, overrides: Sequence[str], config: DictConfig, token: str, taken: Sequence[Path]
) -> JobSpec:
    """Write what the composed job needs into its directory, which is none of the ``taken``."""
    number, sweep_dir = int(config.hydra.job.num), sweep_dir_of(config)
    subdir = subdir_of(config, number, [os.path.relpath(directory, sweep_dir) for directory in taken])
    directory = sweep_dir / subdir
    with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
        config.hydra.runtime.output_dir = str(directory)
    argv = program.command(overrides, directory, sweep_dir, subdir, number, str(number))
    content = {"trial": number, "attempt": 1, "overrides": list(overrides)}
    prepare_directory(directory, content, argv, program.cwd, f"Job {number}")
    name = job_name(token, number)
    return JobSpec(name, tuple(argv), directory, program.cwd, key=(number, None), overrides=tuple(overrides))


def run_jobs(runner: SchedulerRunner, specs: Sequence[JobSpec]) -> dict[Key, JobState]:
    """Run the jobs; returns the final state of each. An interrupt cancels the jobs, and is raised again."""
    waiting = list(specs)
    ended: dict[Key, JobState] = {}
    try:
        while waiting or runner.busy:
            ended |= {change.key: change.state for change in runner.collect() if change.state.phase is Phase.ENDED}
            while waiting and runner.capacity and runner.submit(waiting[0]) is not None:
                spec = waiting.pop(0)
                log.info("\t#%d : %s", spec.key[0], " ".join(filter_overrides(spec.overrides)))
            if waiting or runner.busy:
                runner.wait()
    except BaseException as error:
        if not isinstance(error, StudyStopped):
            cancelled = runner.cancel()
            if cancelled.untold:
                jobs = ", ".join(str(number) for number, _ in cancelled.untold)
                log.error("The scheduler could not be told to end job %s, which may go on: %s", jobs, cancelled.answer)
        raise
    return ended


def _job_return(spec: JobSpec, config: DictConfig, state: JobState) -> JobReturn:
    number, directory = spec.key[0], spec.directory
    outcome = outcome_of(directory, number, 1, state)
    result = JobReturn(
        overrides=list(spec.overrides),
        cfg=without_hydra(config),
        hydra_cfg=OmegaConf.create({"hydra": config.hydra}),
        working_dir=str(directory if changes_directory(config) else Path.cwd()),
        task_name=job_name_of(config),
    )
    if outcome.completed:
        result.status = JobStatus.COMPLETED
        recorded = result_of(directory, number, 1)
        result.return_value = None if recorded is None else recorded.value
    else:
        tail = f"\n{outcome.stderr_tail}" if outcome.stderr_tail else ""
        result.status = JobStatus.FAILED
        result.return_value = JobFailure(f"Job {number} failed: {outcome.reason}{tail}\nIts files: {directory}")
        log.error("Job %d failed: %s (%s)", number, outcome.reason, directory)
    return result
