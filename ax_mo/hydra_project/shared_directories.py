"""Directories into which all trials would write, as far as a trial's configuration says so for certain."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

# Keys of directories that are written to, as Lightning and others call them; not of those that may only be read.
_WRITTEN = ("dirpath", "save_dir", "default_root_dir")

_INTERPOLATION = re.compile(r"\$\{(\w[\w.]*)\}")


def shared_directories(task: Mapping[str, Any], searched: Collection[str]) -> dict[str, str]:
    """By key, the directories that are the same in every trial.

    ``task`` is a trial's configuration with its interpolations as written. What rests on a resolver, such as ``hydra:``
    or ``now:``, or on a searched key may differ between trials and is left out.
    """
    found: dict[str, str] = {}
    for key, parent in _mappings(task, ""):
        for name in _WRITTEN:
            path = _constant(parent.get(name), f"{key}{name}", task, searched)
            if path and not _keeps_apart(name, parent):
                found[f"{key}{name}"] = path
    return found


def _mappings(node: Any, prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping in the configuration, with what its keys' names begin with."""
    if isinstance(node, Mapping):
        yield prefix, node
        for name, value in node.items():
            yield from _mappings(value, f"{prefix}{name}.")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _mappings(value, f"{prefix}{index}.")


def _keeps_apart(name: str, parent: Mapping[str, Any]) -> bool:
    """Whether nothing is overwritten there: loggers number their runs, and a Trainer may write no checkpoints."""
    target = str(parent.get("_target_") or "").lower()
    return "logger" in target or (name == "default_root_dir" and parent.get("enable_checkpointing") is False)


def _constant(value: Any, key: str, task: Mapping[str, Any], searched: Collection[str], depth: int = 20) -> str | None:
    """The value with the keys that it names put in; None where it may differ between trials, or nobody knows."""
    parts = key.split(".")
    if depth == 0 or any(".".join(parts[:count]) in searched for count in range(1, len(parts) + 1)):
        return None
    if not isinstance(value, str) or value == "???":
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    text, end = "", 0
    for match in _INTERPOLATION.finditer(value):
        inner = _constant(_at(match[1], task), match[1], task, searched, depth - 1)
        if inner is None:
            return None
        text += value[end : match.start()] + inner
        end = match.end()
    text += value[end:]
    return None if "${" in text else text


def _at(key: str, task: Mapping[str, Any]) -> Any:
    node: Any = task
    for name in key.split("."):
        if not isinstance(node, Mapping) or name not in node:
            return None
        node = node[name]
    return node
