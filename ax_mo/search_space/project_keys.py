"""What the project's configuration has at a key, as far as it has been composed: a value, more keys, or nothing."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from enum import Enum

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.core.trial import Value
from ax_mo.hydra_project.compat import written_value
from ax_mo.hydra_project.overrides import bare
from ax_mo.hydra_project.project import node_at

Assigned = tuple[DictConfig, Collection[str]]
"""A configuration, and the keys that were given values which are searched: they say nothing of the project's own."""


class ProjectKeys:
    """Answers from the configurations that it has seen, and says when more of them change an answer that it gave.

    The command line gives the keys that are ``typed``, but not in the ``configs`` that it begins with.
    """

    def __init__(self, configs: Iterable[DictConfig] = (), typed: Collection[str] = ()) -> None:
        self._seen: list[Assigned] = [(config, ()) for config in configs]
        self._untyped = len(self._seen)
        self._typed = typed
        self._of_values: dict[str, bool | None] = {}
        self._there: dict[str, bool] = {}
        self._own: dict[str, list[Value]] = {}

    def holds_value(self, key: str) -> bool | None:
        """Whether a value is at the key; False where keys are below it, None where nothing or null is."""
        return self._of_values.setdefault(key, self._holds_value(bare(key)))

    def is_there(self, key: str) -> bool:
        """Whether a configuration has the key."""
        return self._there.setdefault(key, self._is_there(bare(key)))

    def own_values(self, key: str) -> list[Value]:
        """The project's own values of the key: several where options of config groups give it others."""
        return self._own.setdefault(key, self._own_values(bare(key)))

    def changed_by(self, more: Iterable[Assigned]) -> bool:
        """Take more configurations into account; whether an answer is another one now."""
        self._seen += more
        before = self._of_values, self._there, self._own
        self._of_values = {key: self._holds_value(bare(key)) for key in self._of_values}
        self._there = {key: self._is_there(bare(key)) for key in self._there}
        self._own = {key: self._own_values(bare(key)) for key in self._own}
        return before != (self._of_values, self._there, self._own)

    def _holds_value(self, key: str) -> bool | None:
        kinds = [_holds_value(config, key) for config, assigned in self._seen if key not in assigned]
        return min((kind for kind in kinds if kind is not None), default=None)

    def _is_there(self, key: str) -> bool:
        return any(node_at(config, key) is not None for config, assigned in self._seen if not assigned)

    def _own_values(self, key: str) -> list[Value]:
        found: list[Value] = []
        for config, assigned in self._seen[: self._untyped] if key in self._typed else self._seen:
            with suppress(OmegaConfBaseException):  # the config has none, or it is for a run to resolve
                if key not in assigned and (value := config_value(config, key)) not in found:
                    found.append(value)
        return found


def _holds_value(config: DictConfig, key: str) -> bool | None:
    node = node_at(config, key)
    if OmegaConf.is_interpolation(node):
        try:
            return not isinstance(OmegaConf.select(config, key), DictConfig)
        except OmegaConfBaseException:  # what only a run can resolve
            return True
    if isinstance(node, DictConfig):
        return False
    return None if node is None or written_value(node) is None else True


def config_value(config: DictConfig, key: str) -> Value:
    """The value of a key as a point holds it. Raises OmegaConf's exceptions for one that has none."""
    value = OmegaConf.select(config, key, throw_on_missing=True)
    if OmegaConf.is_config(value):
        return OmegaConf.to_container(value)
    return value.name if isinstance(value, Enum) else value
