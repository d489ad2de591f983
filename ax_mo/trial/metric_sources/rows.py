"""The sources ``csv``, ``json``, ``jsonl`` and ``yaml``: values by name in the rows or documents that a task writes."""

import csv
import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ax_mo.trial.metric_sources.dotted_keys import ABSENT, keys_in, value_by_key
from ax_mo.trial.metric_sources.file_source import FileSource, FoundInFile
from ax_mo.trial.metric_sources.files import file_lines
from ax_mo.trial.metric_sources.source import TrialOutput, checked_name
from ax_mo.trial.numbers import finite_number, finite_numbers
from ax_mo.trial.untrusted import MOST_BYTES, Unusable, parse_json, read_bytes

log = logging.getLogger("ax_mo")

_MOST_OF_JSON = 16 * MOST_BYTES
_MOST_NAMES = 100
_MOST_SHOWN = 20


class RowSource(FileSource):
    """What the rows of a file have by the name ``tag``, in their order or that of the numbers by the name ``step``."""

    step: str | None = None

    def rows(self, path: Path) -> Iterable[Any]:
        """Mappings or lists, perhaps nested. Raises OSError and Unusable."""
        raise NotImplementedError

    def look_in(self, path: Path, name: str, trial: TrialOutput) -> FoundInFile:
        """Of a file of any length, only the metric's own values are kept."""
        pairs: list[tuple[float, float]] = []
        names: dict[str, None] = {}
        was_there = False
        for index, row in enumerate(self.rows(path)):
            entry = value_by_key(row, self.tag)
            step = index if self.step is None else finite_number(value_by_key(row, self.step))
            was_there |= entry is not ABSENT
            if step is not None:
                pairs += [(step, value) for value in finite_numbers(entry)]
            if not pairs and len(names) < _MOST_NAMES:
                names.update(dict.fromkeys(islice(keys_in(row), _MOST_NAMES)))
        shown = ", ".join(islice(names, _MOST_SHOWN)) or "(none)"
        more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
        instead = f"{name} has the {self.noun}s {shown}{more}"
        if was_there and (self.step is None or self.step in names):
            instead = f"what {name} has there is no number"
        elif was_there:
            instead += f", and no '{self.step}'"
        pairs.sort(key=lambda pair: pair[0])
        return FoundInFile([value for _, value in pairs], instead, tuple(names))


class CsvColumn(RowSource):
    """``column`` (or ``tag``) is by default the metric's name; ``step_column`` puts the rows in order."""

    noun = "column"

    def __init__(
        self, metric: str, *, column: Any = None, path: Any = "**/metrics.csv", step_column: Any = None,
        header: Any = True, tag: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(path)
        if not isinstance(header, bool):
            raise ValueError(f"header: {header!r:.100} is neither true nor false.")
        column = tag if column is None else column
        self.tag = _column("column", metric if column is None and header else column, header)
        self.step = None if step_column is None else _column("step_column", step_column, header)
        self._header = header

    def rows(self, path: Path) -> Iterator[Any]:
        """A damaged table counts as far as it goes; one without a header has numbers for names, from 0."""
        reader = csv.reader(file_lines(path))
        try:
            if not self._header:
                yield from map(dict, map(enumerate, reader))
                return
            names = [column.strip() for column in next(reader, [])]
            yield dict.fromkeys(names)
            for row in reader:
                yield dict(zip(names, row, strict=False))
        except csv.Error as error:
            log.warning("%s is read up to line %d: %s", path, reader.line_num, error)


def _column(setting: str, column: Any, header: bool) -> str:
    if header and (not isinstance(column, str) or not column):
        raise ValueError(
            f"{setting}: {column!r:.100} is not the name of a column. A file without names has numbers for them, with "
            "'header: false'."
        )
    if not header and (isinstance(column, bool) or not isinstance(column, int) or column < 0):
        shown = "is missing" if column is None else f"{column!r:.100} is not the number of a column"
        raise ValueError(f"{setting}: {shown}: with 'header: false' the first column is 0, the second 1.")
    return str(column)


class JsonFile(RowSource):
    """A ``key`` of a JSON document. If that is a list, its entries may be what has the key."""

    example = "results.json"

    def __init__(self, metric: str, *, key: Any = None, path: Any = None) -> None:
        self.tag = checked_name("key", metric if key is None else key)
        super().__init__(path)

    def rows(self, path: Path) -> Iterable[Any]:
        document = self.document(path)
        has_rows = isinstance(document, list) and value_by_key(document, self.tag) is ABSENT
        return document if has_rows else [document]

    def document(self, path: Path) -> Any:
        """What the file holds. Raises OSError and Unusable."""
        return parse_json(read_bytes(path, _MOST_OF_JSON), strict=False)


class YamlFile(JsonFile):
    """A ``key`` of a YAML document."""

    example = "results.yaml"

    def document(self, path: Path) -> Any:
        import yaml  # Hydra brings it, and most trials have no need of it

        content = read_bytes(path)
        try:
            return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise Unusable(f"is no YAML: {' '.join(str(error).split()):.200}") from None


class JsonLines(JsonFile):
    """A ``key`` of the JSON documents that a file has, one a line; ``step_key`` puts them in order."""

    example = "logs/*.jsonl"

    def __init__(self, metric: str, *, key: Any = None, path: Any = None, step_key: Any = None) -> None:
        super().__init__(metric, key=key, path=path)
        self.step = None if step_key is None else str(step_key)

    def rows(self, path: Path) -> Iterator[Any]:
        for line in file_lines(path):
            try:
                yield parse_json(line, strict=False)
            except Unusable:  # an empty line, or one that is torn
                continue
