"""Jobs on this machine through TorchX's local scheduler."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlparse

from ax_mo.core.process import Identity, alive, end, identity, recorded, this_process
from ax_mo.runner.elsewhere import Elsewhere, out_of_reach
from ax_mo.runner.gpus import GpuPool, visible_gpus
from ax_mo.runner.job import Job, JobSpec, JobState, Phase, Scheduler
from ax_mo.runner.scheduler_args import check_arguments
from ax_mo.runner.settings import LOCAL, LauncherSettings
from ax_mo.runner.torchx_app import ROLE, app_of, open_runner, own_signal_handlers
from ax_mo.trial.files import write_atomically
from ax_mo.trial.untrusted import Unusable, parse_json, read_text

_LOGS = ".torchx"
_GPUS = ".gpus"


class LocalScheduler(Scheduler):
    """Processes of this machine. They outlive a sweeper that is killed, and the next one adopts them."""

    has_queue = False
    scheduler = LOCAL

    def __init__(self, settings: LauncherSettings) -> None:
        self.poll_seconds = settings.poll_seconds or 0.05
        self.grace_seconds = settings.grace_seconds
        self._settings = settings
        self._enders: dict[Path, Thread] = {}  # each ends within the grace and a few seconds
        self._processes: dict[Path, Identity] = {}
        self._started: set[str] = set()  # handles that our TorchX runner knows
        self._elsewhere = Elsewhere(settings.unknown_timeout)
        self._watched: set[Path] = set()  # directories of adopted jobs that were seen alive
        self._gpus = GpuPool(settings.gpu, visible_gpus()) if settings.gpu > 0 else None
        self._runner = open_runner(LOCAL, cache_size=100_000)

    @property
    def capacity(self) -> int | None:
        """How many jobs the machine's GPUs allow at once; None where none are asked for."""
        return self._gpus.capacity if self._gpus else None

    def check(self) -> None:
        """Raises ConfigError for ``scheduler_args`` that TorchX would ignore or refuse."""
        with own_signal_handlers():
            check_arguments(LOCAL, self._settings.scheduler_args, self._runner.scheduler_run_opts(LOCAL))

    def submit(self, spec: JobSpec) -> str:
        env = {**self._settings.env, **spec.env}
        if self._gpus is not None:
            env["CUDA_VISIBLE_DEVICES"] = self._gpus.take(str(spec.directory))
            write_atomically(spec.directory / _GPUS, env["CUDA_VISIBLE_DEVICES"])
        for known in (self._processes, self._enders):  # of an earlier attempt
            known.pop(spec.directory, None)
        logs = _logs(spec.directory)
        shutil.rmtree(logs, ignore_errors=True)
        app = app_of(spec, recorded(spec.argv, spec.directory, this_process()), self._settings, env)
        cfg = {"log_dir": str(logs), **self._settings.scheduler_args}
        with own_signal_handlers():
            request = self._runner.dryrun(app, LOCAL, cfg)
            _adapt(request, spec.cwd)
            handle = str(self._runner.schedule(request))
        self._started.add(handle)
        return handle

    @property
    def has_room(self) -> bool:
        return self._gpus is None or self._gpus.has_room

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        return [self._state(job) for job in jobs]

    def cancel(self, jobs: Sequence[Job], wait: bool = True) -> None:
        processes = [process for job in jobs if (process := self._process(job)) is not None]
        if not wait:
            ender = Thread(target=end, args=(processes, self.grace_seconds), name="ax_mo-end", daemon=True)
            self._enders.update(dict.fromkeys((job.directory for job in jobs), ender))
            ender.start()
            return
        end(processes, self.grace_seconds)
        for job in jobs:
            if job.handle in self._started:
                self._runner.cancel(job.handle)
            self._forget(job)

    def close(self) -> None:
        for ender in self._enders.values():  # a job's children may outlive it, until they are killed
            ender.join()
        with own_signal_handlers():
            self._runner.close()

    def _process(self, job: Job) -> Identity | None:
        """The job's process, as it was known before if the job has removed what says so."""
        found = identity(job.directory)
        if found is not None:
            self._processes[job.directory] = found
        return self._processes.get(job.directory)

    def _state(self, job: Job) -> JobState:
        if (ender := self._enders.get(job.directory)) is not None and ender.is_alive():
            return JobState(Phase.RUNNING)  # its children may still hold what the next job needs
        if job.handle in self._started and job.directory not in self._processes:
            self._process(job)
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
        process = self._process(job)
        if process is not None and alive(process):
            if self._gpus is not None and (devices := _devices(job.directory)):
                self._gpus.hold(str(job.directory), devices)
            self._watched.add(job.directory)
            return JobState(Phase.RUNNING)
        if process is not None and out_of_reach(job.directory, process):
            return self._elsewhere.state(job.directory, process)
        if self._gpus is not None:
            self._gpus.give_back(str(job.directory))
        _remove_logs(job.directory)
        who = "this sweeper watched it" if job.directory in self._watched else "no sweeper was watching"
        return JobState(Phase.ENDED, None, f"ended without a result while {who}")

    def _forget(self, job: Job) -> None:
        self._started.discard(job.handle)
        if self._gpus is not None:
            self._gpus.give_back(str(job.directory))
        _remove_logs(job.directory)


def _logs(directory: Path) -> Path:
    """Where TorchX keeps files of a job: not in the job's own directory, which that may remove, and TorchX then fails.

    The job writes its own logs next to it; TorchX's are empty.
    """
    return directory.parent / _LOGS / directory.name


def _remove_logs(directory: Path) -> None:
    shutil.rmtree(_logs(directory), ignore_errors=True)
    try:
        _logs(directory).parent.rmdir()
    except OSError:  # of other jobs
        pass


def _devices(directory: Path) -> str:
    """The GPUs that the job in ``directory`` was given; nothing where it does not say so any more."""
    try:
        return read_text(directory / _GPUS)
    except (OSError, Unusable):
        return ""


def _adapt(dryrun: Any, cwd: Path) -> None:
    """TorchX runs jobs where the sweeper is now, which may not be where its program was started.

    TorchX 0.7.0 joins a thread that sleeps 0.1 s when an app ends, to merge two logs that are empty here.
    """
    for replicas in dryrun.request.role_params.values():
        for replica in replicas:
            replica.cwd = str(cwd)
            replica.combined = None


def _exit_code(ui_url: str | None) -> int | None:
    """The exit code of an ended local app, which TorchX tells only in a file it calls SUCCESS."""
    if not ui_url:
        return None
    try:
        info = parse_json(read_text(Path(urlparse(ui_url).path) / "SUCCESS"))
        return int(info["roles"][ROLE][0]["exitcode"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
