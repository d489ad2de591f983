"""The figure of a race: for each problem, the share of the best known hypervolume by the number of trials."""

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no window

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from race_store import Run

_COLUMNS = 3


def save_figure(runs: Sequence[Run], best_known: Mapping[str, float], batch: int, path: Path) -> None:
    """Means of the runs with that many trials in flight, with a band of one standard error; in the path's format."""
    runs = [run for run in runs if run.batch == batch]
    problems = list(dict.fromkeys(run.problem for run in runs))
    methods = list(dict.fromkeys(run.method for run in runs))
    colors = {name: "black" if name == "ours" else f"C{index}" for index, name in enumerate(methods)}
    rows = math.ceil(len(problems) / _COLUMNS)
    figure, axes = plt.subplots(rows, _COLUMNS, figsize=(4.2 * _COLUMNS, 3 * rows), squeeze=False, sharex=True)
    for axis in axes.flat[len(problems) :]:
        axis.set_visible(False)
    for problem, axis in zip(problems, axes.flat, strict=False):
        axis.set_title(problem, fontsize=10)
        axis.grid(alpha=0.3)
        for method in methods:
            volumes = [run.hypervolume for run in runs if (run.problem, run.method) == (problem, method)]
            _draw(axis, method, [[v / best_known[problem] for v in volume] for volume in volumes], colors[method])
    figure.supxlabel("trials")
    figure.supylabel(f"share of the best known hypervolume, {batch} in flight")
    handles = [plt.Line2D([], [], color=colors[method]) for method in methods]
    figure.legend(handles, methods, loc="upper center", ncols=len(methods), fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _draw(axis: Axes, method: str, volumes: Sequence[Sequence[float]], color: str) -> None:
    """One method's line, as far as all its runs go."""
    columns = list(zip(*volumes, strict=False))
    trials = range(1, len(columns) + 1)
    means = [statistics.mean(column) for column in columns]
    errors = [statistics.stdev(column) / math.sqrt(len(column)) if len(column) > 1 else 0.0 for column in columns]
    axis.plot(trials, means, color=color, linewidth=2.2 if method.startswith("ours") else 1.2)
    low, high = ([mean + sign * error for mean, error in zip(means, errors, strict=True)] for sign in (-1, 1))
    axis.fill_between(trials, low, high, color=color, alpha=0.15, linewidth=0)
