"""What exists under which options: the project composed once under each option of each searched group.

Nothing here asks the user what depends on what. A key or a group that comes and goes with the options of a searched
group is active under exactly those options under which it was seen. Pure, but for the composing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Protocol

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ax_mo.errors import ConfigError
from ax_mo.hydra_project.overrides import as_text
from ax_mo.hydra_project.project import active_groups, chosen_option, has_key, missing_groups, node_at, reason
from ax_mo.search_space.entries import Entry, first_of
from ax_mo.search_space.grammar import FixedOverride
from ax_mo.search_space.parameters import Choice, Condition, holds


class Composer(Protocol):
    """What this module needs of a project."""

    def group_options(self, group: str) -> list[str]: ...

    def compose(self, overrides: Sequence[str]) -> DictConfig: ...

    def compose_plain(self, overrides: Sequence[str], tolerant: bool = False) -> DictConfig: ...


@dataclass(frozen=True, eq=False)
class Context:
    """The project's configuration under some options; ``chosen`` maps searched groups to the option's text."""

    chosen: Mapping[str, str]
    config: DictConfig
    groups: frozenset[str]
    """All config groups in the composed defaults list; those with a list of options as far as they were asked for."""
    stands: Mapping[str, str] = field(default_factory=dict)
    """Searched groups that are there, and the option of each: the chosen one or the project's default."""
    pinned: Mapping[str, str] = field(default_factory=dict)
    """Searched groups that the project leaves open, and where they stand here."""


@dataclass(frozen=True)
class Family:
    """One context per option of ``group``, alike in everything else."""

    group: str
    members: Mapping[str, Context]


Group = tuple[Entry, Choice]
"""A searched group: its entry, and that entry's content."""


@dataclass
class Survey:
    """All contexts that were composed."""

    base: Context
    groups: Sequence[Group]
    families: list[Family] = field(default_factory=list)
    under: dict[tuple[Condition, ...], "Survey"] = field(default_factory=dict)
    """More of them, for entries that were written under an option but need another group's option, too."""

    @cached_property
    def contexts(self) -> list[Context]:
        return [self.base, *(context for family in self.families for context in family.members.values())]

    @property
    def everywhere(self) -> list[Context]:
        """The contexts that were composed under an option of ``params``, too."""
        return [*self.contexts, *(context for more in self.under.values() for context in more.contexts)]

    @cached_property
    def below(self) -> dict[Context, list[Context]]:
        """Each context with those in which more is chosen, itself included."""
        return {
            context: [other for other in self.contexts if context.chosen.items() <= other.chosen.items()]
            for context in self.contexts
        }

    @cached_property
    def of_trials(self) -> list[Context]:
        """The contexts that a trial can have: those without a default of the project that is not searched."""
        return [
            context
            for context in self.contexts
            if all(
                context.stands.get(choice.key) in {None, *self.options(choice.key, context)}
                for _, choice in self.groups
                if self.options(choice.key, context)
            )
        ]

    @cached_property
    def when(self) -> dict[str, list[tuple[Condition, ...]]]:
        """The conditions of each searched group, once for each time it is searched."""
        of_groups: dict[str, list[tuple[Condition, ...]]] = {}
        for entry, choice in self.groups:
            seen = _conditions(entry, self)
            if seen is not None:
                of_groups.setdefault(choice.key, []).append(seen)
        return of_groups

    def where_given(self, given: Sequence[Condition]) -> list[Context]:
        return [context for context in self.contexts if holds(given, context.chosen)]

    def options(self, group: str, context: Context) -> set[str]:
        """The options of the group that are searched in a context; none where it is not searched."""
        return {
            option.text
            for entry, choice in self.groups
            if choice.key == group and holds(entry.given, context.stands)
            for option in choice.options
        }


def exists(entry: Entry, context: Context) -> bool:
    """Whether the entry can be given in the context."""
    content = entry.content
    if content.key.startswith(("+", "~")):
        return True
    if isinstance(content, Choice | FixedOverride) and content.is_group:
        return content.key in context.chosen or entry.key in context.groups
    return "@" in content.key or (has_key(context.config, content.key) and alias(context.config, content.key) is None)


def alias(config: DictConfig, key: str) -> tuple[str, str] | None:
    """What stands in for a node above the key: its dotted key, and the interpolation. Hydra's overrides follow none."""
    parts = key.split(".")
    for count in range(1, len(parts)):
        above = ".".join(parts[:count])
        if not has_key(config, above):
            return None
        node = node_at(config, above)
        if node._is_interpolation():
            return above, str(node._value())
    return None


def survey(entries: Sequence[Entry], project: Composer) -> Survey:
    """Compose each option of each searched group once, nested groups under each option that brings them.

    Raises ConfigError for an option that does not compose.
    """
    groups = [choice for _, choice in _searched_groups(entries) if not choice.key.startswith("+")]
    lists = {choice.key for choice in groups if any(isinstance(o.value, list) and o.value for o in choice.options)}
    found = _Surveyor(entries, project, lists).run()
    unseen = {choice.key for choice in groups} - {key for context in found.everywhere for key in context.stands}
    return _Surveyor(entries, project, lists | unseen).run() if unseen - lists else found


class _Surveyor:
    """``asked`` are the groups that may stand at a list of options.

    Hydra 1.3.8 notes nowhere that there is such a group in a defaults list. It accepts an override of it, though.
    """

    def __init__(self, entries: Sequence[Entry], project: Composer, asked: Collection[str]) -> None:
        self._project = project
        self._entries = entries
        self._asked = asked
        self._fixed = [entry for entry in entries if isinstance(entry.content, FixedOverride)]
        self._groups: list[Group] = sorted(_searched_groups(entries), key=lambda group: group[1].key.count("/"))
        self._pinned: Mapping[str, str] = {}

    def run(self) -> Survey:
        found = Survey(self._context({}, "The configuration does not compose"), self._groups)
        self._pinned = found.base.pinned  # needed under every option
        self._explore(found, found.base, self._eligible(found.base))
        for given in dict.fromkeys(entry.given for entry in self._entries if entry.given):
            self._explore_under(found, given)
        return found

    def _explore_under(self, found: Survey, given: Sequence[Condition]) -> None:
        """Compose the other groups' options under ``given`` where entries that were written there depend on them."""
        below = (known.where_given(given) for known in (found, *found.under.values()))
        contexts = next((contexts for contexts in below if contexts), [])
        if not contexts:
            return
        entries = [entry for entry in self._entries if entry.given == given]
        if contexts[0] in found.below and not any(_depends_elsewhere(entry, found, contexts) for entry in entries):
            return
        more = found.under[tuple(given)] = Survey(contexts[0], self._groups)
        self._explore(more, contexts[0], self._eligible(contexts[0]))

    def _explore(
        self,
        found: Survey,
        start: Context,
        groups: Sequence[Group],
        known: frozenset[str] = frozenset(),
    ) -> None:
        """Compose the options of ``groups``, and then of those groups that some of these options bring.

        ``known`` are the groups that are seen to elsewhere.
        """
        keys = {choice.key for _, choice in groups}
        brought: dict[str, list[Context]] = {}
        for entry, choice in groups:
            if choice.key in brought:  # it only seemed to be always there: the project's default option brings it
                continue
            members = {option.text: self._member(start, entry, choice, option.text) for option in choice.options}
            found.families.append(Family(choice.key, members))
            eligible = {c: {nested.key for _, nested in self._eligible(c)} - known for c in members.values()}
            for key in dict.fromkeys(nested.key for _, nested in self._groups):
                bringing = [context for context, nested in eligible.items() if key in nested]
                if bringing and (key not in keys or len(bringing) < len(members)):
                    brought.setdefault(key, []).extend(bringing)
        elsewhere = known | keys - set(brought)
        for context in dict.fromkeys(context for bringing in brought.values() for context in bringing):
            here = [group for group in self._eligible(context) if context in brought.get(group[1].key, ())]
            self._explore(found, context, here, elsewhere)

    def _member(self, start: Context, entry: Entry, choice: Choice, text: str) -> Context:
        """The context under one more option. Other searched groups stay as they are at ``start``.

        An option may hold ``override /optim: adam``, which says nothing of a trial: there ``optim`` is chosen, too.
        """
        chosen = {**start.chosen, choice.key: text}
        if start.stands.get(choice.key) == text and not any(
            holds(e.given, chosen) and not holds(e.given, start.chosen) for e in self._fixed
        ):
            return replace(start, chosen=chosen)  # it is what the project composes anyway
        label = f"{entry.where}: the option '{text}' does not compose"
        context = self._context(chosen, label)
        moved: dict[str, str] = {}
        for _, other in self._eligible(context):
            before = start.stands.get(other.key)
            if before is not None and before != context.stands[other.key]:
                moved[other.key] = before
        if not moved:
            return context
        held = self._context(chosen, label, {**self._pinned, **moved})
        return replace(held, pinned=context.pinned)

    def _eligible(self, context: Context) -> list[Group]:
        """The searched groups that can be chosen in a context and are not chosen yet, outer ones first."""
        return [
            (entry, choice)
            for entry, choice in self._groups
            if choice.key not in context.chosen and holds(entry.given, context.chosen) and exists(entry, context)
        ]

    def _context(self, chosen: Mapping[str, str], label: str, pinned: Mapping[str, str] | None = None) -> Context:
        """Compose under ``chosen``, and the groups that the project leaves open as ``pinned``."""
        pinned = self._pinned if pinned is None else pinned
        fixed = [e for e in self._fixed if holds(e.given, chosen)]
        assigned = {**pinned, **chosen}
        lines = [f"{key}={text}" for key, text in assigned.items()]
        try:
            config = self._project.compose([*_lines(fixed), *lines])
        except (HydraException, OmegaConfBaseException) as error:
            missing = self._missing([*_lines(e for e in fixed if _is_always(e)), *lines])
            firsts = {c.key: first_of(c) for _, c in self._groups if c.key in missing and c.key not in assigned}
            if firsts:
                return self._context(chosen, label, {**pinned, **firsts})
            try:
                config, fixed = self._without_absent(fixed, lines, error)
            except (HydraException, OmegaConfBaseException) as deeper:
                raise ConfigError(f"{label}: {reason(deeper)}") from None
        config, lists = self._with_lists(config, chosen, [*_lines(fixed), *lines], set(assigned))
        groups = active_groups(config)
        defaults = {c.key: as_text(chosen_option(config, c.key)) for _, c in self._groups if c.key in groups}
        # What Hydra took an override of is there.
        groups = groups.union(lists, (e.key for e in fixed if _is_group(e) and not _is_always(e)))
        return Context(chosen, config, groups, {**defaults, **lists, **chosen}, pinned)

    def _with_lists(
        self, config: DictConfig, chosen: Mapping[str, str], lines: Sequence[str], known: Collection[str]
    ) -> tuple[DictConfig, dict[str, str]]:
        """With the first searched option of each group that stands at a list of options, and these options."""
        lists: dict[str, str] = {}
        groups = active_groups(config)
        for entry, choice in self._groups:
            key = choice.key
            if key not in self._asked or key in groups or key in known or key in lists:
                continue
            if holds(entry.given, chosen):
                more = {**lists, key: first_of(choice)}
                try:
                    config = self._project.compose([*lines, *(f"{group}={text}" for group, text in more.items())])
                except (HydraException, OmegaConfBaseException):
                    continue
                lists = more
        return config, lists

    def _without_absent(
        self, fixed: Sequence[Entry], lines: Sequence[str], error: Exception
    ) -> tuple[DictConfig, list[Entry]]:
        """Compose without those fixed overrides that cannot be given here; and those that can.

        Raises the error when all of them can.
        """
        for dropped in _few_first([entry for entry in fixed if _is_group(entry) and not _is_always(entry)]):
            kept = [entry for entry in fixed if _is_always(entry) or (_is_group(entry) and entry not in dropped)]
            try:
                # Without the command line's settings of Hydra, which say nothing of keys.
                config = self._project.compose_plain([*_lines(kept), *lines], tolerant=True)
            except (HydraException, OmegaConfBaseException):
                continue
            here = Context({}, config, active_groups(config))
            kept = [entry for entry in fixed if entry in kept or exists(entry, here)]
            if len(kept) < len(fixed):
                return self._project.compose([*_lines(kept), *lines]), kept
            break
        raise error

    def _missing(self, lines: Sequence[str]) -> list[str]:
        try:
            return missing_groups(self._project.compose_plain(lines, tolerant=True))
        except (HydraException, OmegaConfBaseException):
            return []


def _depends_elsewhere(entry: Entry, found: Survey, contexts: Sequence[Context]) -> bool:
    """Whether an entry that was written under some options depends on others, too, as far as it can be seen."""
    if not any(exists(entry, context) for context in contexts):
        return True
    of_given = {condition.key for condition in entry.given}
    return any(
        len({exists(entry, context) for context in family.members.values()}) > 1
        for family in found.families
        if family.group not in of_given and not any(context in contexts for context in family.members.values())
    )


def _searched_groups(entries: Sequence[Entry]) -> Iterator[Group]:
    for entry in entries:
        if isinstance(entry.content, Choice) and entry.content.is_group:
            yield entry, entry.content


def _lines(entries: "Iterator[Entry] | Sequence[Entry]") -> list[str]:
    return [entry.content.line for entry in entries if isinstance(entry.content, FixedOverride)]


def _few_first(entries: Sequence[Entry]) -> Iterator[tuple[Entry, ...]]:
    """Which of the entries to leave out: none, each alone, each pair, and three at most."""
    for count in range(min(len(entries), 3) + 1):
        yield from combinations(entries, count)


def _is_group(entry: Entry) -> bool:
    return isinstance(entry.content, FixedOverride) and entry.content.is_group


def _is_always(entry: Entry) -> bool:
    """Whether a fixed override is given wherever its own conditions hold; others need their key to exist."""
    return entry.content.key.startswith(("+", "~"))


def conditions(entry: Entry, found: Survey) -> tuple[Condition, ...] | None:
    """When an entry is active: its own conditions and what the survey shows; None when it exists nowhere.

    Raises ConfigError for an entry whose options depend on other options.
    """
    when = _conditions(entry, found)
    if when is None:
        return None
    return tuple(c for c in when if not any(_implied(c, other, found.when) for other in when))


def _conditions(entry: Entry, found: Survey) -> tuple[Condition, ...] | None:
    """As ``conditions``, with those that hold anyway where the group of another one is active."""
    found = found.under.get(entry.given, found)
    seen = {context: exists(entry, context) for context in found.where_given(entry.given)}
    if not any(seen.values()):
        return None
    texts: dict[str, list[str]] = {}
    varies: set[str] = set()
    for family in found.families:
        members = {text: context for text, context in family.members.items() if context in seen}
        under = [text for text, context in members.items() if any(seen[c] for c in found.below[context])]
        texts.setdefault(family.group, []).extend(text for text in under if text not in texts[family.group])
        if 0 < len(under) < len(members):
            varies.add(family.group)
    inferred = [Condition(group, tuple(options)) for group, options in texts.items() if group in varies]
    when = (*entry.given, *(c for c in inferred if c.key not in {given.key for given in entry.given}))
    for context in (context for context in found.of_trials if context in seen):
        wrong = _contradicted(when, seen[context], context, found)
        if wrong is not None:
            raise ConfigError(
                f"{entry.where}: under which options of {wrong.key} it exists depends on other options. Give it "
                f"below the options themselves, for example\n  params:\n    {wrong.key}:\n"
                f"      {wrong.texts[0]}: {{{entry.content.key}: ...}}"
            )
    return when


def _contradicted(when: Sequence[Condition], is_there: bool, context: Context, found: Survey) -> Condition | None:
    """A condition that the context contradicts; None when there is none, or when it cannot be told."""
    failing = None
    for condition in when:
        if condition.key.startswith("+") and condition.key not in context.chosen:
            return None  # there in every trial, but not here
        searched = found.options(condition.key, context)
        if not searched or context.stands.get(condition.key) not in condition.texts:
            failing = condition
    if is_there:
        return failing
    return None if failing is not None or not when else when[-1]


def _implied(condition: Condition, other: Condition, of_groups: Mapping[str, Sequence[Sequence[Condition]]]) -> bool:
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
