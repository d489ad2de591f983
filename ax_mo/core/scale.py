"""The scale of an objective: whether the model and the hypervolume take its values as they are, or their logarithms."""

import math
from enum import StrEnum


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
