"""What ``params`` and the command line ask for together: searched parameters and fixed values."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from ax_mo.errors import ConfigError
from ax_mo.hydra_project.overrides import bare
from ax_mo.search_space.grammar import FixedOverride, GroupOptions, from_override
from ax_mo.search_space.optuna import translated
from ax_mo.search_space.parameters import Choice, Condition, Parameter
from ax_mo.search_space.params import Entry, ParamsReader
from ax_mo.search_space.project_keys import ProjectKeys
from ax_mo.search_space.targets import exclusive, places_of_arguments, removals


@dataclass(frozen=True)
class Entries:
    """Everything that is searched or fixed; ``typed``: on the command line.

    ``unnarrowed`` is the same with the group choices of ``params`` that the command line replaced; empty where it
    replaced none.
    """

    all: tuple[Entry, ...]
    typed: tuple[Entry, ...] = ()
    unnarrowed: tuple[Entry, ...] = ()


def read_entries(
    params: Mapping[str, Any],
    arguments: Sequence[str],
    group_options: GroupOptions,
    search_space: Mapping[str, Any] | None = None,
    keys: ProjectKeys | None = None,
) -> Entries:
    """What to search and what to fix. ``arguments`` are the command line's overrides; they win over ``params``.

    ``search_space`` is in the dialect of Optuna's sweeper; ``keys`` are those of the project. Raises ConfigError for
    what does not parse and for two that set the same key.
    """
    keys = keys or ProjectKeys()
    reader = ParamsReader(group_options, keys)
    written = [
        *reader.read(params, "hydra.sweeper.params"),
        *reader.read(translated(search_space or {}), "hydra.sweeper.search_space"),
    ]
    _refuse_duplicates(written)
    values = {e.content.key for e in written if isinstance(e.content, Choice) and not e.content.is_group}
    removed, asked = _joined(removals(written, keys), values), _joined(written, values)
    typed, deleted = _of_command_line(arguments, group_options)
    deletions = {key for key, entry in typed.items() if entry.content.key.startswith("~")}
    left = [entry for entry in asked if entry.key not in typed]
    left += [entry for entry in removed if entry.key not in deletions]
    arguments_of = {key: places for key, places in places_of_arguments(asked).items() if key not in deletions}
    given = [part for entry in typed.values() for part in _in_place_of(arguments_of.get(entry.key, ()), entry)]
    for entry in typed.values():
        left, given = list(_under(left, entry)), list(_under(given, entry))
    entries = [*deleted, *left, *given]
    _refuse_overlaps(entries, given)
    replaced = {e.key for e in asked if e.key in typed and isinstance(e.content, Choice) and e.content.is_group}
    unnarrowed = [*deleted, *asked, *(entry for entry in given if entry.key not in replaced)]
    return Entries(tuple(entries), tuple(given), tuple(unnarrowed) if replaced else ())


def _of_command_line(arguments: Sequence[str], group_options: GroupOptions) -> tuple[dict[str, Entry], list[Entry]]:
    """By key what is given last, and the deletions of keys that are added anew after them, which need both."""
    typed: dict[str, Entry] = {}
    deleted: list[Entry] = []
    for override in OverridesParser.create().parse_overrides(list(arguments)):
        content = from_override(override, group_options)
        entry = Entry(content, f"the command line's {content.key}")
        before = typed.get(entry.key)
        if before is not None and before.content.key.startswith("~") and content.key.startswith("+"):
            deleted.append(before)
        typed[entry.key] = entry
    return typed, deleted


def _joined(entries: Sequence[Entry], values: Collection[str]) -> list[Entry]:
    """The entries, those that were written alike under several options of one of ``values`` as one.

    To the model they are one parameter. Those under options of a config group stay as they are: studies know them so.
    """
    joined: list[Entry] = []
    for entry in entries:
        for index, other in enumerate(joined):
            given = _given_to_both(entry, other, values) if entry.content == other.content else None
            if given is not None:
                joined[index] = replace(other, given=given)
                break
        else:
            joined.append(entry)
    return joined


def _in_place_of(replaced: Sequence[Entry], typed: Entry) -> Iterator[Entry]:
    """What the command line gives, and where: arguments of a ``_target_`` are given to the targets that take them."""
    for entry in replaced:
        is_searched = not isinstance(typed.content, FixedOverride)
        content = replace(typed.content, key=entry.content.key) if is_searched else typed.content
        yield replace(typed, content=content, given=entry.given)
    if not replaced:
        yield typed


def _given_to_both(entry: Entry, other: Entry, values: Collection[str]) -> tuple[Condition, ...] | None:
    """The conditions of two entries as one where they differ in options of one value alone."""
    if len(entry.given) != len(other.given):
        return None
    pairs = [(a, b) for a, b in zip(other.given, entry.given, strict=True) if a != b]
    if len(pairs) != 1 or pairs[0][0].key != pairs[0][1].key or pairs[0][0].key not in values:
        return None
    a, b = pairs[0]
    both = Condition(a.key, tuple(dict.fromkeys([*a.texts, *b.texts])))
    return tuple(both if condition is a else condition for condition in other.given)


def without_respelled(params: Mapping[str, Any], typed: Sequence[str], of_files: Mapping[str, Any]) -> dict[str, Any]:
    """``params`` without a file's ``data.size: ...`` where the command line sets ``hydra.sweeper.params.data.size``.

    Hydra keeps both, since the second is nested: ``data: {size: ...}``. ``typed`` are the command line's dotted paths,
    ``of_files`` are the params without them. Raises ConfigError where that nesting took the place of a choice.
    """
    kept = dict(params)
    for path in typed:
        outer, dot, _ = path.partition(".")
        if dot and outer in of_files and not isinstance(of_files[outer], Mapping):
            raise ConfigError(
                f"hydra.sweeper.params.{path}: set there, it takes the place of '{outer}: {of_files[outer]}'. Write "
                f"'{path}=...' instead, without hydra.sweeper.params; to fix it, '{path}=choice(<value>)'."
            )
        kept = _without_other_spellings(kept, path)
    return kept


def _without_other_spellings(params: Mapping[str, Any], path: str, nested: bool = True) -> dict[str, Any]:
    """Without the path, however it is spelled, but for the spelling that is nested at each of its dots."""
    kept: dict[str, Any] = {}
    for name, value in params.items():
        stays = nested and "." not in name
        if path.startswith(f"{name}.") and isinstance(value, Mapping):
            value = _without_other_spellings(value, path.removeprefix(f"{name}."), stays)
            if not value:
                continue
        if name != path or stays:
            kept[name] = value
    return kept


def _under(entries: Sequence[Entry], typed: Entry) -> Iterator[Entry]:
    """The entries that remain when the command line chooses options of a group that ``params`` splits by option."""
    for entry in entries:
        condition = next((c for c in entry.given if bare(c.key) == typed.key), None)
        if condition is None:
            yield entry
        elif isinstance(typed.content, FixedOverride):
            if typed.content.text in condition.texts:
                yield replace(entry, given=tuple(c for c in entry.given if c is not condition))
        elif isinstance(typed.content, Choice):
            texts = tuple(o.text for o in typed.content.options if o.text in condition.texts)
            if texts:
                kept = Condition(typed.content.key, texts)
                yield replace(entry, given=tuple(kept if c is condition else c for c in entry.given))


def _refuse_duplicates(entries: Sequence[Entry]) -> None:
    for index, entry in enumerate(entries):
        for other in entries[:index]:
            if entry.key == other.key and not exclusive(entry.given, other.given):
                raise ConfigError(f"{entry.where}: {other.where} sets the same key; keep one of them.")


def _refuse_overlaps(entries: Sequence[Entry], typed: Sequence[Entry]) -> None:
    """A choice of whole mappings or lists, and another value inside them, would set the same key twice.

    Two fixed ones are Hydra's affair. Of a fixed and a searched one the searched is given last, which suits a file
    that searches inside of a mapping it gives; what would be lost without a word is refused.
    """
    for outer in entries:
        if outer.content.is_group:
            continue
        for inner in entries:
            if not inner.key.startswith(f"{outer.key}.") or exclusive(inner.given, outer.given):
                continue
            path = inner.key.removeprefix(f"{outer.key}.").split(".")
            inner_searched = not isinstance(inner.content, FixedOverride)
            if isinstance(outer.content, FixedOverride):
                refused = inner_searched and outer in typed and _sets(outer.content.value, path)
            else:
                refused = inner_searched or any(_sets(value, path) for value in _values(outer.content))
            if refused:
                raise ConfigError(
                    f"{inner.where}: '{inner.key}' and '{outer.key}' (at {outer.where}) set the same key, since the "
                    "second sets all that is below it; keep one of them."
                )


def _values(parameter: Parameter) -> list[Any]:
    return [o.value for o in parameter.options] if isinstance(parameter, Choice) else [parameter.low, parameter.high]


def _sets(value: Any, path: Sequence[str]) -> bool:
    """Whether a value sets what is at ``path`` below it: Hydra merges a mapping, and all else takes the place."""
    for name in path:
        if not isinstance(value, Mapping):
            break
        by_name = {str(key): inner for key, inner in value.items()}
        if name not in by_name:
            return False
        value = by_name[name]
    return True
