"""Linear constraints between searched parameters, the fixed numbers put in; and whether they leave anything."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ax_mo.core.linear import ROUNDING, LinearConstraint, parse_linear
from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.overrides import bare
from ax_mo.search_space.grammar import FixedOverride
from ax_mo.search_space.parameters import Choice, Condition, Parameter, Range, when_text
from ax_mo.search_space.region import FeasibleRegion

_KEY = "hydra.sweeper.param_constraints"

# So many combinations of whole numbers are gone through.
_FEW = 100_000

Fixed = tuple[FixedOverride, tuple[Condition, ...]]
"""A fixed override, and when it is given."""


def constrained(
    texts: Sequence[str], parameters: Sequence[Parameter], fixed: Sequence[Fixed], typed: Collection[str]
) -> tuple[tuple[Parameter, ...], tuple[LinearConstraint, ...], list[str]]:
    """The parameters, what constrains them, and a sentence on each whose bounds a fixed number has moved.

    ``typed`` are the keys that the command line gives: it may fix what a file's constraint is over. Where one
    parameter is left, the constraint is a bound of it, which a log scale allows as well. Raises ConfigError.
    """
    by_key = {bare(parameter.key): parameter for parameter in parameters}
    fixed_by_key = {bare(override.key): (override, when) for override, when in fixed}
    constraints: list[LinearConstraint] = []
    hints: list[str] = []
    for text in texts:
        written = parse_linear(text, "param_constraints")
        numbers = {
            name: _number(*fixed_by_key[name], text)
            for name in written.names
            if name not in by_key and name in fixed_by_key
        }
        among = {name: _constrainable(name, text, by_key, typed) for name in written.names if name not in numbers}
        constraint = LinearConstraint(
            tuple((among[name].key, weight) for name, weight in written.terms if name in among),
            written.bound - sum(weight * numbers[name] for name, weight in written.terms if name in numbers),
            written.text,
        )
        lines = " and ".join(fixed_by_key[name][0].line for name in numbers)
        if not among:
            if not constraint.holds({}):
                raise ConfigError(f"{_KEY}: '{text}' does not hold with {lines}.")
        elif numbers and len(among) == 1:
            ((name, before),) = among.items()
            by_key[name] = after = _bounded(before, constraint, lines)
            if after != before:
                hints.append(f"{after.key} is searched in {after.describe()}, since '{text}' with {lines}.")
        else:
            _check_scales(constraint, list(among.values()))
            constraints.append(constraint)
    narrowed = tuple(by_key[bare(p.key)] if isinstance(p, Range) and not p.when else p for p in parameters)
    _check_feasible(constraints, [parameter for parameter in narrowed if isinstance(parameter, Range)])
    return narrowed, tuple(constraints), hints


def _number(override: FixedOverride, when: Sequence[Condition], text: str) -> float:
    if when:
        raise ConfigError(
            f"{_KEY}: '{bare(override.key)}' in '{text}' is only given when {when_text(when)}; only what is always "
            "there can be constrained."
        )
    try:
        return float(override.text)
    except ValueError:
        raise ConfigError(
            f"{_KEY}: '{bare(override.key)}' in '{text}' is fixed, {override.line}, which is no number."
        ) from None


def _constrainable(name: str, text: str, by_key: Mapping[str, Parameter], typed: Collection[str]) -> Range:
    parameter = by_key.get(name)
    if parameter is None:
        raise ConfigError(
            f"{_KEY}: '{name}' in '{text}' is not among the searched parameters ({', '.join(by_key)})."
            f"{closest(name, by_key)}"
        )
    if parameter.when:
        raise ConfigError(
            f"{_KEY}: '{name}' in '{text}' is only active when {when_text(parameter.when)}; only parameters that are "
            "always active can be constrained."
        )
    if isinstance(parameter, Choice):
        given = f"{parameter.key}={','.join(option.text for option in parameter.options)}"
        because = f", because the command line gives {given}" if name in typed else ""
        raise ConfigError(
            f"{_KEY}: '{name}' in '{text}' is a choice{because}; only numbers between two bounds (interval, range) can "
            "be constrained."
        )
    return parameter


def _bounded(parameter: Range, constraint: LinearConstraint, lines: str) -> Range:
    """The parameter within the bound that a constraint over it alone is."""
    ((_, weight),) = constraint.terms
    limit = constraint.bound / weight
    if parameter.integral:
        slack = math.copysign(ROUNDING * max(1.0, abs(limit)), weight)
        limit = math.floor(limit + slack) if weight > 0 else math.ceil(limit + slack)
    low = parameter.low if weight > 0 else max(parameter.low, limit)
    high = parameter.high if weight < 0 else min(parameter.high, limit)
    if low > high:
        raise ConfigError(
            f"{_KEY}: no point meets '{constraint.text}' with {lines}: {parameter.key} is {parameter.low:g} to "
            f"{parameter.high:g}."
        )
    if low == high:
        raise ConfigError(
            f"{_KEY}: '{constraint.text}' with {lines} leaves {parameter.key} nothing but {low:g}; fix it, too: "
            f"{parameter.key}={low:g}."
        )
    return replace(parameter, low=low, high=high)


def _check_scales(constraint: LinearConstraint, parameters: Sequence[Range]) -> None:
    """On a log scale only an order between two log-scaled parameters stays linear."""
    logs = [parameter.key for parameter in parameters if parameter.log]
    if not logs:
        return
    weights = sorted(weight for _, weight in constraint.terms)
    if len(logs) == len(weights) == 2 and weights[0] == -weights[1] and constraint.bound == 0:
        return
    raise ConfigError(
        f"{_KEY}: '{constraint.text}' is over '{logs[0]}', which is on a log scale. There "
        "only an order such as 'a <= b' between two log-scaled parameters is possible; otherwise drop tag(log, ...)."
    )


def _check_feasible(constraints: Sequence[LinearConstraint], parameters: Sequence[Range]) -> None:
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
    region = FeasibleRegion(among, constraints)
    if all(r.integral for r in among) and math.prod(len(r.values) for r in among) <= _FEW:
        if region.points(0) == []:
            raise ConfigError(f"{_KEY}: no point meets {texts}{together}.")
        return
    radius = region.radius()
    if radius < 0:
        raise ConfigError(f"{_KEY}: no point meets {texts}{together}.")
    if radius < 1e-7:
        raise ConfigError(
            f"{_KEY}: {texts}{together} can only be met exactly, which leaves nothing to search. Fix a parameter that "
            "has one value left; of numbers that must add up, search all but one and let the task work out the last."
        )
