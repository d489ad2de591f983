"""The process that speaks with Ray for the sweep, whose own process Ray would end where a cluster goes away.

It answers one call after the other, of a method of ``Bridge`` by name. ``RayClient`` is the sweep's side of it.
"""

import hashlib
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from ax_mo.errors import ConfigError
from ax_mo.runner.job import JobState, NoAnswer, Phase

NAMESPACE = "ax_mo"
_HEAD = "node:__internal_head__"
"""A resource of the node that ends with the cluster alone."""
_TIMEOUT = 20.0
"""Seconds that Ray may take to answer."""
_LISTENING_TIMEOUT = 5.0
_START_TIMEOUT = 180.0
"""Seconds for connecting, which sends the project to the cluster."""

_FORGOTTEN = JobState(Phase.ENDED, None, "ended without a result while no sweeper was watching")
"""Of a job that was submitted, and that its supervisor does not know: a sweeper had all that it has left."""


@dataclass(frozen=True)
class Address:
    """The cluster, and the directory that it is sent, without what matches ``excludes``, as ``.gitignore`` has them."""

    address: str
    project: str
    excludes: tuple[str, ...]


class Bridge:
    """Ray, connected. Raises whatever Ray raises."""

    def __init__(self, at: Address) -> None:
        import ray

        _check_that_somebody_listens(at.address)
        sent = {"working_dir": at.project, "excludes": list(at.excludes)}
        ray.init(
            address=at.address, namespace=NAMESPACE, runtime_env=sent, log_to_driver=False, logging_level="error",
            configure_logging=False,
        )  # fmt: skip
        uri = str(ray.get_runtime_context().runtime_env.get("working_dir", ""))
        self._version = hashlib.sha256(uri.encode()).hexdigest()[:8]
        self._supervisors: dict[str, Any] = {}
        self._received: Counter[str] = Counter()  # by job: changes of its files

    def nodes(self) -> list[dict[str, float]]:
        """What each node of the cluster has in all."""
        import ray

        return [node["Resources"] for node in ray.nodes() if node["Alive"]]

    def submit(self, study: str, job: Any) -> str:
        """Returns the name of the supervisor that has the job now."""
        import ray

        from ax_mo.runner.remote.ray_job import Supervisor

        name = f"{study}{self._version}"
        if name not in self._supervisors:
            at_head = {"resources": {_HEAD: 0.001}} if any(_HEAD in node for node in self.nodes()) else {}
            options = {"name": name, "lifetime": "detached", "get_if_exists": True, "num_cpus": 0, **at_head}
            self._supervisors[name] = ray.remote(Supervisor).options(max_concurrency=1000, **options).remote()
        ray.get(self._supervisors[name].submit.remote(job), timeout=_TIMEOUT)
        return name

    def find(self, study: str, job: str) -> str | None:
        """The supervisor that has, or has had, a job of this name."""
        import ray
        from ray.util import list_named_actors

        names: list[str] = list_named_actors()
        for name in names:
            if name.startswith(study):
                known = ray.get(self._supervisor(name).known.remote(), timeout=_TIMEOUT)
                if job in known:
                    return name
        return None

    def exchange(
        self, supervisor: str, directories: Mapping[str, str], asked: Mapping[str, Any]
    ) -> dict[str, tuple[JobState, Mapping[str, int]]] | None:
        """The states of these jobs, whose files are brought to their directories; None where all are lost.

        ``asked`` is an ``Asked`` of each. With each state come the files that the job has left on its node.
        """
        import ray

        asks = {name: replace(asks, received=self._received[name]) for name, asks in asked.items()}
        try:
            actor = self._supervisor(supervisor)
        except ValueError:
            return None
        try:
            news = ray.get(actor.exchange.remote(asks), timeout=_TIMEOUT)
        except ray.exceptions.RayActorError as error:
            if isinstance(error, getattr(ray.exceptions, "ActorUnavailableError", ())):
                raise  # for a moment
            self._supervisors.pop(supervisor, None)
            return None
        for name, new in news.items():
            for change in new.changes:
                change.write(Path(directories[name]))
            self._received[name] = new.last
        return {name: (news[name].state, news[name].left) if name in news else (_FORGOTTEN, {}) for name in directories}

    def read(self, supervisor: str, job: str, file: str, offset: int) -> bytes:
        """Some bytes of a file that the job has left; none where it ends there."""
        import ray

        content: bytes = ray.get(self._supervisor(supervisor).read.remote(job, file, offset), timeout=_TIMEOUT * 3)
        return content

    def forget(self, supervisor: str, names: Sequence[str]) -> None:
        """All that these jobs have left is here."""
        import ray

        actor = self._supervisor(supervisor)
        ray.get(actor.forget.remote(names), timeout=_TIMEOUT)

    def end(self) -> None:
        """End the supervisors that have no jobs any more."""
        import ray

        for name in list(self._supervisors):
            actor = self._supervisors.pop(name)
            if not ray.get(actor.known.remote(), timeout=_TIMEOUT):
                ray.kill(actor)

    def _supervisor(self, name: str) -> Any:
        """Raises ValueError where there is none."""
        import ray

        if name not in self._supervisors:
            self._supervisors[name] = ray.get_actor(name)
        return self._supervisors[name]


class RayClient:
    """The sweep's side. Calls are made on any thread, one after the other; they raise NoAnswer when Ray does not."""

    def __init__(self, at: Address) -> None:
        self._at = at
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Any = None
        self._errors: Any = None

    @property
    def is_busy(self) -> bool:
        """Whether a call would have to wait for another one."""
        return self._lock.locked()

    def call(self, method: str, *arguments: Any, timeout: float = _TIMEOUT * 2) -> Any:
        """What the Bridge's method returns. Raises ConfigError where Ray is not installed, or of another version."""
        if not self._lock.acquire(timeout=timeout):
            raise NoAnswer(f"no answer in {timeout:g} s")
        try:
            self._connect()
            return self._ask((method, arguments), timeout)
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the process. What it was asked may not have been done."""
        process = self._process
        if process is not None:
            process.kill()

    def _connect(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._end()
        self._connection, theirs = Pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  as long as the process
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()], start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=self._errors, stderr=self._errors,
            )  # fmt: skip
        self._ask(self._at, _START_TIMEOUT)

    def _ask(self, message: Any, timeout: float) -> Any:
        try:
            self._connection.send(message)
            if not self._connection.poll(timeout):
                raise EOFError
            kind, value = self._connection.recv()
        except (OSError, EOFError):
            words = self._last_words()
            self._end()
            raise NoAnswer(words or f"no answer in {timeout:g} s") from None
        if kind == "refused":
            raise ConfigError(value)
        if kind == "failed":
            self._end()  # what it had of the cluster may be of one that is gone
            raise NoAnswer(value)
        return value

    def _end(self) -> None:
        if self._process is not None:
            self._connection.close()
            self._process.kill()
            self._process.wait()
            self._errors.close()
            self._process = None

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def _check_that_somebody_listens(address: str) -> None:
    """Raises OSError where nobody does: Ray 2.60 tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _LISTENING_TIMEOUT).close()


def main() -> None:
    """Serve calls until the sweep has gone."""
    connection = Connection(int(sys.argv[1]))
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, messages), daemon=True).start()
    bridge: Any = None
    while True:
        message = messages.get()
        try:
            if bridge is None:
                bridge, answer = Bridge(message), None
            else:
                method, arguments = message
                answer = getattr(bridge, method)(*arguments)
        except ImportError as error:
            connection.send(("refused", f"hydra.launcher.scheduler=ray: {error}. pip install 'hydra-ax-mo[ray]'."))
        except Exception as error:
            connection.send(_failure(error))
        else:
            connection.send(("answered", answer))


def _listen(connection: Any, messages: "queue.SimpleQueue[Any]") -> None:
    """End this process with the sweep, whatever Ray is waiting for."""
    while True:
        try:
            messages.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)


def _failure(error: Exception) -> tuple[str, str]:
    lines = str(error).strip().splitlines()
    words = f"{type(error).__name__}: {lines[0] if lines else ''}"
    if isinstance(error, RuntimeError) and "ersion mismatch" in str(error):
        return "refused", f"hydra.launcher.scheduler=ray: {' '.join(lines)}"
    return "failed", words


if __name__ == "__main__":
    main()
