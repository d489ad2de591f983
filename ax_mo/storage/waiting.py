"""Trying a database that is away again and again, with a word to the person and a way to end the wait."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from ax_mo.errors import StudyStopped
from ax_mo.storage.database import DatabaseAway

T = TypeVar("T")

# Seconds: between two tries, doubled each time up to the second; and of a wait that is not worth a word.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
QUIET_SECONDS = 5.0

# How often somebody may end the wait, in seconds.
_SLICE = 0.2


class DatabaseWait:
    """Waits at most ``seconds`` for a database that is away, and tells the user by ``notice``."""

    def __init__(self, seconds: float = 600.0, notice: Callable[[str], None] | None = None) -> None:
        self._seconds = seconds
        self._notice = notice
        self._gave_up = False
        self.while_waiting: Callable[[], None] = lambda: None
        """Is called several times a second during a wait, and may raise to end it."""
        self.is_away = False
        """Whether the database was away when it was last tried."""

    def until_done(self, attempt: Callable[[], T], only_busy: bool = False) -> T:
        """What ``attempt`` returns, tried again for as long as it raises DatabaseAway.

        ``only_busy``: one that is away, and not just in use by others, is not waited for.
        Raises StudyStopped, which leaves the jobs, when the time is over; the error itself where nobody is told.
        """
        began, pause, notice_at, told = time.monotonic(), _FIRST_PAUSE, min(QUIET_SECONDS, self._seconds / 2), False
        while True:
            try:
                done = attempt()
            except DatabaseAway as error:
                if only_busy and not error.busy:
                    raise
                waited = time.monotonic() - began
                if waited >= self._seconds or self._gave_up:
                    self._give_up(error)
                if self._notice is not None and waited >= notice_at:
                    told, notice_at = True, 3 * waited
                    until = datetime.now() + timedelta(seconds=self._seconds - waited)
                    self._notice(
                        f"{error} What runs goes on; it is tried again until {until:%H:%M:%S} "
                        "(hydra.sweeper.storage_timeout)."
                    )
                self.is_away = True
                self._sleep(min(pause, self._seconds - waited))
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            self.is_away = False
            if self._notice is not None and told:
                self._notice(f"The study's database is back after {time.monotonic() - began:.0f} s.")
            return done

    def _give_up(self, error: DatabaseAway) -> None:
        self._gave_up = True  # whoever cleans up now must not wait as long again
        if self._notice is None:
            raise error
        raise StudyStopped(
            f"{error} It was tried for {self._seconds:g} s (hydra.sweeper.storage_timeout). What runs goes on: resume "
            "when the database is back, and its results will be taken in.",
        ) from None

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            self.while_waiting()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(_SLICE, left))
