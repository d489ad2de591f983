"""What the model predicts along one parameter (a slice) or two (a contour), and the trials that were there."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ax_mo.core.trial import Trial
from ax_mo.errors import AxMoError, closest
from ax_mo.html_report.style import (
    BLUE,
    SCALE,
    Kinds,
    axis_scale,
    by_kind,
    color_range,
    layout,
    legend_of_kinds,
    marker,
    name_columns,
    trial_trace,
)
from ax_mo.html_report.text import display_value, distinct_labels, in_figure
from ax_mo.html_report.tradeoff import axis
from ax_mo.optimizer.diagnostics import FittedModel
from ax_mo.optimizer.grid import GridAxis, PredictedGrid
from ax_mo.search_space.parameters import Choice, Range

_BAND = "rgba(0, 114, 178, 0.16)"
_LONGEST_LABEL = 24
_OUTLINE = "#33383e"
_OBSERVED = {"color": "rgba(255, 255, 255, 0.85)", "line": {"width": 1.5, "color": _OUTLINE}}
"""Of trials on a surface, on whose colours they must be seen."""


def metric_named(fitted: FittedModel, name: str | None) -> str:
    """One of the metrics that the model predicts, the first where none is named. Raises AxMoError."""
    if name is not None and name not in fitted.metrics:
        known = ", ".join(fitted.metrics)
        raise AxMoError(f"The model predicts no '{name}'.{closest(name, fitted.metrics)} It predicts: {known}.")
    return name or fitted.metrics[0]


def by_importance(fitted: FittedModel, metric: str | None = None) -> list[str]:
    """The parameters by their share in the metric's changes, or by the largest in that of any. Raises AxMoError."""
    shares = fitted.sensitivity()
    wanted = [metric] if metric is not None else list(shares)
    return sorted(fitted.record.space.keys, key=lambda key: -max(shares[name][key] for name in wanted))


def slice_figure(fitted: FittedModel, grids: Sequence[PredictedGrid], metric: str) -> go.Figure:
    """A panel for each grid of one axis: the metric's prediction with its 95 % interval, and all trials by value.

    Trials without the parameter are not in its panel.
    """
    columns = min(3, len(grids))
    rows = -(-len(grids) // columns)
    figure = make_subplots(
        rows, columns, shared_yaxes="all" if columns > 1 else False,
        horizontal_spacing=0.04, vertical_spacing=0.34 / rows,
    )  # fmt: skip
    layout(figure, 100 + 340 * rows)
    named = {"y": metric, "low": "low", "high": "high", "series": "series"}
    for index, grid in enumerate(grids):
        (along,) = grid.axes
        where = {"row": index // columns + 1, "col": index % columns + 1}
        number = "" if index == 0 else str(index + 1)
        named |= {f"x{number}": along.key, f"y{number}": metric}
        _predicted_slice(figure, grid, metric, metric in fitted.of_log, **where)
        for kind, trials in _observed(fitted, grid, metric).items():
            figure.add_scatter(
                x=[_place(along, trial) for trial in trials],
                y=[fitted.observed(metric, trial) for trial in trials],
                mode="markers",
                name="observed",
                showlegend=False,
                marker=marker(kind, trials, 8),
                **trial_trace(trials, fitted.record.goals),
                **where,
            )
        figure.update_xaxes(**_axis_of(along, _at(grid)), **where)
        scale = _value_axis(fitted, metric)
        figure.update_yaxes(**scale if where["col"] == 1 else scale | {"title_text": None}, **where)
    seen = _together([_observed(fitted, grid, metric) for grid in grids])
    legend_of_kinds(figure, seen, seen)
    figure.update_layout(coloraxis=color_range(fitted.record))
    if columns > 1:
        figure.update_layout(meta={"min_width": 280 * columns})
    name_columns(figure, **named)
    return figure


def _predicted_slice(figure: go.Figure, grid: PredictedGrid, metric: str, is_log: bool, **where: int) -> None:
    (along,) = grid.axes
    labels = _labels(along)
    lines = [
        (label, *_interval(*prediction[metric], is_log))
        for label, prediction in zip(labels, grid.predictions, strict=True)
        if prediction is not None
    ]
    is_first = where == {"row": 1, "col": 1}
    shared = {
        "x": [label for label, *_ in lines],
        "legendgroup": "predicted",
        "showlegend": is_first,
        "hovertext": [
            f"{in_figure(along.key, 40)} = {label if isinstance(label, str) else f'{label:.6g}'}<br>predicted "
            f"{in_figure(metric, 40)}: {mean:.5g} ({low:.5g} to {high:.5g})"
            for label, mean, low, high in lines
        ],
        "hoverinfo": "text",
        "name": "predicted, with its 95 % interval",
        **where,
    }
    means = [_short(mean) for _, mean, _, _ in lines]
    ends = {
        "type": "data", "symmetric": False,
        "array": [_short(high - mean) for _, mean, _, high in lines],
        "arrayminus": [_short(mean - low) for _, mean, low, _ in lines],
    }  # fmt: skip
    if isinstance(along.parameter, Choice):
        look: dict[str, Any] = {"color": BLUE, "symbol": "line-ew", "size": 26, "line": {"width": 3, "color": BLUE}}
        figure.add_scatter(
            y=means,
            mode="markers",
            marker=look,
            error_y={**ends, "color": BLUE, "thickness": 1.5, "width": 8},
            **shared,
        )
        return
    around = [label for label, *_ in lines]
    figure.add_scatter(
        x=around + around[::-1],
        y=[_short(high) for *_, high in lines] + [_short(low) for _, _, low, _ in lines][::-1],
        mode="lines", line={"width": 0}, fill="toself", fillcolor=_BAND, hoverinfo="skip", showlegend=False, **where,
    )  # fmt: skip
    figure.add_scatter(
        y=means, mode="lines", line={"width": 2, "color": BLUE}, error_y={**ends, "visible": False}, **shared
    )


def contour_figure(fitted: FittedModel, grid: PredictedGrid, metric: str) -> go.Figure:
    """The metric's prediction along two parameters as a surface of colours, and the trials that have both of them."""
    across, up = grid.axes
    is_log = metric in fitted.of_log
    cells = [None if prediction is None else prediction[metric] for prediction in grid.predictions]
    # plotly's rows are of the axis upwards.
    rows = [cells[place :: len(up.values)] for place in range(len(up.values))]
    figure = layout(go.Figure(), 520)
    draw: Callable[..., Any] = go.Heatmap if _is_choice(across) or _is_choice(up) else go.Contour
    surface = draw(
        x=_labels(across),
        y=_labels(up),
        z=[[None if cell is None else _short(_position(cell[0], is_log)) for cell in row] for row in rows],
        customdata=[[None if cell is None else [_short(cell[0]), _short(cell[1], 3)] for cell in row] for row in rows],
        name="predicted",
        coloraxis="coloraxis",
        hovertemplate=(
            f"{in_figure(across.key, 40)} = %{{x}}<br>{in_figure(up.key, 40)} = %{{y}}<br>predicted "
            f"{in_figure(metric, 40)}: %{{customdata[0]}} ± %{{customdata[1]}}<extra></extra>"
        ),
    )
    if draw is go.Contour:
        surface.update(ncontours=14, line={"width": 0.5, "color": "rgba(255, 255, 255, 0.5)"})
    figure.add_trace(surface)
    seen = _observed(fitted, grid, metric)
    for kind, trials in seen.items():
        traced = trial_trace(trials, fitted.record.goals)
        values = [fitted.observed(metric, trial) for trial in trials]
        traced["customdata"] = [[trial.number, value] for trial, value in zip(trials, values, strict=True)]
        look = {**marker(kind, trials, 9), **_OBSERVED}
        look.pop("coloraxis", None)
        if kind.symbol.endswith("-open"):  # which is all outline
            look |= {"color": _OUTLINE, "line": {"width": 2}}
        figure.add_scatter(
            x=[_place(across, trial) for trial in trials],
            y=[_place(up, trial) for trial in trials],
            mode="markers",
            name="observed",
            showlegend=False,
            marker=look,
            **traced,
        )
    legend_of_kinds(figure, seen, seen)
    figure.update_layout(coloraxis=_colors([cell[0] for cell in cells if cell is not None], metric, is_log))
    figure.update_xaxes(**_axis_of(across, _at(grid)))
    figure.update_yaxes(**_axis_of(up))
    name_columns(figure, x=across.key, y=up.key, z=metric, error="standard error", series="series")
    return figure


def _at(grid: PredictedGrid) -> str:
    """A second line for the title of an axis."""
    return f'<br><span style="font-size:11px">predicted with the other parameters as in trial {grid.base.label}</span>'


def _observed(fitted: FittedModel, grid: PredictedGrid, metric: str) -> Kinds:
    """The trials that have the metric and all parameters of the axes."""

    def is_there(trial: Trial) -> bool:
        has = fitted.observed(metric, trial) is not None and all(along.key in trial.point for along in grid.axes)
        return has and all(_place(along, trial) is not None for along in grid.axes)

    kinds = by_kind(fitted.record.trials, fitted.record.goals)
    found = {kind: [trial for trial in trials if is_there(trial)] for kind, trials in kinds.items()}
    return {kind: trials for kind, trials in found.items() if trials}


def _together(several: Sequence[Kinds]) -> Kinds:
    """All trials of several panels, each once."""
    merged: Kinds = {}
    for kinds in several:
        for kind, trials in kinds.items():
            known = {trial.number: trial for trial in [*merged.get(kind, []), *trials]}
            merged[kind] = list(known.values())
    return merged


def _is_choice(along: GridAxis) -> bool:
    return isinstance(along.parameter, Choice)


def _labels(along: GridAxis) -> list[Any]:
    """The values of an axis as plotly has them: numbers, or texts for the options of a choice."""
    if not _is_choice(along):
        return [_short(value, 7) for value in along.values]
    texts = [display_value(value) for value in along.values]
    return [in_figure(text) for text in distinct_labels(texts, _LONGEST_LABEL)]


def _place(along: GridAxis, trial: Trial) -> Any:
    """Where the trial is on the axis; None where its value is none of the options."""
    value = trial.point[along.key]
    if not _is_choice(along):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return _short(value, 7) if is_number and (value > 0 or not along.is_log) else None
    place = along.place_of(value)
    return None if place is None else _labels(along)[place]


def _axis_of(along: GridAxis, more: str = "") -> dict[str, Any]:
    """plotly's settings of the axis of a parameter."""
    title = {"title_text": in_figure(along.key, 40) + more}
    if _is_choice(along):
        labels = _labels(along)
        return {**title, "type": "category", "categoryorder": "array", "categoryarray": labels}
    assert isinstance(along.parameter, Range)
    low, high = along.parameter.low, along.parameter.high
    ticks: dict[str, Any] = {}
    if along.is_log:  # in a panel or on a phone there is room for 1, 2 and 5 of two powers of ten
        ticks = {"dtick": 1 if high >= 100 * low else "D2"}
    elif along.parameter.integral and high - low <= 10:
        ticks = {"dtick": 1}
    return {**title, **axis_scale(along.is_log), **ticks}


def _value_axis(fitted: FittedModel, metric: str) -> dict[str, Any]:
    objective = next((o for o in fitted.record.goals.objectives if o.name == metric), None)
    return {"title_text": in_figure(metric, 40)} if objective is None else axis(objective)


def _interval(mean: float, error: float, is_log: bool) -> tuple[float, float, float]:
    """The mean with the ends of the 95 % interval, which on a log scale is longer above than below."""
    half = 1.96 * error
    if is_log and mean > 0:
        factor = math.exp(min(half / mean, 500.0))
        return mean, mean / factor, mean * factor
    return mean, mean - half, mean + half


def _position(value: float, is_log: bool) -> float:
    return math.log10(value) if is_log and value > 0 else value


def _colors(values: Sequence[float], metric: str, is_log: bool) -> dict[str, Any]:
    """The scale of colours of the metric; on a log scale, with ticks at 1, 2 and 5 of each power of ten."""
    bar: dict[str, Any] = {"title": {"text": in_figure(metric, 20)}, "thickness": 12, "len": 0.9}
    if is_log and values and min(values) > 0:
        low, high = math.log10(min(values)), math.log10(max(values))
        powers = range(math.floor(low), math.ceil(high) + 1)
        ticks = [math.log10(digit) + power for power in powers for digit in (1, 2, 5)]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) < 2:
            ticks = [low + (high - low) * share for share in (0.0, 0.5, 1.0)]
        bar |= {"tickvals": ticks, "ticktext": [f"{float(f'{10**tick:.3g}'):.10g}" for tick in ticks]}
    return {"colorscale": SCALE, "colorbar": bar}


def _short(value: Any, digits: int = 5) -> float:
    return float(f"{value:.{digits}g}")
