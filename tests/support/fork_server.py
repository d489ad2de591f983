"""A process that has imported what sweeps need, and forks a program for whoever asks: seconds less for each.

``fork`` is for tests, and gives what ``subprocess.Popen`` would; the file itself is the program that runs beside them.
It is also the ``python`` of pytest-xdist, whose workers it forks (see ``tests/conftest.py``). A forked program has a
session, a command line, an environment and signals of its own, and ``__main__`` is its script: what differs from one
that was started is that the libraries are in memory.
"""

import contextlib
import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import resource
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import types
import uuid
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

FAULTS = Path(__file__).resolve().parents[1] / "chaos" / "inject"
LARGEST_REQUEST = 2**20
NAME = "AX_MO_TEST_FORK_SERVER"
"""An environment variable: the name of the server's socket, which is no file."""


LEARNT_FROM = [
    "hydra/sweeper=ax_mo", "+hydra.a.b='/c d/e-f'", "g={h: minimize, i: {j: 2.5, k: [-1e-3, 'l']}}", "m=null,true,no",
    "n=interval(0,1)", "o=tag(log,int(interval(0.1,2)))", "p=choice(a,'b')", "q=range(0,3)", "~r",
]  # fmt: skip
"""Parsers learn their grammar from the first words that they read."""


class Forked:
    """A forked program: ``subprocess.Popen`` as far as tests use it. ``stdout`` has its stderr, too."""

    def __init__(self, argv: Sequence[str], connection: socket.socket, stdout: TextIO | None) -> None:
        self.argv = argv
        self.stdout = stdout
        self.returncode: int | None = None
        self._connection = connection
        self._lines = connection.makefile()
        self.pid = int(self._lines.readline())

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self.returncode = int(self._lines.readline())
            self._lines.close()
            self._connection.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None and not select.select([self._connection], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(self.argv, timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        assert self.stdout is not None
        texts: list[str] = []
        reader = threading.Thread(target=lambda: texts.append(self.stdout.read()), daemon=True)
        reader.start()
        reader.join(timeout)
        if reader.is_alive():
            raise subprocess.TimeoutExpired(self.argv, timeout or 0)
        self.wait(timeout)
        self.stdout.close()
        return texts[0], None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start() -> None:
    """Start the server of this process and of those that it starts, as pytest's workers are; it ends with the last."""
    name = f"ax_mo-tests-{uuid.uuid4().hex}"
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(f"\0{name}")
    listening.listen()
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    quiet = {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore:The version_base parameter is deprecated"}
    subprocess.Popen(
        [sys.executable, __file__, str(listening.fileno())],
        env={**os.environ, **threads, **quiet},
        pass_fds=[listening.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    listening.close()
    os.environ[NAME] = name
    _server()


class _ForkServer:
    """A connection to the server."""

    def __init__(self) -> None:
        self._requests = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests.connect(f"\0{os.environ[NAME]}")
        self._one_at_a_time = threading.Lock()

    def fork(self, request: Mapping[str, Any], *streams: int) -> socket.socket:
        """``streams`` are the standard three, or one for all that is printed."""
        ours, theirs = socket.socketpair()
        with theirs, self._one_at_a_time:
            socket.send_fds(self._requests, [json.dumps(request).encode()], [theirs.fileno(), *streams])
        return ours


_server = functools.cache(_ForkServer)


def fork(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    output: Path | None = None,
    fault: Mapping[str, Any] | None = None,
    descriptors: int | None = None,
) -> Forked:
    """Run a script or ``-m module``, as ``python *argv`` would, with so many file descriptors at most.

    What it prints goes to a pipe, or to the file ``output``. ``fault`` is one of ``chaos/inject/faults.py``.
    """
    if NAME not in os.environ:
        start()
    request = _request(argv, cwd, env, fault=fault, descriptors=descriptors)
    if output is not None:
        with output.open("ab") as file:
            return Forked(argv, _server().fork(request, file.fileno()), None)
    reader, writer = os.pipe()
    connection = _server().fork(request, writer)
    os.close(writer)
    return Forked(argv, connection, os.fdopen(reader, errors="replace"))


def _request(argv: Sequence[str], cwd: Path, env: Mapping[str, str], **more: Any) -> dict[str, Any]:
    return {"argv": list(argv), "cwd": str(cwd), "env": dict(env), "fault": None, "descriptors": None, **more}


def _fork_in_place_of_this(argv: Sequence[str]) -> int:
    """Run it with the standard streams of this process, and return its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which ends its workers
    connection = _server().fork(_request(argv, Path.cwd(), os.environ), 0, 1, 2)
    return Forked(argv, connection, None).wait()


def _serve(listening: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork a process for each request; returns in each of them, with the request and its standard streams."""
    clients = [listening.accept()[0]]
    woken, waker = socket.socketpair()
    for end in (woken, waker):
        end.setblocking(False)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, socket.socket] = {}
    while clients:
        ready, _, _ = select.select([listening, woken, *clients], [], [])
        if woken in ready:
            woken.recv(4096)
            _tell_of_ended(running)
        if listening in ready:
            clients.append(listening.accept()[0])
        for client in [client for client in clients if client in ready]:
            data, descriptors, _, _ = socket.recv_fds(client, LARGEST_REQUEST, 4)
            if not data:
                clients.remove(client)
                client.close()
                continue
            connection = socket.socket(fileno=descriptors[0])
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for left in (listening, woken, waker, connection, *clients, *running.values()):
                    left.close()
                return json.loads(data), descriptors[1:]
            for stream in descriptors[1:]:
                os.close(stream)
            running[pid] = connection
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(f"{pid}\n".encode())
    os._exit(0)


def _tell_of_ended(running: dict[int, socket.socket]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with running.pop(ended[0]) as connection, contextlib.suppress(BrokenPipeError):
                connection.sendall(f"{os.waitstatus_to_exitcode(ended[1])}\n".encode())


def _become(request: dict[str, Any], streams: list[int]) -> None:
    os.setsid()
    # Also where the tests were started under nohup, or in the background of a shell.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if len(streams) == 1:
        streams = [os.open(os.devnull, os.O_RDONLY), *streams * 2]
    for target, source in enumerate(streams):
        os.dup2(source, target)
    for source in set(streams):
        os.close(source)
    for name, descriptor, errors in (("stdout", 1, "strict"), ("stderr", 2, "backslashreplace")):
        stream = io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), errors=errors, write_through=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.modules["numpy"].random.seed()  # as every process has its own
    warnings._processoptions(filter(None, os.environ.get("PYTHONWARNINGS", "").split(",")))  # as Python does at start
    argv = request["argv"]
    is_module, is_code = argv[0] == "-m", argv[0] == "-c"
    script = Path(request["cwd"], argv[0])
    sys.argv = ["-c", *argv[2:]] if is_code else argv[is_module:]
    sys.orig_argv = [sys.executable, *argv]
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:1] = ["" if is_code else str(Path.cwd() if is_module else script.parent.resolve()), *given]
    if request["fault"] is not None:
        sys.path.append(str(FAULTS))
        import faults

        faults.install(request["fault"])
    if request["descriptors"] is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (request["descriptors"],) * 2)
    if is_module:
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        return
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    if is_code:
        exec(argv[1], vars(main))
        return
    main.__file__ = os.path.join(request["cwd"], argv[0])  # noqa: PTH118  as Python has it, dots and all
    exec(compile(script.read_bytes(), main.__file__, "exec"), vars(main))


def _preload() -> None:
    import ax_mo

    ours = [module.name for module in pkgutil.walk_packages(ax_mo.__path__, "ax_mo.", onerror=lambda _: None)]
    lazily = ("ax_mo.trackers.", "ax_mo.cli.", "ax_mo.trial.")  # what trackers and Lightning need, few sweeps do
    foreign = (
        "ax.api.client", "hydra._internal.hydra", "hydra.test_utils.launcher_common_tests",
        "hydra_plugins.ax_mo_sweeper.sweeper", "hydra_plugins.torchx_launcher.launcher",
        "hydra_plugins.hydra_joblib_launcher._core", "rich.live", "rich.table", "sqlalchemy.dialects.sqlite",
        "torchx.runner.api", "torchx.schedulers.local_scheduler", "docker", "s3fs",
    )  # fmt: skip
    for name in (*foreign, *ours):
        if not name.endswith("__main__") and not name.startswith(lazily):
            importlib.import_module(name)
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf.grammar_parser import parse

    OverridesParser.create().parse_overrides(LEARNT_FROM)
    parse("a-${oc.env:B,${hydra:c.d}}/${e.f}")


if __name__ == "__main__":
    if not sys.argv[1].isdigit():
        sys.exit(_fork_in_place_of_this([word for word in sys.argv[1:] if word != "-u"]))
    _preload()
    assert threading.active_count() == 1, threading.enumerate()  # a fork has none of the other threads
    gc.freeze()
    _become(*_serve(socket.socket(fileno=int(sys.argv[1]))))
