"""The Pareto front and its hypervolume. Pure."""

import math
from collections.abc import Mapping, Sequence

from ax_mo.core.hypervolume import Vector, dominated_volume, volumes_so_far
from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Trial


def dominates(a: Mapping[str, float], b: Mapping[str, float], goals: Goals) -> bool:
    """Whether ``a`` is at least as good as ``b`` in every objective and better in one."""
    pairs = [(objective, a[objective.name], b[objective.name]) for objective in goals.objectives]
    return not any(o.better(y, x) for o, x, y in pairs) and any(o.better(x, y) for o, x, y in pairs)


def pareto_front(trials: Sequence[Trial], goals: Goals) -> list[Trial]:
    """The completed trials that meet the constraints and that no other such trial dominates, by number.

    Thresholds do not matter here: a front that no trial has brought past them is still a front.
    """
    candidates = [t for t in trials if t.status.has_metrics and goals.feasible(t.metrics)]
    return [
        trial for trial in candidates if not any(dominates(other.metrics, trial.metrics, goals) for other in candidates)
    ]


def best_per_objective(trials: Sequence[Trial], goals: Goals) -> dict[str, Trial]:
    """The trial with the best value of each objective, among the feasible ones that meet every threshold.

    Where none meets them all, among all feasible ones; ``goals.meets_thresholds`` tells the two apart.
    """
    candidates = [t for t in trials if t.status.has_metrics and goals.feasible(t.metrics)]
    candidates = [t for t in candidates if goals.meets_thresholds(t.metrics)] or candidates
    if not candidates:
        return {}
    return {
        o.name: (max if o.maximize else min)(candidates, key=lambda trial: trial.metrics[o.name])
        for o in goals.objectives
    }


def reference_point(trials: Sequence[Trial], goals: Goals) -> dict[str, float]:
    """The thresholds; where an objective has none, the worst value of any completed trial."""
    completed = [trial.metrics for trial in trials if trial.status.has_metrics]
    point: dict[str, float] = {}
    for o in goals.objectives:
        values = [metrics[o.name] for metrics in completed]
        if o.threshold is not None:
            point[o.name] = o.threshold
        elif values:
            point[o.name] = min(values) if o.maximize else max(values)
    return point


def hypervolume(front: Sequence[Trial], goals: Goals, reference: Mapping[str, float]) -> float:
    """The volume between the front and the reference point, in the units of the objectives multiplied.

    For one objective, how far the best value is past the reference.
    """
    return dominated_volume(*_gains([trial.metrics for trial in front], goals, reference)) if front else 0.0


def hypervolumes_so_far(
    metrics: Sequence[Mapping[str, float]], goals: Goals, reference: Mapping[str, float]
) -> list[float]:
    """The ``hypervolume`` of the first trial, the first two, …"""
    return volumes_so_far(*_gains(metrics, goals, reference))


def _gains(
    metrics: Sequence[Mapping[str, float]], goals: Goals, reference: Mapping[str, float]
) -> tuple[list[Vector], Vector]:
    """The trials and the reference point, more being better; an objective without a reference dominates nothing."""
    signs = {o.name: 1.0 if o.maximize else -1.0 for o in goals.objectives}
    points = [tuple(sign * values[name] for name, sign in signs.items()) for values in metrics]
    return points, tuple(sign * reference[name] if name in reference else math.inf for name, sign in signs.items())
