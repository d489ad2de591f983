"""What the person at the terminal sees while a study runs, and at its end; as lines that can be searched."""

import os
import sys

from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Status, Trial
from ax_mo.terminal.progress import Conclusion, StudyProgress
from ax_mo.terminal.text import front_table, printable, printable_lines, values_of


class Screen:
    """Shows events and progress: one line an event, flushed at once. A ``LiveScreen`` is for terminals.

    Nobody reading, or a terminal without the letters, is no reason to end a study.
    """

    @property
    def is_due(self) -> bool:
        """Whether it is time for an ``update``; never where nothing would be drawn."""
        return False

    def header(self, text: str) -> None:
        """Show a text whole: it may be copied."""
        self._print(text, whole=True)

    def notice(self, text: str) -> None:
        """Show what is worth a second look."""
        self._event(printable_lines(text), "yellow")

    def submitted(self, trial: Trial) -> None:
        """A job of the trial, or of one of its runs, has been submitted."""
        retry = f" (attempt {trial.attempt})" if trial.attempt > 1 else ""
        self._event(f"trial {trial.label} started{retry}: {printable(' '.join(trial.overrides))}")

    def ended(self, trial: Trial, goals: Goals, alike: Trial | None = None) -> None:
        """``alike`` is a trial that was shown before and failed by the same error."""
        name, reason = f"trial {trial.label}", printable(trial.reason or "")
        if trial.status is Status.COMPLETED:
            self._completed(name, reason, values_of(trial, goals))
        elif trial.is_paused:
            self._event(f"{name} {reason}: {values_of(trial, goals)}", "dim")
        elif trial.status is Status.EARLY_STOPPED:
            self._event(f"{name} stopped early: {reason}", "dim")
        elif alike is not None:
            self._event(f"{name} failed: same error as trial {alike.label}", "red")
        else:
            self._event(f"{name} failed: {reason}", "red")
            for line in trial.stderr_tail.splitlines()[-5:]:
                self._event(f"  {printable(line)}", "dim")

    def update(self, progress: StudyProgress) -> None:
        """Draw how far the study is, where something is drawn."""

    def close(self) -> None:
        """Leave nothing on the terminal that would be drawn over."""

    def conclude(self, conclusion: Conclusion) -> None:
        """Show how the study ended."""
        self._print("")
        self._print(f"ax_mo: {conclusion.headline}", "bold")
        alone = len(conclusion.goals.objectives) == 1
        if conclusion.front and alone:
            self._print(f"Best of {conclusion.known} trials:")
            self._front(conclusion)
        elif conclusion.front:
            volume = "" if conclusion.hypervolume is None else f", hypervolume {conclusion.hypervolume:.6g}"
            if volume and conclusion.goals.in_decades:
                volume += f" ({printable(conclusion.goals.in_decades)})"
            self._print(f"Pareto front: {len(conclusion.front)} of {conclusion.known} trials{volume}")
            self._front(conclusion)
        if conclusion.none_feasible:
            missing = "best trial" if alone else "Pareto front"
            self._print(printable(f"No {missing}: {conclusion.none_feasible}"), "yellow")
        if conclusion.in_place_of_model:
            self._print(f"{conclusion.in_place_of_model}.", "yellow")
        self._print(conclusion.place, whole=True)
        for what, command in conclusion.next:
            self._command(what, command)

    # How it looks

    def _print(self, text: str, style: str = "", whole: bool = False) -> None:
        """A line, or several; those to be copied stay ``whole``."""
        encoding = sys.stdout.encoding or "utf-8"
        try:
            print(text.encode(encoding, errors="replace").decode(encoding), flush=True)
        except (OSError, ValueError):
            return

    def _event(self, text: str, style: str = "") -> None:
        self._print(f"ax_mo: {text}")

    def _completed(self, name: str, reason: str, values: str) -> None:
        self._event(f"{name} completed: {values}")
        if reason:
            self._event(f"  {reason}")

    def _front(self, conclusion: Conclusion) -> None:
        self._print(front_table(conclusion.front, conclusion.goals, conclusion.keys))
        if conclusion.own is not None:
            values = values_of(conclusion.own, conclusion.goals)
            self._print(f"The project's own configuration, trial {conclusion.own.label}: {values}")

    def _command(self, what: str, command: str) -> None:
        self._print(f"{what}: {command}")


def screen_for_this_terminal(running_for: float = 0.0, ended_before: int | None = None) -> Screen:
    """A live block on a terminal; plain lines, one an event, anywhere else. Arguments as of LiveScreen."""
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from ax_mo.terminal.live import LiveScreen

        return LiveScreen(None, running_for, ended_before)
    return Screen()
