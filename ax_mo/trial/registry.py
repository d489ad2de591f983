"""Parts that can be added by other packages: the built-in ones of a kind, and those of its entry-point group."""

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ax_mo.errors import ConfigError, closest


class Registry:
    """The parts of one kind by name, each imported when it is asked for.

    ``group`` is the entry-point group, such as ``ax_mo.stopping_rules``; ``built_in`` says where ours are, as
    ``module:attribute``, which is also how an entry point says it.
    """

    def __init__(self, group: str, built_in: Mapping[str, str]) -> None:
        self._group = group
        self._built_in = {name: EntryPoint(name, value, group) for name, value in built_in.items()}

    @cached_property
    def _all(self) -> dict[str, EntryPoint]:
        added = {entry.name: entry for entry in entry_points(group=self._group)}
        return {**added, **self._built_in}  # a package cannot change what a built-in name means

    @property
    def names(self) -> list[str]:
        """All names, the built-in ones first."""
        return [*self._built_in, *sorted(self._all.keys() - self._built_in)]

    def load(self, name: str, key: str) -> Any:
        """The part of that name. Raises ConfigError naming the setting ``key`` where there is none or it fails."""
        entry = self._built_in.get(name) or self._all.get(name)  # installed packages are searched only if need be
        if entry is None:
            known = self.names
            raise ConfigError(f"{key}: '{name}' is not known; there are {', '.join(known)}.{closest(name, known)}")
        try:
            return entry.load()
        except Exception as error:
            if name in self._built_in:
                raise
            raise ConfigError(
                f"{key}: '{name}' ({entry.value}, an entry point of {self._group}) cannot be imported: "
                f"{type(error).__name__}: {error}"
            ) from error
