"""The screen of a terminal: a block that is drawn over, what must stay above it, and a table at the end."""

import io
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Trial
from ax_mo.terminal.block import block
from ax_mo.terminal.front import rich_front
from ax_mo.terminal.progress import Conclusion, StudyProgress
from ax_mo.terminal.screen import Screen


class LiveScreen(Screen):
    """A small block at the bottom that is drawn over; failures scroll by above it."""

    _AT_MOST_EVERY = 0.5  # seconds; every drawing costs some milliseconds

    def __init__(
        self, console: Console | None = None, running_for: float = 0.0, ended_before: int | None = None
    ) -> None:
        """For how many seconds the sweep has run, and how many trials had ended when it began."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        # Without emoji, ":warning:" in an error stays what it is.
        self._console = console or Console(highlight=False, emoji=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._started = time.monotonic() - running_for
        self._ended_before = ended_before
        self._is_drawn = False
        self._goals: Goals | None = None
        self._drawn_at = 0.0

    def submitted(self, trial: Trial) -> None:
        pass

    def ended(self, trial: Trial, goals: Goals, alike: Trial | None = None) -> None:
        self._goals = goals
        super().ended(trial, goals, alike)

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._drawn_at >= self._AT_MOST_EVERY

    def update(self, progress: StudyProgress) -> None:
        now = time.monotonic()
        if self._ended_before is None:
            self._ended_before = progress.ended
        if not self._is_drawn:
            self._is_drawn = True
            self._guarded(self._live.start)
        self._drawn_at = now
        elapsed, here = now - self._started, progress.ended - self._ended_before
        eta = elapsed / here * (progress.n_trials - progress.ended) if here > 0 else None
        size = self._console.size
        drawn = block(progress, elapsed, eta, size.width, size.height, self._goals)
        self._guarded(lambda: self._live.update(drawn, refresh=True))

    def close(self) -> None:
        if self._is_drawn:
            self._is_drawn = False
            self._guarded(self._live.stop)

    def _print(self, text: str, style: str = "", whole: bool = False) -> None:
        self._guarded(lambda: self._console.print(text, markup=False, style=style or None, soft_wrap=whole))

    def _event(self, text: str, style: str = "") -> None:
        self._print(text, style)

    def _completed(self, name: str, reason: str, values: str) -> None:
        if reason:
            self.notice(f"{name} completed, but {reason}")

    def _front(self, conclusion: Conclusion) -> None:
        self._print("")
        front = (conclusion.front, conclusion.own, conclusion.goals, conclusion.keys)
        self._guarded(lambda: self._console.print(rich_front(*front, self._console.width)))
        if conclusion.own is not None:
            self._print(f"start: the project's own configuration, trial {conclusion.own.label}", "dim")
        self._print("")

    def _command(self, what: str, command: str) -> None:
        line = Text(f"{what}: ").append(command, style="cyan")
        self._guarded(lambda: self._console.print(line, soft_wrap=True))

    def _guarded(self, draw: Callable[[], Any]) -> None:
        with suppress(OSError, ValueError):
            draw()
