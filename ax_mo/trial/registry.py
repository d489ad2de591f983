"""Parts that can be added by other packages: the built-in ones of a kind, and those of its entry-point group."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ax_mo.errors import ConfigError, closest


class Registry:
    """The parts of one kind by name, each imported when it is asked for.

    ``group`` is the entry-point group, such as ``ax_mo.stopping_rules``; ``built_in`` says where ours are, as
    ``module:attribute``, which is also how an entry point says it.
    """

    def __init__(self, group: str, built_in: Mapping[str, str]) -> None:
        self._group = group
        self._built_in = built_in

    def _installed(self) -> dict[str, str]:
        from importlib.metadata import entry_points  # most trials have no need of it

        added = {entry.name: entry.value for entry in entry_points(group=self._group)}
        return {name: added[name] for name in sorted(added) if name not in self._built_in}

    @property
    def names(self) -> list[str]:
        """All names, the built-in ones first."""
        return [*self._built_in, *self._installed()]

    def load(self, name: str, key: str) -> Any:
        """The part of that name. Raises ConfigError naming the setting ``key`` where there is none or it fails.

        A package cannot change what a built-in name means.
        """
        if name in self._built_in:  # installed packages are searched only if need be
            return import_part(self._built_in[name])
        installed = self._installed()
        if name not in installed:
            known = self.names
            raise ConfigError(f"{key}: '{name}' is not known; there are {', '.join(known)}.{closest(name, known)}")
        try:
            return import_part(installed[name])
        except Exception as error:
            raise ConfigError(
                f"{key}: '{name}' ({installed[name]}, an entry point of {self._group}) cannot be imported: "
                f"{type(error).__name__}: {error}"
            ) from error


def import_part(path: str) -> Any:
    """What ``module:attribute`` leads to. Raises what the import raises, and AttributeError."""
    module, _, names = path.partition(":")
    part = import_module(module)
    for name in names.strip().split("."):
        part = getattr(part, name)
    return part
