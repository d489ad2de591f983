"""How long the jobs of a study have been running."""

import time
from collections.abc import Callable

from ax_mo.core.trial import Key


class RunTimes:
    """Since when jobs run, by a monotonic clock. A job that waits for its turn takes no time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._since: dict[Key, float] = {}
        self.longest = 0.0
        """Seconds that the longest of the ended runs took."""

    @property
    def of_study(self) -> float:
        """Seconds since this sweeper began."""
        return self._clock() - self._began

    def __contains__(self, key: Key) -> bool:
        """Whether the run's job is known to run."""
        return key in self._since

    def seconds(self, key: Key) -> float:
        """How long the run's job has been running; 0 while it waits."""
        now = self._clock()
        return now - self._since.get(key, now)

    def begun(self, key: Key, already: float = 0.0) -> None:
        """The run's job was seen running, and had been for ``already`` seconds."""
        self._since[key] = self._clock() - already

    def waits(self, key: Key) -> None:
        """The run's job is not running: it has not begun, or its scheduler has put it in line again."""
        self._since.pop(key, None)

    def ended(self, key: Key) -> None:
        """The run's job has ended."""
        self.longest = max(self.longest, self.seconds(key))
        self.waits(key)
