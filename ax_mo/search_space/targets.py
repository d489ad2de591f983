"""Keys beside a ``_target_`` that is searched: arguments of one target, which another may refuse.

Hydra calls the target with all keys beside it. Those that were written under some options of ``_target_`` are removed
under the others, where the project's configuration has them. The project's own target takes what stands beside it.
"""

from collections.abc import Iterator, Sequence

from ax_mo.hydra_project.overrides import bare
from ax_mo.search_space.grammar import FixedOverride
from ax_mo.search_space.parameters import Choice, Condition
from ax_mo.search_space.params import TARGET, Entry, is_below
from ax_mo.search_space.project_keys import ProjectKeys


def places_of_arguments(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """The entries of each key that was written under options of a ``_target_`` alone, as an argument of these."""
    places: dict[str, list[Entry]] = {}
    for entry in entries:
        places.setdefault(entry.key, []).append(entry)
    return {
        key: written
        for key, written in places.items()
        if all(any(_is_target(c.key) and is_below(key, _node(c.key)) for c in entry.given) for entry in written)
    }


def removals(entries: Sequence[Entry], keys: ProjectKeys) -> list[Entry]:
    """The keys to remove, under each option of a ``_target_`` with which nothing was written at or below them.

    Not under the option that the project's configuration has by itself.

    Their overrides have the key without ``~``: as those of values, they are given where the configuration has it.
    """
    found: list[Entry] = []
    for choice in entries:
        if isinstance(choice.content, Choice) and not choice.content.is_group and _is_target(choice.content.key):
            own, target = keys.own_values(choice.content.key), choice.content
            texts = {target.text(value) for value in own if target.outside(value) is None}
            others = [option.text for option in target.options if option.text not in texts]
            found += _removals(choice, choice.content, others, entries)
    return found


def _removals(place: Entry, choice: Choice, of: Sequence[str], entries: Sequence[Entry]) -> Iterator[Entry]:
    depth, node = len(place.given), _node(choice.key)
    below = [entry for entry in entries if is_below(entry.key, node) and not entry.content.is_group]
    arguments = [e for e in below if _is_under(e, place, choice) and not e.content.key.startswith("~")]
    options: dict[str, list[str]] = {}
    for text in of:
        chosen = (*place.given, Condition(choice.key, (text,)))
        kept = {entry.key for entry in below if not exclusive(entry.given, chosen)}
        for argument in arguments:
            if argument.given[depth].holds({choice.key: text}):
                continue
            outermost = next((key for key in _upwards_to(argument.key, node) if not _any_within(kept, key)), None)
            if outermost is not None and text not in options.setdefault(outermost, []):
                options[outermost].append(text)
    for key, texts in options.items():
        override = FixedOverride(key, f"~{key}", value={})
        yield Entry(override, place.where, (*place.given, Condition(choice.key, tuple(texts))))


def is_removal(entry: Entry) -> bool:
    """Whether the entry is one of ``removals``."""
    return isinstance(entry.content, FixedOverride) and entry.content.line == f"~{entry.content.key}"


def exclusive(a: Sequence[Condition], b: Sequence[Condition]) -> bool:
    """Whether two entries can never be active at once."""
    return any(x.key == y.key and not set(x.texts) & set(y.texts) for x in a for y in b)


def _is_target(key: str) -> bool:
    return bare(key).rpartition(".")[2] == TARGET


def _node(key: str) -> str:
    return bare(key).rpartition(".")[0]


def _is_under(entry: Entry, place: Entry, choice: Choice) -> bool:
    depth = len(place.given)
    return entry.given[:depth] == place.given and len(entry.given) > depth and entry.given[depth].key == choice.key


def _upwards_to(key: str, node: str) -> Iterator[str]:
    """The keys below the node on the way to ``key``, from the outermost, which is an argument, to itself."""
    parts = key.split(".")
    for count in range(len(node.split(".")) + 1 if node else 1, len(parts) + 1):
        yield ".".join(parts[:count])


def _any_within(keys: set[str], outer: str) -> bool:
    return any(key == outer or is_below(key, outer) for key in keys)
