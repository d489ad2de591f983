"""The space of a first search: the numbers of a project that look worth it, and options of its config groups."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ax_mo.experiment_file.ranges import Proposal, proposals
from ax_mo.hydra_project.ask import AskedProject
from ax_mo.hydra_project.overrides import as_text, bare
from ax_mo.hydra_project.project import chosen_option, without_hydra
from ax_mo.hydra_project.saved import config_directories, sources_of
from ax_mo.hydra_project.typed_program import TypedProgram

_SEARCHED = re.compile(r"models?|net|network|arch|architecture|backbone|encoder|optim|optimi[sz]er|solver|activation")
"""Groups of which another option is another answer to the same question: not other data, and not other hardware."""
_NO_ALTERNATIVES = re.compile(r"callbacks?|debug|experiments?|extras|hparams_search|hydra|local|loggers?|paths")
_MOST_OPTIONS = 8
"""Of a group: each is asked for once, in a process of its own."""


@dataclass(frozen=True)
class ProposedGroup:
    """A config group to search; ``by_option`` where a key has other bounds under another option."""

    group: str
    options: tuple[str, ...]
    own: str
    by_option: Mapping[str, tuple[Proposal, ...]]

    @property
    def values(self) -> str:
        """Its options in Hydra's grammar."""
        return f"choice({', '.join(map(as_text, self.options))})"


@dataclass(frozen=True)
class ProposedSpace:
    """What to search of a project, and what else could be."""

    groups: tuple[ProposedGroup, ...]
    shared: tuple[Proposal, ...]
    """The other keys, those included that only some options have."""
    besides: Mapping[str, Sequence[str]]
    """Other groups that have several options."""
    left_out: Mapping[str, str]
    """Options that do not compose, as overrides, and why."""

    @property
    def size(self) -> int:
        """How many parameters it has, groups included."""
        of_options = {one.key for group in self.groups for found in group.by_option.values() for one in found}
        return len(self.groups) + len(self.shared) + len(of_options)


def propose_space(asked: AskedProject, typed: TypedProgram, config: DictConfig) -> ProposedSpace:
    """``config`` is what the program composes as it was typed. Groups and keys that are typed stay as they are."""
    fixed = {bare(line.partition("=")[0]) for line in typed.overrides}
    options = _options(asked, typed, config, fixed)
    searched = {group: names for group, names in options.items() if _SEARCHED.fullmatch(group.rpartition("/")[2])}
    lines = {(g, o): [*typed.arguments, f"{g}={as_text(o)}"] for g, names in searched.items() for o in names}
    own = {group: str(chosen_option(config, group)) for group in searched}
    asked.begin(*(line for (group, option), line in lines.items() if option != own[group]))
    base, left_out = _proposals(config, fixed), dict[str, str]()
    found: dict[str, dict[str, dict[str, Proposal]]] = {}
    for (group, option), line in lines.items():
        try:
            composed = base if option == own[group] else _proposals(asked.answer(line), fixed)
        except HydraException as error:
            left_out[f"{group}={option}"] = str(error)
            continue
        found.setdefault(group, {})[option] = composed
    groups = [_group(group, by_option, own[group]) for group, by_option in found.items() if len(by_option) > 1]
    per_option = {one.key for group in groups for some in group.by_option.values() for one in some}
    shared = dict(base)
    for by_option in found.values():
        for composed in by_option.values():
            shared |= {key: one for key, one in composed.items() if key not in shared}
    besides = {g: names for g, names in options.items() if g not in searched and not _NO_ALTERNATIVES.fullmatch(g)}
    kept = tuple(one for one in _in_order(shared.values(), groups) if one.key not in per_option)
    return ProposedSpace(tuple(groups), kept, besides, left_out)


def _in_order(found: Iterable[Proposal], groups: Sequence[ProposedGroup]) -> list[Proposal]:
    """Keys of a group together, also those that only its other options have."""
    places = [group.group.replace("/", ".") for group in groups]
    of = {one.key: next((n for n, place in enumerate(places) if one.key.startswith(f"{place}.")), -1) for one in found}
    return sorted(found, key=lambda one: of[one.key])


def _group(group: str, by_option: Mapping[str, Mapping[str, Proposal]], own: str) -> ProposedGroup:
    texts: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for composed in by_option.values():
        for one in composed.values():
            texts.setdefault(one.key, set()).add(one.values)
            counts[one.key] = counts.get(one.key, 0) + 1
    split: dict[str, tuple[Proposal, ...]] = {}
    if any(len(values) > 1 for values in texts.values()):
        apart = {key for key in texts if len(texts[key]) > 1 or counts[key] < len(by_option)}
        for option, composed in by_option.items():
            split[option] = tuple(one for one in composed.values() if one.key in apart)
    return ProposedGroup(group, tuple(by_option), own, split)


def _proposals(config: DictConfig, fixed: set[str]) -> dict[str, Proposal]:
    content: Any = OmegaConf.to_container(without_hydra(config), resolve=False)
    return {key: one for key, one in proposals(content).items() if key not in fixed}


def _options(
    asked: AskedProject, typed: TypedProgram, config: DictConfig, fixed: set[str]
) -> dict[str, tuple[str, ...]]:
    """Of each group in the defaults list that has several: files are listed, of others the program is asked."""
    choices: Any = OmegaConf.to_container(config.hydra.runtime.choices)
    groups = [
        str(group)
        for group, option in reversed(choices.items())  # Hydra notes the last one first
        if isinstance(option, str) and not str(group).startswith("hydra/") and "@" not in str(group)
        and group not in fixed
    ]  # fmt: skip
    roots = config_directories(sources_of(config), typed.program)
    listed = {
        group: sorted(
            {path.stem for root in roots for path in (root / group).glob("*.yaml") if path.stem[0] not in "._"}
        )
        for group in groups
    }
    elsewhere = [group for group in groups if str(choices[group]) not in listed[group]]
    listed |= asked.group_options(elsewhere)
    kept = {}
    for group, names in listed.items():
        own = str(choices[group])
        first = [own, *(name for name in names if name != own)][:_MOST_OPTIONS]
        if len(first) > 1:
            kept[group] = tuple(name for name in names if name in first)
    return kept
