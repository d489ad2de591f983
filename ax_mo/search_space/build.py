"""``params``, the command line and the project's own configs become one checked search space."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import AnyNode, DictConfig, IntegerNode, OmegaConf

from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.compat import has_content, written_value
from ax_mo.hydra_project.overrides import as_text, bare, parsed
from ax_mo.hydra_project.project import COMPOSE_ERRORS, Project, all_keys, chosen_option, has_key, node_at, reason
from ax_mo.search_space.activity import When, conditions
from ax_mo.search_space.constraints import constrained
from ax_mo.search_space.entries import Entries, read_entries
from ax_mo.search_space.grammar import FixedOverride
from ax_mo.search_space.group_scan import Context, GroupScan, alias, scan_groups
from ax_mo.search_space.parameters import Choice, Parameter, Range, when_text
from ax_mo.search_space.params import Entry
from ax_mo.search_space.project_keys import ProjectKeys
from ax_mo.search_space.space import ConditionalOverride, SearchSpace
from ax_mo.search_space.start import samples
from ax_mo.search_space.targets import is_removal

Active = tuple[Entry, When]
"""An entry, and the conditions under which it is active."""


@dataclass(frozen=True)
class BuiltSpace:
    """A checked space, and ``hints``: sentences on what is allowed but may not be meant."""

    space: SearchSpace
    hints: tuple[str, ...] = ()


def build_space(
    params: Mapping[str, Any],
    arguments: Sequence[str],
    param_constraints: Sequence[str],
    project: Project,
    search_space: Mapping[str, Any] | None = None,
) -> BuiltSpace:
    """The space of a study; raises ConfigError with the key that is wrong.

    ``arguments`` are the task overrides of the command line; they win over ``params`` and ``search_space``.
    """
    keys = _project_keys(params, arguments, project)
    while True:
        read = read_entries(params, arguments, project.group_options, search_space, keys)
        if all(isinstance(entry.content, FixedOverride) for entry in read.all):
            raise _nothing_to_search(bool(params or search_space), read.all)
        scan = scan_groups(read.all, project)
        if not keys.changed_by(scan.configs()):
            break  # otherwise params are read again: what they mean depends on the keys that the project has
    active, dropped = _active(read, scan, project)
    for entry, _ in active:
        if is_removal(entry):
            _check_removable(entry, scan)
    parameters, hints = _parameters(active, scan)
    overrides = [(entry.content, when) for entry, when in active if isinstance(entry.content, FixedOverride)]
    fixed = tuple(override.line for override, when in overrides if not when)
    conditional = tuple(ConditionalOverride(override.key, override.line, when) for override, when in overrides if when)
    texts = [str(text) for text in param_constraints]
    parameters, constraints, moved = constrained(texts, parameters, overrides, {entry.key for entry in read.typed})
    space = SearchSpace(parameters, constraints, fixed, conditional)
    _check_samples(space, project, {entry.content.key: entry.where for entry, _ in active})
    return BuiltSpace(space, (*dropped, *hints, *_lists(read, project), *moved))


def _project_keys(params: Mapping[str, Any], arguments: Sequence[str], project: Project) -> ProjectKeys:
    """What the project has without what the command line sweeps over, or gives to keys that have options of their own.

    Nothing is known where that does not compose, and nothing need be where no key has such options.
    """
    mapped = {bare(str(key)) for key, value in params.items() if isinstance(value, Mapping)}
    if mapped:
        given = [override for override in parsed(arguments) if not override.is_sweep_override()]
        keys = {bare(override.get_key_element()) for override in given}
        others = [str(o.input_line) for o in given if bare(o.get_key_element()) not in mapped]
        with suppress(*COMPOSE_ERRORS):
            return ProjectKeys([project.compose(others)], keys & mapped)
    return ProjectKeys()


def _nothing_to_search(is_given: bool, entries: Sequence[Entry]) -> ConfigError:
    if is_given:
        fixed = ", ".join(entry.content.line for entry in entries if isinstance(entry.content, FixedOverride))
        return ConfigError(
            f"Nothing is left to search: all of hydra.sweeper.params is fixed ({fixed}). Give one of them several "
            "values, for example optim.lr: tag(log, interval(1e-4, 1e-1))."
        )
    return ConfigError(
        "hydra.sweeper.params is empty: there is nothing to search. Name the parameters in Hydra's override "
        "grammar, for example\n  params:\n    optim.lr: tag(log, interval(1e-4, 1e-1))\n    model: choice(mlp, cnn)"
    )


def _active(read: Entries, scan: GroupScan, project: Project) -> tuple[list[Active], list[str]]:
    """The entries that are active somewhere, and a sentence on each that was left out.

    That is one that exists only under options that the command line left out. Raises ConfigError for a key that exists
    nowhere.
    """
    found = list(zip(read.all, conditions(read.all, scan), strict=True))
    left_out = [entry for entry, when in found if when is None and not is_removal(entry)]
    unnarrowed: GroupScan | None = None
    if left_out and read.unnarrowed:
        with suppress(ConfigError):
            unnarrowed = scan_groups(read.unnarrowed, project)
    sentences: list[str] = []
    for entry in left_out:
        elsewhere = None
        if unnarrowed is not None and entry not in read.typed:
            (elsewhere,) = conditions([entry], unnarrowed)
        if elsewhere is None:
            raise _unknown_key(entry, scan, project, read.typed)
        left = "not given" if isinstance(entry.content, FixedOverride) else "not searched"
        chosen = " ".join(_typed_options(read.typed))
        why = f"it exists under {when_text(elsewhere)} only" if elsewhere else f"it does not exist with {chosen}"
        sentences.append(f"{entry.content.key} is {left}: {why}.")
    return [(entry, when) for entry, when in found if when is not None], sentences


def _check_removable(entry: Entry, scan: GroupScan) -> None:
    """Raises ConfigError for a field of a structured config: Hydra deletes keys of mappings alone."""
    above, _, name = entry.key.rpartition(".")
    for context in scan.where_given(entry.given):
        node = node_at(context.config, above) if above else context.config
        kind = OmegaConf.get_type(node) if isinstance(node, DictConfig) else None
        if kind in (None, dict) or not has_key(context.config, entry.key):
            continue
        option = entry.given[-1]
        raise ConfigError(
            f"{entry.where}: under {option.describe()}, '{entry.key}' would be an argument that is not written there, "
            f"and Hydra cannot remove it, a field of {kind.__name__}. If it takes {name}, give it a value, for example "
            f"'{option.texts[0]}: {{{entry.key}: ...}}'; otherwise declare '{above}' as Dict[str, Any], or make it a "
            "config group."
        )


def _unknown_key(entry: Entry, scan: GroupScan, project: Project, typed: Sequence[Entry]) -> ConfigError:
    key = entry.content.key
    if entry.content.is_group:
        groups = sorted({group for context in scan.contexts for group in context.groups})
        packaged = [group for group in groups if group.startswith(f"{bare(key)}@")]
        return ConfigError(
            f"{entry.where}: no defaults list has the config group '{key}', under any searched option."
            f"{closest(packaged[0] if packaged else key, groups)} To add it, write '+{key}'."
        )
    contexts = scan.where_given(entry.given)
    if "/" in bare(key):  # no key of a configuration has one
        groups = sorted({group for context in contexts for group in context.groups})
        return ConfigError(f"{entry.where}: the project has no config group '{key}'.{closest(key, groups)}")
    for node, interpolation in filter(None, (alias(context.config, key) for context in contexts)):
        target = re.fullmatch(r"\$\{(\w[\w.]*)\}", interpolation)
        instead = f" Search '{target[1]}{key.removeprefix(node)}' instead." if target else ""
        return ConfigError(
            f"{entry.where}: '{node}' is {interpolation} in the project's configuration, and Hydra overrides nothing "
            f"below an interpolation.{instead}"
        )
    known = {name for context in contexts for name in all_keys(context.config)}
    under = f" under {when_text(entry.given)}" if entry.given else ""
    if not entry.given and (choices := _choices_that_bring(key, contexts, project, typed)):
        group, _, option = choices[0].partition("=")
        return ConfigError(
            f"{entry.where}: the project's configuration has the key '{key}' with {' or '.join(choices)} only, and no "
            f"trial has that. Choose {choices[0]}, or search it among others: {group}: choice({option}, ...)."
        )
    hint = closest(key, known)
    if entry.given and not hint:
        above = bare(entry.given[-1].key)
        node = above.replace("/", ".") if project.group_options(above) else above.rpartition(".")[0]
        hint = closest(f"{node}.{key}", known)
    return ConfigError(
        f"{entry.where}: the project's configuration has no key '{key}'{under}.{hint} To add a new key, write '+{key}'."
        f"{'' if entry.given else _together(key, scan)}"
    )


def _choices_that_bring(key: str, contexts: Sequence[Context], project: Project, typed: Sequence[Entry]) -> list[str]:
    """Options that no context has, such as ``model=cnn``, of groups above the key, each of which brings the key."""
    found: list[str] = []
    parts = key.split(".")
    for group in ("/".join(parts[:count]) for count in range(1, len(parts))):
        seen = {chosen_option(context.config, group) for context in contexts}
        for option in (option for option in project.group_options(group) if option not in seen):
            with suppress(*COMPOSE_ERRORS):
                if has_key(project.compose([*_typed_options(typed, group), f"{group}={option}"]), key):
                    found.append(f"{group}={option}")
    return found


def _typed_options(typed: Sequence[Entry], without: str = "") -> list[str]:
    """The command line's options of groups: without its ``+experiment=...``, our own settings would not compose."""
    fixed = [entry.content for entry in typed if entry.key != without and isinstance(entry.content, FixedOverride)]
    return [override.line for override in fixed if override.is_group]


def _together(key: str, scan: GroupScan) -> str:
    """What to write for a key that several options bring together: each was looked at with the others' defaults."""
    groups = {choice.key: choice for _, choice in scan.groups if choice.is_group}
    if len(groups) < 2:
        return ""
    first = next(iter(groups.values()))
    return (
        f" If it is only there under options of {' and '.join(groups)} together, give it below the option of one of "
        f"them, for example\n  params:\n    {first.key}:\n      {first.options[-1].text}: {{{key}: ...}}"
    )


def _parameters(active: Sequence[Active], scan: GroupScan) -> tuple[tuple[Parameter, ...], tuple[str, ...]]:
    """The searched parameters with their conditions, each after those that its conditions name; and hints."""
    parameters: list[Parameter] = []
    hints: list[str] = []
    for entry, when in active:
        if isinstance(entry.content, FixedOverride):
            continue
        parameter: Parameter = replace(entry.content, when=when)
        if isinstance(parameter, Range) and not parameter.integral:
            parameter, hint = _typed(parameter, entry, scan)
            hints += hint
        if isinstance(parameter, Choice):
            hints += _merging(parameter, entry, scan)
        parameters.append(parameter)
    return tuple(_ordered(parameters)), tuple(hints)


def _merging(parameter: Choice, entry: Entry, scan: GroupScan) -> list[str]:
    """A hint where an option is a mapping that lacks keys of the config's own, into which Hydra merges it."""
    kept: set[str] = set()
    for node in _nodes(parameter, entry, scan):
        if isinstance(node, DictConfig) and has_content(node):
            kept.update(map(str, node))
    for option in parameter.options:
        left = sorted(kept - set(map(str, option.value))) if isinstance(option.value, dict) else []
        if left:
            return [
                f"{entry.where}: Hydra merges a mapping into the config's own, which {option.text} lacks "
                f"{', '.join(left)} of: what the config says there stays. Give every option all keys."
            ]
    return []


def _lists(read: Entries, project: Project) -> Iterator[str]:
    """A hint on each list in ``params`` where the project has one value: elsewhere, a list is what to choose from."""
    for entry in read.all:
        content = entry.content
        if entry in read.typed or not isinstance(content, FixedOverride) or not isinstance(content.value, list):
            continue
        try:
            config = project.compose(_typed_options(read.typed))
        except COMPOSE_ERRORS:  # a group that the project leaves open
            continue
        own = [chosen_option(config, entry.key)] if content.is_group else ProjectKeys([config]).own_values(entry.key)
        if len(content.value) > 1 and own and not any(value is None or isinstance(value, list) for value in own):
            yield (
                f"{entry.where}: {content.text} is one value, a list, the same in every trial. To search among its "
                f"elements, write choice({', '.join(as_text(value) for value in content.value)})."
            )


def _nodes(parameter: Parameter, entry: Entry, scan: GroupScan) -> list[Any]:
    """What the project has at the parameter's key, in each context in which it is given."""
    found = (node_at(context.config, parameter.key) for context in scan.where_given(entry.given))
    return [node for node in found if node is not None]


def _typed(parameter: Range, entry: Entry, scan: GroupScan) -> tuple[Range, list[str]]:
    """The range of whole numbers where the project's own type says int; a hint where only its value does."""
    nodes = _nodes(parameter, entry, scan)
    if any(isinstance(node, IntegerNode) for node in nodes):
        low, high = parameter.low, parameter.high
        if low != int(low) or high != int(high):
            raise ConfigError(
                f"{entry.where}: '{parameter.key}' is an int in the project's configuration, and a bound of "
                f"{parameter.describe()} is not a whole number."
            )
        return replace(parameter, low=int(low), high=int(high), integral=True), []
    values = [written_value(node) for node in nodes if isinstance(node, AnyNode)]
    whole_bounds = parameter.low == int(parameter.low) and parameter.high == int(parameter.high)
    if whole_bounds and any(isinstance(value, int) and not isinstance(value, bool) for value in values):
        whole = replace(parameter, integral=True).describe()
        return parameter, [
            f"{parameter.key} is searched as a float, as Hydra's interval says, but its value in the project's "
            f"configuration is a whole number. For whole numbers write {parameter.key}: {whole}"
        ]
    return parameter, []


def _ordered(parameters: Sequence[Parameter]) -> Iterator[Parameter]:
    """Parameters after those that their conditions name, otherwise as they were given."""
    left = list(parameters)
    waiting = {parameter.key for parameter in left}
    while left:
        ready = next(p for p in left if not any(condition.key in waiting for condition in p.when))
        left.remove(ready)
        waiting = {parameter.key for parameter in left}
        yield ready


def _check_samples(space: SearchSpace, project: Project, places: Mapping[str, str]) -> None:
    """Points that together hold every parameter and every option must compose; Hydra knows reasons that we do not."""
    for index, point in enumerate(samples(space, project)):
        try:
            project.compose(space.overrides(point))
        except COMPOSE_ERRORS as error:
            marks = ("override {}=", "override '{}'", "'{}=")  # how Hydra's messages name a key
            blamed = next((key for key in places if any(mark.format(key) in str(error) for mark in marks)), None)
            if blamed is not None:
                raise ConfigError(f"{places[blamed]}: a trial does not compose: {reason(error)}") from None
            if index == 0:
                raise ConfigError(f"hydra.sweeper.params: a trial does not compose: {reason(error)}") from None
            # Options that only clash with each other: such a suggestion will be a failed trial of its own.
