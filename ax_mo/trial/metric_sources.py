"""``hydra.sweeper.metrics``: where metrics are that a trial does not report by itself, and which value to take."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, TypeVar

from ax_mo.errors import ConfigError, closest

_KEY = "hydra.sweeper.metrics"
Choice = TypeVar("Choice", bound=StrEnum)


class Origin(StrEnum):
    """Where the values of a metric are found."""

    RETURNED = "returned"
    CONFIG = "config"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    YAML = "yaml"
    LOG = "log"
    TENSORBOARD = "tensorboard"
    CURVE = "curve"
    LIGHTNING = "lightning"


class Take(StrEnum):
    """Which of the values counts."""

    LAST = "last"
    MIN = "min"
    MAX = "max"

    def of(self, values: list[float]) -> float:
        """The one of ``values`` (at least one, in the order they were recorded) that counts."""
        if self is Take.LAST:
            return values[-1]
        return min(values) if self is Take.MIN else max(values)


@dataclass(frozen=True)
class MetricSource:
    """``tag`` is what the metric is called where it is found: a tag, a column, a dotted key, or a log's pattern.

    Without a header a column has a number, from 0. An empty ``tag`` is the whole of what a task returned.
    """

    origin: Origin
    tag: str | int
    take: Take = Take.LAST
    path: str = ""
    """A glob in the trial's directory."""
    step: str | int | None = None
    """What the steps are called by which the values are put in order; None where they are in the order of the file."""
    header: bool = True


_CALLED = {
    Origin.RETURNED: "key", Origin.CONFIG: "key", Origin.CSV: "column", Origin.JSON: "key", Origin.JSONL: "key",
    Origin.YAML: "key", Origin.LOG: "pattern",
}  # fmt: skip
_STEP = {Origin.CSV: "step_column", Origin.JSONL: "step_key"}
_PATHS = {Origin.CSV: "**/metrics.csv", Origin.LOG: "*.log", Origin.JSON: "", Origin.JSONL: "", Origin.YAML: ""}
_EXAMPLES = {Origin.JSON: "results.json", Origin.JSONL: "logs/*.jsonl", Origin.YAML: "results.yaml"}


def called(origin: Origin) -> str:
    """The setting that holds a metric's name in this source."""
    return _CALLED.get(origin, "tag")


def _settings(origin: Origin) -> list[str]:
    names = ["source", called(origin)]
    if origin in _PATHS:
        names.append("path")
    if origin in _STEP:
        names.append(_STEP[origin])
    if origin is Origin.CSV:
        names.append("header")
    if origin not in (Origin.RETURNED, Origin.CONFIG):
        names.append("take")
    return names


def parse_metric_sources(raw: Any) -> dict[str, MetricSource]:
    """Read ``hydra.sweeper.metrics``, metric name -> its settings or the source alone.

    A metric is called the same where it is found unless said otherwise; the last value counts. Raises ConfigError
    naming the key.
    """
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise ConfigError(
            f"{_KEY}: {raw!r:.100} is not a mapping; write for example\n"
            "  metrics:\n    val_acc: {source: csv, column: val/acc, take: max}"
        )
    return {str(name): _parse(f"{_KEY}.{name}", str(name), entry) for name, entry in raw.items()}


def _parse(key: str, name: str, entry: Any) -> MetricSource:
    if isinstance(entry, str):
        entry = {"source": entry}
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{key}: {entry!r:.100} is not a mapping; write {{source: csv, column: ..., take: last}}.")
    if entry.get("source") is None:
        raise ConfigError(f"{key}.source is missing: choose one of {_choices(Origin)}.")
    origin = _one_of(Origin, f"{key}.source", entry["source"])
    given = {str(name): value for name, value in entry.items() if value is not None}
    if origin is Origin.CSV and "tag" in given and "column" not in given:
        given["column"] = given.pop("tag")
    known = _settings(origin)
    for unknown in given.keys() - set(known):
        hint = closest(unknown, known)
        raise ConfigError(
            f"{key}.{unknown}: there is no such key for 'source: {origin}'; choose from {', '.join(known)}.{hint}"
        )
    header = given.get("header", True)
    if not isinstance(header, bool):
        raise ConfigError(f"{key}.header: {header!r:.100} is neither true nor false.")
    of = called(origin)
    step = None if origin not in _STEP else given.get(_STEP[origin])
    if origin is Origin.CSV:
        columns = [(of, given.get(of, name if header else None))]
        columns += [] if step is None else [(_STEP[origin], step)]
        for setting, column in columns:
            _check_column(f"{key}.{setting}", column, header)
    return MetricSource(
        origin,
        _tag(f"{key}.{of}", origin, given.get(of), name),
        Take.LAST if "take" not in given else _one_of(Take, f"{key}.take", given["take"]),
        _path(f"{key}.path", origin, given.get("path")),
        step if header or step is None else int(step),
        header,
    )


def _tag(key: str, origin: Origin, tag: Any, name: str) -> str | int:
    if origin is Origin.RETURNED:
        if isinstance(tag, int) and not isinstance(tag, bool):  # a place in a tuple
            return str(tag)
        return "" if tag is None else _text(key, tag)
    if origin is Origin.LOG:
        return _pattern(key, tag)
    if origin is Origin.CONFIG:
        return _config_key(key, tag)
    return tag if origin is Origin.CSV and isinstance(tag, int) else _text(key, name if tag is None else tag)


def _text(key: str, tag: Any) -> str:
    if not isinstance(tag, str) or not tag:
        raise ConfigError(f"{key}: {tag!r:.100} is not the name of a metric.")
    return tag


def _config_key(key: str, tag: Any) -> str:
    if isinstance(tag, int | float):
        raise ConfigError(
            f"{key}: {tag!r} is a number, and no key of the config. Write the key itself: what ${{...}} stands for is "
            "put in its place once, for the sweep, and would be the same in every trial."
        )
    if not isinstance(tag, str) or not tag.strip():
        raise ConfigError(
            f"{key} is missing: name a value of the config, such as model.width, or an expression of some."
        )
    if "${" in tag:
        raise ConfigError(f"{key}: write '{tag}' without ${{ and }}: keys stand for their values here.")
    return tag


def _pattern(key: str, tag: Any) -> str:
    example = r"for example 'loss: ([-\d.e]+)'"
    if not isinstance(tag, str) or not tag:
        raise ConfigError(f"{key} is missing: write a regular expression with the number in parentheses, {example}.")
    try:
        groups = re.compile(tag).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{key}: '{tag}' is no regular expression: {error}.") from None
    if groups != 1:
        raise ConfigError(
            f"{key}: '{tag}' has {groups} pairs of parentheses: put the number, and nothing else, in one, {example}; "
            "others are written (?:...)."
        )
    return tag


def _check_column(key: str, column: Any, header: bool) -> None:
    if header and (not isinstance(column, str) or not column):
        raise ConfigError(
            f"{key}: {column!r:.100} is not the name of a column. A file without names has numbers for them, with "
            "'header: false'."
        )
    if not header and (isinstance(column, bool) or not isinstance(column, int) or column < 0):
        shown = "is missing" if column is None else f"{column!r:.100} is not the number of a column"
        raise ConfigError(f"{key}: {shown}: with 'header: false' the first column is 0, the second 1.")


def _path(key: str, origin: Origin, path: Any) -> str:
    if origin not in _PATHS:
        return ""
    if path is None:
        if not _PATHS[origin]:
            raise ConfigError(
                f"{key} is missing: name the file in the trial's directory, such as '{_EXAMPLES[origin]}'."
            )
        return _PATHS[origin]
    if not isinstance(path, str) or not path.strip():
        raise ConfigError(f"{key}: {path!r:.100} is not the name of a file.")
    if path.startswith(("/", "~")) or ".." in PurePosixPath(path).parts:
        raise ConfigError(
            f"{key}: '{path}' leads out of the trial's directory. Write a path in it, such as 'logs/*.csv': a file "
            "that all trials share does not say whose its numbers are."
        )
    return str(PurePosixPath(path))


def _one_of(choices: type[Choice], key: str, value: Any) -> Choice:
    try:
        return choices(value)
    except ValueError:
        hint = closest(str(value), list(choices))
        raise ConfigError(
            f"{key}: {str(value)!r:.100} is not known; choose one of {_choices(choices)}.{hint}"
        ) from None


def _choices(choices: type[StrEnum]) -> str:
    return ", ".join(choices)
