"""Which running jobs were told to end, why, and when they are told once more or given up."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ax_mo.core.trial import Key
from ax_mo.runner.job import JobState, Phase
from ax_mo.runner.runner import EndCause

# How long after the last of its grace a job that was told to end may be seen running before it is given up.
_GIVEN_UP_AFTER = 60.0
# How often a job that goes on is told: its scheduler may not have heard of it.
_TOLD_EVERY = 30.0


@dataclass(frozen=True)
class EndRequest:
    """What a job was told to end for."""

    cause: EndCause
    first: float
    last: float
    """When it was told, by the clock."""


class EndRequests:
    """``has_queue``: whether a scheduler answers for the jobs; ``grace_seconds``: how long one may take to end."""

    def __init__(self, has_queue: bool, grace_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._has_queue = has_queue
        self._patience = grace_seconds + _GIVEN_UP_AFTER
        self._clock = clock
        self._told: dict[Key, EndRequest] = {}

    def add(self, keys: Iterable[Key], cause: EndCause) -> list[Key]:
        """Note these; returns those to be told now: they had not been yet, or not for having outlasted their time."""
        told, moment = self._told, self._clock()
        goes_on = EndCause.GOES_ON
        new = [k for k in keys if k not in told or (told[k].cause is goes_on and cause is not goes_on)]
        told.update({key: EndRequest(cause, moment, moment) for key in new})
        return new

    def is_due(self, key: Key, state: JobState) -> bool:
        """Whether the job is to be told once more, which is noted."""
        told, moment = self._told.get(key), self._clock()
        if told is None or state.phase not in (Phase.PENDING, Phase.RUNNING) or moment - told.last < _TOLD_EVERY:
            return False
        self._told[key] = replace(told, last=moment)
        return True

    def is_given_up(self, key: Key, state: JobState) -> bool:
        """Whether the job has had its time to end.

        No trial counts as ended while a scheduler says that its job goes on, or says nothing. When the study's time is
        over, none does: the job is left to the next sweeper.
        """
        told = self._told.get(key)
        if told is None or told.cause is EndCause.GOES_ON or self._clock() - told.first <= self._patience:
            return False
        may_go_on = self._has_queue and (state.phase is not Phase.UNKNOWN or bool(state.message))
        return told.cause is EndCause.STUDY_TIMEOUT or not may_go_on

    def pop(self, key: Key) -> EndRequest | None:
        """The job's request, which is forgotten; None where it was not told to end."""
        return self._told.pop(key, None)
