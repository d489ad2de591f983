"""Taking one trial from many: the best in a metric under conditions, or the knee of the front."""

from collections.abc import Sequence
from dataclasses import replace

from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import feasible_trials, gains, pareto_front, undominated
from ax_mo.core.trial import Trial
from ax_mo.results.query import Names, TrialCondition


def candidates(trials: Sequence[Trial], goals: Goals, conditions: Sequence[TrialCondition] = ()) -> list[Trial]:
    """The trials that have a result, meet the study's constraints and meet the conditions."""
    return [t for t in feasible_trials(trials, goals) if all(condition.holds(t) for condition in conditions)]


def preferred(trials: Sequence[Trial], goals: Goals, conditions: Sequence[TrialCondition] = ()) -> list[Trial]:
    """Of the ``candidates``, those that meet every threshold; all, where there are none.

    A condition on an objective stands in the place of its threshold: who asks for ``num_params <= 50000`` wants no
    less than that because of a threshold of 10000.
    """
    named = {name for condition in conditions for name in condition.names}
    asked = Goals(tuple(replace(o, threshold=None) if o.name in named else o for o in goals.objectives))
    found = candidates(trials, goals, conditions)
    return [trial for trial in found if asked.meets_thresholds(trial.metrics)] or found


def why_none(trials: Sequence[Trial], goals: Goals, conditions: Sequence[TrialCondition] = ()) -> str:
    """Why there are no ``candidates``, or none with the metric that is to decide."""
    if not any(trial.status.has_metrics for trial in trials):
        return "no trial has a result"
    feasible = candidates(trials, goals)
    if not feasible:
        return "no trial meets the study's constraints"
    of = "trial" if len(feasible) == 1 else "trials"
    what = f"none of the {len(feasible)} {of} with a result that meets the study's constraints"
    if not goals.constraints:
        what = f"none of the {len(feasible)} {of} with a result"
    return f"{what} meets the conditions" if conditions else f"{what} has a value to choose by"


def best(
    trials: Sequence[Trial],
    goals: Goals,
    order: Sequence[tuple[str, bool]],
    among: Names,
    conditions: Sequence[TrialCondition] = (),
) -> Trial | None:
    """The best of the ``preferred`` trials, on the front or not; None when there are none.

    ``order`` is of metrics or numeric parameters and whether each is to be large; the second one decides between
    trials that are equal in the first, and so on. Between trials that are equal in all of them, one that no other of
    them dominates is taken, the earliest if there are several.
    """
    complete = [trial for trial in trials if all(among.value(trial, name) is not None for name, _ in order)]
    found = preferred(complete, goals, conditions)
    for name, maximize in order:
        values = {trial.number: among.value(trial, name) or 0.0 for trial in found}
        if values:
            value = (max if maximize else min)(values.values())
            found = [trial for trial in found if values[trial.number] == value]
    return next(iter(undominated(found, goals)), None)


def knee(trials: Sequence[Trial], goals: Goals, conditions: Sequence[TrialCondition] = ()) -> Trial | None:
    """The knee of the front of the ``preferred`` trials: where a gain in one objective begins to cost most in another.

    Each objective is scaled so that the front's worst value is 0 and its best 1; one on a log scale, its logarithm. The
    knee is the point that is farthest, towards the ideal point (1, ..., 1), from the line through (1, 0) and (0, 1),
    and with more objectives from the plane through the unit vectors: the one with the largest sum of scaled objectives
    (Das 1999; Branke et al. 2004). Where no point lies beyond that plane, the front has no knee, and the point is taken
    whose worst scaled objective is best. The earliest of equal ones; None without candidates.
    """
    import numpy as np

    front = pareto_front(preferred(trials, goals, conditions), goals)
    if not front:
        return None
    values = gains(front, goals)
    span = np.ptp(values, axis=0)
    varies = span > 0
    scaled = np.where(varies, (values - values.min(axis=0)) / np.where(varies, span, 1.0), 1.0)
    farthest = int(scaled.sum(axis=1).argmax())
    if scaled[farthest].sum() > 1.0 + len(span) - max(1, varies.sum()) + 1e-9:
        return front[farthest]
    return front[int(scaled.min(axis=1).argmax())]
