"""The figures of a comparison: the studies' fronts in one plot, and how far each was after how many trials.

A study has the same colour, symbol and dash in all of them, each of which alone tells five studies apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from ax_mo.core.objectives import Objective
from ax_mo.core.trial import Trial
from ax_mo.html_report.progress import hypervolume_steps, told, volume_title
from ax_mo.html_report.style import BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, hover, layout, note, points
from ax_mo.html_report.text import in_figure
from ax_mo.html_report.tradeoff import axes_of, axis_title, front_shape, lower_half, short_title, thresholds
from ax_mo.results.comparison import Comparison, Side

NO_FRONT = "No trial of these studies has completed and meets the constraints yet."


@dataclass(frozen=True)
class Look:
    """How a study is drawn: by plotly's names; ``glyph`` is its symbol in a text.

    Later studies are smaller, since studies often have a point in common: that of the project's configuration.
    """

    color: str
    symbol: str
    dash: str
    glyph: str
    size: int


# Without red, which the thresholds have.
_COLORS = (BLUE, ORANGE, GREEN, PINK, SKY)
_SYMBOLS = (
    ("circle", "●"), ("square", "■"), ("diamond", "◆"), ("triangle-up", "▲"), ("cross", "✚"),
    ("triangle-down", "▼"), ("hexagon", "⬢"), ("star", "★"),
)  # fmt: skip
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def look(index: int) -> Look:
    """Of the study at that place."""
    symbol, glyph = _SYMBOLS[index % len(_SYMBOLS)]
    return Look(_COLORS[index % len(_COLORS)], symbol, _DASHES[index % len(_DASHES)], glyph, max(7, 13 - 3 * index))


def fronts(comparison: Comparison, titles: Sequence[str]) -> go.Figure:
    """The fronts among two objectives, or for each pair of more; for one, the best values so far.

    Points have their place in ``listed`` as customdata; the page's script has their texts.
    """
    if not any(side.front for side in comparison.sides):
        return note(NO_FRONT)
    count = len(comparison.goals.objectives)
    if count == 1:
        return _best_so_far(comparison, titles)
    return _pair(comparison, titles) if count == 2 else _matrix(comparison, titles)


def listed(comparison: Comparison) -> list[tuple[int, Trial]]:
    """The trials of all fronts, each with its study's index; from the best of the first objective."""
    first = comparison.goals.objectives[0]
    trials = [(index, trial) for index, side in enumerate(comparison.sides) for trial in side.front]
    return sorted(trials, key=lambda each: each[1].metrics[first.name], reverse=first.maximize)


def _places(comparison: Comparison) -> dict[tuple[int, int], int]:
    return {(index, trial.number): place for place, (index, trial) in enumerate(listed(comparison))}


def _name(title: str, side: Side) -> str:
    return f"{in_figure(title, 50)} ({len(side.front)})"


def _points(index: int, trials: Sequence[Trial], x: Objective, y: Objective, comparison: Comparison) -> dict[str, Any]:
    """What a trace of a study's front is made of."""
    shown, places = look(index), _places(comparison)
    return {
        "x": points([trial.metrics[x.name] for trial in trials]),
        "y": points([trial.metrics[y.name] for trial in trials]),
        "customdata": [[places[index, trial.number]] for trial in trials],
        "meta": "trials",
        "hoverinfo": "text",
        "marker": {
            "symbol": shown.symbol, "color": shown.color, "size": shown.size, "line": {"width": 1, "color": GREY},
        },
        "legendgroup": str(index),
    }  # fmt: skip


def _pair(comparison: Comparison, titles: Sequence[str]) -> go.Figure:
    x, y = axes_of(comparison.goals)
    figure = go.Figure()
    for index, (side, title) in enumerate(zip(comparison.sides, titles, strict=True)):
        front = sorted(side.front, key=lambda t: (t.metrics[x.name], t.metrics[y.name]))
        shown = look(index)
        figure.add_scatter(
            **_points(index, front, x, y, comparison),
            mode="lines+markers",
            name=_name(title, side),
            line={"width": 2, "color": shown.color, "dash": shown.dash, "shape": front_shape(x)},
        )
    thresholds(figure, x, y)
    layout(figure, 520)
    figure.update_xaxes(title_text=axis_title(x))
    figure.update_yaxes(title_text=axis_title(y))
    return figure


def _matrix(comparison: Comparison, titles: Sequence[str]) -> go.Figure:
    """Each pair of objectives; without lines, since a projected front is none."""
    objectives = comparison.goals.objectives
    size = len(objectives) - 1
    figure = lower_half(size)
    for row in range(size):
        for column in range(row + 1):
            x, y = objectives[column], objectives[row + 1]
            where = {"row": row + 1, "col": column + 1}
            for index, (side, title) in enumerate(zip(comparison.sides, titles, strict=True)):
                figure.add_scatter(
                    **_points(index, side.front, x, y, comparison),
                    mode="markers",
                    name=_name(title, side),
                    showlegend=row == column == 0,
                    **where,
                )
            thresholds(figure, x, y, **where)
            if row == size - 1:
                figure.update_xaxes(title_text=short_title(x), **where)
            if column == 0:
                figure.update_yaxes(title_text=short_title(y), **where)
    layout(figure, 260 * size + 100)
    figure.update_layout(meta={"min_width": 240 * size})
    return figure


def _best_so_far(comparison: Comparison, titles: Sequence[str]) -> go.Figure:
    """After how many trials each study had its best value; a symbol where it became better."""
    (objective,) = comparison.goals.objectives
    figure = go.Figure()
    longest = 1
    for index, (side, title) in enumerate(zip(comparison.sides, titles, strict=True)):
        goals, shown = side.record.goals, look(index)
        trials = sorted(side.record.trials, key=lambda t: (t.ended or "", t.number))
        better: list[tuple[int, Trial]] = []
        count = 0
        for trial in trials:
            count += trial.status.ended
            if not trial.status.has_metrics or not goals.feasible(trial.metrics):
                continue
            value = trial.metrics[objective.name]
            if not better or objective.better(value, better[-1][1].metrics[objective.name]):
                better.append((count, trial))
        values = [trial.metrics[objective.name] for _, trial in better]
        longest = max(longest, count)
        figure.add_scatter(
            x=points([*(at for at, _ in better), *([count] if better else [])]),
            y=points([*values, *values[-1:]]),
            mode="lines+markers",
            name=in_figure(title, 50),
            line={"width": 2, "color": shown.color, "dash": shown.dash, "shape": "hv"},
            marker={
                "symbol": shown.symbol,
                "color": shown.color,
                "size": [shown.size] * len(better) + [0],
                "opacity": 1,
            },
            hovertext=[hover(trial, goals) for _, trial in [*better, *better[-1:]]],
            hoverinfo="text",
        )
    if objective.threshold is not None:
        figure.add_scatter(
            x=[0, longest], y=[objective.threshold] * 2, mode="lines", name="threshold",
            line={"color": RED, "width": 1, "dash": "dot"}, hovertext=[f"threshold {objective.threshold:g}"] * 2,
            hoverinfo="text",
        )  # fmt: skip
    layout(figure, 460)
    figure.update_xaxes(title_text="trials ended", rangemode="tozero")
    figure.update_yaxes(title_text=axis_title(objective))
    return figure


def hypervolumes_by_trial(comparison: Comparison, titles: Sequence[str]) -> go.Figure:
    """From the common reference point, so that the studies can be compared at the same number of trials."""
    if not any(side.front for side in comparison.sides):
        return note(NO_FRONT)
    figure = go.Figure()
    for index, (side, title) in enumerate(zip(comparison.sides, titles, strict=True)):
        steps, shown = hypervolume_steps(side.record, comparison.reference), look(index)
        name = in_figure(title, 50)
        figure.add_scatter(
            x=[step.count for step in steps],
            y=[float(f"{step.volume:.6g}") for step in steps],
            mode="lines",
            name=name,
            line={"width": 2, "color": shown.color, "dash": shown.dash, "shape": "hv"},
            hovertext=[f"{name} {told(step)}" for step in steps],
            hoverinfo="text",
        )
    layout(figure, 380)
    figure.update_xaxes(title_text="trials ended", rangemode="tozero")
    figure.update_yaxes(title_text=volume_title(comparison.goals), rangemode="tozero")
    return figure
