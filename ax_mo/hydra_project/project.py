"""The user's Hydra project as a sweep sees it: its config groups, and what overrides compose to."""

import copy
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import yaml
from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import ConfigCompositionException, HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.hydra_project.compat import defaults_of, has_content, node_of, note_overrides
from ax_mo.hydra_project.overrides import as_text, parsed

COMPOSE_ERRORS = (HydraException, OmegaConfBaseException)
"""What composing a configuration, or reading a value of it, raises where it cannot be done."""

_MOST_COMPOSED = 64
"""Configurations that are kept."""


@contextmanager
def hydras_errors() -> Iterator[None]:
    """Raises HydraException also for what else Hydra lets through: unreadable files, options like ``null``."""
    try:
        yield
    except (yaml.YAMLError, OSError, ValueError, LookupError, RecursionError) as error:
        if isinstance(error, COMPOSE_ERRORS):
            raise
        # Hydra 1.3 follows a config that is among its own defaults until Python's stack ends.
        why = "its defaults list leads back to itself" if isinstance(error, RecursionError) else str(error)
        raise ConfigCompositionException(why) from error


class _Composed:
    """A configuration that Hydra has composed, of which others are made by putting single values in."""

    def __init__(self, config: DictConfig, lines: Iterable[str]) -> None:
        options = _choices(config).items()
        self.lines = tuple(lines)
        """The overrides that it was composed from."""
        self.natural = frozenset(f"{group}={as_text(option)}" for group, option in options if isinstance(option, str))
        """Overrides that would change nothing in it, since they choose the options that it has."""
        self._config = config
        self._reusable: DictConfig | None = None
        self._keys: list[tuple[OverrideType, str]] | None = None
        """Where values were put into the reusable copy; None where others cannot simply take their place."""

    def with_values(self, values: Sequence[Override], to_read: bool) -> DictConfig:
        """A copy with these values. Where it is only ``to_read``, the next call may change this very copy.

        A copy takes 10 ms. Raises OmegaConfBaseException where Hydra would refuse a value.
        """
        keys = [(override.type, override.key_or_group) for override in values]
        reused = self._reusable if to_read and keys == self._keys else None
        config = copy.deepcopy(self._config) if reused is None else reused
        self._keys = None
        OmegaConf.set_readonly(config.hydra, False)
        for override in values:
            _put(config, override, may_be_there=reused is not None or override.input_line in self.lines)
        if to_read and all(map(_is_replaceable, values)):
            self._reusable, self._keys = config, keys
        return config


def _is_replaceable(override: Override) -> bool:
    """Whether another value can take this one's place and leave nothing of it; mappings would be merged."""
    value = override.value()
    return not (isinstance(value, dict | list) or (isinstance(value, str) and "${" in value))


def _put(config: DictConfig, override: Override, may_be_there: bool) -> None:
    key, value = override.key_or_group, override.value()
    is_new = override.is_add() and not (may_be_there or isinstance(value, dict | list))
    if is_new and OmegaConf.select(config, key, throw_on_missing=False) is not None:
        raise OmegaConfBaseException(f"{key} is there")
    OmegaConf.update(config, key, value, merge=True, force_add=override.is_add() or override.is_force_add())


class Project:
    """Composes configurations of the project exactly as Hydra would for a job.

    Hydra takes 60 ms for one. It is asked once for each set of options of config groups, and single values are put in
    afterwards, as it does itself. A file that is edited meanwhile is new to the trials, which compose for themselves.
    """

    def __init__(self, config_loader: ConfigLoader, master: DictConfig) -> None:
        self._loader = config_loader
        self._master = master
        overrides = hydra_overrides(master)
        # Without config_name, Hydra 1.3 ignores hydra.searchpath here.
        self._listed = cache(
            lambda group, kind: config_loader.get_group_options(group, kind, self.config_name, overrides)
        )
        search = [line for line in overrides if line.startswith("hydra.searchpath=")]
        self._plain = cache(
            lambda *lines: config_loader.load_configuration(self.config_name, [*search, *lines], RunMode.MULTIRUN)
        )
        typed = parsed(task_overrides(master))
        self._fixed = [str(override.input_line) for override in typed if not override.is_sweep_override()]
        # Without what it sweeps over, the sweep's own configuration is a job's.
        self._composed = [] if missing_groups(master) else [_Composed(master, self._fixed)]

    @property
    def config_name(self) -> str | None:
        """The name of the primary config; None for a program without."""
        name = self._master.hydra.job.config_name
        return None if name is None else str(name)

    @property
    def trials_are_elsewhere(self) -> bool:
        """Whether they run in another environment than this one, of which nobody knows here what is installed."""
        return any(OmegaConf.select(self._master, f"hydra.launcher.{key}") for key in ("python", "image"))

    def chosen_option(self, group: str) -> Any:
        """The option of a group in the sweep's own configuration: a name, a list of names, or None."""
        return chosen_option(self._master, group)

    def typed_settings(self, prefix: str) -> list[str]:
        """The dotted paths below ``prefix`` that the command line sets, such as ``optim.lr`` below ``hydra.a.``."""
        keys = [override.key_or_group for override in parsed(hydra_overrides(self._master))]
        return [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]

    def file_setting(self, key: str) -> dict[str, Any]:
        """A mapping of Hydra's node as the files have it, without what the command line sets there."""
        try:
            node = OmegaConf.select(self.compose_plain(self._fixed), key)
        except COMPOSE_ERRORS:
            return {}
        content = OmegaConf.to_container(node, resolve=False) if isinstance(node, DictConfig) else None
        return {str(name): value for name, value in content.items()} if isinstance(content, dict) else {}

    def group_options(self, group: str) -> list[str]:
        """The options of a config group, those of ``hydra.searchpath`` included; empty for no group."""
        return sorted(self._listed(group, ObjectType.CONFIG)) if self._is_group(group) else []

    def _is_group(self, name: str) -> bool:
        parent, _, own_name = name.rpartition("/")
        return own_name in self._listed(parent, ObjectType.GROUP)

    def primary_is_dropped(self) -> bool:
        """Whether ``+group=option`` makes Hydra (1.3, 1.4) leave out the primary config.

        It does where that one's defaults list holds nothing but overrides, no ``_self_`` either.
        """
        with hydras_errors():
            defaults = [] if self.config_name is None else defaults_of(self._loader, self.config_name)
        return bool(defaults) and all(default.is_override() for default in defaults)

    def left_out(self) -> str | None:
        """A sentence where the command line has made Hydra leave out the project's primary config."""
        typed = parsed(task_overrides(self._master))
        added = [o for o in typed if o.is_add() and self.group_options(o.key_or_group)]
        if not added or not self.primary_is_dropped():
            return None
        return (
            f"Hydra leaves out everything that the config '{self.config_name}' says: its defaults list holds only "
            f"overrides, to which {added[0].input_line} adds. Write '- _self_' as the first line of that list."
        )

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The job's whole configuration, Hydra's own node included; raises Hydra's exceptions."""
        return self._compose(overrides, to_read=False)

    def compose_to_read(self, overrides: Sequence[str]) -> DictConfig:
        """The same, faster, for whoever only reads it before the next call, which may change this very object."""
        return self._compose(overrides, to_read=True)

    def _compose(self, overrides: Sequence[str], to_read: bool) -> DictConfig:
        with hydras_errors():
            given = parsed(overrides)
            values = self._last_values(given)
            composed = self._with_groups(overrides, {str(override.input_line) for override in values})
            try:
                config = composed.with_values(values, to_read)
            except OmegaConfBaseException:
                return self._loader.load_sweep_config(self._master, list(overrides))  # says what is wrong with which
            note_overrides(config, [override for override in given if not override.is_hydra_override()])
            OmegaConf.copy_cache(from_config=self._master, to_config=config)
            return config

    def _last_values(self, overrides: Sequence[Override]) -> list[Override]:
        """Those at the end of the line that only set values, which can be put in once all else is composed."""
        values: list[Override] = []
        for override in reversed(overrides):
            is_group = self._is_group(override.key_or_group)
            if is_group and not isinstance(override.value(), dict):
                continue  # Hydra applies groups first in any order
            special = override.is_sweep_override() or override.is_hydra_override() or override.package is not None
            if is_group or special or override.is_delete():
                break
            values.insert(0, override)
        return values

    def _with_groups(self, overrides: Sequence[str], values: Collection[str]) -> _Composed:
        """What all other overrides compose to, kept from before where possible; ``values`` are still to be put in."""
        lines = [line for line in overrides if line not in values]
        for known in self._composed:
            rest = [line for line in lines if line not in known.natural or line in known.lines]
            if rest == [line for line in known.lines if line not in values] and set(known.lines) <= set(overrides):
                return known
        composed = _Composed(self._loader.load_sweep_config(self._master, lines), lines)
        if len(self._composed) < _MOST_COMPOSED:
            self._composed.append(composed)
        return composed

    def compose_plain(self, overrides: Sequence[str]) -> DictConfig:
        """What ``python train.py <overrides>`` composes without the sweep's own command line.

        Raises Hydra's exceptions, though not for what is mandatory and not chosen (``model: ???``): that is left out.
        """
        with hydras_errors():
            return copy.deepcopy(self._plain(*overrides))


def active_groups(config: DictConfig) -> frozenset[str]:
    """The config groups in a composed configuration's defaults lists, Hydra's own apart."""
    return frozenset(group for group in _choices(config) if not group.startswith("hydra/"))


def missing_groups(config: DictConfig) -> list[str]:
    """The config groups that must be chosen (``model: ???`` in a defaults list) and are not."""
    return [group for group, option in _choices(config).items() if option == "???"]


def chosen_option(config: DictConfig, group: str) -> Any:
    """The option of a group in a composed configuration: a name, a list of names, or None."""
    return _choices(config).get(group)


def _choices(config: DictConfig) -> dict[str, Any]:
    choices = OmegaConf.to_container(config.hydra.runtime.choices, resolve=False)
    assert isinstance(choices, dict)
    return {str(group): option for group, option in choices.items()}


def reason(error: BaseException) -> str:
    """Why Hydra could not compose, in one paragraph."""
    lines = [str(error)]
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        lines.append(str(cause))
    return " ".join(" ".join(lines).split())


def hydra_overrides(config: DictConfig) -> list[str]:
    """The command line's overrides of Hydra's own node, as typed: they may hold interpolations."""
    return [str(line) for line in _unresolved(config.hydra.overrides.hydra)]


def task_overrides(config: DictConfig) -> list[str]:
    """The command line's other overrides, as typed."""
    return [str(line) for line in _unresolved(config.hydra.overrides.task)]


def _unresolved(lines: ListConfig) -> list[Any]:
    content = OmegaConf.to_container(lines, resolve=False)
    assert isinstance(content, list)
    return content


def without_hydra(config: DictConfig) -> DictConfig:
    """The part of a composed configuration that the task function receives."""
    task = config.copy()
    OmegaConf.set_readonly(task, False)
    OmegaConf.set_struct(task, False)
    task.pop("hydra", None)
    return task


def has_key(config: DictConfig, key: str) -> bool:
    """Whether the dotted key exists in a composed configuration, null and ``???`` included."""
    return node_at(config, key) is not None


def node_at(config: DictConfig, key: str) -> Any:
    """The OmegaConf node at a dotted key, unresolved; None where there is no such key."""
    parent_key, _, name = key.rpartition(".")
    try:
        parent: Any = OmegaConf.select(config, parent_key) if parent_key else config
    except OmegaConfBaseException:
        return None
    if isinstance(parent, ListConfig):
        return node_of(parent, int(name)) if name.isdigit() and int(name) < len(parent) else None
    keys = {str(key): key for key in parent} if isinstance(parent, DictConfig) else {}
    return node_of(parent, keys[name]) if name in keys else None


def all_keys(config: DictConfig, prefix: str = "") -> Iterator[str]:
    """Every dotted key of the task's configuration."""
    for name in config:
        key = f"{prefix}{name!s}"
        if not prefix and key == "hydra":
            continue
        yield key
        node = node_of(config, name)
        if isinstance(node, DictConfig) and has_content(node) and not OmegaConf.is_interpolation(node):
            yield from all_keys(node, f"{key}.")
