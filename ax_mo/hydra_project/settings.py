"""Settings below ``hydra.sweeper`` and ``hydra.launcher``: how they are described, and how they are checked.

Names and types are checked by OmegaConf. The sentences about a wrong setting are made here, since OmegaConf's own do
not say what there is instead.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError, ValidationError

from ax_mo.errors import ConfigError, closest

T = TypeVar("T")

_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", dict: "a mapping"}


HELP = "help"
BLOCK = "block"
"""Keys of a field's metadata: what the setting is for, and the same of each setting of a block."""


def setting(default: Any, help: str, block: Mapping[str, str] | None = None) -> Any:
    """A field of a structured config, with what it is for in its metadata; ``default`` may be a function that makes it.

    ``block`` has the settings below this one, and what each is for.
    """
    made = {"default_factory": default} if callable(default) else {"default": default}
    return field(**made, metadata={HELP: help} | ({BLOCK: block} if block else {}))


def to_python(value: Any) -> Any:
    """OmegaConf's containers as Python's own, with interpolations resolved."""
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def check_names(node: str, given: Iterable[str], settings: type) -> None:
    """Raises ConfigError for a name that the dataclass ``settings`` has not."""
    known = list(get_type_hints(settings))
    for name in given:
        if name not in known:
            raise ConfigError(f"{node} has no setting '{name}'.{closest(name, known)}")


def given_values(block: Any, where: str, example: str) -> dict[str, Any]:
    """What is set in a block of settings, as it was read; null is not set, neither a setting nor the whole block.

    Raises ConfigError for what is no block; ``example`` is what could be written.
    """
    if block is None:
        return {}
    if not isinstance(block, Mapping):
        raise ConfigError(f"{where} must be a mapping, not {block!r}; write {example}.")
    return {str(name): value for name, value in block.items() if value is not None}


def parse_block(block: type[T], given: Mapping[str, Any], where: str, example: str) -> T:
    """A block of settings as the dataclass ``block``; ``example`` is what could be written.

    Raises ConfigError, which names ``where`` and the setting.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(block), given)
    except ConfigKeyError as error:
        known = list(get_type_hints(block))
        raise ConfigError(
            f"{where} has no setting '{error.key}'.{closest(str(error.key), known)} It takes {', '.join(known)}."
        ) from None
    except ValidationError as error:
        key = str(error.full_key)
        hint = get_type_hints(block).get(key)
        kinds = [get_origin(kind) or kind for kind in (get_args(hint) if isinstance(hint, UnionType) else [hint])]
        wanted = [_WORDS[kind] for kind in kinds if kind in _WORDS]
        what = f"must be {wanted[0]}, not {given[key]!r}" if wanted else str(error.msg)
        raise ConfigError(f"{where}.{key} {what}; write {example}.") from None
    return OmegaConf.to_object(merged)  # type: ignore[return-value]


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
