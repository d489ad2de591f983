"""A trial's sign of life, for sweepers on other machines, which cannot see its process."""

import os
import threading
from contextlib import suppress
from pathlib import Path

from ax_mo.trial.files import HEARTBEAT, HeldOpen

EVERY = 10.0
"""Seconds."""


class Heartbeat:
    """Touches ``.heartbeat`` in the trial's directory every ten seconds until it is stopped.

    Its thread does not keep the process alive and does not survive a fork: only the trial's own process beats.
    """

    def __init__(self, directory: Path, every: float = EVERY) -> None:
        self._every = every
        self._over = threading.Event()
        try:
            # Held open: the directory may be moved, and a file that a next attempt removes is ours no more.
            self._file = HeldOpen(os.open(directory / HEARTBEAT, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
        except OSError:
            return  # nothing that a trial should suffer from
        threading.Thread(target=self._run, name="ax_mo-heartbeat", daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    def _run(self) -> None:
        while not self._over.is_set() and self._file.is_open:
            with suppress(OSError):  # a file server may be away for a moment
                os.utime(self._file.descriptor)  # no time of ours: it takes its own, to which the reader compares it
            self._over.wait(self._every)
        self._file.close()
