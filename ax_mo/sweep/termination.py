"""When a whole study ends before its last trial: by time, and when more trials hardly move the front."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import hypervolume, pareto_front, reference_point
from ax_mo.core.stop_reason import StopKind, StopReason
from ax_mo.core.trial import Status, Trial


class Ending(StrEnum):
    """Why a sweep ended without an error."""

    DONE = "done"
    EXHAUSTED = "the whole space was tried"
    DRAINED = "interrupted: the running trials were finished"
    CANCELLED = "interrupted: the running trials were cancelled"
    CLOSED = "ended before its last trial"


@dataclass(frozen=True)
class StopWhen:
    """End the study when ``over_trials`` trials have moved the hypervolume by ``hypervolume_gain`` or less.

    ``hypervolume_gain`` is a share of the hypervolume before them: 0.01 is 1 %.
    """

    hypervolume_gain: float = 0.01
    over_trials: int = 15


def time_is_up(seconds: float, timeout_hours: float | None) -> bool:
    """Whether this sweeper has run for its hours; ``seconds`` is the time since it started.

    A resume has the same hours again: were those of earlier sweepers counted, a study that ended by time could not go
    on with the command that resumes every other one.
    """
    return timeout_hours is not None and seconds >= 3600.0 * timeout_hours


def hypervolume_gain(trials: Sequence[Trial], goals: Goals, over_trials: int) -> float | None:
    """By which share the last ``over_trials`` trials have enlarged the hypervolume.

    ``trials`` are those that count, in the order in which they ended: completed, and stopped early, which are known not
    to move the front. Imported ones are there from the start. Without a threshold the reference point moves as worse
    trials are found, and the hypervolume with it; both hypervolumes are taken with the present one.

    None when there are no trials before the last ones, or none of them is past the reference point: a study that has
    found nothing yet is not one that has found everything.
    """
    own = [trial for trial in trials if trial.status is not Status.IMPORTED]
    if len(own) < over_trials:
        return None
    imported = [trial for trial in trials if trial.status is Status.IMPORTED]
    reference = reference_point(trials, goals)
    before = hypervolume(pareto_front([*imported, *own[:-over_trials]], goals), goals, reference)
    if before <= 0.0:
        return None
    return hypervolume(pareto_front(trials, goals), goals, reference) / before - 1.0


def gain_is_small(trials: Sequence[Trial], goals: Goals, stop_when: StopWhen | None) -> StopReason | None:
    """Why the study ends now; None when it goes on. ``trials`` as for ``hypervolume_gain``."""
    if stop_when is None:
        return None
    gain = hypervolume_gain(trials, goals, stop_when.over_trials)
    if gain is None or gain > stop_when.hypervolume_gain:
        return None
    return StopReason(
        StopKind.STALL,
        f"the last {stop_when.over_trials} trials have enlarged the hypervolume by {100 * gain:.2g} % "
        f"(stop_when: at most {100 * stop_when.hypervolume_gain:.2g} %)",
    )
