"""What signals mean to a sweep: Ctrl-C once drains, twice cancels; SIGTERM and SIGHUP leave the jobs to a resume."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ax_mo.errors import StudyStopped
from ax_mo.terminal.terminal import write_from_a_handler


class Interrupts:
    """Counts Ctrl-C, and ends this process on the signals of a terminal or machine that goes away.

    ``farewell`` says what the person should read then; where there is none, the jobs end with this process anyway, and
    only Ctrl-C is caught.
    """

    def __init__(self, farewell: Callable[[], str] | None) -> None:
        self.count = 0
        self.cancelling = False
        """Whether the second Ctrl-C is being obeyed."""
        self._farewell = farewell
        self._raises = False
        self._told_of_wait = False

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Handle signals meanwhile, where this is the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {signal.SIGINT: self._interrupt}
        if self._farewell is not None:
            handlers[signal.SIGTERM] = self._detach
            if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup the sweep itself goes on
                handlers[signal.SIGHUP] = self._detach
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        # Only counted here: the code that was interrupted may hold the locks of the screen or of an event.
        self.count += 1
        if not self._raises:
            return
        if self.count > 1:
            raise KeyboardInterrupt
        write_from_a_handler("ax_mo: Interrupted: the batch that runs will be finished. Ctrl-C again cancels it.\n")

    @contextmanager
    def raising(self) -> Iterator[None]:
        """A second Ctrl-C raises KeyboardInterrupt meanwhile: a launcher has this thread, and the loop has not."""
        self._raises = True
        try:
            yield
        finally:
            self._raises = False

    def check_while_waiting(self, notice: Callable[[str], None]) -> None:
        """For the time in which the study's database is away: nothing can be recorded, so that Ctrl-C can neither
        drain nor cancel, and a second one ends this sweeper. Raises StudyStopped then, and KeyboardInterrupt where
        the jobs end with it.
        """
        if self.count > 1 and self._farewell is None:
            raise KeyboardInterrupt
        if self.count > 1 + self.cancelling:
            what = "The running trials were cancelled; a resume sees that" if self.cancelling else "What runs goes on"
            raise StudyStopped(f"Interrupted while the study's database is away. {what}.")
        if self.count and not self._told_of_wait:
            self._told_of_wait = True
            notice("The study's database is away: Ctrl-C again ends this sweeper at once.")

    def _detach(self, number: int, _frame: FrameType | None) -> None:
        name, told = signal.Signals(number).name, "" if self._farewell is None else self._farewell()
        write_from_a_handler(f"\nEnded by {name}; the running trials go on, and a resume adopts them.\n{told}\n")
        os._exit(128 + number)
