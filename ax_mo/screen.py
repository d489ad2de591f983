"""What the person at the terminal sees while a study runs, and at its end."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ax_mo.goals import Goals
from ax_mo.study.repeats import standard_errors
from ax_mo.study.trial import Status, Trial


@dataclass(frozen=True)
class Progress:
    """How far a study is. ``best`` holds value and trial number per objective."""

    n_trials: int
    completed: int
    failed: int
    running: int
    stopped: int = 0
    front: int = 0
    hypervolume: float | None = None
    best: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        return self.completed + self.failed + self.stopped


class Screen(Protocol):
    """Shows events and progress."""

    def header(self, text: str) -> None: ...
    def notice(self, text: str) -> None: ...
    def submitted(self, trial: Trial) -> None: ...
    def ended(self, trial: Trial, goals: Goals) -> None: ...
    def update(self, progress: Progress) -> None: ...
    def close(self) -> None: ...


def screen_for_this_terminal() -> Screen:
    """A live line on a terminal; plain lines, one an event, anywhere else."""
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return LiveScreen()
    return PlainScreen()


def values_of(trial: Trial, goals: Goals) -> str:
    errors = standard_errors(trial, goals.required)
    return "  ".join(
        f"{name}={trial.metrics[name]:.6g}" + (f" ± {errors[name]:.2g}" if errors.get(name) else "")
        for name in goals.required
        if name in trial.metrics
    )


def printable(text: str) -> str:
    """The text without control characters: what a trial returned must not drive the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _say(text: str) -> None:
    """Print a line. Nobody reading, or a terminal without the letters, is no reason to end a study."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, errors="replace").decode(encoding), flush=True)
    except (OSError, ValueError):
        return


class PlainScreen:
    """One line an event, flushed at once."""

    def header(self, text: str) -> None:
        _say(text)

    def notice(self, text: str) -> None:
        _say(f"ax_mo: {text}")

    def submitted(self, trial: Trial) -> None:
        retry = f" (attempt {trial.attempt})" if trial.attempt > 1 else ""
        _say(f"ax_mo: trial {trial.label} started{retry}: {printable(' '.join(trial.overrides))}")

    def ended(self, trial: Trial, goals: Goals) -> None:
        if trial.status is Status.COMPLETED:
            _say(f"ax_mo: trial {trial.label} completed: {values_of(trial, goals)}")
            if trial.reason:
                _say(f"ax_mo:   {printable(trial.reason)}")
        elif trial.status is Status.EARLY_STOPPED:
            _say(f"ax_mo: trial {trial.label} stopped early: {printable(trial.reason or '')}")
        else:
            _say(f"ax_mo: trial {trial.label} failed: {printable(trial.reason or '')}")
            for line in trial.stderr_tail.splitlines()[-5:]:
                _say(f"ax_mo:   {printable(line)}")

    def update(self, progress: Progress) -> None:
        pass

    def close(self) -> None:
        pass


class LiveScreen:
    """A small block at the bottom that is drawn over; failures scroll by above it."""

    _AT_MOST_EVERY = 0.25  # seconds; every drawing costs some milliseconds

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._started = time.monotonic()
        self._ended_before: int | None = None
        self._last: Progress | None = None
        self._drawn_at = 0.0

    def header(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def notice(self, text: str) -> None:
        self._console.print(text, markup=False, style="yellow")

    def submitted(self, trial: Trial) -> None:
        pass

    def ended(self, trial: Trial, goals: Goals) -> None:
        if trial.status is Status.COMPLETED:
            if trial.reason:
                self.notice(f"trial {trial.label} completed, but {printable(trial.reason)}")
            return
        if trial.status is Status.EARLY_STOPPED:
            text = f"trial {trial.label} stopped early: {printable(trial.reason or '')}"
            self._console.print(text, markup=False, style="dim")
            return
        self._console.print(f"trial {trial.label} failed: {printable(trial.reason or '')}", markup=False, style="red")
        for line in trial.stderr_tail.splitlines()[-5:]:
            self._console.print(f"  {printable(line)}", markup=False, style="dim")

    def update(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._ended_before is None:
            self._ended_before = progress.ended
            self._live.start()
        if now - self._drawn_at < self._AT_MOST_EVERY:
            return
        self._drawn_at, self._last = now, progress
        self._live.update(self._block(progress, now - self._started), refresh=True)

    def close(self) -> None:
        if self._ended_before is not None:
            self._live.stop()

    def _block(self, progress: Progress, elapsed: float) -> Any:
        from rich.text import Text

        done = progress.ended
        width = 24
        filled = round(width * done / progress.n_trials) if progress.n_trials else 0
        line = Text()
        line.append("━" * filled, style="green").append("━" * (width - filled), style="dim")
        line.append(f" {done}/{progress.n_trials}", style="bold")
        line.append(f"  {progress.running} running")
        if progress.stopped:
            line.append(f"  {progress.stopped} stopped early", style="dim")
        if progress.failed:
            line.append(f"  {progress.failed} failed", style="red")
        eta = self._eta(progress, elapsed)
        line.append(f"  {clock(elapsed)} elapsed{f', {clock(eta)} to go' if eta is not None else ''}", style="dim")
        if progress.hypervolume is not None:
            line.append(f"\nhypervolume {progress.hypervolume:.6g}, {progress.front} on the front")
            for name, (value, number) in progress.best.items():
                line.append(f"\n  best {name} {value:.6g}").append(f"  trial {number}", style="dim")
        return line

    def _eta(self, progress: Progress, elapsed: float) -> float | None:
        here = progress.ended - (self._ended_before or 0)
        return elapsed / here * (progress.n_trials - progress.ended) if here > 0 else None


def clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def front_table(front: Sequence[Trial], goals: Goals, keys: Sequence[str]) -> str:
    """The Pareto front as a table, sorted by the first objective from its best."""
    first = goals.objectives[0]
    ordered = sorted(front, key=lambda trial: trial.metrics[first.name], reverse=first.maximize)
    rows = [
        [
            trial.label + ("" if goals.meets_thresholds(trial.metrics) else " *"),
            *(f"{trial.metrics[name]:.6g}" for name in goals.names),
            *(_short(trial.point[key]) if key in trial.point else "" for key in keys),
        ]
        for trial in ordered
    ]
    lines = [text_table(["trial", *goals.names, *keys], rows, right=True)]
    if any(not goals.meets_thresholds(trial.metrics) for trial in front):
        lines.append("* does not meet every threshold")
    return "\n".join(lines)


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: bool = False) -> str:
    """Columns of equal width, two spaces apart, under their names."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    aligned = str.rjust if right else str.ljust
    return "\n".join(
        "  ".join(aligned(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _short(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else printable(str(value))
    return text if len(text) <= 24 else text[:23] + "…"
