"""A process that has imported the libraries of a study's trials and forks the trials: seconds less for each of them.

A forked trial differs from one that was started in what it need not import: it has a session, a command line, an
environment, logs, signals and random seeds of its own, and runs the user's script as ``__main__`` from its start.
``SERVE`` is the code of the server; ``ax_mo.runner.local.fork_client`` starts it and asks it.
"""

import gc
import json
import os
import random
import re
import runpy
import select
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module, invalidate_caches
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from ax_mo.trial.current import JOB_PID
from ax_mo.trial.files import PID, STDERR, STDOUT

# Python's own entry for a program of this form is the directory that it was started in, which is the project's.
SERVE = "import sys; sys.flags.safe_path or sys.path.pop(0); from ax_mo.trial.fork_server import main; main()"

LARGEST_REQUEST = 190_000
"""Bytes of one message: somewhat less than what Linux takes from anybody."""

READ_AT_LOAD = re.compile(
    r"(LD_|OMP_|GOMP_|KMP_|MKL_|OPENBLAS_|GOTO_|BLIS_|VECLIB_|NUMEXPR_|TORCH_|PYTORCH_|ATEN_|CUDA_|NVIDIA_|HIP_|ROCR_"
    r"|TF_|XLA_|MALLOC_|GLIBC_TUNABLES$|LC_|LANG|TZ$)"
)
"""Variables that libraries in C may read as they are loaded, where Python does not see it."""
_AT_START_ALONE = ("PYTHON", "LD_", "AX_MO_")
"""Variables that a process has no more use for once it has begun: only those that it starts read them again."""

_RESEED: Mapping[str, Callable[[Any], Any]] = {
    "numpy": lambda numpy: numpy.random.seed(),
    "torch": lambda torch: torch.default_generator.seed(),  # torch.seed() is more: those of GPUs begin with a constant
}
"""Generators that begin differently in each process, beside ``random``'s, which sees to it itself."""

ROOM = " " * 4000
"""The server's last argument: the memory in which a process finds its arguments is what ``ps`` shows of it."""

_OUTSIDE = ("/dev/nvidia", "/dev/kfd", "/dev/dri")


class _Refusal(Exception):
    """Why no trial can be forked from this process."""


@dataclass(frozen=True)
class ForkRequest:
    """A trial as the server is asked for it: what ``python *options argv`` would be started with."""

    directory: str
    cwd: str
    argv: Sequence[str]
    """The script and its arguments, or the module's name and its arguments."""
    is_module: bool
    orig_argv: Sequence[str]
    env: Mapping[str, str]


def main() -> None:
    """Import, say so, and serve until the sweep has gone. Returns in each forked trial, when its program is over."""
    _show_as(f"ax_mo: forks the trials of {Path.cwd()}")
    control = socket.socket(fileno=int(sys.argv[1]))
    with os.fdopen(int(sys.argv[2])) as file:
        report = json.load(file)
    try:
        reads = _import(report)
    except _Refusal as refusal:
        control.sendall(json.dumps({"refused": str(refusal)}).encode())
        os._exit(0)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    gc.collect()
    gc.freeze()
    control.sendall(json.dumps({"reads": sorted(reads), "environment": dict(os.environ)}).encode())
    request, sweep = _serve(control)
    control.close()
    _show_as(" ".join(request.orig_argv))
    _become(request, sweep)
    _run(request)


def _show_as(line: str) -> None:
    """What ``ps``, ``top`` and ``pkill -f`` find, as ``setproctitle`` does it."""
    with suppress(Exception):  # nothing that a trial should suffer from
        import ctypes

        start, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])
        room = end - start
        # Where the last byte is not NUL, Linux takes what comes before the first one for a title.
        ctypes.memmove(start, os.fsencode(line)[: room - 2].ljust(room - 1, b"\0") + b".", room)


# Before the first fork


def _import(report: Mapping[str, Sequence[str]]) -> set[str]:
    """Import the modules; returns the names of the variables that this has read. Raises _Refusal."""
    began, at_start, reads = set(sys.modules), dict(os.environ), set[str]()
    if sys.gettrace() or sys.getprofile() or _is_monitored():
        raise _Refusal("a debugger, a profiler or coverage watches each process from its start")
    for name in ("sitecustomize", "usercustomize"):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and not os.path.realpath(file).startswith(("/etc/", os.path.dirname(os.__file__))):  # noqa: PTH120
            raise _Refusal(f"{file} is executed at the start of each process")
    with _noting_reads(reads), _noting_unseeded():
        for name in (*report["modules"], "ax_mo.trial.recorder"):
            if name not in sys.modules:
                with suppress(BaseException):  # the trial that needs it will say why it cannot be imported
                    import_module(name)
                _check(f"importing {name}")
    for name in {name.partition(".")[0] for name in sys.modules.keys() - began} & {*report["own"]} - {"ax_mo"}:
        raise _Refusal(f"a library imports '{name}', which is none")
    for name in report["environment"]:
        of_library = os.environ.get(name) != at_start.get(name)
        if not (of_library or name.startswith(_AT_START_ALONE)) and (name in reads or READ_AT_LOAD.match(name)):
            raise _Refusal(f"the program itself sets {name}, which libraries read while they are imported")
    return reads


def _is_monitored() -> bool:
    monitoring = getattr(sys, "monitoring", None)  # from Python 3.12 on
    return monitoring is not None and any(monitoring.get_tool(tool) for tool in range(6))


@contextmanager
def _noting_reads(reads: set[str]) -> Iterator[None]:
    kind: Any = type(os.environ)
    getitem, iterate = kind.__getitem__, kind.__iter__
    passed: list[Any] = []  # who copies the whole environment asks for nothing in particular

    def noting(self: Any, name: Any) -> Any:
        if name in passed:
            passed.remove(name)
        else:
            reads.add(os.fsdecode(name))
        return getitem(self, name)

    def passing(self: Any) -> Iterator[Any]:
        for name in iterate(self):
            passed.append(name)
            yield name

    kind.__getitem__, kind.__iter__ = noting, passing
    try:
        yield
    finally:
        kind.__getitem__, kind.__iter__ = getitem, iterate


_unseeded: list[random.Random] = []
"""Generators that modules have made for themselves, and that differ from process to process."""


@contextmanager
def _noting_unseeded() -> Iterator[None]:
    kind: Any = random.Random
    seed = kind.seed

    def noting(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None:
            _unseeded.append(self)
        seed(self, a, version)

    kind.seed = noting
    try:
        yield
    finally:
        kind.seed = seed


def _check(what: str) -> None:
    """Raises _Refusal where the process has by now what no fork can have."""
    if _threads() > 1:
        # OpenBLAS's threads end at a fork, and begin again where they are needed.
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        if _threads() > 1:
            raise _Refusal(f"{what} starts threads")
    for descriptor in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith(_OUTSIDE):  # noqa: PTH115
                raise _Refusal(f"{what} opens a GPU")


def _threads() -> int:
    """How many there are, without that of pyarrow's jemalloc: it takes its locks at a fork, and needs none after it."""
    found = 0
    for task in os.listdir("/proc/self/task"):  # noqa: PTH208  after each of hundreds of imports
        with suppress(OSError):
            found += Path(f"/proc/self/task/{task}/comm").read_text() != "jemalloc_bg_thd\n"
    return found


# The server


def _serve(control: socket.socket) -> tuple[ForkRequest, socket.socket]:
    """Fork a process for each request; returns in each of them, with its connection to the sweep.

    The sweep gets the pid of each, and its exit code (negative: the signal that has ended it) when it has ended.
    """
    running: dict[int, tuple[int, socket.socket]] = {}  # by a descriptor of the process
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready != control.fileno():
                poll.unregister(ready)
                os.close(ready)
                pid, sweep = running.pop(ready)
                _tell(sweep, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                sweep.close()
                continue
            data, descriptors, _, _ = socket.recv_fds(control, LARGEST_REQUEST, 1)
            if not data:
                os._exit(0)
            sweep = socket.socket(fileno=descriptors[0])
            pid = os.fork()
            if pid == 0:
                for descriptor, (_, other) in running.items():
                    os.close(descriptor)
                    other.close()
                return ForkRequest(**json.loads(data)), sweep
            _tell(sweep, pid)
            descriptor = os.pidfd_open(pid)
            running[descriptor] = pid, sweep
            poll.register(descriptor, select.POLLIN)


def _tell(sweep: socket.socket, number: int) -> None:
    with suppress(OSError):  # it may have gone
        sweep.sendall(f"{number}\n".encode())


# In a trial


def _become(request: ForkRequest, sweep: socket.socket) -> None:
    """Make a forked process what the sweep's shell would have made it. Ends it where the sweep has gone meanwhile."""
    os.setsid()
    # The sweep answers once it knows the pid: a resume that finds nothing recorded starts the trial once more.
    if not sweep.recv(1):
        os._exit(1)
    directory = Path(request.directory)
    try:
        (directory / PID).write_text("\n".join(_identity()) + "\n")
    except OSError:
        os._exit(1)
    sweep.setblocking(False)
    with suppress(BlockingIOError):
        if not sweep.recv(1):
            os._exit(1)
    sweep.close()
    try:
        for name, target in ((STDOUT, 1), (STDERR, 2)):
            log = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            os.dup2(log, target)
            os.close(log)
        os.chdir(request.cwd)
    except OSError:
        os._exit(2)
    os.environ.clear()
    os.environ.update({**request.env, JOB_PID: str(os.getpid())})
    for generator in _unseeded:
        generator.seed()
    for library, reseed in _RESEED.items():
        with suppress(KeyError, AttributeError):
            reseed(sys.modules[library])
    invalidate_caches()


def _identity() -> list[str]:
    """The lines of ``.pid``: see ``ax_mo.core.process``."""
    boot, space = Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    return [Path("/proc/self/stat").read_text().strip(), socket.gethostname(), boot.strip(), space]


def _run(request: ForkRequest) -> None:
    """Run the program as Python does, from reading it to an exception that nobody has caught."""
    sys.argv, sys.orig_argv = list(request.argv), list(request.orig_argv)
    program = sys.argv[0]
    main = ModuleType("__main__")
    vars(main).update({"__builtins__": sys.modules["builtins"], "__annotations__": {}})
    sys.modules["__main__"] = main
    try:
        if request.is_module:
            if not sys.flags.safe_path:
                sys.path.insert(0, request.cwd)
            sys.argv[0] = "-m"
            runpy._run_module_as_main(program)  # type: ignore[attr-defined]
            return
        path = os.path.join(request.cwd, program)  # noqa: PTH118  as Python has it, dots and all
        if not sys.flags.safe_path:
            sys.path.insert(0, os.path.dirname(os.path.realpath(path)))  # noqa: PTH120
        vars(main).update({
            "__file__": path, "__cached__": None, "__loader__": SourceFileLoader("__main__", path),
        })  # fmt: skip
        exec(compile(Path(path).read_bytes(), path, "exec", dont_inherit=True), vars(main))
    except SystemExit:
        raise
    except BaseException:
        sys.excepthook = partial(_show, sys.excepthook)
        raise


def _show(hook: Callable[..., Any], kind: Any, error: BaseException, trace: TracebackType | None) -> None:
    """What Python does with an exception that nobody has caught, without the frames that no other process has."""
    while trace is not None and trace.tb_frame.f_code.co_filename in (__file__, "<string>"):
        trace = trace.tb_next
    hook(kind, error.with_traceback(trace), trace)
