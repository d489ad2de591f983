"""What becomes of a run that an earlier sweeper started, and that nobody runs any more. Pure."""

from enum import StrEnum

from ax_mo.study.trial import MOST_UNSEEN_DEATHS, Outcome, Status, Trial


class Resumption(StrEnum):
    ENDED = "its outcome counts"
    AGAIN = "it runs again"
    AFTER_DEATH = "it runs again, and has died once more"


def resumption(run: Trial, outcome: Outcome, started: bool, has_result: bool) -> Resumption:
    """``outcome`` is what its files say, ``started`` whether its job ever was.

    What a cancelled run failed of may well be its end; a run that was asked to stop has obeyed.
    """
    if run.status is Status.CANCELLED:
        return Resumption.AGAIN if outcome.status is Status.FAILED else Resumption.ENDED
    if not started:
        return Resumption.AGAIN
    if has_result or run.asked_to_stop or run.deaths + 1 >= MOST_UNSEEN_DEATHS:
        return Resumption.ENDED
    return Resumption.AFTER_DEATH
