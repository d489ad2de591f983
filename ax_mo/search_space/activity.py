"""When an entry is active: what the contexts of a group scan show of the options under which its key exists."""

from collections.abc import Mapping, Sequence

from ax_mo.errors import ConfigError
from ax_mo.search_space.group_scan import Context, GroupScan, exists
from ax_mo.search_space.parameters import Condition
from ax_mo.search_space.params import Entry

When = tuple[Condition, ...]


def conditions(entries: Sequence[Entry], scan: GroupScan) -> list[When | None]:
    """When each entry is active: its own conditions and what the scan shows; None when it exists nowhere.

    Raises ConfigError for an entry whose options depend on other options.
    """
    found = [_conditions(entry, scan) for entry in entries]
    of_groups: dict[str, list[When]] = {}
    for entry, choice in scan.groups:
        when = _conditions(entry, scan)
        if when is not None:
            of_groups.setdefault(choice.key, []).append(when)
    return [
        None if when is None else tuple(c for c in when if not any(_implied(c, other, of_groups) for other in when))
        for when in found
    ]


def _conditions(entry: Entry, scan: GroupScan) -> When | None:
    """As ``conditions``, with those that hold anyway where the group of another one is active."""
    scan = scan.under.get(entry.given, scan)
    seen = {context: exists(entry, context) for context in scan.where_given(entry.given)}
    if not any(seen.values()):
        return None
    texts: dict[str, list[str]] = {}
    varies: set[str] = set()
    for sweep in scan.sweeps:
        contexts = {text: context for text, context in sweep.contexts.items() if context in seen}
        under = [text for text, context in contexts.items() if any(seen[c] for c in scan.below[context])]
        texts.setdefault(sweep.group, []).extend(text for text in under if text not in texts[sweep.group])
        if 0 < len(under) < len(contexts):
            varies.add(sweep.group)
    of_given = {condition.key for condition in entry.given}
    inferred = (Condition(group, tuple(texts[group])) for group in texts if group in varies - of_given)
    when = (*entry.given, *inferred)
    for context in scan.of_trials:
        wrong = _contradicted(when, seen[context], context, scan) if context in seen else None
        if wrong is not None:
            raise ConfigError(
                f"{entry.where}: under which options of {wrong.key} it exists depends on other options. Give it "
                f"below the options themselves, for example\n  params:\n    {wrong.key}:\n"
                f"      {wrong.texts[0]}: {{{entry.content.key}: ...}}"
            )
    return when


def _contradicted(when: When, is_there: bool, context: Context, scan: GroupScan) -> Condition | None:
    """A condition that the context contradicts; None when there is none, or when it cannot be told."""
    failing = None
    for condition in when:
        if condition.key.startswith("+") and condition.key not in context.chosen:
            return None  # there in every trial, but not here
        searched = scan.options(condition.key, context)
        if not searched or context.defaults.get(condition.key) not in condition.texts:
            failing = condition
    if is_there:
        return failing
    return None if failing is not None or not when else when[-1]


def _implied(condition: Condition, other: Condition, of_groups: Mapping[str, Sequence[When]]) -> bool:
    """Whether ``other`` can only hold where ``condition`` does, because of when its own group is active."""
    places = of_groups.get(other.key, ())
    return bool(places) and all(
        any(
            (upper.key == condition.key and set(upper.texts) <= set(condition.texts))
            or _implied(condition, upper, of_groups)
            for upper in when
        )
        for when in places
    )
