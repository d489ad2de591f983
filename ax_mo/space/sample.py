"""Quasi-random points of a space without a model: a scrambled Sobol sequence."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ax_mo.space.parameters import Choice, Parameter, Space


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


def quasi_random_points(space: Space, seed: int) -> Iterator[dict[str, Any]]:
    """Points that satisfy the space's constraints, without end unless 10,000 in a row violate them."""
    from torch.quasirandom import SobolEngine

    engine = SobolEngine(dimension=len(space.parameters), scramble=True, seed=seed)
    misses = 0
    while misses < 10_000:
        point = point_at(space, engine.draw(1)[0].tolist())
        if all(constraint.holds(point) for constraint in space.constraints):
            misses = 0
            yield point
        else:
            misses += 1


def point_at(space: Space, units: Sequence[float]) -> dict[str, Any]:
    """The point at one number in [0, 1) per parameter of the space; those of inactive parameters go unused."""
    point: dict[str, Any] = {}
    chosen: dict[str, str] = {}
    for parameter, u in zip(space.parameters, units, strict=True):
        if not all(condition.holds(chosen) for condition in parameter.when):
            continue
        point[parameter.key] = from_unit(parameter, u)
        if isinstance(parameter, Choice):
            chosen[parameter.key] = parameter.text(point[parameter.key])
    return point
