"""One sweeper per sweep directory."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ax_mo.errors import AxMoError, StudyStopped
from ax_mo.study.trial import now

_LOCK = ".sweeper.lock"


@contextmanager
def sole_sweeper(sweep_dir: Path) -> Iterator[None]:
    """Hold the directory for the block; the kernel lets go of it however this process ends.

    Raises AxMoError that names host and pid of the process that holds it.
    """
    path = sweep_dir / _LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StudyStopped(f"Cannot write in the sweep directory {sweep_dir}: {error.strerror}.") from None
    try:
        if not _locked(descriptor):
            raise AxMoError(_held_by(path, sweep_dir))
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": now()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Whether the lock could be had. A reader that looks whether a sweeper runs may have it for a moment."""
    for attempt in range(3):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.05 * attempt)
        else:
            return True
    return False


def is_held(sweep_dir: Path) -> bool:
    """Whether a sweeper holds the directory at this moment."""
    try:
        descriptor = os.open(sweep_dir / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _held_by(path: Path, sweep_dir: Path) -> str:
    try:
        owner = json.loads(path.read_text())
        who = f"pid {owner['pid']} on host {owner['host']}, since {owner['since']}"
    except (OSError, ValueError, KeyError):
        who = "another process"
    return (
        f"Another sweeper is running in {sweep_dir}: {who}. Wait for it to end or stop it, or choose another "
        "hydra.sweep.dir."
    )
