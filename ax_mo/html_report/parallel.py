"""Parallel coordinates: a line for each trial through its parameters and metrics."""

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from ax_mo.core.trial import Trial
from ax_mo.html_report.style import PINK, SCALE, color_range, layout, name_trials, note
from ax_mo.html_report.text import display_value, distinct_labels, in_figure
from ax_mo.search_space.parameters import Choice, Range
from ax_mo.storage.snapshot import StudySnapshot

_LONGEST_LABEL = 18
_IMPORTED = 0.06
"""The share of the scale of colours that is for imported trials."""
_ABSENT = object()


def parallel_coordinates(record: StudySnapshot) -> go.Figure:
    """Every trial with metrics, coloured by its number; a parameter that a trial does not have is below its axis."""
    goals = record.goals
    trials = [t for t in record.trials if t.status.has_metrics and all(name in t.metrics for name in goals.names)]
    if not trials:
        return note("No trial has completed yet.")
    axes = [_parameter(record, key, trials) for key in record.space.keys]
    logarithmic = [o.name for o in goals.objectives if o.is_log]
    for name in goals.required:
        axes.append(_numbers(name, [trial.metrics.get(name, math.nan) for trial in trials], is_log=name in logarithmic))
    figure = go.Figure(go.Parcoords(dimensions=axes, line=_colors(record, trials), labelangle=-15, labelside="top"))
    layout(figure, 460, legend=False)
    figure.update_layout(margin={"l": 60, "r": 20, "t": 90, "b": 30}, meta={"min_width": 100 * len(axes)})
    name_trials(figure)
    return figure


def _colors(record: StudySnapshot, trials: Sequence[Trial]) -> dict[str, Any]:
    """By number; imported trials, which are older than the study, have a colour of their own below the scale."""
    last = color_range(record)["cmax"]
    colorbar = {"title": {"text": "trial"}, "thickness": 12}
    low, scale = 0.0, SCALE
    if any(trial.is_imported for trial in trials):
        low = -_IMPORTED / (1 - _IMPORTED) * last
        own = [[_IMPORTED + (1 - _IMPORTED) * share, color] for share, color in SCALE]
        scale = [[0.0, PINK], [_IMPORTED, PINK], *own]
        ticks = {low / 2: "imported", **{float(n): str(n) for n in (0, last // 2, last)}}
        colorbar |= {"tickvals": list(ticks), "ticktext": list(ticks.values())}
    colors = [low if trial.is_imported else trial.number for trial in trials]
    return {"color": colors, "cmin": low, "cmax": last, "colorscale": scale, "showscale": True, "colorbar": colorbar}


def _parameter(record: StudySnapshot, key: str, trials: Sequence[Trial]) -> dict[str, Any]:
    """One axis for a key, which may be several parameters under several options."""
    parameters = [parameter for parameter in record.space.parameters if parameter.key == key]
    values = [trial.point.get(key, _ABSENT) for trial in trials]
    ranges = [parameter for parameter in parameters if isinstance(parameter, Range)]
    if len(ranges) == len(parameters) and all(_is_number(value) or value is _ABSENT for value in values):
        return _numbers(key, [math.nan if value is _ABSENT else float(value) for value in values], ranges)
    options = [o.value for parameter in parameters if isinstance(parameter, Choice) for o in parameter.options]
    # By their whole text: that of two options may be alike up to anywhere, and 1 is no 1.0 and no true.
    names = {repr(value): display_value(value, sys.maxsize) for value in [*options, *values] if value is not _ABSENT}
    order, texts = list(names), distinct_labels(list(names.values()), _LONGEST_LABEL)
    places = [math.nan if value is _ABSENT else float(order.index(repr(value))) for value in values]
    # Of all texts of a figure, the ticks of these axes alone are shown as they are: plotly 6 reads no HTML in them.
    ticks = {float(place): text for place, text in enumerate(texts)}
    return _axis(key, places, ticks, 0.0, float(max(1, len(texts) - 1)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(name: str, values: Sequence[float], ranges: Sequence[Range] = (), is_log: bool = False) -> dict[str, Any]:
    """An axis of numbers, of the ``ranges`` where it has some, else of the values."""
    bounds = [float(bound) for r in ranges for bound in (r.low, r.high)]
    bounds = bounds or [value for value in values if not math.isnan(value)] or [0.0, 1.0]
    low, high = min(bounds), max(bounds)
    is_log = (is_log or (bool(ranges) and all(r.log for r in ranges))) and low > 0
    if is_log:
        # Imported trials may lie outside of the bounds, but not beyond zero.
        low, high = math.log10(low), math.log10(high)
        values = [math.log10(value) if value > 0 else math.nan for value in values]
    if low == high:
        low, high = low - 0.5, high + 0.5
    steps = [low + (high - low) * share for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    # Three digits that count, without an exponent as far as it is short.
    ticks = {step: f"{float(f'{10**step if is_log else step:.3g}'):.10g}" for step in steps}
    if ranges and all(r.integral for r in ranges):
        whole = [round(float(text)) for text in ticks.values()]
        ticks = {math.log10(number) if is_log else float(number): str(number) for number in whole}
    return _axis(name, values, ticks, low, high)


def _axis(name: str, values: Sequence[float], ticks: Mapping[float, str], low: float, high: float) -> dict[str, Any]:
    """With a place below it for trials without a value, since plotly draws no gaps here."""
    below = low - 0.12 * (high - low)
    if any(math.isnan(value) for value in values):
        values = [below if math.isnan(value) else value for value in values]
        ticks = {below: "none", **ticks}
        low = below
    return {
        "label": in_figure(name, 26),
        "values": [float(f"{value:.7g}") for value in values],
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
        "range": [low, high],
    }
