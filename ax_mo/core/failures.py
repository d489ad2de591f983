"""When failures end a study: too many of them, or several in a row that are all alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from ax_mo.core.trial import Status, Trial, fingerprint_of

_RATE_FROM = 5

# So many alike end a study of which nothing has succeeded yet.
_ALIKE_AT_FIRST = 3


@dataclass(frozen=True)
class FailurePolicy:
    """``hydra.sweeper.max_failure_rate``, where 1 allows everything, and ``max_same_failures``, where 0 does."""

    max_failure_rate: float = 0.5
    max_same_failures: int = 5

    @property
    def allows_everything(self) -> bool:
        """Whether no number of failures ends the study."""
        return self.max_failure_rate >= 1.0

    def alike(self, nothing_succeeded: bool) -> float:
        """How many failures in a row, all by the same error, are too many."""
        if self.allows_everything or self.max_same_failures == 0:
            return float("inf")
        return min(_ALIKE_AT_FIRST, self.max_same_failures) if nothing_succeeded else self.max_same_failures


@dataclass(frozen=True)
class TooMany:
    """Why to go no further, and the trial that shows it best."""

    text: str
    trial: Trial


def too_many(
    ended: Sequence[Trial], policy: FailurePolicy, at_end: bool = False, succeeded_before: bool = False
) -> TooMany | None:
    """What is wrong with the trials that have ``ended``, in that order.

    The rate is looked at once several trials have ended, or ``at_end`` of the study. ``succeeded_before``: whether any
    trial of the study did that is not among them.
    """
    failed = [trial for trial in ended if trial.status is Status.FAILED]
    if policy.allows_everything or not failed:
        return None
    streak = _streaks(ended)[-1]
    nothing_succeeded = not succeeded_before and len(failed) == len(ended)
    if streak.stop == len(ended) and len(streak) >= policy.alike(nothing_succeeded):
        which, shown = ("first" if len(streak) == len(ended) else "last"), ended[streak.start]
        return TooMany(f"The {which} {len(streak)} trials failed with the same error: {shown.reason}", shown)
    if (at_end or len(ended) >= _RATE_FROM) and len(failed) > policy.max_failure_rate * len(ended):
        text = (
            f"{len(failed)} of {len(ended)} trials failed, more than max_failure_rate={policy.max_failure_rate:g} "
            f"allows. The last: trial {failed[-1].label}: {failed[-1].reason}"
        )
        return TooMany(text, failed[-1])
    return None


def uncounted(ended: Sequence[Trial], policy: FailurePolicy) -> frozenset[int]:
    """The trials that do not count towards ``n_trials``: one broken environment has failed them all.

    ``ended`` are all of a study's, in the order in which they ended: what is told of them depends on nothing else, so
    that every sweeper and reader of the study finds the same.
    """
    first_success = next((i for i, trial in enumerate(ended) if trial.status is not Status.FAILED), len(ended))
    burnt = [s for s in _streaks(ended) if len(s) >= policy.alike(nothing_succeeded=s.start < first_success)]
    return frozenset(ended[index].number for streak in burnt for index in streak)


def first_alike(trial: Trial, earlier: Iterable[Trial]) -> Trial | None:
    """The first of ``earlier`` ones that failed by the trial's error; None for a trial that has not failed."""
    if trial.status is not Status.FAILED:
        return None
    return next((e for e in earlier if e.status is Status.FAILED and _error(e) == _error(trial)), None)


def in_order_of_end(trials: Iterable[Trial]) -> list[Trial]:
    """The study's own trials that have ended, in the order in which they did."""
    ended = [trial for trial in trials if trial.status.ended and not trial.is_imported]
    return sorted(ended, key=lambda trial: (trial.ended or "", trial.number))


def _streaks(ended: Sequence[Trial]) -> list[range]:
    """Where failures by one error follow each other, as far as they do, in order."""
    streaks: list[range] = []
    start = 0
    for error, alike in groupby(_error(trial) if trial.status is Status.FAILED else None for trial in ended):
        stop = start + len(list(alike))
        if error is not None:
            streaks.append(range(start, stop))
        start = stop
    return streaks


def _error(trial: Trial) -> str:
    return trial.error_fingerprint or fingerprint_of(trial.reason or "")
