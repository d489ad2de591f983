"""How trials look in every figure: what kind a trial is, its symbol, its colour by number, its text under the mouse."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

import plotly.graph_objects as go

from ax_mo.core.objectives import Goals
from ax_mo.core.repeats import standard_errors
from ax_mo.core.trial import Status, Trial
from ax_mo.html_report.text import display_value, in_figure
from ax_mo.results.standing import status_text
from ax_mo.storage.snapshot import StudySnapshot

# Okabe and Ito's palette: the colour-blind can tell its colours apart, and all are seen on white and on black.
BLUE = "#0072B2"
SKY = "#56B4E9"
ORANGE = "#E69F00"
RED = "#D55E00"
GREEN = "#009E73"
PINK = "#CC79A7"
GREY = "#8a8f98"
PALETTE = (BLUE, ORANGE, GREEN, PINK, SKY, RED)

SCALE: list[Any] = [[0.0, "#2f5fb3"], [0.5, "#9a948a"], [1.0, "#fbd324"]]
"""By trial number: from blue to yellow as in Cividis, which the colour-blind see alike, but without its ends, of which
one is lost on black."""

_MOST_OVERRIDES = 12


class Kind(Enum):
    """What a trial is to the reader: the legend's text and the marker's symbol."""

    COMPLETED = ("completed", "circle")
    INFEASIBLE = ("violates a constraint", "circle-open")
    CONFIG = ("the project's configuration", "diamond")
    IMPORTED = ("imported", "square")
    EARLY_STOPPED = ("stopped early", "triangle-down")
    FAILED = ("failed", "x")

    def __init__(self, label: str, symbol: str) -> None:
        self.label = label
        self.symbol = symbol


def kind_of(trial: Trial, goals: Goals) -> Kind | None:
    """None for a trial that has not ended."""
    match trial.status:
        case Status.FAILED:
            return Kind.FAILED
        case Status.EARLY_STOPPED:
            return Kind.EARLY_STOPPED
        case Status.COMPLETED | Status.IMPORTED if has_all_metrics(trial, goals):
            if not goals.feasible(trial.metrics):
                return Kind.INFEASIBLE
            if trial.status is Status.IMPORTED:
                return Kind.IMPORTED
            return Kind.CONFIG if trial.generator == "config" else Kind.COMPLETED
        case _:
            return None


def has_all_metrics(trial: Trial, goals: Goals) -> bool:
    """Whether the trial has all metrics that the study asks for."""
    return trial.status.has_metrics and all(name in trial.metrics for name in goals.required)


def by_kind(trials: Sequence[Trial], goals: Goals) -> dict[Kind, list[Trial]]:
    """The trials that have ended, in the legend's order; kinds of which there are none are left out."""
    kinds = {kind: [trial for trial in trials if kind_of(trial, goals) is kind] for kind in Kind}
    return {kind: members for kind, members in kinds.items() if members}


Kinds = dict[Kind, list[Trial]]


def legend_of_kinds(figure: go.Figure, kinds: Kinds, placed: Kinds) -> None:
    """Entries for the kinds, with how many trials of each there are, and how many of these are not in the figure.

    Of traces of their own: plotly 7.1 draws the entry of a trace that is coloured by number in black.
    """
    for kind, trials in kinds.items():
        missing = len(trials) - len(placed[kind])
        without = "" if not missing else ", without values" if not placed[kind] else f", {missing} without values"
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=kind.label if kind is Kind.CONFIG else f"{kind.label} ({len(trials)}{without})",
            legendgroup=kind.label,
            marker={"symbol": kind.symbol, "size": 10, "color": PINK if kind is Kind.IMPORTED else GREY},
            hoverinfo="skip",
        )


def marker(kind: Kind, trials: Sequence[Trial], size: int = 10) -> dict[str, Any]:
    """Imported trials are older than the study, and have no place among its numbers."""
    larger = {Kind.CONFIG: 4, Kind.EARLY_STOPPED: 1}.get(kind, 0)
    # An open symbol is all outline, which then has the colour.
    line = {"width": 2} if kind is Kind.INFEASIBLE else {"width": 1, "color": GREY}
    colors = {"color": [trial.number for trial in trials], "coloraxis": "coloraxis"}
    return {
        "symbol": kind.symbol,
        "size": size + larger,
        "line": line,
        **({"color": PINK} if kind is Kind.IMPORTED else colors),
    }


def hover(trial: Trial, goals: Goals, title: str = "") -> str:
    """A trial's name, how it ended, its metrics and its overrides, a line each; ``title`` instead of the first line."""
    errors = standard_errors(trial, goals.required)
    lines = [title or f"<b>trial {trial.label}</b> {status_text(trial.status)}"]
    for name in goals.required:
        if name in trial.metrics:
            error = f" ± {errors[name]:.2g}" if errors.get(name) else ""
            lines.append(f"{in_figure(name, 40)} = {display_value(trial.metrics[name])}{error}")
    if trial.reason:
        lines.append(in_figure(trial.reason.replace("\n", " "), 80))
    lines += [in_figure(override, 60) for override in trial.overrides[-_MOST_OVERRIDES:]]
    if len(trial.overrides) > _MOST_OVERRIDES:
        lines.append(f"… and {len(trial.overrides) - _MOST_OVERRIDES} more")
    return "<br>".join(lines)


def trial_trace(trials: Sequence[Trial], goals: Goals) -> dict[str, Any]:
    """What every trace of trials has: which trials, for clicks, and what is under the mouse."""
    return {
        "customdata": [[trial.number] for trial in trials],
        "hovertext": [hover(trial, goals) for trial in trials],
        "meta": "trials",
        "hoverinfo": "text",
    }


def points(values: Sequence[float]) -> Sequence[float | None]:
    """A trace without any point would have no entry in the legend."""
    return values or [None]


def axis_scale(is_log: bool) -> dict[str, Any]:
    """plotly's settings of an axis.

    With a format, numbers between powers of ten are written out; with few ticks, there is room for 2 and 5 of those.
    """
    return {"type": "log", "tickformat": "~g", "nticks": 4} if is_log else {}


def layout(figure: go.Figure, height: int = 460, legend: bool = True) -> go.Figure:
    """The same frame around every figure: a legend below the title's place, which breaks into lines on a phone."""
    figure.update_layout(
        height=height,
        template="plotly_white",
        margin={"l": 64, "r": 16, "t": 48, "b": 56},
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        hoverlabel={"align": "left", "namelength": -1},
        coloraxis={"colorscale": SCALE, "colorbar": {"title": {"text": "trial"}, "thickness": 12, "len": 0.9}},
        dragmode="zoom",
    )
    return figure


def name_columns(figure: go.Figure, **names: str) -> None:
    """What the table of a figure's data calls what is in its traces, a line for each point.

    ``x`` and ``y`` by plotly's names of the axes (``y2``); ``z`` and ``error`` of a surface; ``base``, where a bar
    begins; ``low`` and ``high`` of an interval; ``series``, what the traces' names are, and with it all traces count.
    Without, only those of trials do.
    """
    figure.update_layout(meta={**(figure.layout.meta or {}), "columns": names})


def name_trials(figure: go.Figure) -> None:
    """The data of the figure are the trials themselves, with all that is known of them."""
    figure.update_layout(meta={**(figure.layout.meta or {}), "columns": {"trials": ""}})


def color_range(record: StudySnapshot) -> dict[str, Any]:
    """The same colour for a trial in every figure."""
    return {"cmin": 0, "cmax": max([1, *(trial.number for trial in record.trials)])}


def note(text: str) -> go.Figure:
    """A figure that says why there is nothing to see."""
    figure = layout(go.Figure(), 160, legend=False)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(text=in_figure(text), x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    return figure
