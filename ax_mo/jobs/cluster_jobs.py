"""Jobs on any cluster that TorchX knows."""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ax_mo.errors import StudyStopped
from ax_mo.jobs import slurm
from ax_mo.jobs.image import image_of
from ax_mo.jobs.job import Job, JobSpec, JobState, Phase
from ax_mo.jobs.process import recorded
from ax_mo.jobs.slurm import slurm_states
from ax_mo.jobs.torchx_app import TorchXSettings, app_of, open_runner, own_signal_handlers


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _in_directory(argv: Sequence[str], directory: Path) -> tuple[str, ...]:
    """The argv of a shell that executes ``argv`` there, in its own place."""
    return ("/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "ax_mo", str(directory), *argv)


def _app_id(job: Job) -> str:
    """The scheduler's own name for the job: the last part of TorchX's handle."""
    return job.handle.rpartition("/")[2] or "0"


def _remove_empty_slurm_logs(job: Job) -> None:
    """TorchX leaves two files a job in the directory it submits from; ours write their logs next to themselves."""
    for path in Path.cwd().glob(f"slurm-{_app_id(job)}[.-]*"):
        try:
            if path.stat().st_size == 0:
                path.unlink()
        except OSError:
            continue


class ClusterJobs:
    """Jobs of a cluster's scheduler. The sweep directory must be on a file system that the nodes share."""

    result_grace_seconds = 20.0
    # How long a scheduler may not know a job before the job counts as lost.
    _lost_after_seconds = 300.0

    def __init__(self, settings: TorchXSettings) -> None:
        self.poll_seconds = settings.poll_seconds or 2.0
        self._settings = settings
        self._unknown_since: dict[str, float] = {}
        self._runner = open_runner(settings.scheduler)

    def submit(self, spec: JobSpec) -> str:
        for pause in (2.0, 10.0, 30.0):
            try:
                return self._schedule(spec)
            except Exception:  # TorchX's schedulers raise whatever their clients raise
                time.sleep(pause)
        try:
            return self._schedule(spec)
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            raise StudyStopped(
                f"The scheduler '{self._settings.scheduler}' did not take a job, four times: "
                f"{type(error).__name__}: {lines[0]}",
                leaves_jobs=True,
            ) from None

    def _schedule(self, spec: JobSpec) -> str:
        scheduler = self._settings.scheduler
        env = {**self._settings.env, **spec.env}
        argv: Sequence[str] = spec.argv
        if scheduler in ("slurm", "ray"):  # which run on the user's own file system, but not always where he is
            argv = recorded(_in_directory(spec.argv, spec.cwd), spec.directory)
        if scheduler == "slurm":
            # TorchX passes env through srun --export, where a comma cuts a value.
            argv, env = ["env", *(f"{key}={value}" for key, value in env.items()), *argv], {}
        # TorchX has no option for it: what the batch script itself prints would land in the user's directory.
        output = variable("SBATCH_OUTPUT", str(spec.directory / "slurm.log"))
        with image_of(self._settings) as image, own_signal_handlers(), output:
            app = app_of(spec, argv, self._settings, env, image)
            dryrun = self._runner.dryrun(app, scheduler, dict(self._settings.scheduler_args))
            return str(self._runner.schedule(dryrun))

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        if self._settings.scheduler == "slurm":
            states = slurm_states([_app_id(job) for job in jobs])
            for job, state in zip(jobs, states, strict=True):
                if state.phase is Phase.ENDED:
                    _remove_empty_slurm_logs(job)
        else:
            states = [self._state(job) for job in jobs]
        return [self._lost_or(job, state) for job, state in zip(jobs, states, strict=True)]

    def cancel(self, jobs: Sequence[Job]) -> None:
        if self._settings.scheduler == "slurm":
            slurm.cancel([_app_id(job) for job in jobs])
            return
        for job in jobs:
            try:
                self._runner.cancel(job.handle)
            except Exception as error:  # one job that cannot be told must not keep the others running
                logging.getLogger(__name__).warning("Could not cancel %s: %s", job.handle, error)

    def close(self) -> None:
        with own_signal_handlers():
            self._runner.close()

    def _state(self, job: Job) -> JobState:
        try:
            status = self._runner.status(job.handle)
        except Exception:  # a scheduler that does not answer says nothing about the job
            return JobState(Phase.UNKNOWN, message="the scheduler does not answer")
        name = "UNKNOWN" if status is None else str(status.state.name)
        if name == "SUCCEEDED":
            return JobState(Phase.ENDED, 0)
        if name == "FAILED":
            return JobState(Phase.ENDED, 1, "the scheduler reports FAILED")
        if name == "CANCELLED":
            return JobState(Phase.ENDED, None, "cancelled by the scheduler")
        if name in ("SUBMITTED", "PENDING"):
            return JobState(Phase.PENDING)
        return JobState(Phase.RUNNING if name == "RUNNING" else Phase.UNKNOWN)

    def _lost_or(self, job: Job, state: JobState) -> JobState:
        # A scheduler that does not answer knows the job as well as before.
        if state.phase is not Phase.UNKNOWN or state.message:
            self._unknown_since.pop(job.handle, None)
            return state
        since = self._unknown_since.setdefault(job.handle, time.monotonic())
        if time.monotonic() - since < self._lost_after_seconds:
            return state
        return JobState(Phase.ENDED, None, f"unknown to the scheduler for {self._lost_after_seconds:.0f} s")
