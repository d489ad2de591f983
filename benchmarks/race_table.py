"""The tables of a race: hypervolume by method and problem after so many trials, and what a suggestion costs."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from race_store import Run

COUNTS = (10, 20, 40, 80)

# Suggestions are timed from this one on: before it, some methods still draw their first points without a model.
_FIRST_TIMED = 12
_YARDSTICK = "optuna_gp"
_AVERAGE = "average"


@dataclass(frozen=True)
class Cell:
    """Mean and standard error over ``n`` seeds; the error of a single seed is not known."""

    mean: float
    error: float
    n: int

    def __str__(self) -> str:
        error = "" if math.isnan(self.error) else f"±{_short(self.error)}"
        return f"{_short(self.mean)}{error} ({self.n})"


def tables(runs: Sequence[Run], best_known: Mapping[str, float]) -> str:
    """All tables as text, in Markdown; hypervolumes as shares of the best known of each problem.

    Bold: the best of its column, or within one standard error of the best.
    """
    runs = [_normalized(run, best_known[run.problem]) for run in runs]
    parts: list[str] = []
    for batch in sorted({run.batch for run in runs}):
        of_batch = [run for run in runs if run.batch == batch]
        for count in COUNTS:
            long_enough = [run for run in of_batch if len(run.hypervolume) >= count]
            if long_enough:
                parts.append(
                    f"Hypervolume after {count} trials, {batch} in flight\n\n{_hypervolumes(long_enough, count)}"
                )
        parts.append(
            f"CPU seconds a suggestion from trial {_FIRST_TIMED} on, {batch} in flight: median, 95th percentile, and "
            f"the median as a multiple of {_YARDSTICK}'s\n\n{_seconds(of_batch)}"
        )
    return "\n\n".join(parts)


def _normalized(run: Run, best: float) -> Run:
    return replace(run, hypervolume=tuple(volume / best for volume in run.hypervolume))


def _hypervolumes(runs: Sequence[Run], count: int) -> str:
    methods, problems = _names(run.method for run in runs), _names(run.problem for run in runs)
    cells: dict[tuple[str, str], Cell] = {}
    for method in methods:
        for problem in problems:
            values = [run.hypervolume[count - 1] for run in runs if (run.method, run.problem) == (method, problem)]
            if values:
                cells[method, problem] = cell(values)
        if all((method, problem) in cells for problem in problems):
            cells[method, _AVERAGE] = average([cells[method, problem] for problem in problems])
    columns = [*problems, _AVERAGE]
    leading = {column: leaders({m: cells[m, column] for m in methods if (m, column) in cells}) for column in columns}
    lines = [["", *columns]]
    for method in methods:
        texts = [str(cells[method, column]) if (method, column) in cells else "-" for column in columns]
        marked = [
            f"**{text}**" if method in leading[column] else text for text, column in zip(texts, columns, strict=True)
        ]
        lines.append([method, *marked])
    return _markdown(lines)


def cell(values: Sequence[float]) -> Cell:
    """Of the values of several seeds."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Cell(statistics.mean(values), error, len(values))


def average(cells: Sequence[Cell]) -> Cell:
    """Over problems; its error is what the seeds leave open, and ``n`` the number of problems."""
    error = math.sqrt(sum(cell.error**2 for cell in cells)) / len(cells)
    return Cell(statistics.mean(cell.mean for cell in cells), error, len(cells))


def leaders(cells: Mapping[str, Cell]) -> set[str]:
    """The names of the best cell, and of those that are at most its standard error away from it."""
    if not cells:
        return set()
    best = max(cells.values(), key=lambda cell: cell.mean)
    error = 0.0 if math.isnan(best.error) else best.error
    return {name for name, cell in cells.items() if best.mean - cell.mean <= error}


def _seconds(runs: Sequence[Run]) -> str:
    methods, problems = _names(run.method for run in runs), _names(run.problem for run in runs)
    lines = [["", *problems]]
    for method in methods:
        texts: list[str] = []
        for problem in problems:
            times = _times(runs, method, problem)
            yardstick = _times(runs, _YARDSTICK, problem)
            if not times:
                texts.append("-")
                continue
            median, high = statistics.median(times), sorted(times)[math.ceil(0.95 * len(times)) - 1]
            ratio = f" ({median / statistics.median(yardstick):.1f}x)" if yardstick else ""
            texts.append(f"{median:.2f}, {high:.2f}{ratio}")
        lines.append([method, *texts])
    return _markdown(lines)


def _times(runs: Sequence[Run], method: str, problem: str) -> list[float]:
    of_both = (run for run in runs if (run.method, run.problem) == (method, problem))
    return [seconds for run in of_both for seconds in run.seconds[_FIRST_TIMED:]]


def _names(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = [[text.ljust(width) for text, width in zip(line, widths, strict=True)] for line in lines]
    rule = ["-" * width for width in widths]
    return "\n".join(f"| {' | '.join(line)} |" for line in [padded[0], rule, *padded[1:]])
