"""What the person at the terminal sees while a study runs, and at its end."""

import os
import sys
from typing import Protocol

from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Trial
from ax_mo.terminal.plain import PlainScreen
from ax_mo.terminal.progress import Conclusion, Running, StudyProgress
from ax_mo.terminal.terminal import draw, folded, table_lines, terminal_width, write_from_a_handler
from ax_mo.terminal.text import (
    MISSES,
    NONE_MEETS,
    clock,
    front_table,
    printable,
    text_table,
    value_text,
    values_of,
)

__all__ = [
    "MISSES",
    "NONE_MEETS",
    "Conclusion",
    "PlainScreen",
    "Running",
    "Screen",
    "StudyProgress",
    "clock",
    "draw",
    "folded",
    "front_table",
    "printable",
    "screen_for_this_terminal",
    "table_lines",
    "terminal_width",
    "text_table",
    "value_text",
    "values_of",
    "write_from_a_handler",
]  # fmt: skip


class Screen(Protocol):
    """Shows events and progress."""

    shows_running: bool
    """Whether ``update`` has a use for what each running trial is at."""

    def header(self, text: str) -> None: ...
    def notice(self, text: str) -> None: ...
    def submitted(self, trial: Trial) -> None: ...
    def ended(self, trial: Trial, goals: Goals, alike: Trial | None = None) -> None:
        """``alike`` is a trial that was shown before and failed by the same error."""

    def update(self, progress: StudyProgress) -> None: ...
    def close(self) -> None: ...
    def conclude(self, conclusion: Conclusion) -> None: ...


def screen_for_this_terminal() -> Screen:
    """A live block on a terminal; plain lines, one an event, anywhere else."""
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from ax_mo.terminal.live import LiveScreen

        return LiveScreen()
    return PlainScreen()
