"""``hydra.launcher.scheduler=ray``: trials as tasks of a Ray cluster, which shares no disk with this machine."""

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.settings import to_python
from ax_mo.runner.job import CancelFailed, Cause, Job, JobSpec, JobState, NoAnswer, Phase, SubmitLater, study_of
from ax_mo.runner.project_files import not_sent
from ax_mo.runner.remote.changed_files import Change
from ax_mo.runner.remote.ray_bridge import NAMESPACE, Address, RayClient
from ax_mo.runner.remote.ray_job import Asked, RayJob
from ax_mo.runner.remote.remote_trial import RemoteJob
from ax_mo.runner.scheduler import Scheduler, jobs_on_nodes
from ax_mo.runner.settings import LauncherSettings
from ax_mo.trial.files import STOP

log = logging.getLogger(__name__)

_KEY = "hydra.launcher.scheduler_args"
_ARGUMENTS: Mapping[str, tuple[type, str]] = {
    "address": (str, "the cluster's address, auto by default"),
    "resources": (dict, "custom resources of a trial, {tpu: 1}"),
    "excludes": (list, "what of the project is not sent to the cluster, as .gitignore has it"),
}
_BY_NAME = {"CPU", "GPU", "memory", "object_store_memory"}
_FETCHES = 3
"""How often it is tried to fetch a file."""
_FETCH_SECONDS = 120.0
_PATIENCE = 5.0
"""Seconds for letting go of what has ended."""
_LOST = JobState(Phase.ENDED, None, "the Ray cluster has lost what looked after it", Cause.NODE_FAILURE)


class RayScheduler(Scheduler):
    """Jobs are tasks of an actor that outlives the sweeper; their files come back through Ray."""

    poll_seconds = 0.5

    def __init__(self, settings: LauncherSettings) -> None:
        super().__init__(settings)
        self._arguments = to_python(settings.scheduler_args)
        self._project = self._sweep_dir = Path.cwd()
        self._opened: RayClient | None = None
        self._asked_to_stop: set[Path] = set()
        self._uncertain: set[str] = set()  # names whose submission failed, which does not mean that it did not happen
        self._unfetched: Counter[Path] = Counter()  # how often a file could not be
        self._over: dict[str, JobState] = {}  # by handle, of jobs that the cluster may have forgotten

    @property
    def auto_n_jobs(self) -> int:
        return jobs_on_nodes(self._call("nodes"), self._needs())

    @property
    def has_room(self) -> bool:
        """Not while the cluster is silent, or sends large files: the sweep's own thread would have to wait."""
        return self._opened is None or not self._opened.is_busy

    def check_program(self, argv: Sequence[str], cwd: Path, sweep_dir: Path) -> None:
        self._project, self._sweep_dir = cwd, sweep_dir
        for word in argv[1:]:
            if os.path.isabs(word) and not Path(word).is_relative_to(cwd):  # noqa: PTH117
                raise ConfigError(
                    f"hydra.launcher.scheduler=ray: the cluster is sent the directory from which you start the sweep, "
                    f"{cwd}, and {word} is not in it. Start the sweep in the project's directory."
                )

    def check_arguments(self) -> None:
        for name, value in self._arguments.items():
            if name not in _ARGUMENTS:
                known = ", ".join(f"{key} ({what})" for key, (_, what) in _ARGUMENTS.items())
                raise ConfigError(
                    f"{_KEY}.{name}: ray has no such option; it has: {known}.{closest(name, list(_ARGUMENTS))}"
                )
            kind, what = _ARGUMENTS[name]
            if not isinstance(value, kind):
                raise ConfigError(f"{_KEY}.{name}={value}: it must be {what}.")
        custom = dict(self._arguments.get("resources") or {})
        if not all(isinstance(amount, int | float) for amount in custom.values()):
            raise ConfigError(f"{_KEY}.resources={custom}: it must be numbers by name, {{tpu: 1}}.")
        if {*custom} & _BY_NAME:
            raise ConfigError(f"{_KEY}.resources={custom}: cpu, gpu and memMB of hydra.launcher say that.")

    def check(self) -> None:
        """Raises ConfigError where the cluster cannot be reached, or has no node for a trial."""
        self.check_arguments()
        if self.settings.component:
            raise ConfigError("hydra.launcher.component makes apps of TorchX, and Ray's tasks are none. Leave it out.")
        try:
            nodes = self._call("nodes")
        except NoAnswer as error:
            raise ConfigError(
                f"{_KEY}.address={self._address}: there is no Ray cluster ({error}). On this machine, 'ray start "
                "--head' starts one; elsewhere, give the head's host and port."
            ) from None
        wanted = self._needs()
        if jobs_on_nodes(nodes, wanted) == 0:
            largest = {name: max((node.get(name, 0) for node in nodes), default=0) for name in wanted}
            needs, has = (", ".join(f"{value:g} {name}" for name, value in some.items()) for some in (wanted, largest))
            raise ConfigError(
                f"hydra.launcher: no node of the Ray cluster has what a trial needs: {needs}. The most of each on a "
                f"node: {has}."
            )

    def request(self, spec: JobSpec) -> str:
        return f"a task {spec.name} of namespace '{NAMESPACE}' at {self._address}, with {self._resources(spec)}"

    def submit(self, spec: JobSpec) -> str:
        job = RayJob(RemoteJob.of(spec, self.settings, self._sweep_dir), self._resources(spec))
        try:
            handle = self.find(spec.name, spec.directory) if spec.name in self._uncertain else None
            handle = handle or self._handle(self._call("submit", study_of(spec.name), job), spec.name)
        except NoAnswer as error:
            self._uncertain.add(spec.name)
            raise SubmitLater(str(error)) from None
        self._uncertain.discard(spec.name)
        return handle

    def find(self, name: str, directory: Path) -> str | None:
        supervisor = self._call("find", study_of(name), name)
        return None if supervisor is None else self._handle(supervisor, name)

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        found = {job.handle: self._over[job.handle] for job in jobs if job.handle in self._over}
        for supervisor, of_it in _by_supervisor([job for job in jobs if job.handle not in found]).items():
            found |= self._states_by(supervisor, of_it)
        self._over |= {handle: state for handle, state in found.items() if state.phase is Phase.ENDED}
        return [found[job.handle] for job in jobs]

    def _states_by(self, supervisor: str, jobs: Sequence[Job]) -> dict[str, JobState]:
        states: dict[str, JobState] = {}
        try:
            news = self._exchange(supervisor, jobs)
            if news is None:
                return {job.handle: _LOST for job in jobs}
            for job in jobs:
                state, left = news[_name_of(job)]
                is_here = all(self._fetched(supervisor, job, name, size) for name, size in left.items())
                states[job.handle] = state if is_here else JobState(Phase.RUNNING)
        except (NoAnswer, ConfigError) as error:
            silent = JobState(Phase.UNKNOWN, message=f"Ray does not answer: {error}")
            return {job.handle: silent for job in jobs} | states
        ended = [_name_of(job) for job in jobs if states[job.handle].phase is Phase.ENDED]
        with suppress(NoAnswer, ConfigError):
            if ended:
                self._call("forget", supervisor, ended)
        return states

    def _fetched(self, supervisor: str, job: Job, name: str, size: int) -> bool:
        """Whether a file that an ended job has left is here by now, or was given up."""
        path = job.directory / name
        if (path.exists() and path.stat().st_size == size) or self._unfetched[path] >= _FETCHES:
            return True
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.part")
        try:
            with unfinished.open("ab") as file:
                while file.tell() < size:
                    content = self._call("read", supervisor, _name_of(job), name, file.tell(), timeout=_FETCH_SECONDS)
                    if not content:
                        raise NoAnswer("it is shorter than it was")
                    file.write(content)
        except NoAnswer as error:
            self._unfetched[path] += 1
            if self._unfetched[path] == _FETCHES:
                log.warning("%s could not be fetched from its node, and is left out: %s", path, error)
            return self._unfetched[path] >= _FETCHES
        unfinished.replace(path)
        return True

    def _exchange(
        self, supervisor: str, jobs: Sequence[Job], cancel: bool = False
    ) -> dict[str, tuple[JobState, Mapping[str, int]]] | None:
        """What the supervisor says of the jobs; None where there is none any more. Raises NoAnswer."""
        requests = {job.directory for job in jobs if (job.directory / STOP).exists()} - self._asked_to_stop
        asked = {
            _name_of(job): Asked(
                files=[Change(STOP, (job.directory / STOP).read_bytes())] if job.directory in requests else [],
                cancel=cancel,
            )
            for job in jobs
        }
        directories = {_name_of(job): str(job.directory) for job in jobs}
        found: dict[str, tuple[JobState, Mapping[str, int]]] | None
        found = self._call("exchange", supervisor, directories, asked)
        self._asked_to_stop |= requests
        return found

    def cancel(self, jobs: Sequence[Job]) -> None:
        try:
            for supervisor, of_it in _by_supervisor(jobs).items():
                self._exchange(supervisor, of_it, cancel=True)
        except NoAnswer as error:
            raise CancelFailed(jobs, f"Ray does not answer: {error}") from None

    def close(self) -> None:
        if self._opened is not None:
            with suppress(NoAnswer, ConfigError):  # what it had of ours has ended with it, or costs nothing
                self._opened.call("end", timeout=_PATIENCE)
            self._opened.close()

    @property
    def _address(self) -> str:
        return str(self._arguments.get("address", "auto"))

    def _call(self, method: str, *arguments: Any, **options: float) -> Any:
        if self._opened is None:
            excludes = (*not_sent(self._project, self._sweep_dir), *map(str, self._arguments.get("excludes", ())))
            self._opened = RayClient(Address(self._address, str(self._project), excludes))
        return self._opened.call(method, *arguments, **options)

    def _resources(self, spec: JobSpec | None = None) -> dict[str, Any]:
        """Options of Ray's task, for this job or for those that need what the settings say."""
        needs = self.settings if spec is None or spec.resources is None else spec.resources
        memory = {"memory": needs.memMB * 2**20} if needs.memMB > 0 else {}
        custom = self._arguments.get("resources")
        resources = {"resources": dict(custom)} if custom else {}
        return {"num_cpus": needs.cpu, "num_gpus": needs.gpu, **memory, **resources}

    def _needs(self) -> dict[str, float]:
        """The same by Ray's names of what a node has."""
        options = self._resources()
        named = {"CPU": options["num_cpus"], "GPU": options["num_gpus"], "memory": options.get("memory", 0)}
        return {name: value for name, value in {**named, **options.get("resources", {})}.items() if value}

    def _handle(self, supervisor: str, name: str) -> str:
        return f"ray://{supervisor}/{name}"


def _name_of(job: Job) -> str:
    return job.handle.rpartition("/")[2]


def _by_supervisor(jobs: Sequence[Job]) -> dict[str, list[Job]]:
    found: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        found[job.handle.removeprefix("ray://").partition("/")[0]].append(job)
    return found
