"""Pauses after a submission that a scheduler did not take, and when to say that a scheduler does not answer."""

import time
from collections.abc import Callable

from ax_mo.errors import StudyStopped


class Submissions:
    """Pauses between tries to submit, over eleven minutes; nothing is submitted meanwhile."""

    _PAUSES = (2.0, 10.0, 30.0, 60.0, 120.0, 180.0, 240.0)

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed = 0
        self._until = 0.0

    def failed(self, what: str, error: Exception) -> str:
        """What to tell the user, who then waits for the next try. Raises StudyStopped after the last one."""
        if self._failed == len(self._PAUSES):
            raise StudyStopped(
                f"The scheduler did not take {what}, {self._failed + 1} times: {error}. What runs is left to run; "
                "resume when it takes jobs again.",
            )
        pause = self._PAUSES[self._failed]
        self._failed += 1
        self._until = self._clock() + pause
        return f"The scheduler did not take {what}; trying again in {pause:g} s: {error}"

    def worked(self) -> None:
        """The scheduler has taken a job."""
        self._failed = 0

    @property
    def pausing(self) -> bool:
        """Whether nothing is submitted now."""
        return self._failed > 0 and self._clock() < self._until


class Silence:
    """Tells the user, by ``notice``, of a scheduler that does not answer, and that it answers again; each once."""

    _WORTH_A_WORD = 30.0

    def __init__(self, notice: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._notice = notice
        self._clock = clock
        self._since: float | None = None
        self._told = False

    def answered(self) -> None:
        """The scheduler was asked, and has answered."""
        if self._told:
            self._notice("The scheduler answers again.")
        self._told, self._since = False, None

    def unanswered(self, why: str) -> None:
        """The scheduler was asked, and did not answer."""
        if self._since is None:
            self._since = self._clock()
        if not self._told and self._clock() - self._since >= self._WORTH_A_WORD:
            self._told = True
            self._notice(f"{why.rstrip('.')}. Nothing is lost: jobs go on, and the sweeper waits for an answer.")
