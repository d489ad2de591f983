"""The screen of whatever is no terminal: lines that can be searched."""

import sys

from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Status, Trial
from ax_mo.terminal.progress import Conclusion, StudyProgress
from ax_mo.terminal.text import front_table, printable, printable_lines, values_of


def _say(text: str) -> None:
    """Print a line. Nobody reading, or a terminal without the letters, is no reason to end a study."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, errors="replace").decode(encoding), flush=True)
    except (OSError, ValueError):
        return


class PlainScreen:
    """One line an event, flushed at once."""

    shows_running = False

    def header(self, text: str) -> None:
        _say(text)

    def notice(self, text: str) -> None:
        _say(f"ax_mo: {printable_lines(text)}")

    def submitted(self, trial: Trial) -> None:
        retry = f" (attempt {trial.attempt})" if trial.attempt > 1 else ""
        _say(f"ax_mo: trial {trial.label} started{retry}: {printable(' '.join(trial.overrides))}")

    def ended(self, trial: Trial, goals: Goals, alike: Trial | None = None) -> None:
        if trial.status is Status.COMPLETED:
            _say(f"ax_mo: trial {trial.label} completed: {values_of(trial, goals)}")
            if trial.reason:
                _say(f"ax_mo:   {printable(trial.reason)}")
        elif trial.status is Status.EARLY_STOPPED:
            _say(f"ax_mo: trial {trial.label} stopped early: {printable(trial.reason or '')}")
        elif alike is not None:
            _say(f"ax_mo: trial {trial.label} failed: same error as trial {alike.label}")
        else:
            _say(f"ax_mo: trial {trial.label} failed: {printable(trial.reason or '')}")
            for line in trial.stderr_tail.splitlines()[-5:]:
                _say(f"ax_mo:   {printable(line)}")

    def update(self, progress: StudyProgress) -> None:
        pass

    def close(self) -> None:
        pass

    def conclude(self, conclusion: Conclusion) -> None:
        lines = ["", f"ax_mo: {conclusion.headline}"]
        if conclusion.front:
            volume = "" if conclusion.hypervolume is None else f", hypervolume {conclusion.hypervolume:.6g}"
            lines += [
                f"Pareto front: {len(conclusion.front)} of {conclusion.known} trials{volume}",
                front_table(conclusion.front, conclusion.goals, conclusion.keys),
            ]
            own = conclusion.own
            if own is not None:
                values = values_of(own, conclusion.goals)
                lines.append(f"The project's own configuration, trial {own.label}: {values}")
        if conclusion.none_feasible:
            lines.append(printable(f"No Pareto front: {conclusion.none_feasible}"))
        lines.append(conclusion.place)
        lines += [f"{what}: {command}" for what, command in conclusion.next]
        _say("\n".join(lines))
