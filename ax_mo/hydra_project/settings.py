"""Checks of settings below ``hydra.sweeper`` and ``hydra.launcher``: names and types by OmegaConf, bounds of numbers.

The sentences about a wrong setting are made here, since OmegaConf's own do not say what there is instead.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError, ValidationError

from ax_mo.errors import ConfigError, closest

T = TypeVar("T")

_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", dict: "a mapping"}


def to_python(value: Any) -> Any:
    """OmegaConf's containers as Python's own, with interpolations resolved."""
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def check_names(node: str, given: Iterable[str], settings: type) -> None:
    """Raises ConfigError for a name that the dataclass ``settings`` has not."""
    known = list(get_type_hints(settings))
    for name in given:
        if name not in known:
            raise ConfigError(f"{node} has no setting '{name}'.{closest(name, known)}")


def parse_block(block: type[T], given: Any, where: str, example: str) -> T:
    """A block of settings as the dataclass ``block``, null as its defaults; ``example`` is what could be written.

    Raises ConfigError, which names ``where`` and the setting.
    """
    given = {} if given is None else to_python(given)
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where} must be a mapping, not {given!r}; write {example}.")
    try:
        merged = OmegaConf.merge(OmegaConf.structured(block), given)
    except ConfigKeyError as error:
        known = list(get_type_hints(block))
        raise ConfigError(
            f"{where} has no setting '{error.key}'.{closest(str(error.key), known)} It takes {', '.join(known)}."
        ) from None
    except ValidationError as error:
        key = str(error.full_key)
        wanted = [_WORDS[kind] for kind in get_args(get_type_hints(block).get(key)) if kind in _WORDS]
        what = f"must be {wanted[0]}, not {given[key]!r}" if wanted else str(error.msg)
        raise ConfigError(f"{where}.{key} {what}; write {example}.") from None
    parsed: T = OmegaConf.to_object(merged)  # type: ignore[assignment]
    return parsed


def given_values(block: object) -> dict[str, Any]:
    """What is set in a block of which everything is null, or empty, unless it is given."""
    return (
        {}
        if block is None
        else {name: value for name, value in vars(block).items() if value is not None and value != {}}
    )


def check_bounds(
    node: str, values: Mapping[str, Any], at_least: Mapping[str, float], above_zero: Mapping[str, str] | None = None
) -> None:
    """Raises ConfigError for a number below its bound, or for one not above 0, of which the unit is given."""
    known = {name: value for name, value in values.items() if value is not None}
    for name, least in at_least.items():
        if name in known and not known[name] >= least:
            raise ConfigError(f"{node}.{name} must be at least {least}, not {known[name]}.")
    for name, unit in (above_zero or {}).items():
        if name in known and not known[name] > 0:
            raise ConfigError(f"{node}.{name} must be above 0 {unit}, not {known[name]}.")
