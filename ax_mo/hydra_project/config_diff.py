"""Whether a trial of an earlier study would be the same run here: its configuration there against this study's.

Configurations are compared as they are written, interpolations and all, and without Hydra's own node. Which options
they were composed from only explains a difference: two experiment files that amount to the same are the same.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path, PurePath
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf, SCMode
from omegaconf.errors import OmegaConfBaseException

from ax_mo.hydra_project.overrides import as_text, bare
from ax_mo.hydra_project.project import without_hydra
from ax_mo.trial.untrusted import read_bytes, read_text

_ABSENT = object()
_LENGTH = 60
"""Of a value in a message."""


@dataclass(frozen=True)
class Ran:
    """The configuration of a run, and what Hydra noted beside it.

    ``config`` is the task's, and Hydra's node as far as it says which options were chosen. ``roots`` are where the
    project was: its working directory and the directory of its configs, in this order; empty where unknown.
    """

    config: DictConfig
    choices: Mapping[str, Any]
    roots: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Difference:
    """A key that is not the same in both; ``there`` and ``here`` as texts, None where the key does not exist."""

    key: str
    there: str | None
    here: str | None


def saved(directory: Path) -> Ran | None:
    """The configuration as Hydra saved it in a run's directory; None where that is gone."""
    try:
        task = OmegaConf.load(StringIO(read_text(directory / ".hydra" / "config.yaml")))
        runtime = _read(directory / ".hydra" / "hydra.yaml")["hydra"]["runtime"]
        if isinstance(task, DictConfig):
            return _ran(task, runtime)
    except (OSError, ValueError, LookupError, RecursionError, TypeError, yaml.YAMLError, OmegaConfBaseException):
        pass
    return None


def _read(path: Path) -> Any:
    # OmegaConf takes 20 ms for this file, libyaml one.
    try:
        return yaml.load(read_bytes(path), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:  # Python objects, that OmegaConf knows to read
        return OmegaConf.to_container(OmegaConf.load(StringIO(read_text(path))), resolve=False)


def composed_run(config: DictConfig) -> Ran:
    """A composed configuration, Hydra's node included, as the run that it would be."""
    runtime: Any = OmegaConf.to_container(config.hydra.runtime, resolve=False)
    return _ran(without_hydra(config), runtime)


def _ran(task: DictConfig, runtime: Mapping[str, Any]) -> Ran:
    choices = {str(group): option for group, option in runtime["choices"].items()}
    sources = [source for source in runtime.get("config_sources", ()) if source["provider"] == "main"]
    main = [source["path"] for source in sources if source["schema"] == "file"]
    roots = (str(runtime.get("cwd") or ""), str(PurePath(main[0]).parent) if main else "")
    OmegaConf.set_struct(task, False)
    task["hydra"] = {"runtime": {"choices": choices}}
    return Ran(task, choices, roots)


def config_differences(there: Ran, here: Ran, apart: Sequence[str] = ()) -> tuple[list[Difference], list[Difference]]:
    """Those that count, and those at or below the keys in ``apart``.

    What an option brought is one difference, that of its config group. A path inside the project is the same one in
    another checkout.
    """
    prefixes = [package_of(bare(key)) for key in apart]
    counted: list[Difference] = []
    passed: list[Difference] = []
    for difference in _leaves(_Pair(there, here, prefixes), "", _container(there), _container(here)):
        aside = any(within(difference.key, prefix) for prefix in prefixes)
        (passed if aside else counted).append(difference)
    groups = unlike_groups(there, here)
    return _folded(counted, groups), _folded(passed, groups)


def unlike_groups(there: Ran, here: Ran) -> list[Difference]:
    """The config groups of which another option was chosen, outermost first."""
    names = {name for name in [*there.choices, *here.choices] if not name.startswith("hydra/")}
    pairs = [(name, there.choices.get(name), here.choices.get(name)) for name in names]
    unlike = [
        Difference(name, None if old is None else short_value(old), None if new is None else short_value(new))
        for name, old, new in pairs
        if old != new
    ]
    return sorted(unlike, key=lambda group: (package_of(group.key), group.key))


def package_of(group: str) -> str:
    """Where in the configuration a group's options go, unless their files say otherwise."""
    name, _, package = group.partition("@")
    return package or name.replace("/", ".")


def within(key: str, prefix: str) -> bool:
    """Whether a dotted key is ``prefix`` or below it."""
    return key == prefix or key.startswith(f"{prefix}.")


def short_value(value: Any) -> str:
    """The value as Hydra's grammar has it, and not longer than fits a message."""
    if isinstance(value, str) and (value == "???" or "${" in value):
        written = value
    elif isinstance(value, bool):
        written = str(value).lower()
    else:
        try:
            written = as_text(value)
        except (TypeError, ValueError, AssertionError):
            written = repr(value)
    return written if len(written) <= _LENGTH else written[: _LENGTH - 3] + "..."


@dataclass(frozen=True)
class _Pair:
    there: Ran
    here: Ran
    apart: Sequence[str]


def _container(ran: Ran) -> dict[Any, Any]:
    content = OmegaConf.to_container(ran.config, resolve=False, enum_to_str=True, structured_config_mode=SCMode.DICT)
    assert isinstance(content, dict)
    return {key: value for key, value in content.items() if key != "hydra"}


def _leaves(pair: _Pair, key: str, old: Any, new: Any) -> Iterator[Difference]:
    """The differences at and below a key, as far down as both have mappings."""
    if (isinstance(old, dict) and isinstance(new, dict)) or _divided(pair, key, old, new):
        old, new = ({} if side is _ABSENT else side for side in (old, new))
        for name in dict.fromkeys([*old, *new]):
            below = f"{key}.{name}" if key else str(name)
            yield from _leaves(pair, below, old.get(name, _ABSENT), new.get(name, _ABSENT))
    elif not _same(old, new, pair) and not _same_resolved(pair, key, old, new):
        yield Difference(key, *(None if side is _ABSENT else short_value(side) for side in (old, new)))


def _divided(pair: _Pair, key: str, old: Any, new: Any) -> bool:
    """Whether a mapping that only one side has holds keys that are to be told apart."""
    one = new if old is _ABSENT else old if new is _ABSENT else None
    return isinstance(one, dict) and any(within(prefix, key) for prefix in pair.apart)


def _same(old: Any, new: Any, pair: _Pair) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(value, new[key], pair) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(_same(a, b, pair) for a, b in zip(old, new, strict=True))
    if isinstance(old, bool) != isinstance(new, bool):
        return False
    if isinstance(old, float) and isinstance(new, float) and math.isnan(old) and math.isnan(new):
        return True
    if isinstance(old, str | PurePath) and isinstance(new, str | PurePath):
        return str(old) == str(new) or _same_place(PurePath(old), PurePath(new), pair)
    return bool(old == new)


def _same_place(old: PurePath, new: PurePath, pair: _Pair) -> bool:
    return any(
        a and b and old.is_relative_to(a) and new.is_relative_to(b) and old.relative_to(a) == new.relative_to(b)
        for a, b in zip(pair.there.roots, pair.here.roots, strict=True)
    )


def _same_resolved(pair: _Pair, key: str, old: Any, new: Any) -> bool:
    """Whether a value and an interpolation, or two, come to the same; only a run can resolve one into Hydra's node."""
    written = f"{old!r} {new!r}"
    if "${" not in written or "hydra" in written or _ABSENT in (old, new):
        return False
    try:
        return _same(_resolved(pair.there.config, key), _resolved(pair.here.config, key), pair)
    except Exception:  # an interpolation may call any function of the project's
        return False


def _resolved(config: DictConfig, key: str) -> Any:
    value = OmegaConf.select(config, key, throw_on_missing=True, throw_on_resolution_failure=True)
    return OmegaConf.to_container(value, resolve=True, enum_to_str=True) if OmegaConf.is_config(value) else value


def _folded(found: Sequence[Difference], groups: Sequence[Difference]) -> list[Difference]:
    """The differences, those that another option brought as one."""
    of_groups = [next((g for g in groups if within(one.key, package_of(g.key))), one) for one in found]
    return list(dict.fromkeys(of_groups))
