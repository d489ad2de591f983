"""Every private name of Hydra and OmegaConf that we use, for want of a public one; a test pins each.

But for one: a trial's recorder, which stands alone, reads what a job returned (``JobReturn._return_value``) itself.
"""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from hydra.experimental.callback import Callback
from hydra.types import HydraContext
from omegaconf import Container, DictConfig, Node, OmegaConf, StringNode


def flags_parser() -> ArgumentParser:
    """Hydra's parser of its own command line."""
    from hydra._internal.utils import get_args_parser

    return get_args_parser()


def add_callback(context: HydraContext, callback: Callback) -> None:
    """Have a sweep's callback told of its jobs, as those of the configuration are."""
    context.callbacks.callbacks.append(callback)


def element_as_text(element: Any) -> str:
    """A value of an override in Hydra's grammar: a number, null, or the key of a mapping."""
    return Override._get_value_element_as_str(element)


def plain_value(element: Any) -> Any:
    """A value of an override as OmegaConf is given it: strings without their quotes."""
    return Override._convert_value(element)


def with_number(override: Override, number: float, line: str) -> Override:
    """The override as if it had been parsed of ``line``, which gives its key this number."""
    return replace(override, _value=number, input_line=line)


def defaults_of(loader: ConfigLoader, config_name: str) -> list[Any]:
    """The entries of a primary config's defaults list. Raises Hydra's exceptions."""
    repository: Any = loader.repository  # type: ignore[attr-defined]
    loaded = repository.load_config(config_name)
    return [] if loaded is None else loaded.defaults_list or []


def node_of(parent: Container, key: Any) -> Any:
    """The node itself at a key or an index, where indexing resolves an interpolation."""
    return parent._get_node(key)


def written_value(node: Node) -> Any:
    """A node's value as it is written, an interpolation as its text."""
    return node._value()


def has_content(node: Node) -> bool:
    """Whether a mapping is there: neither null nor ``???``."""
    return not (node._is_none() or node._is_missing())


class CheckedText(StringNode):
    """A text of a structured config of which a subclass may refuse a value: ``check`` raises ValidationError."""

    def check(self, value: Any) -> None:
        """Raises ValidationError for a value that cannot stand there."""

    def _validate_and_convert_impl(self, value: Any) -> str:
        self.check(value)
        return super()._validate_and_convert_impl(value)

    def __deepcopy__(self, memo: dict[int, Any]) -> "CheckedText":
        copy = type(self)()
        self._deepcopy_impl(copy, memo)
        return copy


def put_checked(config: Any, key: str, kind: type[CheckedText]) -> None:
    """Have a text of a structured config checked, from its own value on. An assignment would keep the node's type."""
    config._content[key] = kind(config[key], key=key, parent=config)


def note_overrides(config: DictConfig, overrides: Sequence[Override]) -> None:
    """Have a composed configuration say that it was composed from these overrides of the task, as Hydra notes it."""
    config.hydra.overrides.task = [override.input_line for override in overrides]
    job = config.hydra.job
    if not OmegaConf.is_interpolation(job, "override_dirname"):  # from Hydra 1.4 on, it is made of the overrides
        names = job.config.override_dirname
        lines = sorted(str(o.input_line) for o in overrides if o.key_or_group not in names.exclude_keys)
        job.override_dirname = names.item_sep.join(lines).replace("=", names.kv_sep)
