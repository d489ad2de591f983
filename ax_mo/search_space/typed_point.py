"""A point as somebody types it, ``model=cnn optim.lr=0.01``, and what a space alone says of it, without its project."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.errors import HydraException

from ax_mo.core.trial import Value
from ax_mo.errors import ConfigError
from ax_mo.hydra_project.overrides import bare, parsed
from ax_mo.search_space.parameters import Parameter
from ax_mo.search_space.space import SearchSpace
from ax_mo.search_space.start import named_values, only_when


def typed_values(words: Sequence[str], where: str) -> dict[str, Any]:
    """The values of ``key=value`` words in Hydra's grammar, by key. Raises ConfigError that begins with ``where``."""
    values: dict[str, Any] = {}
    for word in words:
        try:
            (override,) = parsed([word])
        except HydraException as error:
            why = str(error).strip().splitlines()[0]
            raise ConfigError(f"{where}: '{word}' is not key=value in Hydra's grammar ({why}).") from None
        if override.is_sweep_override():
            raise ConfigError(f"{where}: '{word}' is more than one value; name one.")
        if override.is_delete():
            raise ConfigError(f"{where}: '{word}' deletes a key; name a value.")
        key = bare(override.get_key_element())
        if key in values:
            raise ConfigError(f"{where}: {key} is named twice.")
        values[key] = override.value()
    return values


def typed_point(space: SearchSpace, words: Sequence[str], where: str) -> dict[str, Value]:
    """The named values by the space's keys; others are left to the project.

    Raises ConfigError, which begins with ``where``, for what cannot be a point whatever the project says of the rest.
    """
    named = named_values(space, typed_values(words, where), where)
    for key, value in named.items():
        of_key = [parameter for parameter in space.parameters if parameter.key == key]
        possible = [parameter for parameter in of_key if _may_be_active(parameter, space, named)]
        if not possible:
            raise only_when(of_key[0], where)
        why = [parameter.outside(value) for parameter in possible]
        if all(why):
            raise ConfigError(f"{where}: {key}={value!r} {why[0]}.")
    for constraint in space.constraints:
        if all(name in named for name, _ in constraint.terms) and not constraint.holds(named):
            raise ConfigError(f"{where}: it violates {constraint.text}.")
    return named


def whole_point(space: SearchSpace, named: Mapping[str, Value]) -> dict[str, Value] | None:
    """The point that the values are where they leave nothing to the project; None otherwise."""
    return space.restricted(named) if space.outside(named) is None else None


def _may_be_active(parameter: Parameter, space: SearchSpace, named: Mapping[str, Value]) -> bool:
    """Whether the named options leave the parameter a chance: those that are not named may be any."""
    choices = {choice.key: choice for choice in space.branching if choice.key in named}
    for condition in parameter.when:
        choice = choices.get(condition.key)
        if choice is None or choice.outside(named[choice.key]) is not None:
            continue  # not named, or wrong, which is said of it
        if choice.text(named[choice.key]) not in condition.texts:
            return False
    return True
