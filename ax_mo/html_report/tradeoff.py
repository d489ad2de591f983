"""The trade-off: every trial among the objectives, and the front."""

from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ax_mo.core.objective import Objective
from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import feasible_trials, pareto_front
from ax_mo.core.trial import Trial
from ax_mo.html_report.style import (
    GREEN,
    RED,
    Kind,
    Kinds,
    axis_scale,
    by_kind,
    color_range,
    kind_of,
    layout,
    legend_of_kinds,
    marker,
    name_trials,
    note,
    points,
    trial_trace,
)
from ax_mo.html_report.text import in_figure
from ax_mo.storage.snapshot import StudySnapshot

NONE_ENDED = "No trial has ended yet."

_FRONT = {"width": 2, "color": GREEN}
_THRESHOLD = {"color": RED, "width": 1, "dash": "dot"}
_STAR = {"symbol": "star", "size": 16, "color": RED, "line": {"width": 1, "color": "white"}}
_SMALL = 7
"""The symbols of a matrix."""


def tradeoff(record: StudySnapshot) -> go.Figure:
    """One objective: its value by trial, with the best so far. Two: against each other. More: each pair of them."""
    goals = record.goals
    kinds = by_kind(record.trials, goals)
    placed = {kind: [t for t in trials if all(n in t.metrics for n in goals.names)] for kind, trials in kinds.items()}
    if not any(placed.values()):
        failed = sum(map(len, kinds.values()))
        return note(f"No trial has values of all objectives yet ({failed} ended without)." if failed else NONE_ENDED)
    if len(goals.objectives) == 1:
        return _by_trial(record, kinds, placed)
    front = pareto_front(record.trials, goals)

    def draw(figure: go.Figure, x: Objective, y: Objective, where: dict[str, int], is_first: bool) -> None:
        rings = bool(where) or has_target(x, y)
        if front and not rings:
            on_line = sorted(front, key=lambda t: (t.metrics[x.name], t.metrics[y.name]))
            figure.add_scatter(
                x=[t.metrics[x.name] for t in on_line],
                y=[t.metrics[y.name] for t in on_line],
                mode="lines",
                name=f"Pareto front ({len(front)})",
                line={**_FRONT, "shape": front_shape(x)},
                hoverinfo="skip",
            )
        for kind, trials in placed.items():
            figure.add_scatter(
                x=[t.metrics[x.name] for t in trials],
                y=[t.metrics[y.name] for t in trials],
                mode="markers",
                legendgroup=kind.label,
                showlegend=False,
                marker=marker(kind, trials, _SMALL if where else 10),
                **trial_trace(trials, goals),
                **where,
            )
        if rings:  # since a projected front is no line, nor is one around a target
            figure.add_scatter(
                x=points([t.metrics[x.name] for t in front]),
                y=points([t.metrics[y.name] for t in front]),
                mode="markers",
                name=f"Pareto front ({len(front)})",
                legendgroup="front",
                showlegend=is_first,
                marker={
                    "symbol": "circle-open",
                    "size": [_ring(trial, goals) for trial in front],
                    "color": GREEN,
                    "line": {"width": 2},
                },
                **trial_trace(front, goals),
                **where,
            )
        if is_first:
            legend_of_kinds(figure, kinds, placed)

    figure = pairs_of_objectives(goals, draw)
    figure.update_layout(coloraxis=color_range(record))
    name_trials(figure)
    return figure


def _ring(trial: Trial, goals: Goals) -> int:
    """A ring that no symbol covers: a diamond or a square reaches further than a circle of its size."""
    kind = kind_of(trial, goals) or Kind.COMPLETED
    size = int(marker(kind, [trial], _SMALL)["size"])
    return size + 5 if kind is Kind.COMPLETED else round(1.4 * size) + 5


def _by_trial(record: StudySnapshot, kinds: Kinds, placed: Kinds) -> go.Figure:
    (objective,) = record.goals.objectives
    name = objective.name
    figure = layout(go.Figure())
    best = improvements(record.trials, record.goals)
    values = [trial.metrics[name] for trials in placed.values() for trial in trials]
    floor = objective.worst(values)
    if best:
        figure.add_scatter(
            x=[*(trial.number for trial in best), record.trials[-1].number],
            y=[trial.metrics[name] for trial in [*best, best[-1]]],
            mode="lines",
            name="best so far",
            line={**_FRONT, "shape": "hv"},
            hoverinfo="skip",
        )
    for kind, trials in kinds.items():
        figure.add_scatter(
            x=[trial.number for trial in trials],
            y=[trial.metrics.get(name, floor) for trial in trials],  # those without a value stand at the worst
            mode="markers",
            legendgroup=kind.label,
            showlegend=False,
            marker=marker(kind, trials),
            **trial_trace(trials, record.goals),
        )
    legend_of_kinds(figure, kinds, placed)
    threshold(figure, objective, record.trials[0].number)
    figure.update_layout(coloraxis={**color_range(record), "showscale": False})
    figure.update_xaxes(title_text="trial")
    figure.update_yaxes(**axis(objective))
    name_trials(figure)
    return figure


# What a comparison of studies draws alike


def improvements(trials: Sequence[Trial], goals: Goals) -> list[Trial]:
    """Those of the trials that were better than all before them, in the only objective."""
    (objective,) = goals.objectives
    better: list[Trial] = []
    for trial in feasible_trials([t for t in trials if objective.name in t.metrics], goals):
        if not better or objective.better(trial.metrics[objective.name], better[-1].metrics[objective.name]):
            better.append(trial)
    return better


def pairs_of_objectives(
    goals: Goals, draw: Callable[[go.Figure, Objective, Objective, dict[str, int], bool], None]
) -> go.Figure:
    """A panel for two objectives; for more, one for each pair of them, in the lower half of a matrix.

    ``draw(figure, x, y, where, is_first)`` adds the traces of a panel; ``where`` are plotly's row and column, if any.
    """
    if len(goals.objectives) == 2:
        figure = layout(go.Figure(), 520)
        x, y = _axes_of(goals)
        draw(figure, x, y, {}, True)
        _thresholds(figure, x, y)
        figure.update_xaxes(**axis(x))
        figure.update_yaxes(**axis(y))
        return figure
    size = len(goals.objectives) - 1
    gap = 0.06 if size < 3 else 0.04
    specs: list[list[dict[str, Any] | None]] = [
        [{} if column <= row else None for column in range(size)] for row in range(size)
    ]
    figure = make_subplots(
        size, size, specs=specs, shared_xaxes=True, shared_yaxes=True, horizontal_spacing=gap, vertical_spacing=gap
    )
    layout(figure, 260 * size + 100)
    figure.update_layout(meta={"min_width": 240 * size})
    for row in range(size):
        for column in range(row + 1):
            x, y = goals.objectives[column], goals.objectives[row + 1]
            where = {"row": row + 1, "col": column + 1}
            draw(figure, x, y, where, row == column == 0)
            _thresholds(figure, x, y, **where)
            figure.update_xaxes(**axis_scale(x.is_log), **where)
            figure.update_yaxes(**axis_scale(y.is_log), **where)
            if row == size - 1:
                figure.update_xaxes(title_text=_short_title(x), **where)
            if column == 0:
                figure.update_yaxes(title_text=_short_title(y), **where)
    return figure


def _axes_of(goals: Goals) -> tuple[Objective, Objective]:
    """Of two objectives, the one across and the one upwards: the cost, and what one gets for it, as in most papers."""
    first, second = goals.objectives
    return (second, first) if first.maximize and not second.maximize else (first, second)


def has_target(x: Objective, y: Objective) -> bool:
    """Whether one of the two is to come near a number: what the front dominates then lies on both sides of it."""
    return x.target is not None or y.target is not None


def front_shape(x: Objective) -> str:
    """plotly's name of the line from each point of a front to the next, by which nothing undominated is crossed.

    ``x`` is the objective across. The line is the boundary of what the front dominates.
    """
    return "vh" if x.maximize else "hv"


def axis(objective: Objective) -> dict[str, Any]:
    """plotly's settings of an axis for the objective's values."""
    better = f"{'higher' if objective.maximize else 'lower'} is better"
    if objective.target is not None:
        better = f"best at {objective.target:.12g}"
    title = f"{in_figure(objective.name, 40)} ({better}{', log scale' if objective.is_log else ''})"
    return {"title_text": title, **axis_scale(objective.is_log)}


def _short_title(objective: Objective) -> str:
    return f"{in_figure(objective.name, 24)} {objective.arrow}"


def _thresholds(figure: go.Figure, x: Objective, y: Objective, **where: int) -> None:
    """Adds a star where both thresholds are; lines where they are, also when there is one."""
    for bound in x.bounds:
        figure.add_vline(x=bound, line=_THRESHOLD, layer="above", **where)
    for bound in y.bounds:
        figure.add_hline(y=bound, line=_THRESHOLD, layer="above", **where)
    if x.threshold is not None and y.threshold is not None and not has_target(x, y):
        text = f"thresholds: {in_figure(x.name, 40)} {x.threshold:g}, {in_figure(y.name, 40)} {y.threshold:g}"
        shown = not any(trace.name == "thresholds" for trace in figure.data)
        legend = {"legendgroup": "thresholds", "showlegend": shown}
        _add_star(figure, x.threshold, y.threshold, "thresholds", text, **legend, **where)


def threshold(figure: go.Figure, objective: Objective, x: float) -> None:
    """Adds a line where the threshold of the only objective is, if it has one, and a star on it at ``x``."""
    for bound in objective.bounds:
        figure.add_hline(y=bound, line=_THRESHOLD, layer="above")
    if objective.threshold is not None and objective.target is None:
        _add_star(figure, x, objective.threshold, "threshold", f"threshold {objective.threshold:g}")


def _add_star(figure: go.Figure, x: float, y: float, name: str, text: str, **more: Any) -> None:
    star = {"mode": "markers", "marker": _STAR, "hovertext": [text], "hoverinfo": "text"}
    figure.add_scatter(x=[x], y=[y], name=name, **star, **more)
