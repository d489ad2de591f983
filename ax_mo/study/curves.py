"""Learning curves as values: what a trial has reported so far, and how it compares at an earlier step. Pure."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate


@dataclass(frozen=True)
class Curve:
    """One metric over the steps of one trial: at least one point, rising steps, finite values."""

    steps: tuple[int, ...]
    values: tuple[float, ...]

    def at(self, step: int) -> float | None:
        """The value at ``step``, on a straight line between the points around it; None before the first and after the
        last point. As in Ax's ``align_partial_results``, so that trials that report at different steps compare.
        """
        index = bisect_right(self.steps, step) - 1
        if index < 0 or step > self.steps[-1]:
            return None
        left, value = self.steps[index], self.values[index]
        if left == step:
            return value
        return value + (self.values[index + 1] - value) * (step - left) / (self.steps[index + 1] - left)

    def best(self, step: int, maximize: bool) -> float | None:
        """The best value of any point up to ``step``; None before the first point."""
        index = bisect_right(self.steps, step) - 1
        return None if index < 0 else (self._highest if maximize else self._lowest)[index]

    @cached_property
    def _highest(self) -> tuple[float, ...]:
        return tuple(accumulate(self.values, max))

    @cached_property
    def _lowest(self) -> tuple[float, ...]:
        return tuple(accumulate(self.values, min))


def curves_of(points: Iterable[tuple[int, Mapping[str, float]]]) -> dict[str, Curve]:
    """The curve of each metric from a trial's reports in their order.

    A value that is not finite, or whose step does not come after the metric's last one, is left out.
    """
    steps: dict[str, list[int]] = {}
    values: dict[str, list[float]] = {}
    for step, metrics in points:
        for name, value in metrics.items():
            if math.isfinite(value) and (name not in steps or step > steps[name][-1]):
                steps.setdefault(name, []).append(step)
                values.setdefault(name, []).append(value)
    return {name: Curve(tuple(steps[name]), tuple(values[name])) for name in steps}


def mean_curves(runs: Sequence[Mapping[str, Curve]]) -> dict[str, Curve]:
    """The curves of a trial that is several runs: their means at the steps that all of them have reached."""
    if len(runs) == 1:
        return dict(runs[0])
    means: dict[str, Curve] = {}
    for name in set.intersection(*(set(curves) for curves in runs)) if runs else ():
        at_step = [dict(zip(curves[name].steps, curves[name].values, strict=True)) for curves in runs]
        steps = sorted(set.intersection(*map(set, at_step)))
        if steps:
            means[name] = Curve(tuple(steps), tuple(math.fsum(v[s] for v in at_step) / len(runs) for s in steps))
    return means


@dataclass(frozen=True)
class Progress:
    """How far a trial has come.

    What is derived from it is kept with it, so that one object is best used for as long as nothing new was reported,
    which for an ended trial is always.
    """

    number: int
    curves: Mapping[str, Curve] = field(default_factory=dict)
    """By the name under which the points were reported."""
    constants: Mapping[str, float] = field(default_factory=dict)
    """Metrics known while the trial runs that do not change any more, such as ``num_params``."""
    completed: bool = False
    """Whether it ran to its own end: neither running nor stopped early."""
    final: Mapping[str, float] = field(default_factory=dict)
    """The metrics of a trial that has ended."""

    @cached_property
    def known(self) -> dict[str, float]:
        """Every value that will not change any more."""
        return {**self.final, **self.constants}
