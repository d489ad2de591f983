"""What signals mean to a sweep: Ctrl-C once drains, twice cancels; SIGTERM and SIGHUP leave the jobs to a resume."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ax_mo.terminal import write_from_a_handler


class Interrupts:
    """Counts Ctrl-C, and ends this process on the signals of a terminal or machine that goes away.

    ``farewell`` is what the person should read then.
    """

    def __init__(self, farewell: str) -> None:
        self.count = 0
        self._farewell = farewell

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Handle signals meanwhile, where this is the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[signal.Signals, Any] = {}

        def handle(number: signal.Signals, handler: Callable[[int, FrameType | None], None]) -> None:
            before[number] = signal.signal(number, handler)

        handle(signal.SIGINT, self._interrupt)
        handle(signal.SIGTERM, self._detach)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup the sweep itself goes on
            handle(signal.SIGHUP, self._detach)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        # Only counted here: the code that was interrupted may hold the locks of the screen or of an event.
        self.count += 1

    def _detach(self, number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        write_from_a_handler(
            f"\nEnded by {name}; the running trials go on, and a resume adopts them.\n{self._farewell}\n"
        )
        os._exit(128 + number)
