"""Notices that a process has ended at the moment it does, so that nobody has to ask all the time."""

import os
import select
import threading
from collections.abc import Callable


class EndWatch:
    """Calls ``on_end``, on a thread of its own, when one of the processes that it watches has ended."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._epoll: select.epoll | None = None

    @staticmethod
    def is_possible() -> bool:
        """Whether the system can tell: Linux can."""
        try:
            os.close(os.pidfd_open(os.getpid()))
        except (AttributeError, OSError):
            return False
        return hasattr(select, "epoll")

    def add(self, descriptor: int) -> None:
        """Watch the process whose descriptor becomes readable when it ends, and is closed then. Raises OSError."""
        if self._epoll is None:
            self._epoll = select.epoll()
            threading.Thread(target=self._work, args=(self._epoll,), name="ax_mo-ends", daemon=True).start()
        self._epoll.register(descriptor, select.EPOLLIN)

    def _work(self, epoll: select.epoll) -> None:
        while True:
            for descriptor, _ in epoll.poll():
                epoll.unregister(descriptor)
                os.close(descriptor)
                self._on_end()
