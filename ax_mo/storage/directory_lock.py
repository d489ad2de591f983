"""The lock of a sweep directory: only one sweeper at a time works there."""

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ax_mo.errors import AxMoError, StudyStopped
from ax_mo.trial.result import now

_LOCK = ".sweeper.lock"

WITHOUT_LOCK = "AX_MO_NO_LOCK"
"""In the environment, lets a study run where the file system has no locks."""

# What a file system says that has no locks: NFS mounted with "nolock", some of clusters and of clouds.
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)

# A directory may be held for a moment by somebody who only looks, or is about to be refused: so often it is tried, and
# more often by a sweeper whose lock file was removed; after the n-th try, for n pauses of so many seconds.
_TRIES, _TRIES_TO_TAKE_AGAIN, _PAUSE = 3, 8, 0.05


class DirectoryLock:
    """Held by the only sweeper of a directory; the kernel lets go of it however the process ends."""

    def __init__(self, sweep_dir: Path) -> None:
        self._sweep_dir = sweep_dir
        self._path = sweep_dir / _LOCK
        self._descriptor: int | None = None

    def take(self, tries: int = _TRIES) -> bool:
        """Whether the directory is this process's now. Raises OSError."""
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                if not _locked(descriptor, tries):
                    os.close(descriptor)
                    return False
                if self._is_mine(descriptor):
                    break
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # removed between the two: what was locked is nobody's file
        self.release()
        self._descriptor = descriptor
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": now()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)
        return True

    def check(self) -> None:
        """Take the lock again if its file was removed; costs one look at it otherwise.

        Raises StudyStopped, which leaves the jobs, when another sweeper was faster.
        """
        try:
            if self._descriptor is None or self._is_mine(self._descriptor) or self.take(_TRIES_TO_TAKE_AGAIN):
                return
        except OSError:
            return  # a directory that is gone, or cannot be read now: others say so
        raise StudyStopped(
            f"{self._path} was removed, and another sweeper runs in {self._sweep_dir} now: {self.owner}. The running "
            "jobs are left to it.",
        )

    def release(self) -> None:
        """Leave the directory to others."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def owner(self) -> str:
        """Who holds the directory, in words."""
        try:
            owner = json.loads(self._path.read_text())
            return f"pid {owner['pid']} on host {owner['host']}, since {owner['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"

    def _is_mine(self, descriptor: int) -> bool:
        """Whether the file that others would lock is still the one that this process has open."""
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False


@contextmanager
def sole_sweeper(sweep_dir: Path) -> Iterator[DirectoryLock]:
    """Hold the directory for the block.

    Raises AxMoError that names host and pid of the process that holds it.
    """
    lock = DirectoryLock(sweep_dir)
    try:
        try:
            if not lock.take():
                raise AxMoError(
                    f"Another sweeper is running in {sweep_dir}: {lock.owner}. Wait for it to end or stop it, or "
                    "choose another hydra.sweep.dir."
                )
        except OSError as error:
            raise _no_lock(sweep_dir, error) from None
        yield lock
    finally:
        lock.release()


def _no_lock(sweep_dir: Path, error: OSError) -> AxMoError:
    if error.errno not in _NO_LOCKS:
        return StudyStopped(f"Cannot write in the sweep directory {sweep_dir}: {error.strerror}.")
    return AxMoError(
        f"The file system of {sweep_dir} has no locks ({error.strerror}), so that two sweepers could run one study and "
        f"spoil it. Choose a hydra.sweep.dir on another file system (NFS has locks unless it is mounted with nolock), "
        f"or set {WITHOUT_LOCK}=1 in the environment and see to it that only one sweeper runs there."
    )


def _locked(descriptor: int, tries: int) -> bool:
    """Whether the lock could be had. Raises OSError where there are none."""
    for attempt in range(tries):
        time.sleep(_PAUSE * attempt)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        except OSError as error:
            if error.errno not in _NO_LOCKS or os.environ.get(WITHOUT_LOCK) != "1":
                raise
        return True
    return False


def held_since(sweep_dir: Path) -> str | None:
    """Since when the directory's latest sweeper has held it, ISO 8601 in UTC; None where that is not to be seen."""
    try:
        return str(json.loads((sweep_dir / _LOCK).read_text())["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_held(sweep_dir: Path) -> bool:
    """Whether a sweeper holds the directory at this moment; no where the file system has no locks."""
    try:
        descriptor = os.open(sweep_dir / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
