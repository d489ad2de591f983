"""When an ended job's files are all there: a network file system may show them late."""

import time
from collections.abc import Callable, Hashable

from ax_mo.runner.job import JobState

# Of the grace of a job that ended well: one that failed may well have no result to wait for.
_SHARE_OF_THE_FAILED = 0.25


class Arrivals:
    """Waits for the results of ended jobs, for ``grace_seconds`` each (``Jobs.result_grace_seconds``)."""

    def __init__(self, grace_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._ended: dict[Hashable, float] = {}

    def complete(self, key: Hashable, state: JobState, has_result: bool) -> bool:
        """Whether the job ``key``, which was seen to have ended, has left all that it will leave."""
        since = self._ended.setdefault(key, self._clock())
        grace = self._grace_seconds * (1.0 if state.exit_code == 0 else _SHARE_OF_THE_FAILED)
        if not has_result and self._clock() - since < grace:
            return False
        del self._ended[key]  # another attempt has its own time
        return True
