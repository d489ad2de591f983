"""Jobs on this machine through TorchX's local scheduler."""

import os
import signal
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from ax_mo.core.process import Identity, alive, end, identity, recorded, this_process
from ax_mo.runner.job import Job, JobSpec, JobState, Phase, Resources
from ax_mo.runner.local.elsewhere import Elsewhere, out_of_reach
from ax_mo.runner.local.end_watch import EndWatch
from ax_mo.runner.local.gpus import GpuPool, visible_gpus
from ax_mo.runner.scheduler import Scheduler
from ax_mo.runner.settings import LOCAL, LauncherSettings
from ax_mo.runner.torchx_app import SESSION, app_of, check_arguments, load_component
from ax_mo.trial.files import write_atomically
from ax_mo.trial.untrusted import Unusable, read_text

_GPUS = ".gpus"

_POLL_SECONDS = 0.05
"""Where the system does not tell of the end of a process."""


class Child(Protocol):
    """A job's process of which this one learns how it has ended."""

    pid: int

    def poll(self) -> int | None:
        """Its exit code (negative: the signal that has ended it); None while it runs."""

    def kill(self) -> None: ...


class LocalScheduler(Scheduler):
    """Processes of this machine. They outlive a sweeper that is killed, and the next one adopts them."""

    has_queue = False
    answers_at_once = True
    poll_seconds = 0.2

    def __init__(self, settings: LauncherSettings) -> None:
        from torchx.runner.api import Runner

        super().__init__(settings)
        self._children: dict[str, Child] = {}  # by handle
        self._processes: dict[Path, Identity] = {}
        self._elsewhere = Elsewhere(settings.unknown_timeout)
        self._watched: set[Path] = set()  # directories of adopted jobs that were seen alive
        self._gpus = GpuPool(settings.gpu, visible_gpus() if settings.gpu else ())
        self._knows_gpus = False
        self._ends = EndWatch(lambda: self.on_change()) if EndWatch.is_possible() else None
        if self._ends is None:
            self.poll_seconds = settings.poll_seconds or _POLL_SECONDS
        self._outlived = _outlived_scheduler()
        self._torchx = Runner(SESSION, {LOCAL: lambda *_, **__: self._outlived})

    @property
    def capacity(self) -> int | None:
        """How many jobs the machine's GPUs allow at once; None where none are asked for."""
        return self._gpus.capacity

    @property
    def auto_n_jobs(self) -> int:
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        by_cpu = max(1, count // self.settings.cpu)
        return by_cpu if self.capacity is None else min(by_cpu, self.capacity)

    @property
    def has_room(self) -> bool:
        return self._gpus.has_room

    def _know_gpus(self) -> None:
        """The sweep's own configuration may name none, and a trial's some."""
        if not (self.settings.gpu or self._knows_gpus):
            self._knows_gpus = True
            self._gpus.know(visible_gpus())

    def has_room_for(self, spec: JobSpec) -> bool:
        if spec.resources is None:
            return True
        if spec.resources.gpu:
            self._know_gpus()
        return self._gpus.has_room_for(spec.resources.gpu)

    def check(self) -> None:
        """Raises ConfigError for ``scheduler_args`` that TorchX would ignore or refuse."""
        check_arguments(self.settings.scheduler, self.settings.scheduler_args, self._torchx)
        if self.settings.component:
            load_component(self.settings.component)

    def submit(self, spec: JobSpec) -> str:
        env = {**self.settings.env, **spec.env}
        if devices := self._gpus.take(spec.directory, None if spec.resources is None else spec.resources.gpu):
            env["CUDA_VISIBLE_DEVICES"] = devices
            needed = self.settings.gpu if spec.resources is None else spec.resources.gpu
            write_atomically(spec.directory / _GPUS, f"{devices}\n{needed}" if needed < 1 else devices)
        self._processes.pop(spec.directory, None)  # of an earlier attempt
        argv = recorded(spec.argv, spec.directory, this_process())
        # TorchX would warn at length that it sets no devices.
        app = app_of(replace(spec, resources=Resources()), argv, self.settings, env)
        with tempfile.TemporaryDirectory() as logs:  # which the job leaves at once for its own
            request = self._torchx.dryrun(app, LOCAL, {"log_dir": logs, **self.settings.scheduler_args})
            app_id, child = self._start(request, spec)
        handle = f"{LOCAL}://{SESSION}/{app_id}"
        self._children[handle] = child
        self._watch(child)
        return handle

    def _watch(self, child: Child) -> None:
        if self._ends is not None:
            with suppress(OSError):  # it has ended, or there are too many descriptors: it is asked for its state, too
                self._ends.add(self._end_descriptor(child))

    def _end_descriptor(self, child: Child) -> int:
        """A new descriptor that becomes readable when the process has ended."""
        return os.pidfd_open(child.pid)

    def _start(self, dryrun: Any, spec: JobSpec) -> tuple[str, Child]:
        """The app's id and process: TorchX 0.7.0 has no exit codes, and sleeps 0.1 s when it sees that an app ended."""
        ((role, (replica,)),) = dryrun.request.role_params.items()
        replica.cwd = str(spec.cwd)  # not where the sweeper is now
        replica.combined = None
        for name in ("TORCHELASTIC_ERROR_FILE", "PET_LOG_DIR"):  # in TorchX's own log directory, which goes at once
            replica.env.pop(name, None)
        forked = self._fork(spec, self._outlived._get_replica_env(replica))
        if forked is not None:
            return str(dryrun.request.app_id), forked
        app_id = str(self._outlived.schedule(dryrun))
        return app_id, self._outlived._apps.pop(app_id).role_replicas[role][0].proc

    def _fork(self, spec: JobSpec, env: Mapping[str, str]) -> Child | None:
        """The job's process where there is another way to make it than starting it; ``env`` is all of its variables."""
        return None

    def find(self, name: str, directory: Path) -> str | None:
        return None if identity(directory) is None else f"{LOCAL}://{SESSION}/{name}"

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        return [self._state(job) for job in jobs]

    def cancel(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if self._process(job) is None and (child := self._children.get(job.handle)) is not None:
                child.kill()  # it has not come to its command
        end([process for job in jobs if (process := self._process(job)) is not None], self.settings.grace_seconds)

    def _process(self, job: Job) -> Identity | None:
        """The job's process, as it was known before if the job has removed what says so."""
        found = identity(job.directory)
        if found is not None:
            self._processes[job.directory] = found
        return self._processes.get(job.directory)

    def _state(self, job: Job) -> JobState:
        child = self._children.get(job.handle)
        if child is None:
            return self._adopted(job)
        if job.directory not in self._processes:
            self._process(job)
        code = child.poll()
        if code is None:
            return JobState(Phase.RUNNING)
        del self._children[job.handle]
        self._gpus.give_back(job.directory)
        return JobState(Phase.ENDED, code)

    def _adopted(self, job: Job) -> JobState:
        """A job of an earlier sweeper, whose exit code nobody saw."""
        process = self._process(job)
        if process is not None and alive(process):
            devices, _, share = _devices(job.directory).partition("\n")
            if devices:
                self._know_gpus()
            self._gpus.hold(job.directory, devices, _number(share))
            self._watched.add(job.directory)
            return JobState(Phase.RUNNING)
        if process is not None and out_of_reach(job.directory, process):
            return self._elsewhere.state(job.directory, process)
        self._gpus.give_back(job.directory)
        who = "this sweeper watched it" if job.directory in self._watched else "no sweeper was watching"
        return JobState(Phase.ENDED, None, f"ended without a result while {who}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def _devices(directory: Path) -> str:
    """The GPUs that the job in ``directory`` was given, and below them its share of one; nothing where nobody knows."""
    try:
        return read_text(directory / _GPUS)
    except (OSError, Unusable):
        return ""


def _outlived_scheduler() -> Any:
    """TorchX's own ends all jobs with itself, and puts signal handlers that raise an Exception in the place of ours."""
    from torchx.schedulers.local_scheduler import CWDImageProvider
    from torchx.schedulers.local_scheduler import LocalScheduler as OfTorchX

    began = dict(os.environ)

    class OutlivedScheduler(OfTorchX):  # type: ignore[misc]
        def close(self) -> None:
            pass

        def _get_replica_env(self, replica_params: Any) -> dict[str, str]:
            """What the libraries of the model have set in this process since it began is not the jobs'."""
            env: dict[str, str] = super()._get_replica_env(replica_params)
            own = {name: value for name, value in env.items() if name in replica_params.env or name not in os.environ}
            return {**began, **own}

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    scheduler = OutlivedScheduler(SESSION, CWDImageProvider)
    for number, handler in handlers.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)
    return scheduler
