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
from ax_mo.core.trial import Status, Trial
from ax_mo.terminal.block import block
from ax_mo.terminal.front import rich_front
from ax_mo.terminal.progress import Conclusion, StudyProgress
from ax_mo.terminal.text import printable, printable_lines


class LiveScreen:
    """A small block at the bottom that is drawn over; failures scroll by above it.

    A terminal that is gone, or lacks the letters, is no reason to end a study.
    """

    shows_running = True

    _AT_MOST_EVERY = 0.25  # seconds; every drawing costs some milliseconds

    def __init__(self, console: Console | None = None) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        # Without emoji, ":warning:" in an error stays what it is.
        self._console = console or Console(highlight=False, emoji=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._started = time.monotonic()
        self._ended_before: int | None = None
        self._goals: Goals | None = None
        self._drawn_at = 0.0

    def header(self, text: str) -> None:
        self._print(text, soft_wrap=True)

    def notice(self, text: str) -> None:
        self._print(printable_lines(text), style="yellow")

    def submitted(self, trial: Trial) -> None:
        pass

    def ended(self, trial: Trial, goals: Goals, alike: Trial | None = None) -> None:
        self._goals = goals
        if trial.status is Status.COMPLETED:
            if trial.reason:
                self.notice(f"trial {trial.label} completed, but {trial.reason}")
            return
        if trial.status is Status.EARLY_STOPPED:
            self._print(f"trial {trial.label} stopped early: {printable(trial.reason or '')}", style="dim")
            return
        if alike is not None:
            self._print(f"trial {trial.label} failed: same error as trial {alike.label}", style="red")
            return
        self._print(f"trial {trial.label} failed: {printable(trial.reason or '')}", style="red")
        for line in trial.stderr_tail.splitlines()[-5:]:
            self._print(f"  {printable(line)}", style="dim")

    def update(self, progress: StudyProgress) -> None:
        now = time.monotonic()
        if self._ended_before is None:
            self._ended_before = progress.ended
            self._guarded(self._live.start)
        if now - self._drawn_at < self._AT_MOST_EVERY:
            return
        self._drawn_at = now
        elapsed = now - self._started
        size = self._console.size
        drawn = block(progress, elapsed, self._eta(progress, elapsed), size.width, size.height, self._goals)
        self._guarded(lambda: self._live.update(drawn, refresh=True))

    def close(self) -> None:
        if self._ended_before is not None:
            self._guarded(self._live.stop)

    def conclude(self, conclusion: Conclusion) -> None:
        self._print("")
        self._print(f"ax_mo: {conclusion.headline}", style="bold")
        if conclusion.front:
            volume = "" if conclusion.hypervolume is None else f", hypervolume {conclusion.hypervolume:.6g}"
            self._print(f"Pareto front: {len(conclusion.front)} of {conclusion.known} trials{volume}")
            self._print("")
            front = (conclusion.front, conclusion.own, conclusion.goals, conclusion.keys)
            self._guarded(lambda: self._console.print(rich_front(*front, self._console.width)))
            if conclusion.own is not None:
                self._print(f"start: the project's own configuration, trial {conclusion.own.label}", style="dim")
            self._print("")
        if conclusion.none_feasible:
            self._print(printable(f"No Pareto front: {conclusion.none_feasible}"), style="yellow")
        self._print(conclusion.place, soft_wrap=True)
        for what, command in conclusion.next:
            line = Text(f"{what}: ").append(command, style="cyan")
            self._guarded(lambda line=line: self._console.print(line, soft_wrap=True))  # type: ignore[misc]

    def _print(self, text: str, **options: Any) -> None:
        self._guarded(lambda: self._console.print(text, markup=False, **options))

    def _guarded(self, draw: Callable[[], Any]) -> None:
        with suppress(OSError, ValueError):
            draw()

    def _eta(self, progress: StudyProgress, elapsed: float) -> float | None:
        here = progress.ended - (self._ended_before or 0)
        return elapsed / here * (progress.n_trials - progress.ended) if here > 0 else None
