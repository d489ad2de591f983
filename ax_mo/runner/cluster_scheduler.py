"""Jobs on any cluster that TorchX knows."""

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from ax_mo.core.process import recorded
from ax_mo.errors import ConfigError
from ax_mo.runner import slurm
from ax_mo.runner.image import image_of
from ax_mo.runner.job import (
    CancelFailed,
    Cause,
    Job,
    JobSpec,
    JobState,
    NoAnswer,
    Phase,
    Scheduler,
    SubmitLater,
    SubmitRefused,
)
from ax_mo.runner.refusal import SubmissionRefusal, refusal, words_of
from ax_mo.runner.scheduler_args import check_arguments
from ax_mo.runner.settings import LauncherSettings
from ax_mo.runner.torchx_app import SESSION, app_of, open_runner, own_signal_handlers

# What TorchX 0.7.0's list raises where it cannot list: no such call, no client, a context without a namespace.
_CANNOT_LIST = (NotImplementedError, ImportError, NameError, KeyError, TypeError, AttributeError)


class ClusterScheduler(Scheduler):
    """Jobs of a cluster's scheduler. The sweep directory must be on a file system that the nodes share."""

    result_grace_seconds = 20.0

    def __init__(self, settings: LauncherSettings) -> None:
        self.poll_seconds = settings.poll_seconds or 2.0
        self.scheduler = settings.scheduler
        self.grace_seconds = settings.grace_seconds
        self._settings = settings
        self._slurm = settings.scheduler == "slurm"
        self._unknown_since: dict[str, float] = {}
        self._uncertain: set[str] = set()  # names whose submission failed, which does not mean that it did not happen
        self._can_list = True
        self._runner = open_runner(settings.scheduler)

    def check(self) -> None:
        """Try all of a submission but the submission. Raises ConfigError where the scheduler would refuse every job."""
        scheduler, directory = self._settings.scheduler, Path.cwd()
        try:
            check_arguments(scheduler, self._settings.scheduler_args, self._runner.scheduler_run_opts(scheduler))
            with self._request(JobSpec("ax-check", ("true",), directory, directory)) as request:
                if self._slurm:
                    slurm.submit(request.request, None, "--test-only")
        except ConfigError:
            raise
        except Exception as error:  # TorchX's schedulers raise whatever their clients raise
            refused = refusal(scheduler, error)
            if refused.permanent:
                raise ConfigError(self._refusal(refused)) from None

    def submit(self, spec: JobSpec) -> str:
        try:
            handle = self.find(spec.name, spec.directory) if spec.name in self._uncertain else None
            handle = handle or self._schedule(spec)
        except NoAnswer as error:
            raise SubmitLater(str(error)) from None
        except Exception as error:  # TorchX's schedulers raise whatever their clients raise
            refused = refusal(self._settings.scheduler, error)
            if refused.permanent:
                raise SubmitRefused(self._refusal(refused)) from None
            self._uncertain.add(spec.name)
            raise SubmitLater(refused.text) from None
        self._uncertain.discard(spec.name)
        return handle

    def find(self, name: str, directory: Path) -> str | None:
        if self._slurm:
            job_id = slurm.find_job(_slurm_name(name), directory)
            return None if job_id is None else _handle("slurm", job_id)
        # TorchX appends an identifier to the name, and puts an address, a namespace or a queue before it.
        own = re.compile(rf"(^|[^a-z0-9]){re.escape(name)}-[a-z0-9]+$", re.IGNORECASE)
        try:
            with variable("RAY_ADDRESS", self._ray_address()):
                apps = self._runner.list(self._settings.scheduler)
        except _CANNOT_LIST:
            self._can_list = False
            return None
        except Exception as error:
            raise NoAnswer(words_of(error)) from None
        found = [app.app_id for app in apps if own.search(app.app_id)]
        return _handle(self._settings.scheduler, found[-1]) if found else None

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        known = [job for job in jobs if self._is_ours(job)]
        if self._slurm:
            found = slurm.slurm_states([_app_id(job) for job in known])
            for job, state in zip(known, found, strict=True):
                if state.phase is Phase.ENDED:
                    _remove_empty_slurm_logs(job)
        else:
            found = [self._state(job) for job in known]
        states = dict(zip((job.directory for job in known), found, strict=True))
        return [self._lost_or(job, states.get(job.directory) or self._not_asked(job)) for job in jobs]

    def cancel(self, jobs: Sequence[Job], wait: bool = True) -> None:
        if not wait:
            Thread(target=self._cancel_unseen, args=(jobs,), name="ax_mo-end", daemon=True).start()
            return
        known = [job for job in jobs if self._is_ours(job)]
        if self._slurm:
            try:
                slurm.cancel([_app_id(job) for job in known])
            except NoAnswer as error:
                raise CancelFailed(known, str(error)) from None
            return
        untold: list[Job] = []
        words = ""
        for job in known:
            try:
                self._runner.cancel(job.handle)
            except Exception as error:  # one job that cannot be told must not keep the others running
                untold.append(job)
                words = words_of(error)
        if untold:
            raise CancelFailed(untold, words)

    def _cancel_unseen(self, jobs: Sequence[Job]) -> None:
        try:
            self.cancel(jobs)
        except CancelFailed as error:
            handles = ", ".join(job.handle for job in error.jobs)
            logging.getLogger(__name__).warning("Could not cancel %s: %s", handles, error)

    def close(self) -> None:
        with own_signal_handlers():
            self._runner.close()

    def _schedule(self, spec: JobSpec) -> str:
        with self._request(spec) as request:
            if self._slurm:
                return _handle("slurm", slurm.submit(request.request, spec.directory))
            return str(self._runner.schedule(request))

    @contextmanager
    def _request(self, spec: JobSpec) -> Iterator[Any]:
        """What TorchX would submit. Its image is gone afterwards."""
        scheduler = self._settings.scheduler
        env: Mapping[str, str] = {**self._settings.env, **spec.env}
        argv: Sequence[str] = spec.argv
        if scheduler in ("slurm", "ray"):  # which run on the user's own file system, but not always where he is
            argv = recorded(_in_directory(spec.argv, spec.cwd), spec.directory)
        if self._slurm:
            # TorchX passes env through srun --export, where a comma cuts a value.
            argv, env = ["env", *(f"{key}={value}" for key, value in env.items()), *argv], {}
        # TorchX has no option for it: what the batch script itself prints would land in the user's directory.
        output = variable("SBATCH_OUTPUT", str(spec.directory / "slurm.log"))
        with image_of(self._settings) as image, own_signal_handlers(), output:
            app = app_of(spec, argv, self._settings, env, image)
            yield self._runner.dryrun(app, scheduler, dict(self._settings.scheduler_args))

    def _refusal(self, refused: SubmissionRefusal) -> str:
        return f"The scheduler '{self._settings.scheduler}' takes no such job: {refused.text}"

    def _ray_address(self) -> str | None:
        """Where TorchX submits Ray's jobs to; its list looks for them elsewhere."""
        if self._settings.scheduler != "ray" or os.environ.get("RAY_ADDRESS"):
            return None
        address = self._settings.scheduler_args.get("dashboard_address", "127.0.0.1:8265")
        return f"http://{address}"

    def _state(self, job: Job) -> JobState:
        try:
            status = self._runner.status(job.handle)
        except Exception as error:  # a scheduler that does not answer says nothing about the job
            text = f"The scheduler '{self._settings.scheduler}' does not answer: {words_of(error)}"
            return JobState(Phase.UNKNOWN, message=text)
        name = "UNKNOWN" if status is None else str(status.state.name)
        if name == "SUCCEEDED":
            return JobState(Phase.ENDED, 0)
        if name == "FAILED":
            return JobState(Phase.ENDED, 1, "the scheduler reports FAILED")
        if name == "CANCELLED":
            return JobState(Phase.ENDED, None, "cancelled by the scheduler", Cause.CANCELLED)
        if name in ("SUBMITTED", "PENDING"):
            return JobState(Phase.PENDING)
        return JobState(Phase.RUNNING if name == "RUNNING" else Phase.UNKNOWN)

    def _is_ours(self, job: Job) -> bool:
        return job.handle.startswith(f"{self._settings.scheduler}://")

    def _not_asked(self, job: Job) -> JobState:
        """Of another scheduler's job, or one that its sweeper did not live to note and that was not found by name."""
        if job.handle:  # a resume begins only when such a job is over
            return JobState(Phase.ENDED, None, "ended without a result while no sweeper was watching")
        if self._can_list:
            return JobState(Phase.ENDED, None, "is not known to the scheduler any more", Cause.LOST)
        return JobState(Phase.UNKNOWN)

    def _lost_or(self, job: Job, state: JobState) -> JobState:
        # A scheduler that does not answer knows the job as well as before.
        who = job.handle or str(job.directory)
        if state.phase is not Phase.UNKNOWN or state.message:
            self._unknown_since.pop(who, None)
            return state
        since = self._unknown_since.setdefault(who, time.monotonic())
        timeout = self._settings.unknown_timeout
        if time.monotonic() - since < timeout:
            return state
        return JobState(Phase.ENDED, None, f"unknown to the scheduler for {timeout:g} s", Cause.LOST)


@contextmanager
def variable(name: str, value: str | None) -> Iterator[None]:
    """With an environment variable of ours; None leaves it as it is."""
    before = os.environ.get(name)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        if before is not None:
            os.environ[name] = before
        elif value is not None:
            del os.environ[name]


def _in_directory(argv: Sequence[str], directory: Path) -> tuple[str, ...]:
    """The argv of a shell that executes ``argv`` there, in its own place."""
    return ("/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "ax_mo", str(directory), *argv)


def _handle(scheduler: str, app_id: str) -> str:
    return f"{scheduler}://{SESSION}/{app_id}"


def _slurm_name(name: str) -> str:
    """What TorchX calls the only replica of a role."""
    return f"{name}-0"


def _app_id(job: Job) -> str:
    """The scheduler's own name for the job: the last part of TorchX's handle."""
    return job.handle.rpartition("/")[2]


def _remove_empty_slurm_logs(job: Job) -> None:
    """TorchX leaves two files a job in the directory it submits from; ours write their logs next to themselves."""
    for path in Path.cwd().glob(f"slurm-{_app_id(job)}[.-]*"):
        try:
            if path.stat().st_size == 0:
                path.unlink()
        except OSError:
            continue
