"""Which running trials are bad enough to be stopped. Pure: the same curves always give the same answer.

Nothing is remembered between calls, so that a resumed sweeper decides as the first one would have. A trial that was
stopped belongs to ``others`` from then on, with the curve it got, and is not asked about again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ax_mo.errors import closest
from ax_mo.goals import Goals, Objective
from ax_mo.study.curves import Curve, Progress
from ax_mo.study.early_stopping import EarlyStopping, Rule


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
    curved = _curved(settings, goals, trials)
    if not curved:
        return {}
    if settings.rule is Rule.DOMINATED:
        reasons = {trial.number: _dominated(settings, goals, trial, trials, curved) for trial in running}
    else:
        reasons = {trial.number: _among_the_worst(settings, trial, trials, curved) for trial in running}
    return {number: reason for number, reason in reasons.items() if reason is not None}


def why_undecidable(settings: EarlyStopping, goals: Goals, completed: Sequence[Progress]) -> str | None:
    """Why the rule will never stop a trial, for the screen; None when it can, or while no trial has completed.

    ``completed`` are trials that this study ran itself: those of earlier studies have no curves.
    """
    if not completed:
        return None
    reported = sorted({name for trial in completed for name in trial.curves})
    if not reported:
        return (
            "hydra.sweeper.early_stopping: no trial reports a learning curve, so nothing will be stopped. "
            "Report one with ax_mo.report(step, ...); Lightning's validation metrics are reported by themselves."
        )
    curved = _curved(settings, goals, completed)
    if settings.rule is Rule.DOMINATED:
        constant = {name for trial in completed for name in trial.constants}
        missing = [o.name for o in goals.objectives if o not in curved and o.name not in constant]
    else:
        missing = [] if curved else [o.name for o in settings.watched(goals)]
    if not curved and not missing:
        missing = list(goals.names)
    if not missing:
        return None
    key = "metric" if settings.metric is not None else "curves"
    kind = "no curve and no constant" if settings.rule is Rule.DOMINATED else "no curve"
    names = " or ".join(f"'{settings.curve(name)}'" for name in missing)
    return (
        f"hydra.sweeper.early_stopping.{key}: {kind} is reported for {names}, so nothing will be stopped; "
        f"the curves are {', '.join(reported)}.{closest(settings.curve(missing[0]), reported)}"
    )


def _curved(settings: EarlyStopping, goals: Goals, trials: Sequence[Progress]) -> list[Objective]:
    """What the rule compares step by step: the metrics that any trial has a curve of."""
    return [o for o in settings.watched(goals) if any(settings.curve(o.name) in trial.curves for trial in trials)]


def _looks(settings: EarlyStopping, curves: Sequence[Curve]) -> tuple[int, ...]:
    """The last ``patience + 1`` steps at which a trial is looked at; none while it has fewer.

    Of several curves, the one with the fewest points counts, up to where all of them have come: a trial that is about
    to report its second metric must not be compared with trials that have reported both.
    """
    end = min(curve.steps[-1] for curve in curves)
    steps = [step for step in min(curves, key=lambda curve: len(curve.steps)).steps if step <= end]
    looks = steps[settings.min_steps - 1 :: settings.interval][-settings.patience - 1 :]
    return tuple(looks) if len(looks) > settings.patience else ()


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


def _dominated(
    settings: EarlyStopping, goals: Goals, trial: Progress, trials: Sequence[Progress], curved: Sequence[Objective]
) -> str | None:
    """Whether ``k`` others dominate the trial at each look. One of them is enough to be off the front at that step.

    Compared are the best values up to the step, in all objectives that have curves, and the constants of the others.
    The best value, since it is what a checkpoint keeps and one noisy point does not move it down. It also makes
    trials comparable that have not come as far, whether they were stopped or still run: what they have is the least
    that they would have at the step.
    """
    curves = _curves(settings, trial, curved)
    fixed = [o for o in goals.objectives if o not in curved]
    known = trial.known
    if curves is None or any(o.name not in known for o in fixed):
        return None
    rivals = [other for other in trials if other.number != trial.number and _counts(goals, other)]
    looks = _looks(settings, curves)
    dominators: list[int] = []
    for step in looks:
        mine = _vector(settings, trial, curved, fixed, step)
        dominators = [other.number for other in rivals if _beats(_vector(settings, other, curved, fixed, step), mine)]
        if len(dominators) < settings.k:
            return None
    return f"dominated at step {looks[-1]} by {_named(dominators)}{_since(looks)}" if looks else None


def _counts(goals: Goals, other: Progress) -> bool:
    """Whether the trial may be held against others: one that breaks a constraint is on no front."""
    known = other.known
    return all(set(c.names) <= set(known) and c.holds(known) for c in goals.constraints)


def _vector(
    settings: EarlyStopping, trial: Progress, curved: Sequence[Objective], fixed: Sequence[Objective], step: int
) -> list[float] | None:
    """The objectives at a step, larger is better; None when one of them is not known."""
    vector: list[float] = []
    for o in curved:
        curve = trial.curves.get(settings.curve(o.name))
        best = None if curve is None else curve.best(step, o.maximize)
        if best is None:
            return None
        vector.append(best if o.maximize else -best)
    for o in fixed:
        value = trial.constants.get(o.name, trial.final.get(o.name))
        if value is None:
            return None
        vector.append(value if o.maximize else -value)
    return vector


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
