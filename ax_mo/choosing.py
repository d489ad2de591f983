"""Taking one trial from many: the best in a metric under conditions, or the knee of the front. Pure."""

from collections.abc import Mapping, Sequence

from ax_mo.errors import AxMoError, closest
from ax_mo.goals import Goals
from ax_mo.linear import LinearConstraint, parse_linear
from ax_mo.results.front import dominates, pareto_front
from ax_mo.study.trial import Trial


def metric_names(trials: Sequence[Trial], goals: Goals) -> tuple[str, ...]:
    """Every metric that some trial has, those of the goals first."""
    return tuple(dict.fromkeys([*goals.required, *(name for trial in trials for name in trial.metrics)]))


def parse_conditions(texts: Sequence[str], trials: Sequence[Trial], goals: Goals) -> list[LinearConstraint]:
    """Read conditions such as ``num_params <= 50000``. Raises AxMoError for one that names no known metric."""
    conditions = [parse_linear(text, "where", node="") for text in texts]
    for condition in conditions:
        for name in condition.names:
            known_metric(name, trials, goals, f"where: '{condition.text}'")
    return conditions


def known_metric(name: str, trials: Sequence[Trial], goals: Goals, where: str) -> str:
    """The name. Raises AxMoError, which begins with ``where``, when no trial has such a metric."""
    names = metric_names(trials, goals)
    if name not in names:
        raise AxMoError(
            f"{where}: no trial has a metric '{name}'.{closest(name, names)} There are: {', '.join(names)}."
        )
    return name


def candidates(trials: Sequence[Trial], goals: Goals, conditions: Sequence[LinearConstraint] = ()) -> list[Trial]:
    """The trials that have a result, meet the study's constraints and meet the conditions.

    A trial that lacks a metric which a condition names does not meet it.
    """
    return [
        trial
        for trial in trials
        if trial.status.has_metrics and goals.feasible(trial.metrics) and _meets(trial.metrics, conditions)
    ]


def why_none(trials: Sequence[Trial], goals: Goals) -> str:
    """Why nothing could be chosen."""
    if not any(trial.status.has_metrics for trial in trials):
        return "no trial has a result"
    feasible = len(candidates(trials, goals))
    if not feasible:
        return "no trial meets the study's constraints"
    return f"none of the {feasible} trials with a result that meets the study's constraints meets the conditions"


def _meets(metrics: Mapping[str, float], conditions: Sequence[LinearConstraint]) -> bool:
    return all(
        all(name in metrics for name in condition.names) and condition.holds(metrics) for condition in conditions
    )


def best(
    trials: Sequence[Trial],
    goals: Goals,
    order: Sequence[tuple[str, bool]],
    conditions: Sequence[LinearConstraint] = (),
) -> Trial | None:
    """The best of the ``candidates``, on the front or not; None when there are none.

    ``order`` is of metrics and whether each is to be large; the second one decides between trials that are equal in
    the first, and so on. Between trials that are equal in all of them, one that no other of them dominates is taken,
    the earliest if there are several.
    """
    found = [t for t in candidates(trials, goals, conditions) if all(name in t.metrics for name, _ in order)]
    for name, maximize in order:
        if found:
            value = (max if maximize else min)(trial.metrics[name] for trial in found)
            found = [trial for trial in found if trial.metrics[name] == value]
    return next((t for t in found if not any(dominates(other.metrics, t.metrics, goals) for other in found)), None)


def knee(trials: Sequence[Trial], goals: Goals, conditions: Sequence[LinearConstraint] = ()) -> Trial | None:
    """The knee of the front of the ``candidates``: where a gain in one objective begins to cost most in another.

    Each objective is scaled so that the front's worst value is 0 and its best 1. The knee is the point that is
    farthest, towards the ideal point (1, ..., 1), from the line through (1, 0) and (0, 1), and with more objectives
    from the plane through the unit vectors: the one with the largest sum of scaled objectives (Das 1999; Branke et
    al. 2004). Where no point lies beyond that plane, the front has no knee, and the point is taken whose worst scaled
    objective is best. The earliest of equal ones; None without candidates.
    """
    front = pareto_front(candidates(trials, goals, conditions), goals)
    if not front:
        return None
    scaled = {trial.number: _scaled(trial, front, goals) for trial in front}
    farthest = max(front, key=lambda trial: sum(scaled[trial.number]))
    varying = sum(bool(_span(front, o.name)) for o in goals.objectives)
    if sum(scaled[farthest.number]) > 1.0 + len(goals.objectives) - max(1, varying) + 1e-9:
        return farthest
    return max(front, key=lambda trial: min(scaled[trial.number]))


def _span(front: Sequence[Trial], name: str) -> float:
    values = [trial.metrics[name] for trial in front]
    return max(values) - min(values)


def _scaled(trial: Trial, front: Sequence[Trial], goals: Goals) -> list[float]:
    """Each objective between 0 (worst on the front) and 1 (best); 1 where all are equal."""
    scaled: list[float] = []
    for o in goals.objectives:
        values = [other.metrics[o.name] for other in front]
        span = max(values) - min(values)
        distance = trial.metrics[o.name] - min(values) if o.maximize else max(values) - trial.metrics[o.name]
        scaled.append(distance / span if span else 1.0)
    return scaled
