"""Metrics in files that a task writes by itself: tables (CSV), JSON, lines of JSON, YAML, and logs of what it prints.

Of several files that have a metric (a logger makes a directory for each version) the newest counts. Values that are no
finite numbers are left out. What was looked for in vain is told with what was there.
"""

import csv
import logging
import math
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from ax_mo.trial.documents import ABSENT, keys_in, number, numbers, value_at
from ax_mo.trial.files import STDOUT
from ax_mo.trial.metric_sources import MetricSource, Origin
from ax_mo.trial.sources import Missed
from ax_mo.trial.trial_files import lines_of, trial_files, what_is_there, written_before
from ax_mo.trial.untrusted import MOST_BYTES, Unusable, parse_json, read_bytes, without_escapes

log = logging.getLogger("ax_mo")

_MOST_OF_JSON = 16 * MOST_BYTES
_MOST_NAMES = 100
_MOST_SHOWN = 20
_MOST_FILES = 3
_NOUNS = {Origin.CSV: "column", Origin.LOG: "pattern"}


class _File(Protocol):
    """One file that was read."""

    @property
    def names(self) -> Sequence[str | int]: ...
    def values(self, source: MetricSource) -> list[float]: ...
    def instead(self, source: MetricSource) -> str: ...


class DataFiles:
    """The files of one trial, each read once for all metrics that can be taken from what is kept of it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[tuple[Any, ...], tuple[list[_File], list[str]]] = {}

    def look(self, source: MetricSource) -> list[float] | Missed:
        """The metric's values in their order, at least one; or what there is instead."""
        files, problems = self._files(source)
        for file in reversed(files):
            if values := file.values(source):
                return values
        instead = [file.instead(source) for file in files[: -_MOST_FILES - 1 : -1]] + problems[:_MOST_FILES]
        if source.origin is Origin.LOG and not (self._directory / STDOUT).exists():
            instead.append("what a task prints is kept with hydra/launcher=torchx alone")
        return Missed(
            _NOUNS.get(source.origin, "key"),
            str(source.tag),
            f"'{source.path}' of the trial's directory",
            "; ".join(instead) or what_is_there(self._directory, source.path),
            tuple(dict.fromkeys(str(name) for file in files for name in file.names)),
        )

    @cached_property
    def _written_before(self) -> dict[str, int]:
        return written_before(self._directory)

    def _files(self, source: MetricSource) -> tuple[list[_File], list[str]]:
        """The files, from the oldest to the newest, and what is wrong with those that cannot be read."""
        by_line = source.origin in (Origin.JSONL, Origin.LOG)  # of which only the metric's own values are kept
        key = (source.origin, source.path, source.header, *((source.tag, source.step) if by_line else ()))
        if key not in self._read:
            files: list[_File] = []
            problems: list[str] = []
            for path in trial_files(self._directory, source.path):
                name = path.relative_to(self._directory).as_posix()
                try:
                    files.append(self._file(path, name, source))
                except (OSError, Unusable) as error:
                    text = str(error) if isinstance(error, Unusable) else f"cannot be read: {error.strerror or error}"
                    problems.append(f"{name} {text.removeprefix(path.name).strip()}")
            self._read[key] = files, problems
        return self._read[key]

    def _file(self, path: Path, name: str, source: MetricSource) -> _File:
        """Raises OSError, and Unusable for what is no such file; what is read by lines counts as far as it goes."""
        match source.origin:
            case Origin.CSV:
                return _read_table(path, name, source.header)
            case Origin.LOG:
                return _read_log(lines_of(path, self._written_before.get(name, 0)), name, str(source.tag))
            case Origin.JSONL:
                return _read_lines(lines_of(path), name, source)
            case Origin.YAML:
                return _Document(name, _yaml(read_bytes(path)))
            case _:
                return _Document(name, parse_json(read_bytes(path, _MOST_OF_JSON), strict=False))


@dataclass
class _Table:
    """Columns of one length, NaN where a row has no number."""

    name: str
    columns: dict[str | int, "array[float]"] = field(default_factory=dict)

    @property
    def names(self) -> Sequence[str | int]:
        return list(self.columns)

    def values(self, source: MetricSource) -> list[float]:
        column = self.columns.get(source.tag, ())
        if source.step is None:
            return [value for value in column if math.isfinite(value)]
        return _in_order(zip(self.columns.get(source.step, ()), column, strict=False))

    def instead(self, source: MetricSource) -> str:
        if not source.header:
            there = {0: "no column", 1: "one column, which is 0"}
            return f"{self.name} has {there.get(len(self.columns), f'the columns 0 to {len(self.columns) - 1}')}"
        if source.tag not in self.columns:
            return f"{self.name} has the columns {_listed(self.names)}"
        if source.step is not None and source.step not in self.columns:
            return f"{self.name} has no '{source.step}' but the columns {_listed(self.names)}"
        return f"that column of {self.name} has no number"


def _read_table(path: Path, name: str, header: bool) -> _Table:
    table = _Table(name)
    reader = csv.reader(lines_of(path))
    length = 0
    try:
        names: list[str | int] = [column.strip() for column in next(reader, [])] if header else []
        table.columns.update((column, array("d")) for column in names)
        for row in reader:
            for index in range(len(names), 0 if header else len(row)):
                names.append(index)
                table.columns[index] = array("d", [math.nan]) * length
            length += 1
            for column, text in zip(names, [*row, *[""] * (len(names) - len(row))], strict=False):
                of_column = table.columns[column]
                if len(of_column) < length:  # of two columns of one name the first counts
                    found = number(text)
                    of_column.append(math.nan if found is None else found)
    except csv.Error as error:
        log.warning("%s is read up to line %d: %s", path, reader.line_num, error)
    return table


@dataclass(frozen=True)
class _Document:
    """What a file of JSON or YAML holds. If that is a list, its entries may be what has the key."""

    name: str
    content: Any

    @property
    def names(self) -> Sequence[str]:
        rows = self.content if isinstance(self.content, list) else [self.content]
        found = (key for row in rows[-_MOST_NAMES:] for key in keys_in(row))
        return list(dict.fromkeys(islice(found, _MOST_NAMES)))

    def values(self, source: MetricSource) -> list[float]:
        return [value for entry in self._entries(str(source.tag)) for value in numbers(entry)]

    def instead(self, source: MetricSource) -> str:
        if self._entries(str(source.tag)):
            return f"what {self.name} has there is no number"
        return f"{self.name} has the keys {_listed(self.names)}"

    def _entries(self, key: str) -> list[Any]:
        found = value_at(self.content, key)
        rows = self.content if found is ABSENT and isinstance(self.content, list) else ()
        entries = [found, *(value_at(row, key) for row in rows)]
        return [entry for entry in entries if entry is not ABSENT]


@dataclass(frozen=True)
class _Found:
    """What was found in a file that is read line by line."""

    found: list[float]
    names: Sequence[str]
    otherwise: str

    def values(self, source: MetricSource) -> list[float]:
        return self.found

    def instead(self, source: MetricSource) -> str:
        return self.otherwise


def _read_lines(lines: Iterable[str], name: str, source: MetricSource) -> _Found:
    pairs: list[tuple[float, float]] = []
    names: dict[str, None] = {}
    was_there = False
    for index, row in enumerate(_rows(lines)):
        entry = value_at(row, str(source.tag))
        step = index if source.step is None else number(value_at(row, str(source.step)))
        was_there |= entry is not ABSENT
        if step is not None:
            pairs += [(step, value) for value in numbers(entry)]
        if not pairs and len(names) < _MOST_NAMES:
            names.update(dict.fromkeys(islice(keys_in(row), _MOST_NAMES)))
    instead = f"{name} has the keys {_listed(list(names))}"
    if was_there:
        step_is_there = source.step is None or str(source.step) in names
        instead = f"what {name} has there is no number" if step_is_there else f"{instead}, and no '{source.step}'"
    return _Found(_in_order(pairs), list(names), instead)


def _rows(lines: Iterable[str]) -> Iterator[Any]:
    for line in lines:
        try:
            yield parse_json(line, strict=False)
        except Unusable:  # an empty line, or one that is torn
            continue


def _read_log(lines: Iterable[str], name: str, pattern: str) -> _Found:
    find: Callable[[str], list[str]] = re.compile(pattern).findall
    # A progress bar writes its states on one line; colours are between the words.
    texts = [text for line in lines for part in without_escapes(line).splitlines() for text in find(part)]
    instead = f"what matches in {name} is no number but {texts[-1]!r:.100}" if texts else f"no line of {name} matches"
    return _Found([value for text in texts if (value := number(text)) is not None], (), instead)


def _yaml(content: bytes) -> Any:
    import yaml  # Hydra brings it, and most trials have no need of it

    try:
        return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unusable(f"is no YAML: {' '.join(str(error).split()):.200}") from None


def _in_order(pairs: Iterable[tuple[float, float]]) -> list[float]:
    """The values by their steps; of those that have one step, in the order of the file."""
    finite = [(step, value) for step, value in pairs if math.isfinite(step) and math.isfinite(value)]
    return [value for _, value in sorted(finite, key=lambda pair: pair[0])]


def _listed(names: Sequence[Any]) -> str:
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return ", ".join(map(str, names[:_MOST_SHOWN])) + more if names else "(none)"
