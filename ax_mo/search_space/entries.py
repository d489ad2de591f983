"""What ``params`` and the command line ask for: searched parameters and fixed values, per option where so written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.overrides import as_text, bare
from ax_mo.search_space.grammar import FixedOverride, GroupOptions, from_override, parse_entry
from ax_mo.search_space.optuna import translated
from ax_mo.search_space.parameters import Choice, Condition, Parameter


@dataclass(frozen=True)
class Entry:
    """A parameter or a fixed override; ``given``: what it was written under; ``where``: what messages call it."""

    content: Parameter | FixedOverride
    where: str
    given: tuple[Condition, ...] = ()

    @property
    def key(self) -> str:
        return bare(self.content.key)


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
) -> Entries:
    """What to search and what to fix. ``arguments`` are the command line's overrides; they win over ``params``.

    ``search_space`` is in the dialect of Optuna's sweeper. Raises ConfigError for what does not parse and for two that
    set the same key.
    """
    asked = [
        *_entries(params, group_options, "hydra.sweeper.params"),
        *_entries(translated(search_space or {}), group_options, "hydra.sweeper.search_space"),
    ]
    _refuse_duplicates(asked)
    typed: dict[str, Entry] = {}
    deleted: list[Entry] = []  # a key that is deleted and then added anew needs both
    for override in OverridesParser.create().parse_overrides(list(arguments)):
        content = from_override(override, group_options)
        entry = Entry(content, f"the command line's {content.key}")
        before = typed.get(entry.key)
        if before is not None and before.content.key.startswith("~") and content.key.startswith("+"):
            deleted.append(before)
        typed[entry.key] = entry
    left = [entry for entry in asked if entry.key not in typed]
    for entry in typed.values():
        left = list(_under(left, entry))
    entries = [*deleted, *left, *typed.values()]
    _refuse_overlaps(entries, list(typed.values()))
    replaced = {e.key for e in asked if e.key in typed and isinstance(e.content, Choice) and e.content.is_group}
    unnarrowed = [*deleted, *asked, *(entry for entry in typed.values() if entry.key not in replaced)]
    return Entries(tuple(entries), tuple(typed.values()), tuple(unnarrowed) if replaced else ())


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


def _entries(
    params: Mapping[str, Any],
    group_options: GroupOptions,
    where: str,
    prefix: str = "",
    given: tuple[Condition, ...] = (),
) -> Iterator[Entry]:
    """``params`` entry by entry. A mapping below a group's name holds a space per option; any other is dotted keys."""
    for name, value in params.items():
        key = f"{prefix}{name}"
        place = f"{where}.{name}"
        if isinstance(value, Mapping) and value:
            options = group_options(bare(key).partition("@")[0])
            if _is_per_option(value, options):
                yield from _per_option(key, value, options, group_options, place, given)
            else:
                yield from _entries(value, group_options, place, f"{key}.", given)
            continue
        yield Entry(parse_entry(_line(key, value), place, group_options), place, given)


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


def _per_option(
    key: str,
    value: Mapping[str, Any],
    options: Sequence[str],
    group_options: GroupOptions,
    place: str,
    given: tuple[Condition, ...],
) -> Iterator[Entry]:
    for name, inner in value.items():
        if str(name) not in options:
            raise ConfigError(
                f"{place}: the config group '{bare(key)}' has no option '{name}'; it has: {', '.join(options)}."
                f"{closest(str(name), options)}"
            )
        if inner is not None and not isinstance(inner, Mapping):
            raise ConfigError(
                f"{place}.{name}: an option holds the parameters that are searched under it, as a mapping; write "
                f"'{name}: {{{bare(key)}.some_key: {as_text(inner)}}}', or '{name}: {{}}' for none."
            )
    choice = parse_entry(f"{key}={','.join(as_text(str(name)) for name in value)}", place, group_options)
    yield Entry(choice, place, given)
    for name, inner in value.items():
        under = given
        if isinstance(choice, Choice):  # not for a single option, which is fixed
            under = (*given, Condition(choice.key, (choice.text(str(name)),)))
        yield from _entries(inner or {}, group_options, f"{place}.{name}", "", under)


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
            if entry.key == other.key and not _exclusive(entry.given, other.given):
                raise ConfigError(
                    f"{entry.where}: '{entry.content.key}' and '{other.content.key}' (at {other.where}) set the same "
                    "key; keep one of them."
                )


def _refuse_overlaps(entries: Sequence[Entry], typed: Sequence[Entry]) -> None:
    """A choice of whole mappings or lists, and another value inside them, would set the same key twice.

    Two fixed ones are Hydra's affair. Of a fixed and a searched one the searched is given last, which suits a file
    that searches inside of a mapping it gives; what would be lost without a word is refused.
    """
    for outer in entries:
        if outer.content.is_group:
            continue
        for inner in entries:
            if not inner.key.startswith(f"{outer.key}.") or _exclusive(inner.given, outer.given):
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


def _exclusive(a: Sequence[Condition], b: Sequence[Condition]) -> bool:
    """Whether two entries can never be active at once."""
    return any(x.key == y.key and not set(x.texts) & set(y.texts) for x in a for y in b)
