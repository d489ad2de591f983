"""Whether a run whose job is over has ended, or runs once more. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from ax_mo.core.trial import MOST_LOST_ATTEMPTS, Outcome, Status, TrialRun
from ax_mo.runner.job import Cause, JobState

# Of a process that was killed and not by us: on one machine nothing but the kernel's memory killer does so by itself.
_KILLED = (-9, 128 + 9)
_NOT_ITS_OWN_FAULT = (Cause.PREEMPTED, Cause.NODE_FAILURE, Cause.LOST)


@dataclass(frozen=True)
class RetryPolicy:
    """How often a run is repeated that ended by no fault of its own; ``oom`` adds what ran out of memory."""

    max_retries: int = 0
    oom: bool = False

    def allowed(self, state: JobState) -> int:
        """How many deaths of this kind a run may have and still run once more."""
        cause = state.cause or (Cause.OUT_OF_MEMORY if state.exit_code in _KILLED else None)
        deserves = cause in _NOT_ITS_OWN_FAULT or (self.oom and cause is Cause.OUT_OF_MEMORY)
        return self.max_retries if deserves else 0


class Resumption(StrEnum):
    ENDED = "its outcome counts"
    AGAIN = "it runs again"
    AFTER_DEATH = "it runs again, and has died once more"


def resumption(run: TrialRun, outcome: Outcome, started: bool, has_result: bool, may_die: int) -> Resumption:
    """What becomes of a run that an earlier sweeper started, and that nobody runs any more.

    ``outcome`` is what its files say; ``may_die`` how often it may have died. What a cancelled run failed of may well
    be its end; a run that was asked to stop has obeyed.
    """
    if run.status is Status.CANCELLED:
        return Resumption.AGAIN if outcome.status is Status.FAILED else Resumption.ENDED
    if not started:  # by this directory's sweepers: the result in a copy of it is a result all the same
        return Resumption.ENDED if has_result else Resumption.AGAIN
    return after_death(run, has_result, max(may_die, MOST_LOST_ATTEMPTS - 1))


def after_death(run: TrialRun, has_result: bool, may_die: int) -> Resumption:
    """What becomes of a run whose job is over: one that left a result, or was asked to stop, has ended."""
    ended = has_result or run.asked_to_stop or run.lost_attempts >= may_die
    return Resumption.ENDED if ended else Resumption.AFTER_DEATH
