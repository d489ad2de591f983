"""Points to try first: the project's own configuration, and what the user names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.core.trial import Value
from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.overrides import bare
from ax_mo.hydra_project.project import (
    COMPOSE_ERRORS,
    Project,
    active_groups,
    chosen_option,
    has_key,
    reason,
    without_hydra,
)
from ax_mo.search_space.grammar import as_name
from ax_mo.search_space.parameters import Choice, Parameter, holds, when_text
from ax_mo.search_space.project_keys import config_value
from ax_mo.search_space.sample import covering_points
from ax_mo.search_space.space import SearchSpace


def config_point(space: SearchSpace, project: Project) -> tuple[dict[str, Value] | None, str]:
    """The project's own configuration as a point, or None and why it is not in the space."""
    try:
        values = own_values(space, project)
    except COMPOSE_ERRORS as error:
        return None, reason(error)
    why = space.outside(values)
    return (None, str(why)) if why else (space.restricted(values), "")


def initial_points(space: SearchSpace, given: Sequence[Any], project: Project) -> list[dict[str, Value]]:
    """The points of ``initial_trials``; what one leaves out is as in the project's configuration.

    Raises ConfigError for a key that is not searched and for a value outside the space.
    """
    points: list[dict[str, Value]] = []
    for index, overrides in enumerate(given):
        where = f"hydra.sweeper.initial_trials[{index}]"
        if not isinstance(overrides, Mapping):
            raise ConfigError(f"{where} must be a mapping of parameters to values, not {overrides!r}.")
        points.append(completed_point(space, named_values(space, overrides, where), project, where))
    return points


def completed_point(space: SearchSpace, named: Mapping[str, Value], project: Project, where: str) -> dict[str, Value]:
    """The point with these values by the space's keys, and the project's own for all others.

    Raises ConfigError, which begins with ``where``, for one outside the space.
    """
    try:
        values = own_values(space, project, named)
    except COMPOSE_ERRORS as error:
        raise ConfigError(f"{where} does not compose: {reason(error)}") from None
    values.update(named)
    why = space.outside(values)
    if why is not None:
        raise ConfigError(f"{where}: {why}.")
    point = space.restricted(values)
    inactive = next((p for p in space.parameters if p.key in named and p.key not in point), None)
    if inactive is not None:
        raise only_when(inactive, where)
    return point


def only_when(inactive: Parameter, where: str) -> ConfigError:
    """What is wrong with a point that names a parameter which its options do not have."""
    return ConfigError(
        f"{where}: {inactive.key} is only there when {when_text(inactive.when)}; leave it out, or choose that."
    )


def own_values(space: SearchSpace, project: Project, named: Mapping[str, Value] | None = None) -> dict[str, Value]:
    """The values of the searched keys that the project has by itself, under the options in ``named``.

    What is fixed counts, also where it holds under some options only: which ones there are, composing shows, and a
    fixed option may bring others. Raises Hydra's exceptions.
    """
    named = named or {}
    groups = [
        f"{p.key}={p.text(named[p.key])}"
        for p in space.parameters
        if p.is_group and p.key in named and p.outside(named[p.key]) is None
    ]
    given = space.conditional_lines(space.chosen(named))
    for _ in range(len(space.conditional) + 1):
        lines = [*space.fixed, *groups, *given]
        config = project.compose(lines)
        values = values_in(config, space)
        values.update(_lists_in(config, lines, space, project, {**values, **named}))
        before, given = given, space.conditional_lines(space.chosen({**values, **named}))
        if given == before:
            break
    return values


def samples(space: SearchSpace, project: Project) -> Iterator[dict[str, Value]]:
    """Points that together hold every parameter and option, close to the project's own configuration.

    Most are of options that Hydra has composed before, to see what each brings.
    """
    try:
        near = own_values(space, project)
    except COMPOSE_ERRORS:
        near = {}
    return covering_points(space, near)


def _lists_in(
    config: DictConfig, lines: Sequence[str], space: SearchSpace, project: Project, values: Mapping[str, Value]
) -> dict[str, Value]:
    """The options of groups that stand at a list of options, which Hydra does not note: those that change nothing."""
    found: dict[str, Value] = {}
    for parameter in space.parameters:
        if not isinstance(parameter, Choice) or not parameter.is_group or parameter.key.startswith("+"):
            continue
        if parameter.key in values or not holds(parameter.when, space.chosen({**values, **found})):
            continue
        for option in parameter.options:
            try:
                same = _written(project.compose([*lines, f"{parameter.key}={option.text}"])) == _written(config)
            except COMPOSE_ERRORS:
                continue
            if same:
                found[parameter.key] = option.value
                break
    return found


def _written(config: DictConfig) -> Any:
    return OmegaConf.to_container(without_hydra(config), resolve=False)


def values_in(config: DictConfig, space: SearchSpace) -> dict[str, Value]:
    """The value of each searched key that a composed configuration has."""
    values: dict[str, Value] = {}
    for parameter in space.parameters:
        key = bare(parameter.key)
        if isinstance(parameter, Choice) and parameter.is_group:
            if key in active_groups(config):
                option = chosen_option(config, key)
                values[parameter.key] = [] if option is None else option  # both leave the group out
        elif has_key(config, key):
            try:
                values[parameter.key] = config_value(config, key)
            except OmegaConfBaseException:  # missing, or an interpolation that only a run can resolve
                continue
    return values


def named_values(space: SearchSpace, overrides: Mapping[Any, Any], where: str, prefix: str = "") -> dict[str, Value]:
    """The overrides by the space's keys; nested mappings are dotted keys, as in ``params``.

    Raises ConfigError, which begins with ``where``, for a key that is not searched.
    """
    keys = {bare(parameter.key): parameter for parameter in space.parameters}
    named: dict[str, Value] = {}
    for name, value in overrides.items():
        key = bare(f"{prefix}{name}")
        parameter: Parameter | None = keys.get(key)
        if parameter is not None:
            named[parameter.key] = as_name(value) if parameter.is_group else value
        elif isinstance(value, Mapping):
            named.update(named_values(space, value, where, f"{key}."))
        else:
            raise ConfigError(f"{where}: '{key}' is not among the searched parameters.{closest(key, keys)}")
    return named
