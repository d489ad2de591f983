"""Parallel coordinates: a line for each trial through its parameters and metrics."""

import math
import sys
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from ax_mo.core.trial import Trial
from ax_mo.html_report.style import PINK, SCALE, color_range, layout, note
from ax_mo.html_report.text import distinct_labels, in_figure, shown
from ax_mo.search_space.parameters import Choice, Range
from ax_mo.storage.snapshot import StudySnapshot

_LABEL = 18
_IMPORTED = 0.06
"""The share of the scale of colours that is for imported trials."""


def parallel_coordinates(record: StudySnapshot) -> go.Figure:
    """Every trial with metrics, coloured by its number; a parameter that a trial does not have is below its axis."""
    goals = record.goals
    trials = [t for t in record.trials if t.status.has_metrics and all(name in t.metrics for name in goals.names)]
    if not trials:
        return note("No trial has completed yet.")
    dimensions = [_parameter(record, key, trials) for key in record.space.keys]
    for name in goals.required:
        values = [trial.metrics.get(name, math.nan) for trial in trials]
        dimensions.append(_axis(name, _numbers(values, log=False)))
    figure = go.Figure(
        go.Parcoords(
            dimensions=dimensions,
            line=_colors(record, trials),
            labelangle=-15,
            labelside="top",
        )
    )
    layout(figure, 460, legend=False)
    figure.update_layout(margin={"l": 60, "r": 20, "t": 90, "b": 30}, meta={"min_width": 100 * len(dimensions)})
    return figure


def _colors(record: StudySnapshot, trials: Sequence[Trial]) -> dict[str, Any]:
    """By number; imported trials, which are older than the study, have a colour of their own below the scale."""
    colors: dict[str, Any] = {
        "color": [trial.number for trial in trials],
        "colorscale": SCALE,
        "showscale": True,
        "colorbar": {"title": {"text": "trial"}, "thickness": 12},
        **color_range(record),
    }
    if all(not trial.is_imported for trial in trials):
        return colors
    last = colors["cmax"]
    low = -_IMPORTED / (1 - _IMPORTED) * last
    scale = [[_IMPORTED + (1 - _IMPORTED) * share, color] for share, color in SCALE]
    ticks = {low / 2: "imported", **{float(n): str(n) for n in dict.fromkeys((0, last // 2, last))}}
    return {
        **colors,
        "color": [trial.number if not trial.is_imported else low for trial in trials],
        "cmin": low,
        "colorscale": [[0.0, PINK], [_IMPORTED, PINK], *scale],
        "colorbar": {**colors["colorbar"], "tickvals": list(ticks), "ticktext": list(ticks.values())},
    }


def _parameter(record: StudySnapshot, key: str, trials: Sequence[Trial]) -> dict[str, Any]:
    """One axis for a key, which may be several parameters under several options."""
    parameters = [parameter for parameter in record.space.parameters if parameter.key == key]
    values = [trial.point.get(key, _ABSENT) for trial in trials]
    ranges = [parameter for parameter in parameters if isinstance(parameter, Range)]
    if len(ranges) == len(parameters) and all(_is_number(value) or value is _ABSENT for value in values):
        numbers = [math.nan if value is _ABSENT else float(value) for value in values]
        log, whole = all(r.log for r in ranges), all(r.integral for r in ranges)
        return _axis(key, _numbers(numbers, log, _bounds(ranges), whole))
    options = [o.value for parameter in parameters if isinstance(parameter, Choice) for o in parameter.options]
    # By their whole text: that of two options may be alike up to anywhere, and 1 is no 1.0 and no true.
    names = {repr(value): shown(value, sys.maxsize) for value in [*options, *values] if value is not _ABSENT}
    order, texts = list(names), distinct_labels(list(names.values()), _LABEL)
    places = [math.nan if value is _ABSENT else float(order.index(repr(value))) for value in values]
    # Of all texts of a figure, the ticks of these axes alone are shown as they are: plotly 6 reads no HTML in them.
    ticks = {float(place): text for place, text in enumerate(texts)}
    return _axis(key, _with_absent(places, ticks, (0.0, float(max(1, len(texts) - 1)))))


_ABSENT = object()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bounds(ranges: Sequence[Range]) -> tuple[float, float]:
    return min(float(r.low) for r in ranges), max(float(r.high) for r in ranges)


def _axis(name: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"label": in_figure(name, 26), **values}


def _numbers(
    values: Sequence[float], log: bool, bounds: tuple[float, float] | None = None, whole: bool = False
) -> dict[str, Any]:
    known = [value for value in values if not math.isnan(value)]
    low, high = bounds or (min(known, default=0.0), max(known, default=1.0))
    log = log and low > 0
    if log:
        # Imported trials may lie outside of the bounds, but not beyond zero.
        low, high = math.log10(low), math.log10(high)
        values = [math.log10(value) if value > 0 else math.nan for value in values]
    if low == high:
        low, high = low - 0.5, high + 0.5
    steps = [low + (high - low) * share for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    ticks = {step: _tick(10**step if log else step) for step in steps}
    if whole:
        ticks = {
            math.log10(int(text)) if log else float(text): text for text in (f"{float(t):.0f}" for t in ticks.values())
        }
    return _with_absent(values, ticks, (low, high))


def _tick(value: float) -> str:
    """Three digits that count, without an exponent as far as it is short."""
    return f"{float(f'{value:.3g}'):.10g}"


def _with_absent(values: Sequence[float], ticks: dict[float, str], bounds: tuple[float, float]) -> dict[str, Any]:
    """A place below the axis for those without a value, since plotly draws no gaps here."""
    low, high = bounds
    if any(math.isnan(value) for value in values):
        place = low - 0.12 * (high - low)
        values = [place if math.isnan(value) else value for value in values]
        ticks = {place: "none", **ticks}
        low = place
    return {
        "values": [float(f"{value:.7g}") for value in values],
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
        "range": [low, high],
    }
