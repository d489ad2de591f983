"""What ``params`` says, entry by entry: searched parameters and fixed values, per option where so written.

A mapping below a config group has the group's options, and one below a key at which the project's configuration has a
value has the options of that key; what stands below an option holds where it is chosen. Any other mapping is dotted
keys. The keys below an option are whole keys, as all others are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.overrides import as_text, bare
from ax_mo.search_space.grammar import FixedOverride, GroupOptions, parse_entry
from ax_mo.search_space.parameters import Choice, Condition, Parameter
from ax_mo.search_space.project_keys import ProjectKeys


@dataclass(frozen=True)
class Entry:
    """A parameter or a fixed override; ``given``: what it was written under; ``where``: what messages call it."""

    content: Parameter | FixedOverride
    where: str
    given: tuple[Condition, ...] = ()

    @property
    def key(self) -> str:
        """The key or config group that it gives values, without Hydra's prefixes."""
        return bare(self.content.key)


@dataclass(frozen=True)
class _Place:
    """Where a mapping stands; ``nodes`` have a ``_target_`` whose option it stands under."""

    where: str
    prefix: str = ""
    given: tuple[Condition, ...] = ()
    nodes: tuple[str, ...] = ()


class ParamsReader:
    """Reads ``params``, given the options of config groups and what the project's configuration has at a key."""

    def __init__(self, group_options: GroupOptions, keys: ProjectKeys) -> None:
        self._group_options = group_options
        self._keys = keys

    def read(self, params: Mapping[str, Any], where: str) -> list[Entry]:
        """All entries; ``where`` is what messages call ``params``. Raises ConfigError for what does not parse."""
        return list(self._entries(params, _Place(where)))

    def _entries(self, params: Mapping[str, Any], place: _Place) -> Iterator[Entry]:
        for name, value in params.items():
            key = f"{place.prefix}{name}"
            here = replace(place, where=f"{place.where}.{name}")
            if isinstance(value, Mapping) and value:
                options = self._group_options(bare(key).partition("@")[0])
                if _is_per_option(value, options):
                    yield from self._of_group(key, value, options, here)
                elif self._is_per_value(key, value, here):
                    yield from self._of_values(self._with_plus(key, place), value, here)
                else:
                    yield from self._entries(value, replace(here, prefix=f"{key}."))
                continue
            line = _line(self._with_plus(key, place), value)
            yield Entry(parse_entry(line, here.where, self._group_options), here.where, place.given)

    def _with_plus(self, key: str, place: _Place) -> str:
        """The key as one to add where it is an argument of a chosen ``_target_`` that the configuration lacks."""
        if key.startswith(("+", "~")) or "@" in key or self._group_options(key):
            return key
        is_argument = any(is_below(key, node) for node in place.nodes)
        return f"+{key}" if is_argument and not self._keys.is_there(key) else key

    def _is_per_value(self, key: str, value: Mapping[Any, Any], place: _Place) -> bool:
        """Whether the mapping has options of a value; by its looks where the configuration has none at the key."""
        holds_value = self._keys.holds_value(key)
        if holds_value is not None:
            return holds_value
        if not all(entry is None or isinstance(entry, Mapping) for entry in value.values()):
            return False
        inner = [str(name) for entry in value.values() for name in entry or ()]
        is_named = bool(inner) or self._keys.is_there(key) or any(is_below(key, node) for node in place.nodes)
        return is_named and all(self._is_whole(name, place) for name in inner)

    def _is_whole(self, key: str, place: _Place) -> bool:
        """Whether that is a key by itself; below a key that nobody knows, dotted keys go on."""
        if key.startswith(("+", "~")) or any(node and is_below(key, node) for node in place.nodes):
            return True
        return self._keys.is_there(key) or bool(self._group_options(key))

    def _of_group(self, key: str, value: Mapping[str, Any], options: Sequence[str], place: _Place) -> Iterator[Entry]:
        for name, inner in value.items():
            if str(name) not in options:
                raise ConfigError(
                    f"{place.where}: the config group '{bare(key)}' has no option '{name}'; it has: "
                    f"{', '.join(options)}.{closest(str(name), options)}"
                )
            if inner is not None and not isinstance(inner, Mapping):
                raise ConfigError(
                    f"{place.where}.{name}: an option holds the parameters that are searched under it, as a mapping; "
                    f"write '{name}: {{{bare(key)}.some_key: {as_text(inner)}}}', or '{name}: {{}}' for none."
                )
        texts = {str(name): as_text(str(name)) for name in value}
        yield from self._per_option(key, texts, value, place)

    def _of_values(self, key: str, value: Mapping[Any, Any], place: _Place) -> Iterator[Entry]:
        """A choice among values; their names are in Hydra's grammar, as values are anywhere in ``params``."""
        texts: dict[str, str] = {}
        named: dict[str, Any] = {}
        for name, inner in value.items():
            where = f"{place.where}.{name}"
            if inner is not None and not isinstance(inner, Mapping):
                raise ConfigError(
                    f"{where}: '{bare(key)}' has a value in the project's configuration, so that what stands below it "
                    "are values to choose from. Each holds the parameters that are searched under it, as a mapping; "
                    f"write '{name}: {{some.key: {as_text(inner)}}}', or '{name}: {{}}' for none."
                )
            text = name if isinstance(name, str) else as_text(name)
            content = parse_entry(f"{key}={text}", where, self._group_options)
            if not isinstance(content, FixedOverride):
                raise ConfigError(f"{where}: the name of an option is one value, and '{name}' stands for several.")
            if content.text in named:
                raise ConfigError(
                    f"{place.where}: {named[content.text]!r} and {name!r} are the same option, {content.text}, since "
                    f"names are read in Hydra's grammar; keep one of them. A string has quotes in quotes: \"'{name}'\"."
                )
            named[content.text] = name
            texts[str(name)] = text
        yield from self._per_option(key, texts, value, place)

    def _per_option(
        self, key: str, texts: Mapping[str, str], value: Mapping[Any, Any], place: _Place
    ) -> Iterator[Entry]:
        """The choice, and what stands below each option; ``texts`` are those of the options by their names."""
        choice = parse_entry(f"{key}={','.join(texts.values())}", place.where, self._group_options)
        yield Entry(choice, place.where, place.given)
        node, _, last = bare(key).rpartition(".")
        nodes = (*place.nodes, node) if last == TARGET else place.nodes
        for name, inner in value.items():
            given = place.given
            if isinstance(choice, Choice):  # not for a single option, which is fixed
                only = parse_entry(f"{key}={texts[str(name)]}", place.where, self._group_options)
                assert isinstance(only, FixedOverride)
                given = (*given, Condition(choice.key, (only.text,)))
            yield from self._entries(inner or {}, _Place(f"{place.where}.{name}", "", given, nodes))


TARGET = "_target_"
"""What Hydra calls with the other keys beside it as arguments."""


def is_below(key: str, node: str) -> bool:
    """Whether a dotted key is below a node; all keys are below the root, which is ''."""
    return not node or key.startswith(f"{node}.")


def _line(key: str, value: Any) -> str:
    if key.startswith("~") and (value is None or value == ""):
        return key
    return f"{key}={value if isinstance(value, str) else as_text(value)}"


def _is_per_option(value: Mapping[str, Any], options: Sequence[str]) -> bool:
    if not options:
        return False
    if any(str(name) in options and (entry is None or isinstance(entry, Mapping)) for name, entry in value.items()):
        return True
    # All options misspelled: their keys are whole keys, which dotted notation would not repeat.
    return all(
        isinstance(entry, Mapping) and any("." in str(key) or "/" in str(key) for key in entry)
        for entry in value.values()
    )
