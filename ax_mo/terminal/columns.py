"""A table for a terminal: columns that do not fit are left out whole and named below."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_GAP = 2


@dataclass(frozen=True)
class Column:
    """A name and a cell for each row."""

    name: str
    cells: Sequence[Text]
    right: bool = True

    @property
    def width(self) -> int:
        return max([cell_len(self.name), *(cell.cell_len for cell in self.cells)])


def fitted(
    columns: Sequence[Column], width: int, notes: Sequence[Text] = (), rule_after: int | None = None
) -> RenderableType:
    """The first columns as far as they go in ``width``, the terminal's, and the names of the others.

    ``notes`` are lines below the table; ``rule_after`` is the index of a row that a rule follows.
    """
    shown, left_out = _that_fit(columns, width - 1)  # a full last column makes some terminals wrap
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    for column in shown:
        table.add_column(Text(column.name), justify="right" if column.right else "left", no_wrap=True)
    for index in range(len(columns[0].cells)):
        table.add_row(*(column.cells[index] for column in shown))
        if index == rule_after:
            table.add_row(*(Text("─" * column.width, style="dim") for column in shown))
    below = list(notes)
    if left_out:
        below.append(Text(f"Not shown, for want of room: {', '.join(column.name for column in left_out)}", style="dim"))
    return Group(table, *below)


def _that_fit(columns: Sequence[Column], width: int) -> tuple[list[Column], list[Column]]:
    """The first columns as far as they go; the first one always."""
    shown: list[Column] = []
    taken = 0
    for index, column in enumerate(columns):
        if shown and taken + column.width > width:
            return shown, list(columns[index:])
        shown.append(column)
        taken += column.width + _GAP
    return shown, []
