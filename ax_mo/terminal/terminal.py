"""The terminal of a command that prints once and ends, and of a signal handler."""

import os
import select
import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ax_mo.terminal.text import cells, text_table

if TYPE_CHECKING:  # a command whose output is no terminal needs none of it
    from rich.console import RenderableType

GAP = 2
_SHOW_CURSOR = b"\x1b[?25h"


def terminal_width() -> int | None:
    """The columns of the terminal that stdout is, or COLUMNS where that is set; None where stdout is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def draw(content: "RenderableType") -> None:
    """Print what ``rich_front`` made."""
    from rich.console import Console

    # Without a height, rich takes a dumb terminal to be 80 wide whatever it is told.
    Console(highlight=False, emoji=False, width=terminal_width(), height=25).print(content)


def fitting_columns(widths: Sequence[int], room: int) -> int:
    """How many of the first columns fit in a terminal of ``room`` cells; the first one always does.

    A full last column makes some terminals wrap.
    """
    ends = [sum(widths[: count + 1]) + GAP * count for count in range(len(widths))]
    return max(1, sum(end < room for end in ends))


def left_out_note(names: Sequence[str]) -> str:
    """What to say of columns for which there was no room."""
    return f"Not shown, for want of room: {', '.join(names)}"


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]], indent: int = 0) -> list[str]:
    """A table of numbers as lines: whole where stdout is no terminal, else the columns that fit beside ``indent``."""
    width = terminal_width()
    if width is None:
        return text_table(header, rows, right=True).splitlines()
    room = max(1, width - indent)
    kept = fitting_columns([max(map(cells, column)) for column in zip(header, *rows, strict=True)], room)
    lines = text_table(header[:kept], [row[:kept] for row in rows], right=True).splitlines()
    return lines + (textwrap.wrap(left_out_note(header[kept:]), room) if kept < len(header) else [])


def folded(line: str) -> str:
    """The line, broken between words where the terminal ends; its continuation is indented.

    Whole where stdout is no terminal: a program that reads lines wants them so.
    """
    width = terminal_width()
    if width is None or len(line) <= width:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    kept = textwrap.wrap(line, max(20, width), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(kept)


def write_from_a_handler(text: str) -> None:
    """Write to stderr from a signal handler.

    Neither raises nor blocks where nobody reads: the terminal that sent the signal may be the one that is gone.
    """
    with suppress(OSError, ValueError):
        if select.select([], [2], [], 0)[1]:
            os.write(2, (_SHOW_CURSOR if os.isatty(2) else b"") + text.encode(errors="replace"))
