"""The block at the bottom of a terminal while a study runs: rich text, no line wider than the terminal."""

from collections.abc import Sequence

from rich.text import Text

from ax_mo.core.objectives import Goals
from ax_mo.terminal.progress import Running, StudyProgress
from ax_mo.terminal.text import NONE_MEETS, clock, printable

_WIDEST_BAR = 24
_MOST_RUNNING = 8
_MOST_METRICS = 3


def block(
    progress: StudyProgress, elapsed: float, eta: float | None, width: int, height: int, goals: Goals | None
) -> Text:
    """``goals`` decides which metrics of a running trial come first."""
    lines = [_bar(progress, elapsed, eta, width), *_results(progress)]
    room = max(1, min(_MOST_RUNNING, height - len(lines) - 3))
    shown = progress.trials if len(progress.trials) <= room else progress.trials[: room - 1]
    lines += [_running(trial, goals, width) for trial in shown]
    if len(shown) < len(progress.trials):
        lines.append(Text(f"  and {len(progress.trials) - len(shown)} more", style="dim"))
    for line in lines:
        line.truncate(max(1, width - 1), overflow="ellipsis")  # a full last column makes some terminals wrap
    return Text("\n").join(lines)


def _bar(progress: StudyProgress, elapsed: float, eta: float | None, width: int) -> Text:
    """The pieces that fit, the most important first; the bar takes what is left."""
    workers = "" if progress.workers is None else f"/{progress.workers}"
    pieces = [
        (f" {progress.ended}/{progress.n_trials}", "bold"),
        (f"  {progress.running - progress.pending}{workers} running", ""),
    ]
    if progress.pending:
        pieces.append((f"  {progress.pending} pending", "yellow"))
    if progress.is_paused:
        pieces.append(("  paused", "yellow"))
    if progress.failed:
        pieces.append((f"  {progress.failed} failed", "red"))
    if eta is not None:
        pieces.append((f"  {clock(eta)} to go", "dim"))
    if progress.stopped:
        pieces.append((f"  {progress.stopped} stopped early", "dim"))
    pieces.append((f"  {clock(elapsed)} elapsed", "dim"))
    rest = width - 1
    fitting: list[tuple[str, str]] = []
    for text, style in pieces:
        if len(text) <= rest:
            fitting.append((text, style))
            rest -= len(text)
    size = min(_WIDEST_BAR, max(0, rest))
    filled = round(size * min(1.0, progress.ended / progress.n_trials)) if progress.n_trials else 0
    line = Text().append("━" * filled, style="green").append("━" * (size - filled), style="dim")
    for text, style in fitting:
        line.append(text, style=style)
    return line


def _results(progress: StudyProgress) -> list[Text]:
    if progress.hypervolume is None:
        return []
    if not progress.front:
        return [Text("no trial meets the constraints yet")]
    lines: list[Text] = []
    if len(progress.best) > 1:  # the best value says it all of one objective
        lines.append(Text(f"hypervolume {progress.hypervolume:.6g}, {progress.front} on the front"))
    for name, (value, number) in progress.best.items():
        of = f"  trial {number}" if number >= 0 else f"  trial imported {-number}"
        lines.append(Text(f"  best {printable(name)} {value:.6g}").append(of, style="dim"))
    if progress.best_falls_short:
        lines.append(Text(f"  {NONE_MEETS}", style="dim"))
    return lines


def _running(trial: Running, goals: Goals | None, width: int) -> Text:
    """``trial 12  0:31  val_acc 0.91 at 3  model=cnn lr=0.01``: at least half of the line is left to the overrides."""
    line = (
        Text("  ")
        .append(f"trial {trial.label}", style="cyan")
        .append(f"  {'pending' if trial.is_pending else clock(trial.seconds)}", style="dim")
    )
    names = _first_metrics(trial, goals)
    metrics = "  ".join(f"{printable(name)} {trial.metrics[name]:.4g}" for name in names)
    if metrics and trial.step is not None:
        metrics += f" at {trial.step}"
    if metrics:
        line.append(f"  {metrics}" if len(metrics) <= width // 2 else f"  {metrics[: width // 2 - 1]}…")
    line.append("  " + printable(" ".join(trial.changed) or "the project's own configuration"), style="dim")
    return line


def _first_metrics(trial: Running, goals: Goals | None) -> Sequence[str]:
    wanted = [name for name in (goals.required if goals else ()) if name in trial.metrics]
    return (wanted or list(trial.metrics))[:_MOST_METRICS]
