"""The terminal of a command that prints once and ends."""

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a command whose output is no terminal needs none of it
    from rich.console import RenderableType


def terminal_width() -> int | None:
    """The columns of the terminal that stdout is, or COLUMNS where that is set; None where stdout is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def draw(content: "RenderableType") -> None:
    """Print what ``fitted`` or ``rich_front`` made."""
    from rich.console import Console

    # Without a height, rich takes a dumb terminal to be 80 wide whatever it is told.
    Console(highlight=False, emoji=False, width=terminal_width(), height=25).print(content)


def folded(line: str) -> str:
    """The line, broken between words where the terminal ends; its continuation is indented.

    Whole where stdout is no terminal: a program that reads lines wants them so.
    """
    width = terminal_width()
    if width is None or len(line) <= width:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    kept = textwrap.wrap(
        line, max(20, width), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(kept)
