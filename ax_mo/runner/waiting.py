"""What is waited for, and how long: a scheduler that takes no job, one that says nothing, results that come late."""

import time
from collections.abc import Callable, Hashable, Sequence

from ax_mo.errors import StudyStopped
from ax_mo.runner.job import JobState, Phase

# Of the grace of a job that ended well: one that failed may well have no result to wait for.
_SHARE_OF_THE_FAILED = 0.25


class Submissions:
    """Pauses between tries to submit, over eleven minutes; nothing is submitted meanwhile."""

    _PAUSES = (2.0, 10.0, 30.0, 60.0, 120.0, 180.0, 240.0)

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed = 0
        self._until = 0.0

    def failed(self) -> float | None:
        """The pause before the next try, in seconds; None when that was the last one."""
        if self._failed == len(self._PAUSES):
            self._failed += 1
            return None
        pause = self._PAUSES[self._failed]
        self._failed += 1
        self._until = self._clock() + pause
        return pause

    def given_up(self, what: str, error: Exception) -> StudyStopped:
        """After the last try."""
        return StudyStopped(
            f"The scheduler did not take {what}, {self._failed} times: {error}. What runs is left to run; resume when "
            "it takes jobs again.",
            leaves_jobs=True,
        )

    def worked(self) -> None:
        self._failed = 0

    @property
    def pausing(self) -> bool:
        return self._failed > 0 and self._clock() < self._until


class Silence:
    """Notices a scheduler that does not answer, and that it answers again; each once."""

    _WORTH_A_WORD = 30.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._told = False

    def after(self, states: Sequence[JobState]) -> str | None:
        """What to tell the user now that the scheduler was asked for these states."""
        unanswered = [state.message for state in states if state.phase is Phase.UNKNOWN and state.message]
        return self.unanswered(unanswered[0]) if unanswered else self.answered() if states else None

    def unanswered(self, message: str) -> str | None:
        if self._since is None:
            self._since = self._clock()
        if self._told or self._clock() - self._since < self._WORTH_A_WORD:
            return None
        self._told = True
        return f"{message.rstrip('.')}. Nothing is lost: jobs go on, and the sweeper waits for an answer."

    def answered(self) -> str | None:
        told, self._told, self._since = self._told, False, None
        return "The scheduler answers again." if told else None


class ResultGrace:
    """Waits for the results of ended jobs, for ``grace_seconds`` each (``Scheduler.result_grace_seconds``)."""

    def __init__(self, grace_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._ended: dict[Hashable, float] = {}

    def expired(self, key: Hashable, state: JobState, has_result: bool) -> bool:
        """Whether the job ``key``, which was seen to have ended, has left all that it will leave.

        Its files may be late: a network file system shows them when it likes.
        """
        since = self._ended.setdefault(key, self._clock())
        grace = self._grace_seconds * (1.0 if state.exit_code == 0 else _SHARE_OF_THE_FAILED)
        if not has_result and self._clock() - since < grace:
            return False
        del self._ended[key]  # another attempt has its own time
        return True
