"""Two threads beside a trial's task: one gives its sign of life, the other follows the memory of its processes."""

import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from glob import glob
from pathlib import Path
from typing import Any

from ax_mo.trial.files import HEARTBEAT, HeldOpen

HEARTBEAT_SECONDS = 10.0
_EVERY = 1.0
"""Seconds between two looks at the children, where a look takes no time."""
_SHARE = 50
"""A look is followed by at least so many times its own length: adding up shared pages takes a while."""


class Heartbeat:
    """Touches ``.heartbeat`` in the trial's directory every ten seconds, for sweepers on other machines, until stopped.

    Its thread does not keep the process alive and does not survive a fork: only the trial's own process beats.
    """

    def __init__(self, directory: Path, every: float = HEARTBEAT_SECONDS) -> None:
        self._every = every
        self._over = threading.Event()
        try:
            # Held open: the directory may be moved, and a file that a next attempt removes is ours no more.
            self._file = HeldOpen(os.open(directory / HEARTBEAT, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
        except OSError:
            return  # nothing that a trial should suffer from
        threading.Thread(target=self._run, name="ax_mo-heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Give no more signs of life."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.is_set() and self._file.is_open:
            with suppress(OSError):  # a file server may be away for a moment
                os.utime(self._file.descriptor)  # no time of ours: it takes its own, to which the reader compares it
            self._over.wait(self._every)
        self._file.close()


class MemoryWatch:
    """Follows the memory of this process and its children until the end of a trial.

    ``shares_process``: whether other trials run in this process before and after this one, whose peaks are not its own.

    This process's own peak is the kernel's, and so is the largest one of the children that have ended; what they all
    have at once is looked at every second while there are any.
    """

    def __init__(self, shares_process: bool = False, every: float = _EVERY) -> None:
        self._every = every
        self._together = 0
        self._over = threading.Event()
        self._children_before = _peak_of(resource.RUSAGE_CHILDREN) if shares_process else 0
        if shares_process:
            with suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5")  # the kernel's peak begins anew
            if (cuda := _cuda()) is not None:
                cuda.reset_peak_memory_stats()
        threading.Thread(target=self._run, name="ax_mo-memory", daemon=True).start()

    def stop(self) -> None:
        """Measure no more."""
        self._over.set()

    def peak(self) -> int:
        """The most bytes so far, of this process and its children together."""
        self.look()
        # What a child has from before its exec is this process's own, and not more.
        of_children = _peak_of(resource.RUSAGE_CHILDREN)
        return max(_own_peak(), self._together, of_children if of_children > self._children_before else 0)

    def _run(self) -> None:
        wait = self._every
        while not self._over.wait(wait):
            begun = time.perf_counter()
            self.look()
            wait = max(self._every, _SHARE * (time.perf_counter() - begun))

    def look(self) -> None:
        """Measure what this process and its children have together at this moment."""
        children = list(_descendants())
        if children:
            self._together = max(self._together, sum(map(_memory, [os.getpid(), *children])))


def peak_of_gpu() -> int | None:
    """Bytes that PyTorch has held in this process on the GPU of which it held most; None where it has used none."""
    cuda = _cuda()
    if cuda is None:
        return None
    peaks = [int(cuda.max_memory_allocated(device)) for device in range(cuda.device_count())]
    return max(peaks, default=None)


def _cuda() -> Any:
    """``torch.cuda`` where the task has imported it and used a GPU."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    try:
        return cuda if cuda is not None and cuda.is_initialized() else None
    except Exception:  # whatever calls itself torch
        return None


def _own_peak() -> int:
    try:
        # Not getrusage: on Linux its peak outlives exec, and a small trial would have that of the sweep that began it.
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, LookupError, ValueError):
        return _peak_of(resource.RUSAGE_SELF)


def _peak_of(whom: int) -> int:
    """Bytes of this process, or of the largest of its children that have ended."""
    return resource.getrusage(whom).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _descendants(pid: str = "self") -> Iterator[int]:
    # Path.glob raises for a process that ends meanwhile.
    for of_thread in glob(f"/proc/{pid}/task/*/children"):  # noqa: PTH207
        with suppress(OSError):
            for child in Path(of_thread).read_text().split():
                yield int(child)
                yield from _descendants(child)


def _memory(pid: int) -> int:
    """Bytes, of what several processes share each one's part; 0 for a process that has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(rollup.split("\nPss:")[1].split()[0]) * 1024
    except (OSError, LookupError, ValueError):
        return 0
