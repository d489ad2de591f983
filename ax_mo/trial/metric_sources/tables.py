"""The source ``csv``: columns of tables that a task or its logger writes."""

import csv
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ax_mo.trial.metric_sources.file_source import FileSource, FoundInFile, first_names
from ax_mo.trial.metric_sources.files import file_lines
from ax_mo.trial.metric_sources.source import TrialOutput
from ax_mo.trial.numbers import finite_number, in_order

log = logging.getLogger("ax_mo")


class CsvColumn(FileSource):
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
        column = metric if column is None and header else column
        _check_column("column", column, header)
        if step_column is not None:
            _check_column("step_column", step_column, header)
        self.tag, self._step, self._header = column, step_column, header

    def look_in(self, path: Path, name: str, trial: TrialOutput) -> FoundInFile:
        """A damaged table counts as far as it goes; one without a header has numbers for names, from 0."""
        names: list[str | int] = []
        pairs: list[tuple[float, float]] = []
        reader = csv.reader(file_lines(path))
        try:
            if self._header:
                names = [column.strip() for column in next(reader, [])]
            for index, row in enumerate(reader):
                if not self._header:
                    names += range(len(names), len(row))
                step = index if self._step is None else _cell(row, names, self._step)
                value = _cell(row, names, self.tag)
                if step is not None and value is not None:
                    pairs.append((step, value))
        except csv.Error as error:
            log.warning("%s is read up to line %d: %s", path, reader.line_num, error)
        return FoundInFile(in_order(pairs), self._instead(tuple(names), name), tuple(names))

    def _instead(self, names: tuple[str | int, ...], name: str) -> str:
        if not self._header:
            there = {0: "no column", 1: "one column, which is 0"}
            return f"{name} has {there.get(len(names), f'the columns 0 to {len(names) - 1}')}"
        if self.tag not in names:
            return f"{name} has the columns {first_names(names)}"
        if self._step is not None and self._step not in names:
            return f"{name} has no '{self._step}' but the columns {first_names(names)}"
        return f"that column of {name} has no number"


def _cell(row: Sequence[str], names: Sequence[str | int], column: str | int) -> float | None:
    """The number in the first column of that name; None where there is none."""
    at = names.index(column) if column in names else len(row)
    return finite_number(row[at]) if at < len(row) else None


def _check_column(setting: str, column: Any, header: bool) -> None:
    if header and (not isinstance(column, str) or not column):
        raise ValueError(
            f"{setting}: {column!r:.100} is not the name of a column. A file without names has numbers for them, with "
            "'header: false'."
        )
    if not header and (isinstance(column, bool) or not isinstance(column, int) or column < 0):
        shown = "is missing" if column is None else f"{column!r:.100} is not the number of a column"
        raise ValueError(f"{setting}: {shown}: with 'header: false' the first column is 0, the second 1.")
