"""When failures end a study: too many of them, or the first ones all alike. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from ax_mo.study.trial import Status, Trial

_SAME_FAILURES = 3
_RATE_FROM = 5


@dataclass(frozen=True)
class TooMany:
    """Why to go no further, and the trial that shows it best."""

    text: str
    trial: Trial


def too_many(ended: Sequence[Trial], max_failure_rate: float, at_end: bool = False) -> TooMany | None:
    """What is wrong with the trials that have ``ended``, in that order. A rate of 1 allows everything.

    The rate is looked at once several trials have ended, or ``at_end`` of the study.
    """
    failed = [trial for trial in ended if trial.status is Status.FAILED]
    if max_failure_rate >= 1.0 or not failed:
        return None
    first = failed[:_SAME_FAILURES]
    if len(failed) == len(ended) >= _SAME_FAILURES and len({trial.signature for trial in first}) == 1:
        text = f"The first {_SAME_FAILURES} trials failed with the same error: {first[0].reason}"
        return TooMany(text, first[0])
    if (at_end or len(ended) >= _RATE_FROM) and len(failed) > max_failure_rate * len(ended):
        text = (
            f"{len(failed)} of {len(ended)} trials failed, more than max_failure_rate={max_failure_rate:g} "
            f"allows. The last: trial {failed[-1].label}: {failed[-1].reason}"
        )
        return TooMany(text, failed[-1])
    return None
