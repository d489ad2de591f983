"""The project composed once under each option of each searched config group: which groups and keys each brings.

Nothing here asks the user what depends on what: a key or a group that comes and goes with the options of a searched
group is active under exactly those options under which it was seen (``ax_mo.search_space.activity``). A value with
options of its own, below which others may be fixed, is looked at as a group is.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.errors import ConfigError
from ax_mo.hydra_project.compat import written_value
from ax_mo.hydra_project.overrides import as_text, bare
from ax_mo.hydra_project.project import (
    COMPOSE_ERRORS,
    Project,
    active_groups,
    chosen_option,
    has_key,
    missing_groups,
    node_at,
    reason,
)
from ax_mo.search_space.grammar import FixedOverride
from ax_mo.search_space.parameters import Choice, Condition, holds
from ax_mo.search_space.params import Entry
from ax_mo.search_space.project_keys import Assigned, config_value
from ax_mo.search_space.targets import is_removal


@dataclass(frozen=True, eq=False)
class Context:
    """The project's configuration under some options; ``chosen`` maps searched groups to the option's text."""

    chosen: Mapping[str, str]
    config: DictConfig
    groups: frozenset[str]
    """All config groups in the composed defaults list; those with a list of options as far as they were asked for."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """The option of each searched group that is there: the chosen one, or else the project's default."""
    forced: Mapping[str, str] = field(default_factory=dict)
    """The options given to searched groups that the project leaves open, without which nothing composes."""


@dataclass(frozen=True)
class OptionSweep:
    """One context per option of ``group``, alike in everything else."""

    group: str
    contexts: Mapping[str, Context]


Group = tuple[Entry, Choice]
"""A searched group: its entry, and that entry's content."""


@dataclass
class GroupScan:
    """All contexts that were composed."""

    base: Context
    groups: Sequence[Group]
    sweeps: list[OptionSweep] = field(default_factory=list)
    under: dict[tuple[Condition, ...], "GroupScan"] = field(default_factory=dict)
    """More of them, for entries that were written under an option but need another group's option, too."""

    @cached_property
    def contexts(self) -> list[Context]:
        """What the groups were composed with."""
        return [self.base, *(context for sweep in self.sweeps for context in sweep.contexts.values())]

    def configs(self) -> list[Assigned]:
        """All configurations, each with the values that were chosen there."""
        values = {choice.key for _, choice in self.groups if not choice.is_group}
        contexts = [context for part in (self, *self.under.values()) for context in part.contexts]
        return [(context.config, {bare(key) for key in values & context.chosen.keys()}) for context in contexts]

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

        def possible(context: Context, group: str) -> bool:
            options = self.options(group, context)
            return not options or context.defaults.get(group) in {None, *options}

        return [c for c in self.contexts if all(possible(c, choice.key) for _, choice in self.groups)]

    def where_given(self, given: Sequence[Condition]) -> list[Context]:
        """The contexts in which these conditions hold."""
        return [context for context in self.contexts if holds(given, context.chosen)]

    def options(self, group: str, context: Context) -> set[str]:
        """The options of the group that are searched in a context; none where it is not searched."""
        return {
            option.text
            for entry, choice in self.groups
            if choice.key == group and holds(entry.given, context.defaults)
            for option in choice.options
        }


def exists(entry: Entry, context: Context) -> bool:
    """Whether the entry can be given in the context."""
    key = entry.content.key
    if key.startswith(("+", "~")):
        return True
    if entry.content.is_group:
        return key in context.chosen or entry.key in context.groups
    return "@" in key or (has_key(context.config, key) and alias(context.config, key) is None)


def alias(config: DictConfig, key: str) -> tuple[str, str] | None:
    """The interpolated node above the key: its dotted key, and the interpolation. Hydra overrides nothing below it."""
    parts = key.split(".")
    for count in range(1, len(parts)):
        above = ".".join(parts[:count])
        node = node_at(config, above)
        if OmegaConf.is_interpolation(node):
            return above, str(written_value(node))
    return None


def scan_groups(entries: Sequence[Entry], project: Project) -> GroupScan:
    """Compose each option of each searched group once, nested groups under each option that brings them.

    Raises ConfigError for an option that does not compose.
    """
    groups = [c for _, c in _searched(entries) if c.is_group and not c.key.startswith("+")]
    lists = {choice.key for choice in groups if any(isinstance(value, list) and value for value in choice.values)}
    scan = _Scanner(entries, project, lists).run()
    contexts = [context for part in (scan, *scan.under.values()) for context in part.contexts]
    unseen = {choice.key for choice in groups} - {key for context in contexts for key in context.defaults}
    return _Scanner(entries, project, lists | unseen).run() if unseen - lists else scan


class _Scanner:
    """Composes the contexts of a scan. ``lists`` are the groups of which the default may be a list of options.

    Hydra 1.3.8 notes nowhere that there is such a group in a defaults list. It accepts an override of it, though.
    """

    def __init__(self, entries: Sequence[Entry], project: Project, lists: Collection[str]) -> None:
        self._project = project
        self._entries = entries
        self._lists = lists
        # What is removed is seen here, so that it can be told where it is there.
        self._fixed = [e for e in entries if isinstance(e.content, FixedOverride) and not is_removal(e)]
        self._groups = sorted(_searched(entries), key=lambda group: group[1].key.count("/"))
        self._forced: Mapping[str, str] = {}

    def run(self) -> GroupScan:
        scan = GroupScan(self._context({}, "The configuration does not compose"), self._groups)
        self._forced = scan.base.forced  # needed under every option
        self._explore(scan, scan.base, self._eligible(scan.base))
        for given in dict.fromkeys(entry.given for entry in self._entries if entry.given):
            self._explore_under(scan, given)
        return scan

    def _explore_under(self, scan: GroupScan, given: tuple[Condition, ...]) -> None:
        """Compose the other groups' options under ``given`` where entries that were written there depend on them."""
        contexts = next(filter(None, (part.where_given(given) for part in (scan, *scan.under.values()))), [])
        if not contexts:
            return
        entries = [entry for entry in self._entries if entry.given == given]
        if contexts[0] in scan.below and not any(_depends_elsewhere(entry, scan, contexts) for entry in entries):
            return
        more = scan.under[given] = GroupScan(contexts[0], self._groups)
        self._explore(more, contexts[0], self._eligible(contexts[0]))

    def _explore(
        self, scan: GroupScan, start: Context, groups: Sequence[Group], elsewhere: frozenset[str] = frozenset()
    ) -> None:
        """Compose the options of ``groups``, and then of those groups that some of these options bring.

        ``elsewhere`` are the groups whose options are composed by another call.
        """
        keys = {choice.key for _, choice in groups}
        brought: dict[str, list[Context]] = {}
        for entry, choice in groups:
            if choice.key in brought:  # it only seemed to be always there: the project's default option brings it
                continue
            contexts = {option.text: self._with_option(start, entry, choice, option.text) for option in choice.options}
            scan.sweeps.append(OptionSweep(choice.key, contexts))
            eligible = {c: {nested.key for _, nested in self._eligible(c)} - elsewhere for c in contexts.values()}
            for key in dict.fromkeys(nested.key for _, nested in self._groups):
                bringing = [context for context, nested in eligible.items() if key in nested]
                if bringing and (key not in keys or len(bringing) < len(contexts)):
                    brought.setdefault(key, []).extend(bringing)
        elsewhere = elsewhere | keys - set(brought)
        for context in dict.fromkeys(context for bringing in brought.values() for context in bringing):
            here = [group for group in self._eligible(context) if context in brought.get(group[1].key, ())]
            self._explore(scan, context, here, elsewhere)

    def _with_option(self, start: Context, entry: Entry, choice: Choice, text: str) -> Context:
        """The context under one more option. Other searched groups stay as they are at ``start``.

        An option may hold ``override /optim: adam``, which says nothing of a trial: there ``optim`` is chosen, too.
        """
        chosen = {**start.chosen, choice.key: text}
        label = f"{entry.where}: the option '{text}' does not compose"
        context = self._context(chosen, label)
        moved = {
            other.key: start.defaults[other.key]
            for _, other in self._eligible(context)
            if other.is_group and start.defaults.get(other.key) not in {None, context.defaults.get(other.key)}
        }
        if not moved:
            return context
        return replace(self._context(chosen, label, {**self._forced, **moved}), forced=context.forced)

    def _eligible(self, context: Context) -> list[Group]:
        """The searched groups that can be chosen in a context and are not chosen yet, outer ones first."""
        return [
            (entry, choice)
            for entry, choice in self._groups
            if choice.key not in context.chosen and holds(entry.given, context.chosen) and exists(entry, context)
        ]

    def _context(self, chosen: Mapping[str, str], label: str, forced: Mapping[str, str] | None = None) -> Context:
        """Compose under ``chosen``, with ``forced`` for the groups that the project leaves open."""
        forced = self._forced if forced is None else forced
        fixed = [entry for entry in self._fixed if holds(entry.given, chosen)]
        assigned = {**forced, **chosen}
        lines = [f"{key}={text}" for key, text in assigned.items()]
        try:
            config = self._project.compose([*_lines(fixed), *lines])
        except COMPOSE_ERRORS as error:
            missing = self._missing([*_lines(filter(_is_always, fixed)), *lines])
            firsts = {c.key: c.options[0].text for _, c in self._groups if c.key in missing and c.key not in assigned}
            if firsts:
                return self._context(chosen, label, {**forced, **firsts})
            try:
                config, fixed = self._without_absent(fixed, lines, error)
            except COMPOSE_ERRORS as deeper:
                raise ConfigError(f"{label}: {reason(deeper)}") from None
        config, lists = self._with_lists(config, chosen, [*_lines(fixed), *lines], assigned)
        groups = active_groups(config)
        defaults = {c.key: as_text(chosen_option(config, c.key)) for _, c in self._groups if c.key in groups}
        for _, choice in self._groups:
            if not choice.is_group and has_key(config, bare(choice.key)) and not defaults.get(choice.key):
                defaults[choice.key] = _value_in(config, choice)
        # What Hydra took an override of is there.
        groups = groups.union(lists, (e.key for e in fixed if e.content.is_group and not _is_always(e)))
        return Context(chosen, config, groups, {**defaults, **lists, **chosen}, forced)

    def _with_lists(
        self, config: DictConfig, chosen: Mapping[str, str], lines: Sequence[str], assigned: Collection[str]
    ) -> tuple[DictConfig, dict[str, str]]:
        """With the first searched option of each group whose default is a list of options, and these options."""
        lists: dict[str, str] = {}
        groups = active_groups(config)
        for entry, choice in self._groups:
            key = choice.key
            if key not in self._lists or key in groups or key in assigned or key in lists:
                continue
            if holds(entry.given, chosen):
                more = {**lists, key: choice.options[0].text}
                try:
                    config = self._project.compose([*lines, *(f"{group}={text}" for group, text in more.items())])
                except COMPOSE_ERRORS:
                    continue
                lists = more
        return config, lists

    def _without_absent(
        self, fixed: Sequence[Entry], lines: Sequence[str], error: Exception
    ) -> tuple[DictConfig, list[Entry]]:
        """Compose without those fixed overrides that cannot be given here; and those that can.

        Raises the error when all of them can.
        """
        kept = [entry for entry in fixed if _is_always(entry)]
        # Without the command line's settings of Hydra, which say nothing of keys.
        config = self._project.compose_plain([*_lines(kept), *lines])
        for entry in sorted((e for e in fixed if e.content.is_group and e not in kept), key=lambda e: e.key.count("/")):
            with suppress(*COMPOSE_ERRORS):
                config = self._project.compose_plain([*_lines([*kept, entry]), *lines])
                kept.append(entry)
        here = Context({}, config, active_groups(config))
        kept = [entry for entry in fixed if entry in kept or exists(entry, here)]
        if len(kept) == len(fixed):
            raise error
        return self._project.compose([*_lines(kept), *lines]), kept

    def _missing(self, lines: Sequence[str]) -> list[str]:
        try:
            return missing_groups(self._project.compose_plain(lines))
        except COMPOSE_ERRORS:
            return []


def _depends_elsewhere(entry: Entry, scan: GroupScan, contexts: Sequence[Context]) -> bool:
    """Whether an entry that was written under some options depends on others, too, as far as it can be seen."""
    if not any(exists(entry, context) for context in contexts):
        return True
    of_given = {condition.key for condition in entry.given}
    return any(
        len({exists(entry, context) for context in sweep.contexts.values()}) > 1
        for sweep in scan.sweeps
        if sweep.group not in of_given and not any(context in contexts for context in sweep.contexts.values())
    )


def _searched(entries: Sequence[Entry]) -> Iterator[Group]:
    deciding = {condition.key for entry in entries for condition in entry.given}
    for entry in entries:
        if isinstance(entry.content, Choice) and (entry.content.is_group or entry.content.key in deciding):
            yield entry, entry.content


def _value_in(config: DictConfig, choice: Choice) -> str:
    """The text of the option that a configuration has; empty for a value that is none."""
    try:
        return choice.text(config_value(config, bare(choice.key)))
    except (OmegaConfBaseException, ValueError):
        return ""


def _lines(entries: Iterable[Entry]) -> list[str]:
    return [entry.content.line for entry in entries if isinstance(entry.content, FixedOverride)]


def _is_always(entry: Entry) -> bool:
    """Whether a fixed override is given wherever its own conditions hold; others need their key to exist."""
    return entry.content.key.startswith(("+", "~"))
