"""The scale of an objective: whether the model and the hypervolume take its values as they are, or their logarithms."""

import math
import re
from collections.abc import Iterable
from enum import StrEnum

from ax_mo.core.trial import Trial

# Costs are compared by their ratios: 1,000 parameters are much to one who has 500, and nothing to one who has 10^6.
_COST = re.compile(r"num_params(_total)?|.*_seconds|.*_memory_mb")

# Two decades.
_WIDE = 100.0


class Scale(StrEnum):
    """``AUTO`` is a scale that is not decided, and the linear one until ``settled_scale`` has."""

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


def settled_scale(scale: Scale, name: str, maximize: bool, threshold: float | None, trials: Iterable[Trial]) -> Scale:
    """The scale, ``LOG`` or ``LINEAR``, of the objective of that name in a study with these trials, in any order.

    ``AUTO`` is ``LOG`` for a cost, as ``num_params`` and ``fit_seconds`` are, and for what is minimized once the
    results span two decades; of what is maximized, a logarithm would tell most about the worst, as about accuracies
    near chance. No objective has a logarithmic scale that was zero or negative in any trial.
    """
    if scale is Scale.LINEAR:
        return scale
    known = [t.metrics[name] for t in trials if t.status.teaches and name in t.metrics]
    if min(known, default=1.0) <= 0 or (threshold is not None and threshold <= 0):
        return Scale.LINEAR
    if scale is Scale.LOG or _COST.fullmatch(name):
        return Scale.LOG
    return Scale.LOG if not maximize and known and max(known) >= _WIDE * min(known) else Scale.LINEAR
