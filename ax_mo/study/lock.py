"""One sweeper per sweep directory."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ax_mo.errors import AxMoError, StudyStopped
from ax_mo.study.store import now


@contextmanager
def sole_sweeper(sweep_dir: Path) -> Iterator[None]:
    """Hold the directory for the block; the kernel lets go of it however this process ends.

    Raises AxMoError that names host and pid of the process that holds it.
    """
    path = sweep_dir / ".sweeper.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StudyStopped(f"Cannot write in the sweep directory {sweep_dir}: {error.strerror}.") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AxMoError(_held_by(path, sweep_dir)) from None
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": now()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)
        yield
    finally:
        os.close(descriptor)


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
