"""A process that has imported everything and forks a sweeper for whoever asks: 0.3 s instead of 7 s for each.

``Zygote`` is its client; the file itself is the program that it starts.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    code: int
    """As subprocess gives it: negative for a signal."""
    output: str


class Forked:
    """One program that was asked for."""

    def __init__(self, connection: socket.socket, output: Path) -> None:
        self._connection = connection
        self._lines = connection.makefile()
        self._output = output
        self.pid = int(self._lines.readline())

    def wait(self, timeout: float = 120) -> Ended:
        """Raises TimeoutError."""
        self._connection.settimeout(timeout)
        try:
            code = int(self._lines.readline())
        except TimeoutError:
            raise TimeoutError(f"still running after {timeout} s:\n{self.output}") from None
        self._lines.close()
        self._connection.close()
        return Ended(code, self.output)

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")


class Zygote:
    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ax_mo-zygote-")
        self._count = 0
        address = self._address
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        complaints = Path(self._folder.name) / "stderr"
        with complaints.open("w") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, __file__, address],
                env={**os.environ, **threads},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", complaints.read_text()

    @property
    def _address(self) -> str:
        return str(Path(self._folder.name) / "socket")

    def start(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        fault: Mapping[str, Any] | None = None,
        descriptors: int | None = None,
    ) -> Forked:
        """Run a script or ``-m module``, as ``python *argv`` would, with so many file descriptors at most."""
        self._count += 1
        output = Path(self._folder.name) / f"output-{self._count}"
        output.touch()
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        request = {
            "argv": list(argv), "cwd": str(cwd), "env": dict(env), "fault": fault, "descriptors": descriptors,
            "output": str(output),
        }  # fmt: skip
        connection.sendall(json.dumps(request).encode() + b"\n")
        return Forked(connection, output)

    def close(self) -> None:
        self._process.communicate()
        self._folder.cleanup()


def main(address: str) -> None:
    _preload()
    # A signal that is ignored needs no waiting for: the ones who wait for programs end by themselves.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(16)
    print("ready", flush=True)
    gc.freeze()
    # Its stdin ends with the one that started it, however that does.
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            request = json.loads(connection.makefile().readline())
            pid = os.fork()
            if pid == 0:
                connection.close()
                _become(request)
                return
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(f"{pid}\n".encode())
                _, status = os.waitpid(pid, 0)
                connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
            os._exit(0)
        connection.close()


def _become(request: dict[str, Any]) -> None:
    os.setsid()
    output = os.open(request["output"], os.O_WRONLY | os.O_APPEND)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(output)
    os.close(null)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    argv = request["argv"]
    is_module = argv[0] == "-m"
    script = Path(request["cwd"], argv[0])
    sys.argv = argv[is_module:]
    sys.orig_argv = [sys.executable, *argv]
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:1] = [str(Path.cwd() if is_module else script.parent.resolve()), *given]
    if request["fault"] is not None:
        sys.path.append(str(Path(__file__).parent / "inject"))
        import faults

        faults.install(request["fault"])
    if request["descriptors"] is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (request["descriptors"],) * 2)
    if is_module:
        runpy._run_module_as_main(argv[1])  # type: ignore[attr-defined]
        return
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    main.__file__ = os.path.join(request["cwd"], argv[0])  # noqa: PTH118  as Python has it, dots and all
    exec(compile(script.read_bytes(), main.__file__, "exec"), vars(main))


def _preload() -> None:
    for name in (
        "ax.api.client", "hydra._internal.hydra", "sqlalchemy.dialects.sqlite", "torchx.runner.api",
        "torchx.schedulers.local_scheduler", "ax_mo.html_report", "ax_mo.sweep.run",
        "ax_mo.terminal.live", "ax_mo.terminal.plain",
    ):  # fmt: skip
        importlib.import_module(name)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(sys.argv[1])
