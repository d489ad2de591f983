"""The figures of a comparison: the studies' fronts in one plot, and how far each was after how many trials.

A study has the same colour, symbol and dash in all of them, each of which alone tells five studies apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from ax_mo.core.failures import in_order_of_end
from ax_mo.core.objective import Objective
from ax_mo.core.trial import Trial
from ax_mo.html_report.progress import hypervolume_steps, step_text, volume_title
from ax_mo.html_report.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    SKY,
    hover,
    layout,
    name_columns,
    name_trials,
    note,
    points,
)
from ax_mo.html_report.text import in_figure
from ax_mo.html_report.tradeoff import axis, front_shape, has_target, improvements, pairs_of_objectives, threshold
from ax_mo.results.comparison import Comparison

_NO_FRONT = "No trial of these studies has completed and meets the constraints yet."


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

    @property
    def marker(self) -> dict[str, Any]:
        """plotly's settings of its symbols."""
        return {"symbol": self.symbol, "color": self.color}

    def line(self, shape: str) -> dict[str, Any]:
        """plotly's settings of its lines, from point to point in that ``shape``."""
        return {"width": 2, "color": self.color, "dash": self.dash, "shape": shape}


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


def front_trials(comparison: Comparison) -> list[tuple[int, Trial]]:
    """The trials of all fronts, each with its study's index; from the best of the first objective."""
    first = comparison.goals.linear.objectives[0]
    trials = [(index, trial) for index, side in enumerate(comparison.sides) for trial in side.front]
    return sorted(trials, key=lambda each: -first.gain(each[1].metrics[first.name]))


def fronts(comparison: Comparison, titles: Sequence[str]) -> go.Figure:
    """The fronts among two objectives, or for each pair of more; for one, the best values so far.

    Points have their place in ``front_trials`` as customdata.
    """
    if not any(side.front for side in comparison.sides):
        return note(_NO_FRONT)
    if len(comparison.goals.objectives) == 1:
        return _best_so_far(comparison, titles)
    places = {(index, trial.number): place for place, (index, trial) in enumerate(front_trials(comparison))}

    def draw(figure: go.Figure, x: Objective, y: Objective, where: dict[str, int], is_first: bool) -> None:
        for index, (side, title) in enumerate(zip(comparison.sides, titles, strict=True)):
            drawn = look(index)
            front = sorted(side.front, key=lambda t: (t.metrics[x.name], t.metrics[y.name]))
            heads = [f"<b>{in_figure(title)}: trial {trial.label}</b>" for trial in front]
            figure.add_scatter(
                x=points([trial.metrics[x.name] for trial in front]),
                y=points([trial.metrics[y.name] for trial in front]),
                customdata=[[places[index, trial.number]] for trial in front],
                hovertext=[hover(t, side.record.goals, head) for t, head in zip(front, heads, strict=True)],
                meta="trials",
                hoverinfo="text",
                # A projected front is no line, and one around a target is none that a reader would follow.
                mode="markers" if where or has_target(x, y) else "lines+markers",
                name=f"{in_figure(title)} ({len(side.front)})",
                legendgroup=str(index),
                showlegend=is_first,
                marker={**drawn.marker, "size": drawn.size, "line": {"width": 1, "color": GREY}},
                line=drawn.line(front_shape(x)),
                **where,
            )

    figure = pairs_of_objectives(comparison.goals, draw)
    name_trials(figure)
    return figure


def _best_so_far(comparison: Comparison, titles: Sequence[str]) -> go.Figure:
    """After how many trials each study had its best value; a symbol where it became better."""
    (objective,) = comparison.goals.objectives
    figure = layout(go.Figure())
    for index, (side, title) in enumerate(zip(comparison.sides, titles, strict=True)):
        ended = in_order_of_end(side.record.trials)
        better = improvements(ended, side.record.goals)
        to_the_end = [*better, *better[-1:]]
        drawn = look(index)
        figure.add_scatter(
            x=points([*(ended.index(trial) + 1 for trial in better), *([len(ended)] if better else [])]),
            y=points([trial.metrics[objective.name] for trial in to_the_end]),
            mode="lines+markers",
            name=in_figure(title),
            line=drawn.line("hv"),
            marker={**drawn.marker, "size": [drawn.size] * len(better) + [0], "opacity": 1},
            hovertext=[hover(trial, side.record.goals) for trial in to_the_end],
            hoverinfo="text",
        )
    threshold(figure, objective, 1)
    figure.update_xaxes(title_text="trials ended", rangemode="tozero")
    figure.update_yaxes(**axis(objective))
    name_columns(figure, x="trials ended", y=objective.name, series="study")
    return figure


def hypervolumes_by_trial(comparison: Comparison, titles: Sequence[str]) -> go.Figure:
    """From the common reference point, so that the studies can be compared at the same number of trials."""
    if not any(side.front for side in comparison.sides):
        return note(_NO_FRONT)
    figure = layout(go.Figure(), 380)
    for index, (side, title) in enumerate(zip(comparison.sides, titles, strict=True)):
        steps, name = hypervolume_steps(side.record, comparison.reference), in_figure(title)
        figure.add_scatter(
            x=[step.count for step in steps],
            y=[float(f"{step.volume:.6g}") for step in steps],
            mode="lines",
            name=name,
            line=look(index).line("hv"),
            hovertext=[f"{name} {step_text(step)}" for step in steps],
            hoverinfo="text",
        )
    figure.update_xaxes(title_text="trials ended", rangemode="tozero")
    figure.update_yaxes(title_text=volume_title(comparison.goals), rangemode="tozero")
    name_columns(figure, x="trials ended", y="hypervolume", series="study")
    return figure
