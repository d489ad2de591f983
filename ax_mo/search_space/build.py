"""``params``, the command line and the project's own configs become one checked search space."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.errors import HydraException
from omegaconf import AnyNode, DictConfig, IntegerNode
from omegaconf.errors import OmegaConfBaseException

from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.overrides import bare
from ax_mo.hydra_project.project import all_keys, has_key, node_at, reason
from ax_mo.search_space.activity import Composer, Survey, alias, conditions, survey
from ax_mo.search_space.constraints import constrained
from ax_mo.search_space.entries import Entries, Entry, read_entries
from ax_mo.search_space.grammar import FixedOverride
from ax_mo.search_space.parameters import Choice, Condition, Parameter, Range, when_text
from ax_mo.search_space.sample import covering_points
from ax_mo.search_space.space import ConditionalOverride, SearchSpace


@dataclass(frozen=True)
class BuiltSpace:
    """A checked space, and ``hints``: sentences on what is allowed but may not be meant."""

    space: SearchSpace
    hints: tuple[str, ...] = ()


def build_space(
    params: Mapping[str, Any],
    arguments: Sequence[str],
    param_constraints: Sequence[str],
    project: Composer,
    search_space: Mapping[str, Any] | None = None,
) -> BuiltSpace:
    """The space of a study; raises ConfigError with the key that is wrong.

    ``arguments`` are the task overrides of the command line; they win over ``params`` and ``search_space``.
    """
    read = read_entries(params, arguments, project.group_options, search_space)
    if all(isinstance(entry.content, FixedOverride) for entry in read.all):
        raise _nothing_to_search(bool(params or search_space), read.all)
    found = survey(read.all, project)
    entries, when, dropped = _activity(read, found, project)
    parameters, hints = _parameters(entries, when, found)
    overrides = [(e.content, w) for e, w in zip(entries, when, strict=True) if isinstance(e.content, FixedOverride)]
    fixed = tuple(content.line for content, w in overrides if not w)
    conditional = tuple(ConditionalOverride(content.key, content.line, w) for content, w in overrides if w)
    texts = [str(text) for text in param_constraints]
    parameters, constraints, moved = constrained(texts, parameters, overrides, {entry.key for entry in read.typed})
    space = SearchSpace(parameters, constraints, fixed, conditional)
    _check_samples(space, project, {entry.content.key: entry.where for entry in entries})
    return BuiltSpace(space, (*dropped, *hints, *moved))


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


def _activity(
    read: Entries, found: Survey, project: Composer
) -> tuple[list[Entry], list[tuple[Condition, ...]], list[str]]:
    """The entries that are active somewhere, when that is, and a sentence on each that was left out.

    Raises ConfigError for a key that exists nowhere.
    """
    when: dict[int, tuple[Condition, ...]] = {}
    left_out: list[Entry] = []
    for index, entry in enumerate(read.all):
        seen = conditions(entry, found)
        if seen is None:
            left_out.append(entry)
        else:
            when[index] = seen
    dropped = _dropped(left_out, read, found, project) if left_out else []
    return [read.all[index] for index in when], list(when.values()), dropped


def _dropped(left_out: Sequence[Entry], read: Entries, found: Survey, project: Composer) -> list[str]:
    """A sentence on each entry that exists under options that the command line left out, and nowhere else.

    Raises ConfigError for one that would not exist without the command line's choice either.
    """
    unnarrowed: Survey | None = None
    try:
        if read.unnarrowed:
            unnarrowed = survey(read.unnarrowed, project)
    except ConfigError:
        pass
    sentences: list[str] = []
    for entry in left_out:
        elsewhere = None
        if unnarrowed is not None and entry not in read.typed:
            elsewhere = conditions(entry, unnarrowed)
        if elsewhere is None:
            raise _unknown_key(entry, found)
        left = "not given" if isinstance(entry.content, FixedOverride) else "not searched"
        chosen = " ".join(
            e.content.line for e in read.typed if isinstance(e.content, FixedOverride) and e.content.is_group
        )
        why = f"it exists under {when_text(elsewhere)} only" if elsewhere else f"it does not exist with {chosen}"
        sentences.append(f"{entry.content.key} is {left}: {why}.")
    return sentences


def _unknown_key(entry: Entry, found: Survey) -> ConfigError:
    key = entry.content.key
    if isinstance(entry.content, Choice | FixedOverride) and entry.content.is_group:
        groups = sorted({group for context in found.contexts for group in context.groups})
        packaged = [group for group in groups if group.startswith(f"{bare(key)}@")]
        return ConfigError(
            f"{entry.where}: no defaults list has the config group '{key}', under any searched option."
            f"{closest(packaged[0] if packaged else key, groups)} To add it, write '+{key}'."
        )
    contexts = found.where_given(entry.given)
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
    hint = closest(key, known)
    if entry.given and not hint:
        group = entry.given[-1].key
        hint = closest(f"{bare(group).replace('/', '.')}.{key}", known)
    return ConfigError(
        f"{entry.where}: the project's configuration has no key '{key}'{under}.{hint} To add a new key, write '+{key}'."
        f"{'' if entry.given else _together(key, found)}"
    )


def _together(key: str, found: Survey) -> str:
    """What to write for a key that several options bring together: each was looked at with the others' defaults."""
    groups = {choice.key: choice for _, choice in found.groups}
    if len(groups) < 2:
        return ""
    first = next(iter(groups.values()))
    return (
        f" If it is only there under options of {' and '.join(groups)} together, give it below the option of one of "
        f"them, for example\n  params:\n    {first.key}:\n      {first.options[-1].text}: {{{key}: ...}}"
    )


def _parameters(
    entries: Sequence[Entry], when: Sequence[tuple[Condition, ...]], found: Survey
) -> tuple[tuple[Parameter, ...], tuple[str, ...]]:
    """The searched parameters with their conditions, each after those that its conditions name; and hints."""
    parameters: list[Parameter] = []
    hints: list[str] = []
    for entry, conditions_found in zip(entries, when, strict=True):
        if isinstance(entry.content, FixedOverride):
            continue
        parameter: Parameter = replace(entry.content, when=conditions_found)
        if isinstance(parameter, Range) and not parameter.integral and not parameter.key.startswith("+"):
            parameter, hint = _typed(parameter, entry, found)
            hints += hint
        if isinstance(parameter, Choice):
            hints += _merging(parameter, entry, found)
        parameters.append(parameter)
    return tuple(_ordered(parameters)), tuple(hints)


def _merging(parameter: Choice, entry: Entry, found: Survey) -> list[str]:
    """A hint where an option is a mapping that lacks keys of the config's own, into which Hydra merges it."""
    if parameter.key.startswith(("+", "~")):
        return []
    kept: set[str] = set()
    for context in found.where_given(entry.given):
        node = node_at(context.config, parameter.key) if has_key(context.config, parameter.key) else None
        if isinstance(node, DictConfig) and not (node._is_none() or node._is_missing()):
            kept.update(map(str, node))
    for option in parameter.options:
        left = sorted(kept - set(map(str, option.value))) if isinstance(option.value, dict) else []
        if left:
            return [
                f"{entry.where}: Hydra merges a mapping into the config's own, which {option.text} lacks "
                f"{', '.join(left)} of: what the config says there stays. Give every option all keys."
            ]
    return []


def _typed(parameter: Range, entry: Entry, found: Survey) -> tuple[Range, list[str]]:
    """The range of whole numbers where the project's own type says int; a hint where only its value does."""
    nodes = [
        node_at(context.config, parameter.key)
        for context in found.where_given(entry.given)
        if has_key(context.config, parameter.key)
    ]
    if any(isinstance(node, IntegerNode) for node in nodes):
        low, high = parameter.low, parameter.high
        if low != int(low) or high != int(high):
            raise ConfigError(
                f"{entry.where}: '{parameter.key}' is an int in the project's configuration, and a bound of "
                f"{parameter.describe()} is not a whole number."
            )
        return replace(parameter, low=int(low), high=int(high), integral=True), []
    values = [node._value() for node in nodes if isinstance(node, AnyNode)]
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


def _check_samples(space: SearchSpace, project: Composer, places: Mapping[str, str]) -> None:
    """Points that together hold every parameter and every option must compose; Hydra knows reasons that we do not."""
    for index, point in enumerate(covering_points(space)):
        try:
            project.compose(space.overrides(point))
        except (HydraException, OmegaConfBaseException) as error:
            marks = ("override {}=", "override '{}'", "'{}=")  # how Hydra's messages name a key
            blamed = next((key for key in places if any(mark.format(key) in str(error) for mark in marks)), None)
            if blamed is not None:
                raise ConfigError(f"{places[blamed]}: a trial does not compose: {reason(error)}") from None
            if index == 0:
                raise ConfigError(f"hydra.sweeper.params: a trial does not compose: {reason(error)}") from None
            # Options that only clash with each other: such a suggestion will be a failed trial of its own.
