"""The rules ``percentile`` and ``all``: one metric, or every objective that has a curve, is among the worst."""

from collections.abc import Sequence
from dataclasses import dataclass

from ax_mo.core.objectives import Objective
from ax_mo.early_stopping.curves import TrialCurves
from ax_mo.early_stopping.rules import StoppingRule, StudyCurves


@dataclass(frozen=True)
class Rank:
    """A trial's value of a metric at a step, and the percentile of ``trials`` trials that it falls short of."""

    metric: str
    maximize: bool
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
            f"{rank.metric} {rank.value:.4g} at step {self.step} is {'below' if rank.maximize else 'above'} "
            f"{rank.bound:.4g}, percentile {rank.percentile:g} of {rank.trials} trials"
            for rank in self.ranks
        )


class AllPercentiles(StoppingRule):
    """Bad is what is in the bad percentile in each of the objectives that have curves.

    The percentile is that of all trials with a value at the step, the trial itself included, however they ended.
    """

    heeds = frozenset({"percentile"})

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
        # Ax's own words, for equal results to the last bit.
        q = self.settings.percentile / 100.0
        q = q if objective.maximize else 1 - q
        bound = float(np.quantile(values, q))
        if not objective.better(bound, value):
            return None
        return Rank(name, objective.maximize, value, bound, 100.0 * q, len(values))


class MetricPercentile(AllPercentiles):
    """The same of one metric, as Ax's PercentileEarlyStoppingStrategy."""

    heeds = frozenset({"percentile", "metric", "goal"})
    needs_metric = True
