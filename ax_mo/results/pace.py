"""How often something is done that nobody waits for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

_LEAST, _MOST = 1.0, 30.0
"""Seconds between two times."""

_SHARE = 0.004
"""Of a processor."""


class Pace:
    """Once a second, and less often where that would take more than 0.4 % of a processor."""

    def __init__(self) -> None:
        self._due = 0.0

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._due

    @contextmanager
    def measured(self) -> Iterator[None]:
        """It is done in the block."""
        began = time.thread_time()
        try:
            yield
        finally:
            took = time.thread_time() - began
            self._due = time.monotonic() + min(_MOST, max(_LEAST, took / _SHARE))
