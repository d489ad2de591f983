"""What a trial that was stopped early would have reached, judged by those that ran to their end.

The model compares final values. The last value of a stopped trial is none: told as one, it says that whatever learns
slowly is bad, and spreads the model's scale over values that no finished trial has.
"""

import statistics
from collections.abc import Iterable

from ax_mo.trial.curve import Curve

# A single neighbour is noise; with more, the few trials that a young study has would all be neighbours of each other.
_NEIGHBOURS = 3


def expected_final(step: int, value: float, completed: Iterable[tuple[Curve, float]]) -> float | None:
    """The median final value of the three completed trials that were nearest to ``value`` at ``step``.

    ``completed`` are their curves and final values. None where fewer than three have a value at the step.
    """
    at_step = ((curve.at(step), final) for curve, final in completed)
    nearest = sorted((abs(there - value), final) for there, final in at_step if there is not None)[:_NEIGHBOURS]
    return statistics.median(final for _, final in nearest) if len(nearest) == _NEIGHBOURS else None
