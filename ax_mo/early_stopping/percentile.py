"""The rules ``percentile`` and ``all``: one metric, or every objective that has a curve, is among the worst."""

from collections.abc import Sequence
from dataclasses import dataclass

from ax_mo.core.objective import Objective
from ax_mo.core.objectives import Goals, is_maximize
from ax_mo.early_stopping.curves import TrialCurves
from ax_mo.early_stopping.rules import EarlyStopping, StoppingRule, StudyCurves
from ax_mo.errors import closest


@dataclass(frozen=True)
class Rank:
    """A trial's value of a metric at a step, and the percentile of ``trials`` trials that it falls short of."""

    metric: str
    side: str
    """``below``, ``above`` or, of a target, ``farther from 90 than``."""
    value: float
    bound: float
    percentile: float
    trials: int


@dataclass(frozen=True)
class AmongTheWorst:
    """Every metric that is compared falls short at a step."""

    step: int
    ranks: Sequence[Rank]

    def __str__(self) -> str:
        return "; ".join(
            f"{rank.metric} {rank.value:.4g} at step {self.step} is {rank.side} "
            f"{rank.bound:.4g}, percentile {rank.percentile:g} of {rank.trials} trials"
            for rank in self.ranks
        )


class AllPercentiles(StoppingRule):
    """Bad is what is in the bad percentile in each of the objectives that have curves.

    ``percentile`` is the share, in percent, of the trials with a value at the step that count as the worst; the trial
    itself is one of them, and however the others ended.
    """

    def __init__(self, settings: EarlyStopping, goals: Goals, *, percentile: float = 50.0) -> None:
        super().__init__(settings, goals)
        if not 0.0 < percentile < 100.0:
            raise ValueError(f"percentile must lie between 0 and 100, not {percentile:g}; 50 is usual.")
        self._percentile = percentile

    def judge(self, trial: TrialCurves, step: int, study: StudyCurves) -> AmongTheWorst | None:
        ranks = [rank for o in study.curved if (rank := self._rank(trial, o, step, study)) is not None]
        return AmongTheWorst(step, ranks) if len(ranks) == len(study.curved) else None

    def _rank(self, trial: TrialCurves, objective: Objective, step: int, study: StudyCurves) -> Rank | None:
        """None where the trial is not bad, or too few trials have a value at the step."""
        import numpy as np

        name = self.settings.curve(objective.name)
        value = trial.curves[name].at(step)
        at_step = [other.curves[name].at(step) for other in study.trials if name in other.curves]
        values = [other for other in at_step if other is not None]
        if value is None or len(values) < self.settings.min_trials:
            return None
        if objective.target is not None:
            values = [objective.distance(other) for other in values]
        # Ax's own words, for equal results to the last bit.
        q = self._percentile / 100.0
        q = q if objective.maximize else 1 - q
        bound = float(np.quantile(values, q))
        if objective.target is not None:
            is_bad, side = objective.distance(value) > bound, f"farther from {objective.target:g} than"
        else:
            is_bad, side = objective.better(bound, value), "below" if objective.maximize else "above"
        return Rank(name, side, value, bound, 100.0 * q, len(values)) if is_bad else None


class MetricPercentile(AllPercentiles):
    """The same of one ``metric``, as Ax's PercentileEarlyStoppingStrategy.

    The metric is an objective, the curve of one, or any other with its ``goal``, maximize or minimize.
    """

    watched_by = "metric"

    def __init__(
        self, settings: EarlyStopping, goals: Goals, *, metric: str, goal: str | None = None, percentile: float = 50.0
    ) -> None:
        super().__init__(settings, goals, percentile=percentile)
        maximize = None if goal is None else is_maximize(goal, "early_stopping.goal")
        named = {settings.curve(o.name): o for o in goals.objectives} | {o.name: o for o in goals.objectives}
        objective = named.get(metric)
        if objective is None and maximize is None:
            raise ValueError(
                f"metric: '{metric}' is no objective; name one of {', '.join(goals.names)}, or say which way is better "
                f"with early_stopping.goal.{closest(metric, goals.names)}"
            )
        if objective is not None and maximize not in (objective.maximize, None):
            raise ValueError(
                f"goal: {goal} contradicts hydra.sweeper.objectives.{objective.name}, which is to "
                f"{objective.direction}; delete it."
            )
        self._metric = Objective(metric, bool(maximize) if objective is None else objective.maximize)

    @property
    def watched(self) -> tuple[Objective, ...]:
        return (self._metric,)
