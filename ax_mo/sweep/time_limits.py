"""How long runs may take: each by itself, and all that still run when the study's own time is over."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from ax_mo.core.trial import Key
from ax_mo.runner.runner import EndCause
from ax_mo.sweep.termination import time_is_up

# A run may take so many times as long as the longest one before it counts as hanging, and at least so many seconds.
_PATIENCE = 2.0
_LEAST_SECONDS = 30.0


class RunTimes:
    """Since when jobs run, by a clock that nobody sets. A job that waits for its turn takes no time."""

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
        self._since.pop(key, None)


@dataclass(frozen=True)
class TimeLimits:
    """``trial_timeout`` in seconds from a job's start, ``timeout_hours`` from the sweeper's; None for no limit."""

    trial_timeout: float | None = None
    timeout_hours: float | None = None

    def exceeded(self, key: Key, times: RunTimes) -> EndCause | None:
        """Which limit the run has outlasted.

        When the study's time is over, what has not begun will not, and what runs may finish, for twice as long as the
        longest run has taken, or for as long as the study has where none has ended: whatever takes longer hangs.
        """
        seconds = times.seconds(key)
        if self.trial_timeout is not None and seconds > self.trial_timeout:
            return EndCause.TRIAL_TIMEOUT
        if self.timeout_hours is None or not time_is_up(times.of_study, self.timeout_hours):
            return None
        allowed = _PATIENCE * times.longest or 3600.0 * self.timeout_hours
        return EndCause.STUDY_TIMEOUT if key not in times or seconds > max(_LEAST_SECONDS, allowed) else None
