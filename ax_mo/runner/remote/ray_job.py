"""What runs in a Ray cluster: the tasks in which trials run, and the supervisor that outlives the sweeper.

Ray ends a task with the process that submitted it. So the sweeper submits to an actor that lives until it is told to
end, which submits the tasks, keeps what they send until a sweeper has it, and passes on what the sweeper wants of them.
"""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ax_mo.runner.job import Cause, JobState, Phase
from ax_mo.runner.remote.changed_files import Change
from ax_mo.runner.remote.remote_trial import Orders, RemoteJob, left_files, run_remote

_REPORT_SECONDS = 0.5
_CHUNK = 2**23


@dataclass(frozen=True)
class RayJob:
    """A trial as it is sent, with the options of Ray's task."""

    trial: RemoteJob
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Left:
    """How a trial has ended, and what it has left on its node: files by name with their sizes, in ``directory``."""

    exit_code: int
    node: str
    scratch: str
    directory: str
    files: Mapping[str, int]


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
    task: Any
    state: JobState = field(default_factory=lambda: JobState(Phase.PENDING))
    left: Left | None = None
    changes: list[Change] = field(default_factory=list)
    received: int = 0
    """How many changes came before these, which the sweep has."""
    orders: list[Change] = field(default_factory=list)
    cancel: bool = False


class Supervisor:
    """Of the trials of one study that run the same version of the project. All methods are awaited on one thread."""

    def __init__(self) -> None:
        import ray

        self._task = ray.remote(run_trial)
        self._entries: dict[str, _Entry] = {}
        self._watching: set[Any] = set()

    async def submit(self, job: RayJob) -> None:
        """Nothing where there is a job of this name."""
        import ray

        name = job.trial.name
        if name in self._entries:
            return
        task = self._task.options(max_retries=0, name=name, **job.options)
        entry = self._entries[name] = _Entry(task.remote(job.trial, ray.get_runtime_context().current_actor))
        watch = asyncio.ensure_future(self._watch(entry))
        self._watching.add(watch)
        watch.add_done_callback(self._watching.discard)

    async def _watch(self, entry: _Entry) -> None:
        try:
            entry.left = await entry.task
            entry.state = JobState(Phase.ENDED, entry.left.exit_code)
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
            left = {} if entry.left is None else entry.left.files
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
        left = self._entries[name].left
        assert left is not None
        content: bytes = await _on(left.node, _read, str(Path(left.directory) / file), offset)
        return content

    async def forget(self, names: Sequence[str]) -> None:
        """The sweep has all that these trials have left."""
        for name in names:
            entry = self._entries.pop(name, None)
            if entry is not None and entry.left is not None:
                _on(entry.left.node, _remove, entry.left.scratch)


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

    lines = str(error).strip().splitlines() or [type(error).__name__]
    # What a task has raised comes after where it has, all else with advice behind it.
    words = lines[-1] if isinstance(error, exceptions.RayTaskError) else lines[0].partition(". ")[0]
    cause = None
    if isinstance(error, exceptions.TaskCancelledError):
        words, cause = "cancelled", Cause.CANCELLED
    elif isinstance(error, exceptions.OutOfMemoryError):
        cause = Cause.OUT_OF_MEMORY
    elif isinstance(error, exceptions.NodeDiedError | exceptions.WorkerCrashedError):
        cause = Cause.CANCELLED if cancelled else Cause.NODE_FAILURE
    return JobState(Phase.ENDED, None, f"Ray: {words}", cause)


# On a node


def run_trial(job: RemoteJob, supervisor: Any) -> Left:
    """Run the trial, and send the supervisor what becomes of its files."""
    import ray

    def report(changes: Sequence[Change]) -> Orders:
        orders: Orders = ray.get(supervisor.report.remote(job.name, changes))
        return orders

    ended = run_remote(job, report, _REPORT_SECONDS, appends=True)
    files = {name: (ended.directory / name).stat().st_size for name in left_files(ended.directory, job.fetch)}
    node = ray.get_runtime_context().get_node_id()
    return Left(ended.exit_code, node, ended.scratch, str(ended.directory), files)
