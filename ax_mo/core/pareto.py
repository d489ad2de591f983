"""The Pareto front of trials, their reference point and hypervolume: the one place where any of them is computed.

The geometry is moocore's, exact in any number of objectives (Guerreiro, Fonseca and Paquete 2021, ACM CSUR 54:119).
It is imported with the first front, since it brings NumPy.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Trial


def feasible_trials(trials: Sequence[Trial], goals: Goals) -> list[Trial]:
    """The trials that have a result and meet the study's constraints."""
    return [trial for trial in trials if trial.status.has_metrics and goals.feasible(trial.metrics)]


def pareto_front(trials: Sequence[Trial], goals: Goals) -> list[Trial]:
    """The ``feasible_trials`` that no other one dominates, in the order of ``trials``.

    Thresholds do not matter here: a front that no trial has brought past them is still a front.
    """
    return undominated(feasible_trials(trials, goals), goals)


def undominated(trials: Sequence[Trial], goals: Goals) -> list[Trial]:
    """The trials to which no other is at least as good in every objective and better in one; equal ones stay."""
    if len(trials) < 2:
        return list(trials)
    import moocore

    # Of the values themselves: two that differ in the last digit may have the same logarithm.
    kept = moocore.is_nondominated(gains(trials, goals.linear), maximise=True, keep_weakly=True)
    return [trial for trial, is_kept in zip(trials, kept, strict=True) if is_kept]


def best_per_objective(trials: Sequence[Trial], goals: Goals) -> dict[str, Trial]:
    """The trial with the best value of each objective, among the ``feasible_trials`` that meet every threshold.

    Where none meets them all, among all feasible ones; ``goals.meets_thresholds`` tells the two apart.
    """
    feasible = feasible_trials(trials, goals)
    among = [t for t in feasible if goals.meets_thresholds(t.metrics)] or feasible
    if not among:
        return {}
    return {o.name: max(among, key=lambda trial: o.gain(trial.metrics[o.name])) for o in goals.linear.objectives}


def by_first_objective(trials: Sequence[Trial], goals: Goals) -> list[Trial]:
    """From the best value of the first objective to its worst."""
    first = goals.linear.objectives[0]
    return sorted(trials, key=lambda trial: -first.gain(trial.metrics[first.name]))


def reference_point(trials: Sequence[Trial], goals: Goals) -> dict[str, float]:
    """The thresholds; where an objective has none, the worst value of any completed trial."""
    completed = [trial.metrics for trial in trials if trial.status.has_metrics]
    point: dict[str, float] = {}
    for o in goals.objectives:
        values = [metrics[o.name] for metrics in completed]
        if o.bounds:
            point[o.name] = o.bounds[0]
        elif values:
            point[o.name] = o.worst(values)
    return point


def hypervolume(front: Sequence[Trial], goals: Goals, reference: Mapping[str, float]) -> float:
    """The volume between the front and the reference point, in the units of the objectives multiplied.

    An objective on a log scale is measured in decades: ``goals`` are the study's as they have settled.
    For one objective, how far the best value is past the reference. Trials that are not beyond the reference in every
    objective add nothing, and none does where an objective has no reference.
    """
    import moocore

    return moocore.hypervolume(gains(front, goals), _gain(reference, goals), maximise=True) if front else 0.0


def hypervolumes_so_far(trials: Sequence[Trial], goals: Goals, reference: Mapping[str, float]) -> list[float]:
    """The ``hypervolume`` of the first trial, of the first two, and so on."""
    import moocore
    import numpy as np

    volumes = [0.0]
    points, beyond = gains(trials, goals), _gain(reference, goals)
    front = points[:0]
    for gain in points:
        if (front >= gain).all(axis=1).any():  # nothing new
            volumes.append(volumes[-1])
        else:
            front = np.vstack([front[~(gain >= front).all(axis=1)], gain])
            volumes.append(moocore.hypervolume(front, beyond, maximise=True))
    return volumes[1:]


def gains(trials: Sequence[Trial], goals: Goals) -> Any:
    """A NumPy array with a row for each trial and a column for each objective on its scale, more being better."""
    import numpy as np

    rows = [_gain(trial.metrics, goals) for trial in trials]
    return np.array(rows).reshape(len(trials), len(goals.objectives))


def _gain(values: Mapping[str, float], goals: Goals) -> list[float]:
    """One row; infinite for an objective without a value, beyond which nothing is."""
    return [o.gain(values[o.name]) if o.name in values else math.inf for o in goals.objectives]
