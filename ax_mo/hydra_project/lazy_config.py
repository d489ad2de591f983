"""Structured configs of Hydra's store that are made when somebody chooses them.

Hydra imports all installed plugins whenever any app starts, and most apps do not sweep: that has to cost little.
"""

from importlib import import_module

from hydra.core.config_store import ConfigNode, ConfigStore
from omegaconf import DictConfig


class LazyConfig(ConfigNode):
    """An entry of the store whose node ``made_by``, a function as ``module:name``, returns when it is looked at."""

    def __init__(self, name: str, group: str, made_by: str) -> None:
        self._made_by = made_by
        self._node: DictConfig | None = None
        super().__init__(name, None, group, None, "ax_mo")  # type: ignore[arg-type]

    @property
    def node(self) -> DictConfig:
        if self._node is None:
            module, _, function = self._made_by.partition(":")
            self._node = getattr(import_module(module), function)()
        assert self._node is not None
        return self._node

    @node.setter
    def node(self, node: DictConfig | None) -> None:
        self._node = node


def store_lazily(group: str, name: str, made_by: str) -> None:
    """Make the config known to Hydra, which asks only for names until it is chosen."""
    store = ConfigStore.instance()
    store.store(group=group, name=name, node={}, provider="ax_mo")
    configs = store.repo
    for folder in group.split("/"):
        configs = configs[folder]
    configs[f"{name}.yaml"] = LazyConfig(f"{name}.yaml", group, made_by)
