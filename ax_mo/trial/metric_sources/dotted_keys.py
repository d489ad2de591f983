"""Dotted keys into nested mappings and lists, such as ``test.acc`` or ``runs.0.loss``."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ax_mo.trial.numbers import finite_number

ABSENT = object()
"""What a key leads to that leads to nothing."""

_DEEPEST = 10


def value_by_key(value: Any, key: str) -> Any:
    """What a dotted key leads to in mappings and lists, else ABSENT. Names that have dots themselves are found too."""
    if not key:
        return value
    if isinstance(value, Mapping):
        if key in value:
            return value[key]
        entries = {str(name): entry for name, entry in value.items()}
        if key in entries:
            return entries[key]
        for index in (index for index, letter in enumerate(key) if letter == "."):
            if key[:index] in entries:
                found = value_by_key(entries[key[:index]], key[index + 1 :])
                if found is not ABSENT:
                    return found
    if isinstance(value, list | tuple):
        first, _, rest = key.partition(".")
        if first.removeprefix("-").isdecimal() and -len(value) <= int(first) < len(value):
            return value_by_key(value[int(first)], rest)
    return ABSENT


def keys_in(value: Any, before: str = "", depth: int = 0) -> Iterator[str]:
    """The dotted keys of what is in mappings and lists, as deep as people look; a list of numbers is one value."""
    entries: Iterable[tuple[Any, Any]] = ()
    if depth < _DEEPEST and isinstance(value, Mapping):  # YAML's may hold themselves
        entries = value.items()
    elif depth < _DEEPEST and isinstance(value, list | tuple) and any(finite_number(one) is None for one in value):
        entries = enumerate(value)
    elif before:
        yield before[:-1]
    for name, entry in entries:
        yield from keys_in(entry, f"{before}{name}.", depth + 1)
