"""One objective: which of two values is better, and whether it is measured as it is or by its logarithm."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from ax_mo.core.metric_expression import MetricExpression
from ax_mo.core.trial import Trial

# Costs are compared by their ratios: 1,000 parameters are much to one who has 500, and nothing to one who has 10^6.
_COST = re.compile(r"num_params(_total)?|.*_seconds|.*_memory_mb")

# Two decades.
_WIDE = 100.0


class Scale(StrEnum):
    """``AUTO`` is a scale that is not decided, and the linear one until ``Objective.settled`` has."""

    AUTO = "auto"
    LINEAR = "linear"
    LOG = "log"

    def has(self, value: float) -> bool:
        """Whether the value has a place on the scale."""
        return self is not Scale.LOG or value > 0

    def position(self, value: float, around: float | None = None) -> float:
        """The place of the value on the scale: log10 of it on a logarithmic one, else the value itself.

        ``around`` is the mean of several values of which this is one. The logarithm is then linearised there, so that
        the mean of the places is the place of the mean, and their standard error that of the delta method.
        """
        if self is not Scale.LOG:
            return value
        if around is None:
            return math.log10(value)
        return math.log10(around) + (value / around - 1.0) / math.log(10.0)

    def value_at(self, position: float) -> float:
        """The value at that place; infinite where it is too large for a float."""
        if self is not Scale.LOG:
            return position
        return 10.0**position if position < 308 else math.inf

    def error_at(self, position: float, error: float) -> float:
        """The standard error of the value at a place of which this is the standard error (delta method)."""
        return error * self.value_at(position) * math.log(10.0) if self is Scale.LOG else error


@dataclass(frozen=True)
class Objective:
    """One metric to push up or down, or towards a ``target``."""

    name: str
    maximize: bool
    """Also false where there is a target: the distance from it is to be small."""
    threshold: float | None = None
    """The worst value still of interest; with a target, the largest distance from it."""
    scale: Scale = Scale.AUTO
    target: float | None = None
    expression: MetricExpression | None = None
    """What the metric is made of, where no trial gives it itself."""

    @property
    def direction(self) -> str:
        """Of the metric or, with a target, of the distance from it."""
        return "maximize" if self.maximize else "minimize"

    @property
    def goal(self) -> str:
        """``maximize``, ``near 90``, ``maximize 0.7*acc - 0.3*log(size)``."""
        goal = self.direction if self.target is None else f"near {self.target:.12g}"
        return goal if self.expression is None else f"{goal} {self.expression.text}"

    @property
    def arrow(self) -> str:
        """``↑``, ``↓``, ``→ 90``."""
        return f"→ {self.target:.12g}" if self.target is not None else "↑" if self.maximize else "↓"

    @property
    def is_log(self) -> bool:
        """Whether its values are compared by their ratios."""
        return self.scale is Scale.LOG

    @property
    def linear(self) -> "Objective":
        """The same without a logarithm."""
        return replace(self, scale=Scale.LINEAR)

    @property
    def bounds(self) -> tuple[float, ...]:
        """The values at which the threshold is met by just so much: none, one or, around a target, two."""
        if self.threshold is None:
            return ()
        if self.target is None:
            return (self.threshold,)
        return self.target + self.threshold, self.target - self.threshold

    @property
    def details(self) -> str:
        """``threshold 0.9, log scale``, for people; empty where there is none of both."""
        word = "threshold" if self.target is None else "tolerance"
        threshold = [] if self.threshold is None else [f"{word} {self.threshold:g}"]
        return ", ".join([*threshold, *(["log scale"] if self.is_log else [])])

    @property
    def described(self) -> str:
        """``maximize, threshold 0.9, log scale``, for people."""
        return f"{self.goal}, {self.details}" if self.details else self.goal

    @property
    def limit(self) -> str:
        """The threshold as a condition, ``val_acc >= 0.9``; empty where there is none."""
        if self.threshold is None:
            return ""
        if self.target is not None:
            return f"{self.name} = {self.target:.12g} ± {self.threshold:g}"
        return f"{self.name} {'>=' if self.maximize else '<='} {self.threshold:g}"

    def misses(self, value: float) -> bool:
        """Whether the value is short of the threshold."""
        if self.threshold is None:
            return False
        return self.better(self.threshold, value) if self.target is None else self.distance(value) > self.threshold

    def better(self, a: float, b: float) -> bool:
        """Whether ``a`` is better than ``b``."""
        if self.target is not None:
            return self.distance(a) < self.distance(b)
        return a > b if self.maximize else a < b

    def worst(self, values: Iterable[float]) -> float:
        """The worst of at least one value."""
        if self.target is not None:
            return max(values, key=self.distance)
        return min(values) if self.maximize else max(values)

    def distance(self, value: float) -> float:
        """From the target."""
        assert self.target is not None
        return abs(value - self.target)

    def gain(self, value: float) -> float:
        """How good the value is on the objective's scale: more is better."""
        if self.target is not None:
            return -self.distance(value)
        return (1.0 if self.maximize else -1.0) * self.scale.position(value)

    @property
    def of_distance(self) -> "Objective":
        """What is minimized where there is a target, ``|angle - 90|``; otherwise itself."""
        if self.target is None:
            return self
        name = f"|{self.name} - {self.target:.12g}|"
        return Objective(name, maximize=False, threshold=self.threshold, scale=Scale.LINEAR)

    def settled(self, trials: Iterable[Trial]) -> "Objective":
        """The same with the scale, ``LOG`` or ``LINEAR``, that it has in a study with these trials, in any order.

        ``AUTO`` is ``LOG`` for a cost, as ``num_params`` and ``fit_seconds`` are, and for what is minimized once the
        results span two decades; of what is maximized, a logarithm would tell most about the worst, as about
        accuracies near chance. No objective has a logarithmic scale that was zero or negative in any trial.
        """
        if self.target is not None:
            return self.linear
        known = [t.metrics[self.name] for t in trials if t.status.teaches and self.name in t.metrics]
        positive = min(known, default=1.0) > 0 and (self.threshold is None or self.threshold > 0)
        is_wide = not self.maximize and bool(known) and max(known) >= _WIDE * min(known)
        is_cost = _COST.fullmatch(self.name) is not None
        wanted = self.is_log or (self.scale is Scale.AUTO and (is_cost or is_wide))
        return replace(self, scale=Scale.LOG if wanted and positive else Scale.LINEAR)
