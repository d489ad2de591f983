"""Values, tables and times as text."""

from collections.abc import Sequence
from typing import Any
from unicodedata import combining, east_asian_width

from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import by_first_objective
from ax_mo.core.repeats import standard_errors
from ax_mo.core.trial import Trial
from ax_mo.hydra_project.overrides import as_text
from ax_mo.trial.untrusted import without_escapes

_LONGEST_VALUE = 24

NONE_MEETS = "no trial meets every threshold"
MISSES = "does not meet every threshold"


def printable(text: str) -> str:
    """One line without control characters, tabs as spaces: what a trial returned must not drive the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in without_escapes(text).expandtabs())


def printable_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(printable, text.splitlines()))


def values_of(trial: Trial, goals: Goals) -> str:
    """The metrics that count, with their standard errors: ``val_acc=0.91  num_params=4210``."""
    errors = standard_errors(trial, goals.required)
    return "  ".join(
        f"{name}={trial.metrics[name]:.6g}" + (f" ± {errors[name]:.2g}" if errors.get(name) else "")
        for name in goals.required
        if name in trial.metrics
    )


def clock(seconds: float) -> str:
    """``1:05``, or ``2:00:05`` from an hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def front_table(front: Sequence[Trial], goals: Goals, keys: Sequence[str]) -> str:
    """The Pareto front as a table, sorted by the first objective from its best; constrained metrics come second."""
    rows = [
        [
            trial.label + ("" if goals.meets_thresholds(trial.metrics) else " *"),
            *(f"{trial.metrics[name]:.6g}" for name in goals.required),
            *(short(trial.point[key]) if key in trial.point else "" for key in keys),
        ]
        for trial in by_first_objective(front, goals)
    ]
    lines = [text_table(["trial", *map(printable, goals.required), *map(printable, keys)], rows, right=True)]
    if any(not goals.meets_thresholds(trial.metrics) for trial in front):
        lines.append(f"* {MISSES}")
    return "\n".join(lines)


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: bool = False) -> str:
    """Columns of equal width, two spaces apart, under their names."""
    lines = [list(header), *map(list, rows)]
    widths = [max(cells(line[column]) for line in lines) for column in range(len(header))]

    def aligned(cell: str, width: int) -> str:
        blanks = " " * (width - cells(cell))
        return blanks + cell if right else cell + blanks

    return "\n".join("  ".join(map(aligned, line, widths)).rstrip() for line in lines)


def cells(text: str) -> int:
    """How many cells of a terminal the text takes: two for a wide character, none for one that combines."""
    return sum(2 if east_asian_width(c) in "WF" else not combining(c) for c in text)


def value_text(value: Any) -> str:
    """A parameter's value as Hydra writes it: true, null, and text without quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value) if isinstance(value, float) else as_text(value)


def short(value: Any) -> str:
    """A parameter's value in at most a few letters."""
    text = f"{value:.4g}" if isinstance(value, float) else printable(value_text(value))
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
