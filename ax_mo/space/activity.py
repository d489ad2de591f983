"""What exists under which options: the project composed once under each option of each searched group.

Nothing here asks the user what depends on what. A key or a group that comes and goes with the options of a searched
group is active under exactly those options under which it was seen. Pure, but for the composing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ax_mo.errors import ConfigError
from ax_mo.project import active_groups, has_key, reason
from ax_mo.space.entries import Entry, bare, first_of, holds
from ax_mo.space.grammar import FixedOverride
from ax_mo.space.parameters import Choice, Condition


class Composer(Protocol):
    """What this module needs of a project."""

    def group_options(self, group: str) -> list[str]: ...

    def compose(self, overrides: Sequence[str]) -> DictConfig: ...

    def missing_groups(self, overrides: Sequence[str]) -> list[str]: ...


@dataclass(frozen=True)
class Context:
    """The project's configuration under some options; ``chosen`` maps searched groups to the option's text."""

    chosen: Mapping[str, str]
    config: DictConfig
    groups: frozenset[str]
    """All config groups in the composed defaults list."""
    pinned: Mapping[str, str] = field(default_factory=dict)
    """Searched groups that the project leaves open, and where they stand here."""


@dataclass(frozen=True)
class Family:
    """One context per option of ``group``, alike in everything else."""

    group: str
    members: Mapping[str, Context]


@dataclass
class Survey:
    """All contexts that were composed."""

    base: Context
    families: list[Family] = field(default_factory=list)

    def contexts(self) -> list[Context]:
        return [self.base, *(context for family in self.families for context in family.members.values())]

    def where_given(self, given: Sequence[Condition]) -> list[Context]:
        return [context for context in self.contexts() if holds(given, context.chosen)]


def survey(entries: Sequence[Entry], project: Composer) -> Survey:
    """Compose each option of each searched group once, nested groups under each option that brings them.

    Raises ConfigError for an option that does not compose, and for a group that is in no defaults list.
    """
    return _Surveyor(entries, project).run()


class _Surveyor:
    def __init__(self, entries: Sequence[Entry], project: Composer) -> None:
        self._project = project
        self._fixed = [entry for entry in entries if isinstance(entry.content, FixedOverride)]
        self._groups = {e.content.key: e for e in entries if isinstance(e.content, Choice) and e.content.is_group}
        self._pinned: Mapping[str, str] = {}
        self._choices: dict[str, Choice] = {
            key: entry.content for key, entry in self._groups.items() if isinstance(entry.content, Choice)
        }

    def run(self) -> Survey:
        found = Survey(self._context({}, "The configuration does not compose"))
        self._pinned = found.base.pinned  # needed under every option
        self._explore(found, {}, self._eligible(found.base))
        seen = {family.group for family in found.families}
        for key, entry in self._groups.items():
            if key not in seen:
                raise ConfigError(
                    f"{entry.where}: no defaults list has the config group '{key}', under any searched option. "
                    f"To add it, write '+{key}'."
                )
        return found

    def _explore(
        self, found: Survey, path: Mapping[str, str], groups: Sequence[str], known: frozenset[str] = frozenset()
    ) -> None:
        """Compose the options of ``groups``, and then of those groups that some of these options bring.

        ``known`` are the groups that are seen to elsewhere.
        """
        brought: dict[str, list[Context]] = {}
        for group in groups:
            if group in brought:  # it only seemed to be always there: the project's default option brings it
                continue
            members: dict[str, Context] = {}
            for option in self._choices[group].options:
                label = f"{self._groups[group].where}: the option '{option.text}' does not compose"
                members[option.text] = self._context({**path, group: option.text}, label)
            found.families.append(Family(group, members))
            eligible = [(context, self._eligible(context)) for context in members.values()]
            for key in dict.fromkeys(key for _, keys in eligible for key in keys if key not in known):
                bringing = [context for context, keys in eligible if key in keys]
                if key not in groups or len(bringing) < len(members):
                    brought.setdefault(key, bringing)
        elsewhere = known | set(groups) - set(brought)
        contexts = {id(context): context for bringing in brought.values() for context in bringing}
        for context in contexts.values():
            keys = [key for key, bringing in brought.items() if any(context is other for other in bringing)]
            self._explore(found, context.chosen, keys, elsewhere)

    def _eligible(self, context: Context) -> list[str]:
        """The searched groups that can be chosen in a context and are not chosen yet, outer ones first."""
        keys = [
            key
            for key, entry in self._groups.items()
            if key not in context.chosen
            and holds(entry.given, context.chosen)
            and (key.startswith("+") or bare(key) in context.groups)
        ]
        return sorted(keys, key=lambda key: key.count("/"))

    def _context(self, chosen: Mapping[str, str], label: str, pinned: Mapping[str, str] | None = None) -> Context:
        """Compose under ``chosen``, and the groups that the project leaves open as ``pinned``."""
        pinned = self._pinned if pinned is None else pinned
        fixed = [e for e in self._fixed if holds(e.given, chosen)]
        assigned = [f"{key}={text}" for key, text in {**pinned, **chosen}.items()]
        try:
            config = self._compose([*(_line(e) for e in fixed), *assigned])
        except (HydraException, OmegaConfBaseException) as error:
            lines = [*(_line(e) for e in fixed if _is_always(e)), *assigned]
            missing = [key for key in self._missing(lines) if key in self._choices and key not in {**pinned, **chosen}]
            if missing:
                firsts = {key: first_of(self._choices[key]) for key in missing}
                return self._context(chosen, label, {**pinned, **firsts})
            config = self._without_absent(fixed, assigned, error, label)
        return Context(dict(chosen), config, active_groups(config), dict(pinned))

    def _without_absent(
        self, fixed: Sequence[Entry], assigned: Sequence[str], error: Exception, label: str
    ) -> DictConfig:
        """Compose without those fixed values whose key does not exist here; raises ConfigError when that is no cure."""
        try:
            bare_config = self._compose([*(_line(e) for e in fixed if _is_always(e)), *assigned])
            kept = [e for e in fixed if _is_always(e) or has_key(bare_config, e.content.key)]
            if len(kept) < len(fixed):
                return self._compose([*(_line(e) for e in kept), *assigned])
        except (HydraException, OmegaConfBaseException) as deeper:
            error = deeper
        raise ConfigError(f"{label}: {reason(error)}") from None

    def _compose(self, lines: Sequence[str]) -> DictConfig:
        return self._project.compose(list(lines))

    def _missing(self, lines: Sequence[str]) -> list[str]:
        try:
            return self._project.missing_groups(lines)
        except (HydraException, OmegaConfBaseException):
            return []


def _line(entry: Entry) -> str:
    assert isinstance(entry.content, FixedOverride)
    return entry.content.line


def _is_always(entry: Entry) -> bool:
    """Whether a fixed override is given wherever its own conditions hold; a plain value needs its key to exist."""
    assert isinstance(entry.content, FixedOverride)
    return entry.content.is_group or entry.content.key.startswith(("+", "~"))


def conditions(
    entry: Entry, found: Survey, exists: Callable[[Context], bool], conditions_of: Mapping[str, tuple[Condition, ...]]
) -> tuple[Condition, ...] | None:
    """When an entry is active: its own conditions and what the survey shows; None when it exists nowhere.

    ``conditions_of`` holds the conditions of the searched groups, outer ones first, that were found before.
    Raises ConfigError for an entry whose options depend on where the group that brings it stands.
    """
    if not any(exists(context) for context in found.where_given(entry.given)):
        return None
    texts: dict[str, tuple[str, ...]] = {}
    for family in found.families:
        members = {text: c for text, c in family.members.items() if holds(entry.given, c.chosen)}
        under = tuple(text for text, context in members.items() if exists(context))
        if not under:
            continue
        if texts.setdefault(family.group, under) != under:
            raise ConfigError(
                f"{entry.where}: under which options of {family.group} it exists depends on other options. Give it "
                f"below the options themselves, for example\n  params:\n    {family.group}:\n"
                f"      {under[0]}: {{{entry.content.key}: ...}}"
            )
    inferred = [
        Condition(family.group, texts[family.group])
        for family in _unique(found.families)
        if family.group in texts and _varies(found, family.group, entry, exists)
    ]
    found_here = [*entry.given, *(c for c in inferred if c.key not in {g.key for g in entry.given})]
    return tuple(c for c in found_here if not any(_implied(c, other, conditions_of) for other in found_here))


def _unique(families: Sequence[Family]) -> list[Family]:
    return list({family.group: family for family in families}.values())


def _varies(found: Survey, group: str, entry: Entry, exists: Callable[[Context], bool]) -> bool:
    for family in found.families:
        if family.group == group:
            seen = {exists(context) for context in family.members.values() if holds(entry.given, context.chosen)}
            if len(seen) > 1:
                return True
    return False


def _implied(condition: Condition, other: Condition, conditions_of: Mapping[str, tuple[Condition, ...]]) -> bool:
    """Whether ``other`` can only hold where ``condition`` does, because of when its own group is active."""
    for upper in conditions_of.get(other.key, ()):
        if upper.key == condition.key and set(upper.texts) <= set(condition.texts):
            return True
        if upper != other and _implied(condition, upper, conditions_of):
            return True
    return False
