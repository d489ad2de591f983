"""The sweep's side of the fork server: what it is asked for, and the trials that it has forked."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ax_mo.hydra_project.program import interpreter_options, split_argv
from ax_mo.trial.files import IMPORTS
from ax_mo.trial.fork_server import LARGEST_REQUEST, READ_AT_LOAD, ROOM, SERVE, ForkRequest
from ax_mo.trial.untrusted import Unusable, parse_json, read_bytes

_MOST_OF_A_REPORT = 2**24
_PATIENCE = 10.0
"""Seconds for a fork, which takes hundredths of one."""


@dataclass(frozen=True)
class PythonCommand:
    """A command that starts a program of Python's in this interpreter."""

    options: tuple[str, ...]
    """Of the interpreter."""
    argv: tuple[str, ...]
    """The script, or the module's name, and the program's arguments."""
    is_module: bool


def python_command(command: Sequence[str], cwd: Path) -> PythonCommand | str:
    """The command, to be run in ``cwd``, in its parts; where none like it can be forked, why not."""
    if command[0] != sys.executable:
        return "it runs in another interpreter than the sweep"
    prefix, arguments = split_argv(command)
    program = prefix[-1]
    options, is_module = interpreter_options(prefix)
    if is_module:
        return PythonCommand(tuple(options), (program, *arguments), True)
    if not (cwd / program).is_file() or program.endswith((".pyc", ".zip", ".pyz")):
        return "its program is neither a script nor a module"
    return PythonCommand(tuple(options), (program, *arguments), False)


class ServerState(StrEnum):
    """What the server is up to."""

    IMPORTING = "importing"
    READY = "ready"
    OVER = "over"


class ForkedProcess:
    """A trial that the server has forked: ``subprocess.Popen`` as far as a scheduler uses it."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.is_lost = False
        """Whether the server has ended, so that nobody will say how the process does."""
        self._connection = connection
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code (negative: the signal that has ended it); None while it runs, or where nobody will say."""
        if self._code is None and not self.is_lost and select.select([self._connection], [], [], 0)[0]:
            line = _received(self._connection, 32)
            self._connection.close()
            if line:
                self._code = int(line)
            else:
                self.is_lost = True
        return self._code

    def fileno(self) -> int:
        """The descriptor by which the server says that the process has ended, or that itself has."""
        return self._connection.fileno()

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.poll() is None and not self.is_lost:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class ForkServer:
    """A server for commands with these ``options``, in this directory and environment; it is importing at first."""

    def __init__(self, options: Sequence[str], cwd: Path, env: Mapping[str, str], report: Mapping[str, Any]) -> None:
        self._options, self._cwd, self._env = tuple(options), cwd, dict(env)
        self.state = ServerState.IMPORTING
        self.refusal = ""
        """Why nothing can be forked, where the server is over."""
        self._effects: dict[str, str | None] = {}
        self._reads: frozenset[str] = frozenset()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  as long as the server
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_PATIENCE)
        with theirs, tempfile.TemporaryFile() as file:
            file.write(json.dumps(report).encode())
            file.seek(0)
            descriptors = (theirs.fileno(), file.fileno())
            server = [sys.executable, *options, "-c", SERVE, *map(str, descriptors), ROOM]
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", 'exec "$@"', "ax_mo", *server],  # a job has what a shell adds to its environment
                env=self._env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._errors,
                pass_fds=descriptors, start_new_session=True,
            )  # fmt: skip

    def poll(self) -> ServerState:
        """The state as it is now."""
        if self.state is not ServerState.OVER and select.select([self._control], [], [], 0)[0]:
            message = _received(self._control, LARGEST_REQUEST * 2)
            answer: dict[str, Any] = json.loads(message) if message else {"refused": self._last_words()}
            if "refused" in answer:
                self.refusal = answer["refused"]
                self.close()
            else:
                given, now = self._env, answer["environment"]
                changed = [name for name in given.keys() | now.keys() if given.get(name) != now.get(name)]
                self._effects = {name: now.get(name) for name in changed}
                self._reads = frozenset(answer["reads"])
                self.state = ServerState.READY
        return self.state

    def why_not(self, command: PythonCommand, cwd: Path, env: Mapping[str, str]) -> str:
        """Why such a job cannot be forked, although others can; empty where it can."""
        if command.options != self._options or cwd != self._cwd or not cwd.is_dir():
            return "it has another working directory or other options of Python than the first trial"
        for name in sorted(env.keys() | self._env.keys()):
            at_load = READ_AT_LOAD.match(name) and name != "CUDA_VISIBLE_DEVICES"  # CUDA reads it when it is used
            if env.get(name) != self._env.get(name) and (at_load or name in self._reads or name.startswith("PYTHON")):
                return f"{name} differs from the first trial's, and libraries read it while they are imported"
        return ""

    def fork(self, directory: Path, argv: Sequence[str], command: PythonCommand, env: Mapping[str, str]) -> Any:
        """A ForkedProcess; None where the server has not made one, nor will."""
        changed = {**env, **self._effects}
        variables = {name: value for name, value in changed.items() if value is not None}
        request = ForkRequest(str(directory), str(self._cwd), command.argv, command.is_module, argv, variables)
        data = json.dumps(asdict(request)).encode()
        if len(data) > LARGEST_REQUEST:
            return None
        ours, theirs = socket.socketpair()
        ours.settimeout(_PATIENCE)
        try:
            with theirs:
                socket.send_fds(self._control, [data], [theirs.fileno()])
            pid = int(_line(ours))
            ours.sendall(b"\n")  # before which the process begins nothing, and ends where the sweep has gone
            return ForkedProcess(pid, ours)
        except (OSError, ValueError):
            ours.close()
            self.refusal = "the process that forks them does not answer"
            self.close()
            return None

    def close(self) -> None:
        """End the server; what it has forked goes on."""
        self.state = ServerState.OVER
        self._control.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"the process that forks them has ended{f': {lines[-1]}' if lines else ''}"


def read_report(directory: Path) -> dict[str, list[str]] | None:
    """What the trial in ``directory`` has reported to have imported; None where it has not, or nothing usable."""
    try:
        found = parse_json(read_bytes(directory / IMPORTS, _MOST_OF_A_REPORT))
        lists = {name: found[name] for name in ("modules", "own", "environment")}
    except (OSError, Unusable, LookupError, TypeError):
        return None
    texts = all(isinstance(given, list) and all(isinstance(text, str) for text in given) for given in lists.values())
    return lists if texts else None


def _received(connection: socket.socket, most: int) -> bytes:
    """Nothing where the other side has gone."""
    try:
        return connection.recv(most)
    except OSError:
        return b""


def _line(connection: socket.socket) -> bytes:
    """One short line, no byte of what comes after it."""
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            break
        line += byte
    return line
