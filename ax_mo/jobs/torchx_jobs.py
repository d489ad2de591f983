"""Jobs through TorchX: on this machine, or on any cluster that TorchX knows."""

import json
import logging
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from ax_mo.errors import ConfigError, StudyStopped, closest
from ax_mo.jobs import slurm
from ax_mo.jobs.gpus import GpuPool, visible_gpus
from ax_mo.jobs.job import Job, Jobs, JobSpec, JobState, Phase
from ax_mo.jobs.process import alive, end, identity, recorded
from ax_mo.jobs.slurm import slurm_states

LOCAL = "local_cwd"
_ROLE = "trial"
_LOGS = ".torchx"
_GPUS = ".gpus"


@dataclass(frozen=True)
class TorchXSettings:
    """``hydra.launcher`` as values, in TorchX's own terms."""

    scheduler: str = LOCAL
    scheduler_args: Mapping[str, Any] = field(default_factory=dict)
    cpu: int = 1
    gpu: int = 0
    memMB: int = -1
    image: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    poll_seconds: float | None = None


def torchx_jobs(settings: TorchXSettings) -> Jobs:
    """The jobs of a scheduler; raises ConfigError for one that this TorchX does not have."""
    logging.getLogger("torchx").setLevel(logging.WARNING)
    from torchx.schedulers import get_scheduler_factories

    factories = get_scheduler_factories()
    if settings.scheduler not in factories:
        raise ConfigError(
            f"hydra.launcher.scheduler: TorchX has no scheduler '{settings.scheduler}'; it has: {', '.join(factories)}."
            f"{closest(settings.scheduler, factories)}"
        )
    return LocalJobs(settings) if settings.scheduler == LOCAL else ClusterJobs(settings)


def _runner(scheduler: str, **parameters: Any) -> Any:
    from torchx.runner.api import Runner
    from torchx.schedulers import get_scheduler_factories

    factory = get_scheduler_factories()[scheduler]
    return Runner("ax_mo", {scheduler: factory}, scheduler_params=parameters)


def _app(spec: JobSpec, argv: Sequence[str], settings: TorchXSettings, env: Mapping[str, str]) -> Any:
    """A fresh AppDef: TorchX 0.7.0 changes the one it is given."""
    from torchx.specs import AppDef, Resource, Role

    # Our local jobs get their GPUs by CUDA_VISIBLE_DEVICES; TorchX would warn at length that it does not set it.
    gpu = 0 if settings.scheduler == LOCAL else settings.gpu
    role = Role(
        # Slurm's job name is the role's.
        name=_ROLE if settings.scheduler == LOCAL else spec.name,
        image=settings.image or str(spec.cwd),
        entrypoint=_literal(argv[0]),
        args=[_literal(argument) for argument in argv[1:]],
        env={key: _literal(value) for key, value in env.items()},
        resource=Resource(cpu=settings.cpu, gpu=gpu, memMB=settings.memMB),
    )
    return AppDef(name=spec.name, roles=[role])


def _literal(text: str) -> str:
    """TorchX substitutes ``$name`` in arguments and environment by string.Template."""
    return text.replace("$", "$$")


@contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """TorchX's local scheduler replaces SIGINT's and SIGTERM's handlers by one that raises an Exception."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


class LocalJobs:
    """Processes of this machine. They outlive a sweeper that is killed, and the next one adopts them."""

    result_grace_seconds = 0.0

    def __init__(self, settings: TorchXSettings) -> None:
        self.poll_seconds = settings.poll_seconds or 0.05
        self._settings = settings
        self._started: set[str] = set()  # handles that our TorchX runner knows
        self._gpus = GpuPool(settings.gpu, visible_gpus()) if settings.gpu > 0 else None
        self._runner = _runner(LOCAL, cache_size=100_000)

    @property
    def capacity(self) -> int | None:
        """How many jobs the machine's GPUs allow at once; None where none are asked for."""
        return self._gpus.capacity if self._gpus else None

    def submit(self, spec: JobSpec) -> str:
        env = {**self._settings.env, **spec.env}
        if self._gpus is not None:
            env["CUDA_VISIBLE_DEVICES"] = self._gpus.take(str(spec.directory))
            (spec.directory / _GPUS).write_text(env["CUDA_VISIBLE_DEVICES"])
        logs = spec.directory / _LOGS
        shutil.rmtree(logs, ignore_errors=True)
        app = _app(spec, recorded(spec.argv, spec.directory), self._settings, env)
        cfg = {"log_dir": str(logs), **self._settings.scheduler_args}
        with _own_signal_handlers():
            request = self._runner.dryrun(app, LOCAL, cfg)
            _without_combined_logs(request)
            handle = str(self._runner.schedule(request))
        self._started.add(handle)
        return handle

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        return [self._state(job) for job in jobs]

    def cancel(self, jobs: Sequence[Job]) -> None:
        processes = [process for job in jobs if (process := identity(job.directory)) is not None]
        end(processes)
        for job in jobs:
            if job.handle in self._started:
                self._runner.cancel(job.handle)
            self._forget(job)

    def close(self) -> None:
        with _own_signal_handlers():
            self._runner.close()

    def _state(self, job: Job) -> JobState:
        if job.handle not in self._started:
            return self._adopted(job)
        status = self._runner.status(job.handle)
        if status is None:
            return JobState(Phase.UNKNOWN)
        if not status.is_terminal():
            return JobState(Phase.RUNNING)
        code = _exit_code(status.ui_url)
        self._forget(job)
        return JobState(Phase.ENDED, code)

    def _adopted(self, job: Job) -> JobState:
        """A job of an earlier sweeper, whose exit code nobody saw."""
        process = identity(job.directory)
        if process is not None and alive(process):
            if self._gpus is not None and (job.directory / _GPUS).exists():
                self._gpus.hold(str(job.directory), (job.directory / _GPUS).read_text())
            return JobState(Phase.RUNNING)
        if self._gpus is not None:
            self._gpus.give_back(str(job.directory))
        shutil.rmtree(job.directory / _LOGS, ignore_errors=True)
        return JobState(Phase.ENDED, None, "ended without a result while no sweeper was watching")

    def _forget(self, job: Job) -> None:
        self._started.discard(job.handle)
        if self._gpus is not None:
            self._gpus.give_back(str(job.directory))
        # The job wrote its own logs next to it; TorchX's are empty.
        shutil.rmtree(job.directory / _LOGS, ignore_errors=True)


def _without_combined_logs(dryrun: Any) -> None:
    """TorchX 0.7.0 joins a thread that sleeps 0.1 s when an app ends, to merge two logs that are empty here."""
    for replicas in dryrun.request.role_params.values():
        for replica in replicas:
            replica.combined = None


def _exit_code(ui_url: str | None) -> int | None:
    """The exit code of an ended local app, which TorchX tells only in a file it calls SUCCESS."""
    if not ui_url:
        return None
    try:
        info = json.loads((Path(urlparse(ui_url).path) / "SUCCESS").read_text())
        return int(info["roles"][_ROLE][0]["exitcode"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


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
        self._runner = _runner(settings.scheduler)

    def submit(self, spec: JobSpec) -> str:
        argv: Sequence[str] = spec.argv
        env = {**self._settings.env, **spec.env}
        if self._settings.scheduler == "slurm":
            # TorchX passes env through srun --export, where a comma cuts a value.
            argv = ["env", *(f"{key}={value}" for key, value in env.items()), *recorded(spec.argv, spec.directory)]
            env = {}
        for pause in (2.0, 10.0, 30.0):
            try:
                return self._schedule(spec, _app(spec, argv, self._settings, env))
            except Exception:  # TorchX's schedulers raise whatever their clients raise
                time.sleep(pause)
        try:
            return self._schedule(spec, _app(spec, argv, self._settings, env))
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            raise StudyStopped(
                f"The scheduler '{self._settings.scheduler}' did not take a job, four times: "
                f"{type(error).__name__}: {lines[0]}",
                leaves_jobs=True,
            ) from None

    def _schedule(self, spec: JobSpec, app: Any) -> str:
        # TorchX has no option for it: what the batch script itself prints would land in the user's directory.
        with _own_signal_handlers(), _environment("SBATCH_OUTPUT", str(spec.directory / "slurm.log")):
            dryrun = self._runner.dryrun(app, self._settings.scheduler, dict(self._settings.scheduler_args))
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
        with _own_signal_handlers():
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
