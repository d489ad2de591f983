"""A whole batch of jobs through TorchX, for sweepers that hand one over and wait (Hydra's basic sweeper)."""

import logging
import os
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from ax_mo.errors import AxMoError
from ax_mo.hydra_project.command import Program, prepare_directory, this_program
from ax_mo.hydra_project.hydra_node import changes_directory, job_name_of, number_job, subdir_of, sweep_dir_of
from ax_mo.hydra_project.project import hydra_overrides, task_overrides, without_hydra
from ax_mo.runner.in_place import is_trial, refuse_inside_a_job, run_in_place
from ax_mo.runner.job import JobSpec, JobState, Phase, job_name
from ax_mo.runner.outcome import outcome_of, result_of
from ax_mo.runner.scheduler_runner import SchedulerRunner
from ax_mo.runner.schedulers import open_scheduler, parallel_jobs
from ax_mo.runner.settings import launcher_settings
from ax_mo.trial.current import disown_ranks

log = logging.getLogger(__name__)


class JobFailure(AxMoError):
    """Why a job failed, as the exception of its JobReturn."""


@dataclass(frozen=True)
class _Prepared:
    number: int
    overrides: tuple[str, ...]
    config: DictConfig
    directory: Path
    spec: JobSpec


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
    jobs = open_scheduler(values)
    jobs.check()
    disown_ranks()
    try:
        log.info("Launching %d jobs with TorchX (%s)", len(job_overrides), values.scheduler)
        batch = _Batch(program, context, config, secrets.token_hex(4))
        prepared: list[_Prepared] = []
        for number, overrides in enumerate(job_overrides, initial_job_idx):
            prepared.append(batch.prepare(number, list(overrides), prepared))
        n_jobs = parallel_jobs(settings.get("n_jobs"), values, jobs)
        states = run_jobs(SchedulerRunner(jobs, n_jobs, threading.Event(), log.warning), [job.spec for job in prepared])
        return [_job_return(job, states[job.number]) for job in prepared]
    finally:
        jobs.close()


@dataclass(frozen=True)
class _Batch:
    """Jobs of one ``launch``; ``token`` tells their names from those of others."""

    program: Program
    context: HydraContext
    config: DictConfig
    token: str

    def prepare(self, number: int, overrides: list[str], others: Sequence[_Prepared]) -> _Prepared:
        """Compose the job and write what it needs into its directory, which none of the ``others`` has."""
        config = self.context.config_loader.load_sweep_config(self.config, overrides)
        number_job(config, number)
        sweep_dir = sweep_dir_of(config)
        taken = [os.path.relpath(other.directory, sweep_dir) for other in others]
        subdir = subdir_of(config, number, taken)
        directory = sweep_dir / subdir
        with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
            config.hydra.runtime.output_dir = str(directory)
        argv = self.program.command(overrides, directory, sweep_dir, subdir, number, str(number))
        content = {"trial": number, "attempt": 1, "overrides": overrides}
        prepare_directory(directory, content, argv, self.program.cwd, f"Job {number}")
        name, lines = job_name(self.token, number), tuple(overrides)
        spec = JobSpec(name, tuple(argv), directory, self.program.cwd, key=(number, None), overrides=lines)
        return _Prepared(number, lines, config, directory, spec)


def run_jobs(runner: SchedulerRunner, specs: Sequence[JobSpec]) -> dict[int, JobState]:
    """Run the jobs; returns the final state of each by number. An interrupt cancels what runs and goes on."""
    waiting = list(specs)
    ended: dict[int, JobState] = {}
    try:
        while waiting or runner.busy:
            for change in runner.collect():
                if change.state.phase is Phase.ENDED:
                    number, _ = change.key
                    ended[number] = change.state
            while waiting and runner.capacity and runner.submit(waiting[0]) is not None:
                spec = waiting.pop(0)
                log.info("\t#%d : %s", spec.key[0], " ".join(filter_overrides(spec.overrides)))
            if waiting or runner.busy:
                runner.wait()
    except BaseException as error:
        if not getattr(error, "leaves_jobs", False):
            cancelled = runner.cancel()
            if cancelled.untold:
                numbers = ", ".join(str(number) for number, _ in cancelled.untold)
                log.error(
                    "The scheduler could not be told to end job %s, which may go on: %s", numbers, cancelled.answer
                )
        raise
    return ended


def _job_return(job: _Prepared, state: JobState) -> JobReturn:
    outcome = outcome_of(job.directory, job.number, 1, state)
    result = JobReturn(
        overrides=list(job.overrides),
        cfg=without_hydra(job.config),
        hydra_cfg=OmegaConf.create({"hydra": job.config.hydra}),
        working_dir=str(job.directory) if changes_directory(job.config) else str(Path.cwd()),
        task_name=job_name_of(job.config),
    )
    if outcome.completed:
        result.status = JobStatus.COMPLETED
        recorded = result_of(job.directory, job.number, 1)
        result.return_value = None if recorded is None else recorded.value
    else:
        tail = f"\n{outcome.stderr_tail}" if outcome.stderr_tail else ""
        result.status = JobStatus.FAILED
        result.return_value = JobFailure(f"Job {job.number} failed: {outcome.reason}{tail}\nIts files: {job.directory}")
        log.error("Job %d failed: %s (%s)", job.number, outcome.reason, job.directory)
    return result
