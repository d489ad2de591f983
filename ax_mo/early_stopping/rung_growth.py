"""What a trial that paused at a low rung would have come to at the highest, judged by those that trained on."""

import statistics
from collections.abc import Mapping, Sequence

Values = Mapping[str, float]
"""By metric, or what stands for one."""


def expected_at_highest(trials: Sequence[Sequence[Values]]) -> list[dict[str, float]]:
    """For each trial, its values at the highest rung that any trial has reached.

    ``trials`` are the values of each at the rungs that it has reached, the lowest first, and at least one. From rung to
    rung, a metric follows a line through the trials that have gone on. Only good ones have, so the line is pulled to a
    slope of one, by which all gain as much: the more, the less their values differ beside those of all at the rung.
    A metric that none of them has at the next rung stays as it is.
    """
    expected = [dict(rungs[0]) for rungs in trials]
    for rung in range(max(map(len, trials), default=1) - 1):
        names = {name for values in expected for name in values}
        for name in names:
            here = [values[name] for values in expected if name in values]
            pairs = [
                (rungs[rung][name], rungs[rung + 1][name])
                for rungs in trials
                if len(rungs) > rung + 1 and name in rungs[rung] and name in rungs[rung + 1]
            ]
            if pairs:
                _grow(expected, name, pairs, statistics.pvariance(here))
        for values, rungs in zip(expected, trials, strict=True):
            if len(rungs) > rung + 1:
                values.update(rungs[rung + 1])
    return expected


def _grow(expected: Sequence[dict[str, float]], name: str, pairs: Sequence[tuple[float, float]], prior: float) -> None:
    """Move the values of a metric to the next rung. ``prior``, a variance, is the weight of a slope of one."""
    x, y = statistics.fmean(a for a, _ in pairs), statistics.fmean(b for _, b in pairs)
    xx = sum((a - x) ** 2 for a, _ in pairs)
    xy = sum((a - x) * (b - y) for a, b in pairs)
    slope = max(0.0, (xy + prior) / (xx + prior)) if xx + prior > 0 else 1.0
    for values in expected:
        if name in values:
            values[name] = y + slope * (values[name] - x)
