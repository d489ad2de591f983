"""Whether linear constraints leave a region to search. Pure."""

import math
from collections.abc import Mapping, Sequence
from itertools import product

from ax_mo.core.linear import LinearConstraint
from ax_mo.errors import ConfigError
from ax_mo.search_space.parameters import Range

_KEY = "hydra.sweeper.param_constraints"

# So many combinations of whole numbers are tried one by one.
_FEW = 100_000


def check_feasible(constraints: Sequence[LinearConstraint], parameters: Sequence[Range]) -> None:
    """Raises ConfigError when no point meets all constraints, or only points on the edge of what they allow.

    An equality, such as weights whose sum is 1, has no volume: no random draw meets it, and so no search.
    """
    ranges = {parameter.key: parameter for parameter in parameters}
    for constraint in constraints:
        least = sum(w * (ranges[name].low if w > 0 else ranges[name].high) for name, w in constraint.terms)
        if least > constraint.bound + 1e-9 * max(1.0, abs(constraint.bound)):
            given = ", ".join(f"{name} is {ranges[name].low:g} to {ranges[name].high:g}" for name in constraint.names)
            raise ConfigError(f"{_KEY}: no point meets '{constraint.text}': {given}.")
    if not constraints:
        return
    texts = " and ".join(f"'{constraint.text}'" for constraint in constraints)
    together = " together" if len(constraints) > 1 else ""
    among = [ranges[name] for name in dict.fromkeys(name for c in constraints for name in c.names)]
    if all(r.integral for r in among) and math.prod(int(r.high - r.low) + 1 for r in among) <= _FEW:
        if not _any_whole(constraints, among):
            raise ConfigError(f"{_KEY}: no point meets {texts}{together}.")
        return
    room = _room(constraints, {parameter.key: parameter for parameter in among})
    if room < 0:
        raise ConfigError(f"{_KEY}: no point meets {texts}{together}.")
    if room < 1e-7:
        raise ConfigError(
            f"{_KEY}: {texts}{together} can only be met exactly, which leaves nothing to search. Fix a parameter that "
            "has one value left; of numbers that must add up, search all but one and let the task work out the last."
        )


def _any_whole(constraints: Sequence[LinearConstraint], among: Sequence[Range]) -> bool:
    names = [parameter.key for parameter in among]
    values = product(*(range(int(parameter.low), int(parameter.high) + 1) for parameter in among))
    return any(all(c.holds(dict(zip(names, point, strict=True))) for c in constraints) for point in values)


def _room(constraints: Sequence[LinearConstraint], among: Mapping[str, Range]) -> float:
    """The radius, as a share of the parameters' ranges, of the largest ball within all bounds; negative for none.

    A whole number owns the cell around it, so that a constraint which leaves only one of several has room.
    """
    from scipy.optimize import linprog

    bounds = {
        name: (p.low - 0.5, p.high + 0.5) if p.integral else (float(p.low), float(p.high)) for name, p in among.items()
    }
    spans = {name: high - low for name, (low, high) in bounds.items()}
    rows: list[list[float]] = []
    limits: list[float] = []
    for constraint in constraints:  # over u in [0, 1]: low + span * u
        scaled = {name: weight * spans[name] for name, weight in constraint.terms}
        size = math.sqrt(sum(weight**2 for weight in scaled.values()))
        rows.append([scaled.get(name, 0.0) / size for name in among] + [1.0])
        limits.append((constraint.bound - sum(w * bounds[name][0] for name, w in constraint.terms)) / size)
    for index in range(len(among)):
        for sign in (1.0, -1.0):
            rows.append([sign * (position == index) for position in range(len(among))] + [1.0])
            limits.append(max(sign, 0.0))
    free = [(None, None)] * (len(among) + 1)
    found = linprog([0.0] * len(among) + [-1.0], A_ub=rows, b_ub=limits, bounds=free)
    return float(found.x[-1]) if found.status == 0 else 1.0  # anything else is for the search to find out
