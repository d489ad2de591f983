"""A number between 0 and 1 becomes a value of a parameter. Pure."""

import math
from typing import Any

from ax_mo.search_space.parameters import Choice, Parameter


def from_unit(parameter: Parameter, u: float) -> Any:
    """The parameter's value at ``u`` in [0, 1): its quantile, on its own scale."""
    if isinstance(parameter, Choice):
        return parameter.options[min(int(u * len(parameter.options)), len(parameter.options) - 1)].value
    low, high = float(parameter.low), float(parameter.high)
    if parameter.integral:  # each integer owns a cell of width one, also at the bounds
        low, high = low - 0.5, high + 0.5
    if parameter.log:
        low = max(low, parameter.low / 2)
        value = math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
    else:
        value = low + u * (high - low)
    value = min(max(value, float(parameter.low)), float(parameter.high))
    return round(value) if parameter.integral else value
