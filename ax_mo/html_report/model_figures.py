"""What the model says, and whether it can be trusted."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ax_mo.html_report.style import BLUE, GREY, PALETTE, RED, axis_scale, layout, name_columns, points
from ax_mo.html_report.text import clean, distinct_labels, in_figure
from ax_mo.optimizer.diagnostics import FittedModel, LeftOut

_MOST_PARAMETERS = 12


def sensitivity(fitted: FittedModel) -> go.Figure:
    """For each parameter a bar per metric: its share in the metric's changes across the space. Raises AxMoError."""
    found = fitted.sensitivity()
    worth = {key: max(shares[key] for shares in found.values()) for key in fitted.record.space.keys}
    keys = sorted(worth, key=worth.__getitem__, reverse=True)[:_MOST_PARAMETERS]
    labels = [in_figure(label) for label in distinct_labels([clean(key) for key in keys], 36)]
    figure = layout(go.Figure(), 140 + max(26, 14 * len(found) + 10) * len(keys))
    for index, (name, shares) in enumerate(found.items()):
        figure.add_bar(
            orientation="h",
            y=labels,
            x=[round(shares[key], 4) for key in keys],
            name=in_figure(name, 36),
            marker={"color": PALETTE[index % len(PALETTE)]},
            hovertext=[f"{in_figure(key)}: {100 * shares[key]:.1f} % of {in_figure(name, 40)}" for key in keys],
            hoverinfo="text",
        )
    figure.update_layout(barmode="group", margin={"l": 8})
    figure.update_xaxes(title_text="share", range=[0, 1], tickformat=".0%")
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    name_columns(figure, y="parameter", x="share", series="metric")
    return figure


def cross_validation(fitted: FittedModel) -> go.Figure:
    """A panel per metric: each trial as predicted without it, with its 95 % interval. Raises AxMoError."""
    found = fitted.cross_validation()
    columns = min(2, len(found))
    rows = -(-len(found) // columns)
    titles = [f"{in_figure(name, 30)}: {_inside(left_out)}" for name, left_out in found.items()]
    figure = make_subplots(rows, columns, subplot_titles=titles, horizontal_spacing=0.14, vertical_spacing=0.32 / rows)
    layout(figure, 150 + 320 * rows)
    for index, (name, left_out) in enumerate(found.items()):
        is_log, where = name in fitted.of_log, {"row": index // columns + 1, "col": index % columns + 1}
        _validate(figure, left_out, is_log, legend=index == 0, **where)
    figure.update_layout(
        meta={"min_width": 300 * columns}, margin={"t": 90}, legend={"y": 1.0 + 50 / (150 + 320 * rows)}
    )
    figure.update_annotations(font_size=13)
    return figure


def validation_panels(fitted: FittedModel) -> dict[str, go.Figure]:
    """The panels of ``cross_validation`` as figures of their own, which a page sets side by side where there is room.

    By what to call each. Raises AxMoError.
    """
    panels: dict[str, go.Figure] = {}
    for name, left_out in fitted.cross_validation().items():
        figure = panels[f"{name}: {_inside(left_out)}"] = layout(go.Figure(), 340, legend=False)
        figure.update_layout(margin={"t": 16})
        _validate(figure, left_out, name in fitted.of_log, legend=False)
        name_columns(figure, x="observed", y="predicted", low="low", high="high")
    return panels


def _inside(left_out: Sequence[LeftOut]) -> str:
    return f"{sum(row.inside for row in left_out)} of {len(left_out)} inside"


def _validate(figure: go.Figure, left_out: Sequence[LeftOut], is_log: bool, legend: bool, **where: int) -> None:
    """One panel: predicted against observed."""
    values = [row.observed for row in left_out] + [row.predicted for row in left_out]
    if values:
        ends = [min(values), max(values)]
        figure.add_scatter(
            x=ends, y=ends, mode="lines", name="predicted = observed", legendgroup="equal", hoverinfo="skip",
            line={"color": GREY, "dash": "dash"}, showlegend=legend, **where,
        )  # fmt: skip
    for inside, color, symbol in ((True, BLUE, "circle"), (False, RED, "diamond")):
        name = "observed is inside the 95 % interval" if inside else "outside"
        of_kind = [row for row in left_out if row.inside is inside]
        figure.add_scatter(
            x=points([float(f"{row.observed:.10g}") for row in of_kind]),
            y=points([float(f"{row.predicted:.5g}") for row in of_kind]),
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [float(f"{row.high - row.predicted:.5g}") for row in of_kind],
                "arrayminus": [float(f"{row.predicted - row.low:.5g}") for row in of_kind],
                "color": color,
                "thickness": 1,
                "width": 2,
            },
            mode="markers",
            marker={"color": color, "symbol": symbol, "size": 7},
            name=name,
            legendgroup=name,
            showlegend=legend,
            customdata=[[row.trial] for row in of_kind],
            hovertext=[
                f"trial {row.trial}: observed {row.observed:.5g}, predicted {row.predicted:.5g} "
                f"({row.low:.5g} to {row.high:.5g})"
                for row in of_kind
            ],
            hoverinfo="text",
            **where,
        )
    figure.update_xaxes(title_text="observed", **axis_scale(is_log), **where)
    figure.update_yaxes(title_text="predicted without it", **axis_scale(is_log), **where)
