"""How a study has gone: hypervolume by trial, and learning curves."""

from collections.abc import Mapping
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from ax_mo.core.failures import in_order_of_end
from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import hypervolume, hypervolumes_so_far, reference_point
from ax_mo.core.trial import Status, Trial, TrialRun
from ax_mo.early_stopping.curves import thinned
from ax_mo.html_report.style import (
    BLUE,
    ORANGE,
    SCALE,
    axis_scale,
    color_range,
    has_all_metrics,
    layout,
    name_columns,
    note,
)
from ax_mo.html_report.text import in_figure
from ax_mo.results.tables import front_numbers
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trial.curve import Curve, read_curve

MOST_CURVES = 60
"""Of how many trials learning curves are drawn: more cannot be told apart, and make the page slow."""
_MOST_STEPS = 80
_MOST_METRICS = 4


@dataclass(frozen=True)
class Step:
    """The hypervolume after so many trials have ended, the last of them ``trial``; None for before the first."""

    count: int
    trial: Trial | None
    volume: float


def hypervolume_steps(record: StudySnapshot, reference: Mapping[str, float]) -> list[Step]:
    """From ``reference``, after each trial in the order in which they ended; what was imported was there before."""
    goals = record.goals
    imported = [trial for trial in record.trials if trial.status is Status.IMPORTED]
    own = in_order_of_end(record.trials)
    used = [t for t in [*imported, *own] if has_all_metrics(t, goals) and goals.feasible(t.metrics)]
    volumes = hypervolumes_so_far(used, goals, reference)
    after = {trial.number: volume for trial, volume in zip(used, volumes, strict=True)}
    steps = [Step(0, None, max((after[t.number] for t in imported if t.number in after), default=0.0))]
    for count, trial in enumerate(own, start=1):
        steps.append(Step(count, trial, after.get(trial.number, steps[-1].volume)))
    return steps


def step_text(step: Step) -> str:
    """A step in words."""
    if step.trial is None:
        return f"before the first trial: {step.volume:.6g}"
    return f"after {step.count} trials, the last was trial {step.trial.label}: {step.volume:.6g}"


def hypervolume_trace(record: StudySnapshot) -> go.Figure:
    """The hypervolume after each trial, and that of the project's own configuration."""
    goals = record.goals
    counting = [trial for trial in record.trials if has_all_metrics(trial, goals)]
    if not counting:
        return note("No trial has completed yet.")
    reference = reference_point(counting, goals)
    steps = hypervolume_steps(record, reference)
    figure = go.Figure()
    figure.add_scatter(
        x=[step.count for step in steps], y=[step.volume for step in steps], mode="lines+markers",
        name="all trials so far", line={"shape": "hv", "width": 2, "color": BLUE}, marker={"size": 5},
        hovertext=[step_text(step) for step in steps], hoverinfo="text",
        customdata=[[None if step.trial is None else step.trial.number] for step in steps],
    )  # fmt: skip
    config = [trial for trial in counting if trial.generator == "config" and goals.feasible(trial.metrics)]
    if config:
        alone = hypervolume(config[:1], goals, reference)
        figure.add_scatter(
            x=[0, max(1, steps[-1].count)], y=[alone, alone], mode="lines", name="the project's configuration alone",
            line={"dash": "dash", "width": 2, "color": ORANGE}, hovertext=[f"{alone:.6g}"] * 2, hoverinfo="text",
        )  # fmt: skip
    layout(figure, 380)
    figure.update_xaxes(title_text="trials ended", rangemode="tozero")
    figure.update_yaxes(title_text=volume_title(goals), rangemode="tozero")
    name_columns(figure, x="trials ended", y="hypervolume")
    return figure


def volume_title(goals: Goals) -> str:
    """The title of an axis of hypervolumes, with the objectives that are measured in decades."""
    title = "best beyond the reference" if len(goals.objectives) == 1 else "hypervolume"
    return f"{title} ({in_figure(goals.in_decades, 60)})" if goals.in_decades else title


def curves_of(record: StudySnapshot) -> dict[str, list[tuple[TrialRun, Curve]]]:
    """The runs' curves by metric, thinned to what a figure shows.

    The objectives first, then what stands for one in early stopping, then the most frequent metrics.
    """
    found: dict[str, list[tuple[TrialRun, Curve]]] = {}
    for run in _worth_drawing(record):
        for name, curve in read_curve(record.directory / run.directory).curves.items():
            steps, values = zip(*thinned(list(zip(curve.steps, curve.values, strict=True)), _MOST_STEPS), strict=True)
            found.setdefault(name, []).append((run, Curve(list(steps), list(values))))
    rule = record.settings.get("early_stopping")
    named = rule.get("curves") if isinstance(rule, Mapping) else None
    wanted = [*record.goals.required, *(named.values() if isinstance(named, Mapping) else ())]
    rest = sorted(found, key=lambda name: -len(found[name]))
    # A curve of one point is a value.
    order = [n for n in [*wanted, *rest] if n in found and any(len(curve.steps) > 1 for _, curve in found[n])]
    return {name: found[name] for name in list(dict.fromkeys(order))[:_MOST_METRICS]}


def _worth_drawing(record: StudySnapshot) -> list[TrialRun]:
    """The front's runs and the latest of the others that have begun; imported ones have their files elsewhere."""
    front = front_numbers(record)
    begun = [run for run in record.runs if not run.is_imported and run.submitted is not None]
    begun.sort(key=lambda run: (run.number in front, run.number), reverse=True)
    return sorted(begun[:MOST_CURVES], key=lambda run: (run.number, run.repeat or 0))


def learning_curves(record: StudySnapshot) -> go.Figure:
    """Each run's metrics by step, one panel a metric; those that were stopped early end in a triangle."""
    curves = curves_of(record)
    if not curves:
        return note("No trial has left a learning curve.")
    figure = make_subplots(len(curves), 1, shared_xaxes=True, vertical_spacing=0.2 / len(curves))
    last = color_range(record)["cmax"]
    logarithmic = [o.name for o in record.goals.objectives if o.is_log]
    for row, (name, drawn) in enumerate(curves.items(), start=1):
        for run, curve in drawn:
            (color,) = sample_colorscale(SCALE, [run.number / last])
            stopped = run.status is Status.EARLY_STOPPED
            said = f"trial {run.label}{', stopped early' if stopped else ''}"
            figure.add_scatter(
                x=curve.steps,
                y=[float(f"{value:.6g}") for value in curve.values],
                mode="lines+markers",
                name=f"trial {run.label}",
                legendgroup=run.label,
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
        is_log = name in logarithmic and all(value > 0 for _, curve in drawn for value in curve.values)
        figure.update_yaxes(title_text=in_figure(name, 30), **axis_scale(is_log), row=row, col=1)
    layout(figure, 140 + 240 * len(curves), legend=False)
    # A scale of colours for the lines, whose colours are each their own.
    figure.add_scatter(
        x=[None], y=[None], mode="markers", hoverinfo="skip", showlegend=False,
        marker={"color": [0], "coloraxis": "coloraxis"}, row=1, col=1,
    )  # fmt: skip
    figure.update_layout(coloraxis=color_range(record))
    figure.update_xaxes(title_text="step", row=len(curves), col=1)
    names: dict[str, str] = {}
    for number, name in enumerate(curves, start=1):
        names |= {f"x{number}" if number > 1 else "x": "step", f"y{number}" if number > 1 else "y": name}
    name_columns(figure, **names, series="run")
    return figure
