"""How a study has gone: hypervolume by trial, and learning curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from ax_mo.page.style import BLUE, ORANGE, SCALE, layout, note
from ax_mo.page.text import in_figure
from ax_mo.page.volume import hypervolumes
from ax_mo.record import StudyRecord
from ax_mo.results.front import pareto_front, reference_point
from ax_mo.study.trial import Status, Trial
from ax_mo.trial.curve import read_curve

MOST_CURVES = 60
"""Of how many trials learning curves are drawn: more cannot be told apart, and make the page slow."""
_MOST_STEPS = 80
_MOST_METRICS = 4


def hypervolume_trace(record: StudyRecord) -> go.Figure:
    """The hypervolume after each trial in the order in which they ended; what was imported was there before."""
    goals = record.goals
    counting = [t for t in record.trials if t.status.has_metrics and all(n in t.metrics for n in goals.required)]
    if not counting:
        return note("No trial has completed yet.")
    imported = [trial for trial in counting if trial.status is Status.IMPORTED]
    own = sorted(
        (t for t in record.trials if t.status.ended and t.number >= 0), key=lambda t: (t.ended or "", t.number)
    )
    reference = reference_point(counting, goals)
    known = {trial.number for trial in counting if goals.feasible(trial.metrics)}
    used = [trial for trial in [*imported, *own] if trial.number in known]
    volumes = hypervolumes([trial.metrics for trial in used], goals, reference)
    after = {trial.number: volume for trial, volume in zip(used, volumes, strict=True)}
    volume = max((after[trial.number] for trial in imported if trial.number in after), default=0.0)
    xs, ys, texts = [0], [volume], ["before the first trial"]
    for count, trial in enumerate(own, start=1):
        volume = after.get(trial.number, volume)
        xs.append(count)
        ys.append(volume)
        texts.append(f"after {count} trials, the last was trial {trial.label}: {volume:.6g}")
    numbers = [[-1], *([trial.number] for trial in own)]
    figure = go.Figure()
    figure.add_scatter(
        x=xs, y=ys, mode="lines+markers", name="all trials so far", line={"shape": "hv", "width": 2, "color": BLUE},
        marker={"size": 5}, hovertext=texts, hoverinfo="text", customdata=numbers,
    )  # fmt: skip
    config = [trial for trial in used if trial.generator == "config"]
    if config:
        (alone,) = hypervolumes([config[0].metrics], goals, reference)
        figure.add_scatter(
            x=[0, max(1, xs[-1])], y=[alone, alone], mode="lines", name="the project's configuration alone",
            line={"dash": "dash", "width": 2, "color": ORANGE}, hovertext=[f"{alone:.6g}"] * 2, hoverinfo="text",
        )  # fmt: skip
    layout(figure, 380)
    figure.update_xaxes(title_text="trials ended", rangemode="tozero")
    one = len(goals.objectives) == 1
    figure.update_yaxes(title_text="best beyond the reference" if one else "hypervolume", rangemode="tozero")
    return figure


# Learning curves


@dataclass(frozen=True)
class DrawnCurve:
    """One run's curve of one metric, thinned to what a figure shows."""

    run: Trial
    steps: tuple[int, ...]
    values: tuple[float, ...]


def curves_of(record: StudyRecord) -> dict[str, list[DrawnCurve]]:
    """The curves by metric: objectives first, then what stands for one in early stopping, then the most frequent."""
    found: dict[str, list[DrawnCurve]] = {}
    for run in _worth_drawing(record):
        curve = read_curve(record.directory / run.directory)
        names = dict.fromkeys(name for point in curve.points for name in point.metrics)
        for name in names:
            values = curve.values(name)
            found.setdefault(name, []).append(DrawnCurve(run, *_thinned(list(values), list(values.values()))))
    rule = record.settings.get("early_stopping")
    named = rule.get("curves") if isinstance(rule, Mapping) else None
    wanted = [*record.goals.required, *(named.values() if isinstance(named, Mapping) else ())]
    rest = sorted((name for name in found if name not in wanted), key=lambda name: -len(found[name]))
    # A curve of one point is a value.
    order = [n for n in [*wanted, *rest] if n in found and any(len(curve.steps) > 1 for curve in found[n])]
    return {name: found[name] for name in list(dict.fromkeys(order))[:_MOST_METRICS]}


def _worth_drawing(record: StudyRecord) -> list[Trial]:
    """The front's runs and the latest of the others that have begun; imported ones have their files elsewhere."""
    front = {trial.number for trial in pareto_front(record.trials, record.goals)}
    begun = [run for run in record.runs if run.number >= 0 and run.submitted is not None]
    begun.sort(key=lambda run: (run.number in front, run.number), reverse=True)
    return sorted(begun[:MOST_CURVES], key=lambda run: (run.number, run.repeat or 0))


def _thinned(steps: Sequence[int], values: Sequence[float]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """At most so many points, evenly spaced, the last among them."""
    if len(steps) <= _MOST_STEPS:
        return tuple(steps), tuple(values)
    kept = sorted({round(i * (len(steps) - 1) / (_MOST_STEPS - 1)) for i in range(_MOST_STEPS)})
    return tuple(steps[i] for i in kept), tuple(values[i] for i in kept)


def learning_curves(record: StudyRecord, curves: Mapping[str, Sequence[DrawnCurve]] | None = None) -> go.Figure:
    """Each run's metrics by step, one panel a metric; those that were stopped early end in a triangle."""
    curves = curves_of(record) if curves is None else curves
    if not curves:
        return note("No trial has left a learning curve.")
    figure = make_subplots(len(curves), 1, shared_xaxes=True, vertical_spacing=0.2 / len(curves) if curves else 0)
    numbers = [trial.number for trial in record.trials]
    last = max(1, *numbers)
    for row, (name, drawn) in enumerate(curves.items(), start=1):
        for curve in drawn:
            run = curve.run
            (color,) = sample_colorscale(SCALE, [max(0, run.number) / last])
            stopped = run.status is Status.EARLY_STOPPED
            said = f"trial {run.label}{', stopped early' if stopped else ''}"
            figure.add_scatter(
                x=curve.steps,
                y=[float(f"{value:.6g}") for value in curve.values],
                mode="lines+markers",
                name=f"trial {run.label}",
                line={"width": 1.5, "color": color, "dash": "dot" if stopped else "solid"},
                marker={
                    "size": [0] * (len(curve.steps) - 1) + [10 if stopped else 6],
                    "symbol": "triangle-down" if stopped else "circle",
                    "opacity": 1,
                },
                customdata=[[run.number]] * len(curve.steps),
                hovertemplate=f"{said}<br>step %{{x}}: %{{y}}<extra></extra>",
                showlegend=False,
                row=row,
                col=1,
            )
        figure.update_yaxes(title_text=in_figure(name, 30), row=row, col=1)
    layout(figure, 140 + 240 * len(curves), legend=False)
    # A scale of colours for the lines, whose colours are each their own.
    figure.add_scatter(
        x=[None], y=[None], mode="markers", hoverinfo="skip", showlegend=False,
        marker={"color": [0], "coloraxis": "coloraxis"}, row=1, col=1,
    )  # fmt: skip
    figure.update_layout(coloraxis={"cmin": 0, "cmax": last})
    figure.update_xaxes(title_text="step", row=len(curves), col=1)
    return figure
