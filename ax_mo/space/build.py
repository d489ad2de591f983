"""``params``, the command line and the project's own configs become one checked search space."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ax_mo.errors import ConfigError, closest
from ax_mo.linear import LinearConstraint, parse_linear
from ax_mo.project import all_keys, has_key, reason
from ax_mo.space.grammar import FixedOverride, entry_lines, from_override, parse_entry
from ax_mo.space.parameters import Choice, Parameter, Range, Space


class Composer(Protocol):
    """What this module needs of a project."""

    def group_options(self, group: str) -> list[str]: ...

    def compose(self, overrides: Sequence[str]) -> DictConfig: ...


def build_space(
    params: Mapping[str, Any],
    arguments: Sequence[str],
    param_constraints: Sequence[str],
    project: Composer,
) -> Space:
    """The space of a study; raises ConfigError with the key that is wrong.

    ``arguments`` are the task overrides of the command line; they win over ``params``.
    """
    entries: dict[str, Parameter | FixedOverride] = {}
    for key, line in entry_lines(params).items():
        _add(entries, parse_entry(line, key, project.group_options), f"params.{key}")
    command_line: dict[str, Parameter | FixedOverride] = {}
    deleted: list[str] = []  # a key that is deleted and then added anew needs both
    for override in OverridesParser.create().parse_overrides(list(arguments)):
        entry = from_override(override, project.group_options)
        before = command_line.get(_bare(entry.key))
        if isinstance(before, FixedOverride) and before.key.startswith("~") and entry.key.startswith("+"):
            deleted.append(before.line)
        command_line[_bare(entry.key)] = entry
    entries = {key: entry for key, entry in entries.items() if key not in command_line} | command_line
    parameters = tuple(entry for entry in entries.values() if not isinstance(entry, FixedOverride))
    fixed = (*deleted, *(entry.line for entry in entries.values() if isinstance(entry, FixedOverride)))
    if not parameters and params:
        raise ConfigError(
            f"Nothing is left to search: all of hydra.sweeper.params is fixed ({', '.join(fixed)}). Give one of them "
            "several values, for example optim.lr: tag(log, interval(1e-4, 1e-1))."
        )
    if not parameters:
        raise ConfigError(
            "hydra.sweeper.params is empty: there is nothing to search. Name the parameters in Hydra's override "
            "grammar, for example\n  params:\n    optim.lr: tag(log, interval(1e-4, 1e-1))\n    model: choice(mlp, cnn)"
        )
    places = {
        parameter.key: f"the command line's {parameter.key}"
        if _bare(parameter.key) in command_line
        else f"hydra.sweeper.params.{parameter.key}"
        for parameter in parameters
    }
    _check_against_project(parameters, fixed, project, places)
    constraints = tuple(_parameter_constraint(str(text), parameters) for text in param_constraints)
    space = Space(parameters, constraints, fixed)
    _check_sample(space, project)
    return space


def _bare(key: str) -> str:
    return key.lstrip("+~")


def _add(entries: dict[str, Parameter | FixedOverride], entry: Parameter | FixedOverride, where: str) -> None:
    bare = _bare(entry.key)
    if bare in entries:
        raise ConfigError(
            f"hydra.sweeper.{where}: '{entry.key}' and '{entries[bare].key}' set the same key; keep one of them."
        )
    entries[bare] = entry


def _check_against_project(
    parameters: Sequence[Parameter], fixed: Sequence[str], project: Composer, places: Mapping[str, str]
) -> None:
    """Compose every option of every searched group once; every searched key must exist in all of them.

    ``places`` is what messages call the place where each parameter was given.
    """
    groups = [p for p in parameters if isinstance(p, Choice) and p.is_group]
    first = {group.key: f"{group.key}={group.options[0].text}" for group in groups}
    composed: dict[str, DictConfig] = {}
    variants = [(group, option) for group in groups for option in group.options]
    for group, option in variants:
        chosen = {**first, group.key: f"{group.key}={option.text}"}
        label = f"{group.key}={option.text}"
        try:
            composed[label] = project.compose([*fixed, *chosen.values()])
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigError(
                f"{places[group.key]}: the option '{option.text}' does not compose: {reason(error)}"
            ) from None
    if not groups:
        try:
            composed[""] = project.compose(list(fixed))
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigError(f"The configuration does not compose: {reason(error)}") from None
    for parameter in parameters:
        if parameter in groups or parameter.key.startswith("+") or "@" in parameter.key:
            continue
        missing = [label for label, config in composed.items() if not has_key(config, parameter.key)]
        if len(missing) == len(composed):
            known = {key for config in composed.values() for key in all_keys(config)}
            raise ConfigError(
                f"{places[parameter.key]}: the project's configuration has no key '{parameter.key}'."
                f"{closest(parameter.key, known)} To add a new key, write '+{parameter.key}'."
            )
        if missing:
            raise ConfigError(
                f"{places[parameter.key]}: the key does not exist under "
                f"{', '.join(_to_blame(missing, groups))}. A searched key must exist under every option that is "
                "searched; drop the option or the key."
            )


def _to_blame(missing: Sequence[str], groups: Sequence[Choice]) -> list[str]:
    """The options under which a key is missing, of those groups only that have it under another option."""
    blamed: list[str] = []
    for group in groups:
        labels = [f"{group.key}={option.text}" for option in group.options]
        if not set(labels) <= set(missing):
            blamed += [label for label in labels if label in missing]
    return blamed or list(missing)


def _parameter_constraint(text: str, parameters: Sequence[Parameter]) -> LinearConstraint:
    constraint = parse_linear(text, "param_constraints")
    by_key = {_bare(parameter.key): parameter for parameter in parameters}
    for name in constraint.names:
        parameter = by_key.get(name)
        if parameter is None:
            raise ConfigError(
                f"hydra.sweeper.param_constraints: '{name}' in '{text}' is not among the searched parameters "
                f"({', '.join(by_key)}).{closest(name, by_key)}"
            )
        if not isinstance(parameter, Range):
            raise ConfigError(
                f"hydra.sweeper.param_constraints: '{name}' in '{text}' is a choice; only numbers between two bounds "
                "(interval, range) can be constrained."
            )
    _check_scales(constraint, [p for p in (by_key[name] for name in constraint.names) if isinstance(p, Range)])
    return LinearConstraint(
        tuple((by_key[name].key, weight) for name, weight in constraint.terms),
        constraint.bound,
        constraint.text,
    )


def _check_scales(constraint: LinearConstraint, parameters: Sequence[Range]) -> None:
    """On a log scale only an order between two log-scaled parameters stays linear."""
    logs = [parameter.key for parameter in parameters if parameter.log]
    if not logs:
        return
    weights = sorted(weight for _, weight in constraint.terms)
    if len(logs) == len(weights) == 2 and weights[0] == -weights[1] and constraint.bound == 0:
        return
    raise ConfigError(
        f"hydra.sweeper.param_constraints: '{constraint.text}' is over '{logs[0]}', which is on a log scale. There "
        "only an order such as 'a <= b' between two log-scaled parameters is possible; otherwise drop tag(log, ...)."
    )


def _check_sample(space: Space, project: Composer) -> None:
    """One point of the space must compose as a whole; Hydra knows reasons that no check above does."""
    point = {
        parameter.key: parameter.options[0].value if isinstance(parameter, Choice) else parameter.low
        for parameter in space.parameters
    }
    try:
        project.compose(space.overrides(point))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"hydra.sweeper.params: a trial does not compose: {reason(error)}") from None
