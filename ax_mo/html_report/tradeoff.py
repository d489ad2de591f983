"""The trade-off: every trial among the objectives, and the front."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ax_mo.core.objectives import Goals, Objective
from ax_mo.core.pareto import pareto_front
from ax_mo.core.trial import Trial
from ax_mo.html_report.style import (
    GREEN,
    RED,
    Kind,
    by_kind,
    color_range,
    kind_of,
    layout,
    legend_entry,
    marker,
    note,
    of_trials,
    points,
)
from ax_mo.html_report.text import in_figure
from ax_mo.storage.snapshot import StudySnapshot

_STAR = {"symbol": "star", "size": 16, "color": RED, "line": {"width": 1, "color": "white"}}
_FRONT = {"width": 2, "color": GREEN}
_SMALL = 7
"""The symbols of a matrix."""


def tradeoff(record: StudySnapshot) -> go.Figure:
    """One objective: its value by trial, with the best so far. Two: against each other. More: each pair of them."""
    count = len(record.goals.objectives)
    placed = {kind: [t for t in trials if _has_place(t, record)] for kind, trials in _kinds(record).items()}
    if not any(placed.values()):
        failed = sum(len(trials) for trials in _kinds(record).values())
        return note(f"No trial has values of all objectives yet ({failed} ended without)." if failed else NOTHING)
    if count == 1:
        return _single(record, placed)
    if count == 2:
        return _pair(record, placed)
    return _matrix(record, placed)


NOTHING = "No trial has ended yet."


def _kinds(record: StudySnapshot) -> dict[Kind, list[Trial]]:
    return by_kind(record.trials, record.goals)


def _has_place(trial: Trial, record: StudySnapshot) -> bool:
    return all(name in trial.metrics for name in record.goals.names)


def _label(kind: Kind, record: StudySnapshot, placed: Sequence[Trial]) -> str:
    """With how many of them there are, and how many of these are not in the figure for want of values."""
    count = len(_kinds(record)[kind])
    missing = count - len(placed)
    without = "" if not missing else ", without values" if missing == count else f", {missing} without values"
    return f"{kind.label} ({count}{without})" if kind is not Kind.CONFIG else kind.label


def _legend(figure: go.Figure, record: StudySnapshot, placed: dict[Kind, list[Trial]]) -> None:
    for kind, trials in placed.items():
        legend_entry(figure, kind, _label(kind, record, trials))


def axis_title(objective: Objective) -> str:
    return f"{in_figure(objective.name, 40)} ({'higher' if objective.maximize else 'lower'} is better)"


def short_title(objective: Objective) -> str:
    return f"{in_figure(objective.name, 24)} {'↑' if objective.maximize else '↓'}"


def axes_of(goals: Goals) -> tuple[Objective, Objective]:
    """Of two objectives, the one across and the one upwards: the cost, and what one gets for it, as in most papers."""
    first, second = goals.objectives
    return (second, first) if first.maximize and not second.maximize else (first, second)


def front_shape(x: Objective) -> str:
    """plotly's name of the line from each point of a front to the next, by which nothing undominated is crossed.

    ``x`` is the objective across. The line is the boundary of what the front dominates.
    """
    return "vh" if x.maximize else "hv"


def _pair(record: StudySnapshot, placed: dict[Kind, list[Trial]]) -> go.Figure:
    x, y = axes_of(record.goals)
    figure = go.Figure()
    front = sorted(pareto_front(record.trials, record.goals), key=lambda t: (t.metrics[x.name], t.metrics[y.name]))
    if front:
        figure.add_scatter(
            x=[t.metrics[x.name] for t in front],
            y=[t.metrics[y.name] for t in front],
            mode="lines",
            name=f"Pareto front ({len(front)})",
            line={**_FRONT, "shape": front_shape(x)},
            hoverinfo="skip",
        )
    for kind, trials in placed.items():
        figure.add_scatter(**_markers(kind, trials, (x, y), record.goals), marker=marker(kind, trials))
    _legend(figure, record, placed)
    thresholds(figure, x, y)
    layout(figure, 520)
    figure.update_layout(coloraxis=color_range(record))
    figure.update_xaxes(title_text=axis_title(x))
    figure.update_yaxes(title_text=axis_title(y))
    return figure


def _markers(kind: Kind, trials: Sequence[Trial], axes: tuple[Objective, Objective], goals: Goals) -> dict[str, Any]:
    """The trials of a kind as points, but for how these look."""
    x, y = axes
    return {
        "x": points([t.metrics[x.name] for t in trials]),
        "y": points([t.metrics[y.name] for t in trials]),
        "mode": "markers",
        "legendgroup": kind.label,
        "showlegend": False,
        **of_trials(trials, goals),
    }


def thresholds(figure: go.Figure, x: Objective, y: Objective, **where: Any) -> None:
    """Adds a star where both thresholds are; lines where they are, also when there is one."""
    line = {"color": RED, "width": 1, "dash": "dot"}
    if x.threshold is not None:
        figure.add_vline(x=x.threshold, line=line, layer="above", **where)
    if y.threshold is not None:
        figure.add_hline(y=y.threshold, line=line, layer="above", **where)
    if x.threshold is not None and y.threshold is not None:
        figure.add_scatter(
            x=[x.threshold],
            y=[y.threshold],
            mode="markers",
            name="thresholds",
            marker=_STAR,
            hovertext=[f"thresholds: {in_figure(x.name, 40)} {x.threshold:g}, {in_figure(y.name, 40)} {y.threshold:g}"],
            hoverinfo="text",
            legendgroup="thresholds",
            showlegend=not where or not any(trace.name == "thresholds" for trace in figure.data),
            **where,
        )


def lower_half(size: int) -> go.Figure:
    """Panels for the pairs of objectives, below the diagonal."""
    gap = 0.06 if size < 3 else 0.04
    specs: list[list[dict[str, Any] | None]] = [
        [{} if column <= row else None for column in range(size)] for row in range(size)
    ]
    return make_subplots(
        size, size, specs=specs, shared_xaxes=True, shared_yaxes=True, horizontal_spacing=gap, vertical_spacing=gap
    )


def _ring(trial: Trial, goals: Goals) -> int:
    """A ring that no symbol covers: a diamond or a square reaches further than a circle of its size."""
    kind = kind_of(trial, goals) or Kind.COMPLETED
    size = int(marker(kind, [trial], _SMALL)["size"])
    return size + 5 if kind is Kind.COMPLETED else round(1.4 * size) + 5


def _matrix(record: StudySnapshot, placed: dict[Kind, list[Trial]]) -> go.Figure:
    """The lower half of the matrix of pairs; what is on the front has a ring, since a projected front is no line."""
    objectives = record.goals.objectives
    size = len(objectives) - 1
    figure = lower_half(size)
    front = pareto_front(record.trials, record.goals)
    rings = [_ring(trial, record.goals) for trial in front]
    for row in range(size):
        for column in range(row + 1):
            x, y = objectives[column], objectives[row + 1]
            where = {"row": row + 1, "col": column + 1}
            first = row == column == 0
            for kind, trials in placed.items():
                shown = _markers(kind, trials, (x, y), record.goals)
                figure.add_scatter(**shown, marker=marker(kind, trials, _SMALL), **where)
            figure.add_scatter(
                x=points([t.metrics[x.name] for t in front]),
                y=points([t.metrics[y.name] for t in front]),
                mode="markers",
                name=f"Pareto front ({len(front)})",
                legendgroup="front",
                showlegend=first,
                marker={"symbol": "circle-open", "size": rings, "color": GREEN, "line": {"width": 2}},
                **of_trials(front, record.goals),
                **where,
            )
            thresholds(figure, x, y, **where)
            if row == size - 1:
                figure.update_xaxes(title_text=short_title(x), **where)
            if column == 0:
                figure.update_yaxes(title_text=short_title(y), **where)
    _legend(figure, record, placed)
    layout(figure, 260 * size + 100)
    figure.update_layout(coloraxis=color_range(record), meta={"min_width": 240 * size})
    return figure


def _single(record: StudySnapshot, placed: dict[Kind, list[Trial]]) -> go.Figure:
    (objective,) = record.goals.objectives
    name = objective.name
    figure = go.Figure()
    best: list[tuple[int, float]] = []
    for trial in record.trials:
        if trial.status.has_metrics and name in trial.metrics and record.goals.feasible(trial.metrics):
            value = trial.metrics[name]
            if not best or objective.better(value, best[-1][1]):
                best.append((trial.number, value))
    values = [trial.metrics[name] for trials in placed.values() for trial in trials]
    floor = min(values) if objective.maximize else max(values)
    if best:
        last = max(trial.number for trial in record.trials)
        figure.add_scatter(
            x=[number for number, _ in best] + [last],
            y=[value for _, value in best] + [best[-1][1]],
            mode="lines",
            name="best so far",
            line={**_FRONT, "shape": "hv"},
            hoverinfo="skip",
        )
    for kind, trials in _kinds(record).items():
        figure.add_scatter(
            x=[trial.number for trial in trials],
            y=[trial.metrics.get(name, floor) for trial in trials],  # those without a value stand at the worst
            mode="markers",
            legendgroup=kind.label,
            showlegend=False,
            marker=marker(kind, trials),
            **of_trials(trials, record.goals),
        )
    _legend(figure, record, placed)
    if objective.threshold is not None:
        figure.add_hline(y=objective.threshold, line={"color": RED, "width": 1, "dash": "dot"}, layer="above")
        figure.add_scatter(
            x=[min(trial.number for trial in record.trials)],
            y=[objective.threshold],
            mode="markers",
            name="threshold",
            marker=_STAR,
            hovertext=[f"threshold {objective.threshold:g}"],
            hoverinfo="text",
        )
    layout(figure, 460)
    figure.update_layout(coloraxis={**color_range(record), "showscale": False})
    figure.update_xaxes(title_text="trial")
    figure.update_yaxes(title_text=axis_title(objective))
    return figure
