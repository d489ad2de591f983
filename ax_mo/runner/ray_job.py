"""What runs in a Ray cluster: the tasks in which trials run, and the supervisor that outlives the sweeper.

Ray ends a task with the process that submitted it. So the sweeper submits to an actor that lives until it is told to
end, which submits the tasks, keeps what they send until a sweeper has it, and passes on what the sweeper wants of them.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ax_mo.core.process import recorded
from ax_mo.runner.changed_files import RETURNED, Change, ChangedFiles
from ax_mo.runner.containers import Mounts, Place
from ax_mo.runner.job import Cause, JobState, Phase

_REPORT_SECONDS = 0.5
_POLL_SECONDS = 0.02
_KILLED_AFTER = 5.0
_CHUNK = 2**23

_GUARDIAN = 'read -r _; kill -TERM -- "-$1" 2>/dev/null && sleep 5 && kill -KILL -- "-$1" 2>/dev/null'
"""Ends a process group once the process that holds its standard input has ended, in whatever way."""


@dataclass(frozen=True)
class RayJob:
    """A trial as it is sent. Paths are the sweep's, and are those of the node there."""

    name: str
    argv: tuple[str, ...]
    directory: str
    sweep_dir: str
    cwd: str
    python: str
    """The interpreter; empty for the one that runs Ray's tasks."""
    env: Mapping[str, str]
    resources: Mapping[str, Any]
    """Options of Ray's task."""
    files: Sequence[Change]
    """What the trial's directory holds at first."""
    fetch: Sequence[str]
    grace_seconds: float


@dataclass(frozen=True)
class Ended:
    """How a trial has ended, and what it has left on its node: files by name with their sizes, in ``directory``."""

    exit_code: int
    node: str
    scratch: str
    directory: str
    left: Mapping[str, int]


@dataclass(frozen=True)
class Orders:
    """What the sweep wants of a trial that runs."""

    files: Sequence[Change] = ()
    cancel: bool = False


@dataclass(frozen=True)
class Asked:
    """What the sweep says of one of its jobs: how many changes of its files it has, and what it wants of it."""

    received: int = 0
    files: Sequence[Change] = ()
    cancel: bool = False


@dataclass(frozen=True)
class News:
    """What the supervisor knows of a job."""

    state: JobState
    changes: Sequence[Change]
    """Those that the sweep does not have."""
    last: int
    """How many there were in all."""
    left: Mapping[str, int]
    """Files that an ended job has left on its node, with their sizes."""


@dataclass
class _Entry:
    job: RayJob
    state: JobState = field(default_factory=lambda: JobState(Phase.PENDING))
    task: Any = None
    ended: Ended | None = None
    changes: list[Change] = field(default_factory=list)
    received: int = 0
    """How many changes came before these, which the sweep has."""
    orders: list[Change] = field(default_factory=list)
    cancel: bool = False


class Supervisor:
    """Of the trials of one study that run the same version of the project. All methods are awaited on one thread."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._watching: set[Any] = set()

    async def submit(self, job: RayJob) -> None:
        """Nothing where there is a job of this name."""
        import ray

        if job.name in self._entries:
            return
        entry = self._entries[job.name] = _Entry(job)
        task = ray.remote(run_trial).options(max_retries=0, name=job.name, **job.resources)
        entry.task = task.remote(job, ray.get_runtime_context().current_actor)
        watch = asyncio.ensure_future(self._watch(entry))
        self._watching.add(watch)
        watch.add_done_callback(self._watching.discard)

    async def _watch(self, entry: _Entry) -> None:
        try:
            entry.ended = await entry.task
            entry.state = JobState(Phase.ENDED, entry.ended.exit_code)
        except BaseException as error:
            entry.state = _lost(error, entry.cancel)

    async def known(self) -> list[str]:
        """The names of all jobs that were not forgotten."""
        return list(self._entries)

    async def exchange(self, asked: Mapping[str, Asked]) -> dict[str, News]:
        """What is new of the jobs that are asked for, as far as they are known; what the sweep has is forgotten."""
        import ray

        news = {}
        for name, entry in ((name, self._entries[name]) for name in asked if name in self._entries):
            asks = asked[name]
            if asks.received > entry.received:
                del entry.changes[: asks.received - entry.received]
                entry.received = asks.received
            entry.orders += asks.files
            if asks.cancel and not entry.cancel:
                entry.cancel = True
                if entry.state.phase is Phase.PENDING:
                    ray.cancel(entry.task)
            left = {} if entry.ended is None else entry.ended.left
            news[name] = News(entry.state, list(entry.changes), entry.received + len(entry.changes), left)
        return news

    async def report(self, name: str, changes: Sequence[Change]) -> Orders:
        """For a trial that runs."""
        entry = self._entries[name]
        if entry.state.phase is Phase.PENDING:
            entry.state = JobState(Phase.RUNNING)
        entry.changes += changes
        orders, entry.orders = entry.orders, []
        return Orders(orders, entry.cancel)

    async def read(self, name: str, file: str, offset: int) -> bytes:
        """Some bytes of a file that the trial has left, from its node."""
        ended = self._entries[name].ended
        assert ended is not None
        content: bytes = await _on(ended.node, _read, str(Path(ended.directory) / file), offset)
        return content

    async def forget(self, names: Sequence[str]) -> None:
        """The sweep has all that these trials have left."""
        for name in names:
            entry = self._entries.pop(name, None)
            if entry is not None and entry.ended is not None:
                _on(entry.ended.node, _remove, entry.ended.scratch)


def _on(node: str, function: Any, *arguments: Any) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(function).options(num_cpus=0, scheduling_strategy=there, max_retries=0).remote(*arguments)


def _read(path: str, offset: int) -> bytes:
    with Path(path).open("rb") as file:
        file.seek(offset)
        return file.read(_CHUNK)


def _remove(scratch: str) -> None:
    shutil.rmtree(scratch, ignore_errors=True)


def _lost(error: BaseException, cancelled: bool) -> JobState:
    from ray import exceptions

    words = str(error).strip().partition("\n")[0].partition(". ")[0] or type(error).__name__
    cause = None
    if isinstance(error, exceptions.TaskCancelledError):
        words, cause = "cancelled", Cause.CANCELLED
    elif isinstance(error, exceptions.OutOfMemoryError):
        cause = Cause.OUT_OF_MEMORY
    elif isinstance(error, exceptions.NodeDiedError | exceptions.WorkerCrashedError):
        cause = Cause.CANCELLED if cancelled else Cause.NODE_FAILURE
    return JobState(Phase.ENDED, None, f"Ray: {words}", cause)


# On a node


def run_trial(job: RayJob, supervisor: Any) -> Ended:
    """Run the command in a process group of its own until it ends; send the supervisor what becomes of its files."""
    import ray

    scratch = tempfile.mkdtemp(prefix=f"{job.name}-")
    there = _places(job, scratch)
    directory = Path(there.there(job.directory))
    directory.mkdir(parents=True, exist_ok=True)
    for change in job.files:
        change.write(directory)
    files = ChangedFiles(directory)

    def report() -> Orders:
        orders: Orders = ray.get(supervisor.report.remote(job.name, list(files.changes())))
        for change in orders.files:
            change.write(directory)
        return orders

    argv = [job.python or sys.executable, *map(there.there, job.argv[1:])]
    env = {name: there.there(value) for name, value in job.env.items()}
    with _Group(recorded(tuple(argv), directory), {**os.environ, **env}) as group:
        while (code := group.poll()) is None:
            if report().cancel:
                group.end(job.grace_seconds)
            group.wait(_REPORT_SECONDS)
    while changes := list(files.changes()):
        ray.get(supervisor.report.remote(job.name, changes))
    left = {name: (directory / name).stat().st_size for name in _matching(directory, job.fetch)}
    return Ended(code, ray.get_runtime_context().get_node_id(), scratch, str(directory), left)


def _places(job: RayJob, scratch: str) -> Mounts:
    places = [Place(job.sweep_dir, scratch, True), Place(job.cwd, str(Path.cwd()), False)]
    return Mounts((), tuple(sorted(places, key=lambda place: -len(place.here))))


def _matching(directory: Path, patterns: Sequence[str]) -> list[str]:
    """Files that match the patterns and are not returned anyway."""
    found = {path for pattern in patterns for path in directory.rglob(pattern) if path.is_file()}
    found -= {path for pattern in RETURNED for path in directory.glob(pattern)}
    return sorted(path.relative_to(directory).as_posix() for path in found)


class _Group:
    """A command with a process group of its own, of which nothing is left when this is."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(argv, env=dict(env), stdin=subprocess.DEVNULL, start_new_session=True)
        self._guardian = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDIAN, "ax_mo", str(self._process.pid)],
            stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> "_Group":
        return self

    def __exit__(self, *_: object) -> None:
        self._guardian.communicate()

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def end(self, grace_seconds: float) -> None:
        """SIGTERM to the group, and SIGKILL when its first process has not ended after that time."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self.wait(grace_seconds)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait(_KILLED_AFTER)
