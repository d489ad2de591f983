"""Counts the durable steps of a process, and lets one of them go wrong.

A step is what another process can see after this one is killed: a file opened for writing, synced, renamed or removed,
a directory made, a lock taken, a transaction committed, a process started. The product knows nothing of it: this
module replaces the functions of Python's library by which it takes them.
"""

import builtins
import errno
import fcntl
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

VARIABLE = "AX_MO_CHAOS"
"""An environment variable with a fault as JSON, for processes that start with this directory on their PYTHONPATH."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_write, _open, _kill = os.write, os.open, os.kill


class Steps:
    """``fault`` is ``{"at": n, "when": "before" | "after", "what": ..., "log": path}``.

    ``what`` is a signal's name, ``NODE`` (this process and its parent are killed, as if the machine went down),
    ``SLOW_JOB`` (the process that the step has started is held up, and this one killed) or the name of an error number,
    which the step raises, and with ``"lasting": true`` every later one. Without ``at`` the steps are counted only: a
    line each in ``log``.
    """

    def __init__(self, fault: dict[str, Any]) -> None:
        self._at = fault.get("at")
        self._when = fault.get("when", "after")
        self._what = fault.get("what", "SIGKILL")
        self._lasting = fault.get("lasting", False)
        self._ignored = fault["log"]
        self._log = _open(fault["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._lock = threading.Lock()
        self._taken = 0

    def take(self, kind: str, target: object, step: Callable[[], Any]) -> Any:
        if self._is_foreign(target):
            return step()
        with self._lock:
            self._taken += 1
            number = self._taken
            name = "" if kind == "popen" else target
            _write(self._log, f"{number} {kind} {name}\n".encode(errors="replace"))
        mine = self._at is not None and (number == self._at or (self._lasting and number > self._at))
        if mine and self._what.startswith("E") and kind not in ("flock", "remove"):
            raise _error(self._what, kind, target)
        if mine and self._when == "before":
            self._strike(target)
        result = step()
        if mine and self._when == "after":
            self._strike(target)
        return result

    def _is_foreign(self, target: object) -> bool:
        text = "" if isinstance(target, subprocess.Popen) else str(target)
        return text.startswith(("/dev/", "/proc/")) or text == self._ignored or "journal" in text

    def _strike(self, target: object) -> None:
        if self._what == "SLOW_JOB":
            assert isinstance(target, subprocess.Popen)
            _kill(target.pid, signal.SIGSTOP)
            _kill(os.getpid(), signal.SIGKILL)
        if self._what == "NODE":
            if os.getppid() > 1:
                _kill(os.getppid(), signal.SIGKILL)
            _kill(os.getpid(), signal.SIGKILL)
        elif self._what.startswith("SIG"):
            _kill(os.getpid(), getattr(signal, self._what))


def _error(name: str, kind: str, target: object) -> Exception:
    if kind == "commit":
        words, code = {"ENOSPC": ("database or disk is full", 13), "EIO": ("disk I/O error", 10)}[name]
        error = sqlite3.OperationalError(words)
        error.sqlite_errorcode = code
        error.sqlite_errorname = {13: "SQLITE_FULL", 10: "SQLITE_IOERR"}[code]
        return error
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), None if kind == "popen" else str(target))


def install_from_environment() -> None:
    """Install the fault that the environment names, if it is meant for this process."""
    text = os.environ.get(VARIABLE)
    if not text or os.environ.get("AX_MO_JOB_PID") != str(os.getpid()):
        return
    fault = json.loads(text)
    if f"hydra.job.num={fault['trial']}" in sys.orig_argv:
        install(fault)


def install(fault: dict[str, Any]) -> None:
    steps = Steps(fault)
    _count_in(os, "fsync", steps, lambda *_: "")
    for name in ("rename", "replace"):
        _count_in(os, name, steps, lambda *args: args[1], "rename")
    for name in ("unlink", "remove"):
        _count_in(os, name, steps, lambda *args: args[0], "remove", when=lambda *args: os.path.lexists(args[0]))
    _count_in(os, "mkdir", steps, lambda *args: args[0], when=lambda *args: not os.path.lexists(args[0]))
    _count_in(fcntl, "flock", steps, lambda *_: "")
    _count_in(os, "open", steps, lambda *args: args[0], when=lambda *args: bool(args[1] & _WRITES))
    for module in (builtins, io):
        _count_in(module, "open", steps, lambda *args: args[0], when=_opens_for_writing)
    _count_in(subprocess.Popen, "__init__", steps, lambda *args: args[0], "popen")
    connect = sqlite3.connect

    class Connection(sqlite3.Connection):
        def commit(self) -> None:
            # SQLAlchemy commits reads, too.
            return steps.take("commit", "", super().commit) if self.in_transaction else super().commit()

    def connected(*args: Any, **options: Any) -> sqlite3.Connection:
        return connect(*args, **{"factory": Connection, **options})

    sqlite3.connect = sqlite3.dbapi2.connect = connected


def _count_in(
    module: Any,
    name: str,
    steps: Steps,
    target: Callable[..., object],
    kind: str = "",
    when: Callable[..., bool] = lambda *_: True,
) -> None:
    real = getattr(module, name)

    def counted(*args: Any, **options: Any) -> Any:
        if not when(*args, *options.values()):
            return real(*args, **options)
        return steps.take(kind or name, target(*args), lambda: real(*args, **options))

    setattr(module, name, counted)


def _opens_for_writing(file: object, mode: object = "r", *_: object) -> bool:
    return not isinstance(file, int) and isinstance(mode, str) and any(letter in mode for letter in "wax+")
