"""Which running trials are bad enough to be stopped. Pure: the same curves always give the same answer.

Nothing is remembered between calls, so that a resumed sweeper decides as the first one would have. A trial that was
stopped belongs to ``others`` from then on, with the curve it got, and is not asked about again.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ax_mo.core.curve import Progress
from ax_mo.core.objectives import Goals, Objective
from ax_mo.early_stopping.settings import EarlyStopping, Rule
from ax_mo.errors import closest
from ax_mo.trial.curve import Curve


def decide(
    settings: EarlyStopping, goals: Goals, running: Sequence[Progress], others: Sequence[Progress]
) -> dict[int, str]:
    """The running trials to stop, by number, each with its reason in one line.

    ``others`` are the trials of the study that completed or were stopped early. A failed one is better left out: what
    it would have reached is worth nothing, and so no reason to stop another.
    """
    if sum(other.completed for other in others) < settings.min_trials:
        return {}
    trials = [*others, *running]
    kinds = _kinds(settings, goals, trials)
    if not kinds.curved:
        return {}
    if settings.rule is Rule.DOMINATED:
        rivals = [trial for trial in trials if _counts(goals, trial, kinds.once)]
        reasons = {trial.number: _dominated(settings, trial, rivals, kinds) for trial in running}
    else:
        reasons = {trial.number: _among_the_worst(settings, trial, trials, kinds.curved) for trial in running}
    return {number: reason for number, reason in reasons.items() if reason is not None}


def why_undecidable(settings: EarlyStopping, goals: Goals, completed: Sequence[Progress]) -> str | None:
    """Why the rule will never stop a trial, for the screen; None when it can, or while no trial has completed.

    ``completed`` are trials that this study ran itself: those of earlier studies have no curves.
    """
    if not completed:
        return None
    kinds = _kinds(settings, goals, completed)
    reported = sorted({name for trial in completed for name in trial.curves} - kinds.once)
    if not reported:
        return (
            "hydra.sweeper.early_stopping: no trial reports a learning curve, so nothing will be stopped. "
            "Report one with ax_mo.report(step, ...); Lightning's validation metrics are reported by themselves."
        )
    if settings.rule is Rule.DOMINATED:
        missing = [o for o in kinds.fixed if not any(_in_time(settings, o, trial, kinds) for trial in completed)]
    else:
        missing = [] if kinds.curved else list(settings.watched(goals))
    if not kinds.curved and not missing:
        missing = list(goals.objectives)
    if not missing:
        return _why_too_short(settings, completed, kinds.curved)
    names = [settings.curve(o.name) for o in missing]
    key = "metric" if settings.metric is not None else "curves"
    if names[0] in kinds.once:
        late = settings.rule is Rule.DOMINATED and kinds.curved
        what = f"'{names[0]}' is reported only {'at the end of a trial' if late else 'once, which is no curve'}"
    else:
        kind = "no curve and no constant" if settings.rule is Rule.DOMINATED else "no curve"
        quoted = " or ".join(f"'{name}'" for name in names)
        what = f"{kind} is reported for {quoted}"
    return (
        f"hydra.sweeper.early_stopping.{key}: {what}, so nothing will be stopped; "
        f"the curves are {', '.join(reported)}.{closest(names[0], reported)}"
    )


def _why_too_short(settings: EarlyStopping, completed: Sequence[Progress], curved: Sequence[Objective]) -> str | None:
    """Why trials of this length will never be stopped."""
    curves = [of_trial for trial in completed if (of_trial := _curves(settings, trial, curved)) is not None]
    most = max((min(len(curve.steps) for curve in of_trial) for of_trial in curves), default=0)
    wanted = settings.min_steps + settings.patience * settings.interval
    if not curves or most >= wanted:
        return None
    return (
        f"hydra.sweeper.early_stopping: a trial is stopped after {wanted} reports at the earliest (min_steps + "
        f"patience * interval). Those that have completed made {most}, and no such trial will be stopped."
    )


@dataclass(frozen=True)
class _Kinds:
    """What changes with a trial's steps and what does not."""

    curved: list[Objective]
    """What the rule compares step by step: of what it watches, the metrics that any trial has a curve of."""
    fixed: list[Objective]
    """The objectives of which no trial has a curve."""
    once: set[str]
    """The metrics that no trial has reported twice, although it goes on reporting others."""


def _kinds(settings: EarlyStopping, goals: Goals, trials: Sequence[Progress]) -> _Kinds:
    """A metric that is reported once is no curve: ``report(0, num_params=n)`` is a constant, a score after the loop a
    result. Where nothing is reported twice, as in trainings of one epoch, one point is all the curve there can be.
    """
    most: dict[str, int] = {}
    for trial in trials:
        for name, curve in trial.curves.items():
            most[name] = max(most.get(name, 0), len(curve.steps))
    longest = max(most.values(), default=0)
    once = {name for name, points in most.items() if points == 1 < longest}
    curved = [o for o in settings.watched(goals) if settings.curve(o.name) in most.keys() - once]
    return _Kinds(curved, [o for o in goals.objectives if o not in curved], once)


def _in_time(settings: EarlyStopping, objective: Objective, trial: Progress, kinds: _Kinds) -> bool:
    """Whether an objective that has no curve was known before the trial's last step."""
    name = settings.curve(objective.name)
    if name not in kinds.once:
        return objective.name in trial.constants
    point, curves = trial.curves.get(name), _curves(settings, trial, kinds.curved)
    if point is None or not curves:
        return False
    return point.steps[0] < _reached(curves)


def _reached(curves: Sequence[Curve]) -> int:
    """The step to which all of a trial's curves have come.

    A trial that is about to report its second metric must not be compared with trials that have reported both.
    """
    return min(curve.steps[-1] for curve in curves)


def _looks(settings: EarlyStopping, curves: Sequence[Curve]) -> tuple[int, ...]:
    """The last ``patience + 1`` steps at which a trial is looked at; none while it has fewer.

    Of several curves, the one with the fewest points counts, up to where all of them have come.
    """
    steps = min(curves, key=lambda curve: len(curve.steps)).steps
    count = bisect_right(steps, _reached(curves))
    looks = range(settings.min_steps - 1, count, settings.interval)[-settings.patience - 1 :]
    return tuple(steps[index] for index in looks) if len(looks) > settings.patience else ()


def _curves(settings: EarlyStopping, trial: Progress, curved: Sequence[Objective]) -> list[Curve] | None:
    """The trial's curves, one for each of ``curved``; None while one is missing."""
    curves = [trial.curves.get(settings.curve(o.name)) for o in curved]
    return None if None in curves else [curve for curve in curves if curve is not None]


# percentile, all


def _among_the_worst(
    settings: EarlyStopping, trial: Progress, trials: Sequence[Progress], curved: Sequence[Objective]
) -> str | None:
    """Whether every curve of the trial is in the bad percentile at each look, as Ax's strategy has it for one curve.

    The percentile is that of all trials with a value at the step, the trial itself included, however they ended.
    """
    curves = _curves(settings, trial, curved)
    looks = () if curves is None else _looks(settings, curves)
    at_look = [[_position(settings, o, trial, trials, step) for o in curved] for step in looks]
    if not at_look or any(position is None or not position.bad for row in at_look for position in row):
        return None
    described = "; ".join(
        f"{settings.curve(o.name)} {position.value:.4g} at step {looks[-1]} is {'below' if o.maximize else 'above'} "
        f"{position.bound:.4g}, percentile {position.percentile:g} of {position.trials} trials"
        for o, position in zip(curved, at_look[-1], strict=True)
        if position is not None
    )
    return described + _since(looks)


@dataclass(frozen=True)
class _Position:
    """Where a value lies among those of ``trials`` trials at a step."""

    value: float
    bound: float
    percentile: float
    trials: int
    bad: bool


def _position(
    settings: EarlyStopping, objective: Objective, trial: Progress, trials: Sequence[Progress], step: int
) -> _Position | None:
    """None when too few trials have a value at the step."""
    name = settings.curve(objective.name)
    value = trial.curves[name].at(step)
    at_step = [other.curves[name].at(step) for other in trials if name in other.curves]
    values = [other for other in at_step if other is not None]
    if value is None or len(values) < settings.min_trials:
        return None
    # Ax's own words, for equal results to the last bit.
    q = settings.percentile / 100.0
    q = q if objective.maximize else 1 - q
    bound = float(np.quantile(values, q))
    return _Position(value, bound, 100.0 * q, len(values), objective.better(bound, value))


# dominated


def _dominated(settings: EarlyStopping, trial: Progress, rivals: Sequence[Progress], kinds: _Kinds) -> str | None:
    """Whether ``k`` others dominate the trial at each look, and at the step to which it has come since the last one.

    Compared are the best values up to the step, in all objectives that have curves, and the constants of the others.
    The best value, since it is what a checkpoint keeps and one noisy point does not move it down. It also makes
    trials comparable that have not come as far, whether they were stopped or still run: what they have is the least
    that they would have at the step.
    """
    curves = _curves(settings, trial, kinds.curved)
    looks = () if curves is None else _looks(settings, curves)
    if curves is None or not looks:
        return None
    now = _reached(curves)
    dominators: list[int] = []
    for step in dict.fromkeys((*looks, now)):
        mine = _vector(settings, trial, kinds, step)
        dominators = [
            other.number
            for other in rivals
            if other.number != trial.number and _beats(_vector(settings, other, kinds, step), mine)
        ]
        if len(dominators) < settings.k:
            return None
    return f"dominated at step {now} by {_named(dominators)}{_since(looks)}"


def _counts(goals: Goals, other: Progress, once: set[str]) -> bool:
    """Whether the trial may be held against others: one that breaks a constraint is on no front."""
    known = {name: _final(other, name, once) for constraint in goals.constraints for name in constraint.names}
    final = {name: value for name, value in known.items() if value is not None}
    return final.keys() == known.keys() and all(constraint.holds(final) for constraint in goals.constraints)


def _final(trial: Progress, name: str, once: set[str]) -> float | None:
    """A metric's value that will not change any more; what the project reports itself wins over a built-in."""
    if name in trial.final:
        return trial.final[name]
    if name in once:
        return _point(trial, name)
    return None if name in trial.curves else trial.constants.get(name)


def _point(trial: Progress, name: str) -> float | None:
    """The value of a metric that is reported once, if it has been."""
    curve = trial.curves.get(name)
    return None if curve is None else curve.values[0]


def _vector(settings: EarlyStopping, trial: Progress, kinds: _Kinds, step: int) -> list[float] | None:
    """The objectives at a step, larger is better; None when one of them is not known."""
    vector: list[float] = []
    for o in kinds.curved:
        curve = trial.curves.get(settings.curve(o.name))
        best = None if curve is None else curve.best(step, o.maximize)
        if best is None:
            return None
        vector.append(best if o.maximize else -best)
    for o in kinds.fixed:
        value = _constant(settings, trial, o, kinds.once)
        if value is None:
            return None
        vector.append(value if o.maximize else -value)
    return vector


def _constant(settings: EarlyStopping, trial: Progress, objective: Objective, once: set[str]) -> float | None:
    """The value of an objective that has no curve, from where a running trial has it: like is compared with like."""
    name = settings.curve(objective.name)
    if name in once:
        return _point(trial, name)
    return trial.constants.get(objective.name, trial.final.get(objective.name))


def _beats(a: list[float] | None, b: list[float] | None) -> bool:
    """At least as good in everything and better in something."""
    if a is None or b is None:
        return False
    return a != b and all(x >= y for x, y in zip(a, b, strict=True))


# words


def _named(numbers: Sequence[int]) -> str:
    """``trials 3, 7, 9 and 2 more``, the earliest trials first."""
    first = sorted(numbers)
    shown = [str(number) for number in first[:3]]
    if len(first) > 3:
        return f"trials {', '.join(shown)} and {len(first) - 3} more"
    if len(first) == 1:
        return f"trial {shown[0]}"
    return f"trials {', '.join(shown[:-1])} and {shown[-1]}"


def _since(looks: Sequence[int]) -> str:
    return f", since step {looks[0]}" if len(looks) > 1 else ""
