"""The source ``csv``: columns of tables that a task or its logger writes."""

import csv
import logging
import math
from array import array
from pathlib import Path
from typing import Any

from ax_mo.trial.metric_sources.file_source import FileSource, FoundInFile, first_names
from ax_mo.trial.metric_sources.files import file_lines
from ax_mo.trial.metric_sources.source import TrialOutput
from ax_mo.trial.numbers import finite_number, in_order

log = logging.getLogger("ax_mo")

Table = dict[str | int, "array[float]"]
"""Columns of one length, NaN where a row has no number; a table without a header has numbers for names, from 0."""


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

    def reading(self) -> tuple[bool]:
        return (self._header,)

    def read(self, path: Path, name: str, trial: TrialOutput) -> Table:
        """A damaged table is read as far as it goes."""
        table: Table = {}
        reader = csv.reader(file_lines(path))
        length = 0
        try:
            names: list[str | int] = [column.strip() for column in next(reader, [])] if self._header else []
            table.update((column, array("d")) for column in names)
            for row in reader:
                for index in range(len(names), 0 if self._header else len(row)):
                    names.append(index)
                    table[index] = array("d", [math.nan]) * length
                length += 1
                for column, text in zip(names, [*row, *[""] * (len(names) - len(row))], strict=False):
                    values = table[column]
                    if len(values) < length:  # of two columns of one name the first counts
                        found = finite_number(text)
                        values.append(math.nan if found is None else found)
        except csv.Error as error:
            log.warning("%s is read up to line %d: %s", path, reader.line_num, error)
        return table

    def find(self, content: Table, name: str) -> FoundInFile:
        column = content.get(self.tag, ())
        steps = range(len(column)) if self._step is None else content.get(self._step, ())
        return FoundInFile(in_order(zip(steps, column, strict=False)), self._instead(content, name), tuple(content))

    def _instead(self, table: Table, name: str) -> str:
        if not self._header:
            there = {0: "no column", 1: "one column, which is 0"}
            return f"{name} has {there.get(len(table), f'the columns 0 to {len(table) - 1}')}"
        if self.tag not in table:
            return f"{name} has the columns {first_names(tuple(table))}"
        if self._step is not None and self._step not in table:
            return f"{name} has no '{self._step}' but the columns {first_names(tuple(table))}"
        return f"that column of {name} has no number"


def _check_column(setting: str, column: Any, header: bool) -> None:
    if header and (not isinstance(column, str) or not column):
        raise ValueError(
            f"{setting}: {column!r:.100} is not the name of a column. A file without names has numbers for them, with "
            "'header: false'."
        )
    if not header and (isinstance(column, bool) or not isinstance(column, int) or column < 0):
        shown = "is missing" if column is None else f"{column!r:.100} is not the number of a column"
        raise ValueError(f"{setting}: {shown}: with 'header: false' the first column is 0, the second 1.")
