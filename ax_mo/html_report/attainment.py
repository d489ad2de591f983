"""Attainment surfaces: what any, half and all of several runs of one search reached, for studies and for repeats.

Runs are studies that differ in their seed alone; or, of one study with repeats, the first runs of all trials, their
second runs, and so on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import plotly.graph_objects as go

from ax_mo.core.attainment import Pair, attainment_surface, levels_of
from ax_mo.core.failures import in_order_of_end
from ax_mo.core.objective import Objective
from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Trial
from ax_mo.errors import AxMoError
from ax_mo.html_report.comparison_figures import Look, look
from ax_mo.html_report.state import settings_of
from ax_mo.html_report.style import has_all_metrics, layout, name_columns, note, points
from ax_mo.html_report.text import in_figure
from ax_mo.html_report.tradeoff import axis, front_shape, pairs_of_objectives, threshold
from ax_mo.results.comparison import Comparison
from ax_mo.storage.snapshot import StudySnapshot


@dataclass(frozen=True)
class RunGroup:
    """Runs that are alike but for their seed."""

    name: str
    """Empty for the only group of a figure."""
    runs: Sequence[Sequence[tuple[int, Trial]]]
    """Of each run, the trials that meet the constraints, and after how many ended ones each was there."""
    place: int = 0
    """Of its first study among all, which gives it its colour."""


def has_repeats(record: StudySnapshot) -> bool:
    """Whether trials ran several times, which is another thing than several rungs."""
    return any(run.repeat and run.budget is None for run in record.runs)


def repeats_of(record: StudySnapshot) -> RunGroup:
    """A study's repeats as runs. Raises AxMoError for a study without."""
    if not has_repeats(record):
        raise AxMoError(
            "Attainment is of several runs: of a study with hydra.sweeper.repeats, or of studies that differ in their "
            "seed alone (ax-mo plot DIR attainment --with DIR DIR, ax-mo compare DIR DIR DIR --html FILE)."
        )
    numbers = sorted({run.repeat for run in record.runs if run.repeat is not None})
    return RunGroup("", [_counted([r for r in record.runs if r.repeat == n], record.goals) for n in numbers])


def groups_of(comparison: Comparison, titles: Sequence[str]) -> list[RunGroup]:
    """The studies, those together that differ in their seed alone."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for index, side in enumerate(comparison.sides):
        alike.setdefault(_setup(side.record), []).append(index)
    groups = []
    for places in alike.values():
        name = titles[places[0]] + (f" and {len(places) - 1} more" if len(places) > 1 else "")
        records = [comparison.sides[place].record for place in places]
        runs = [_counted(record.trials, record.goals) for record in records]
        groups.append(RunGroup("" if len(alike) == 1 else name, runs, places[0]))
    return groups


def _setup(record: StudySnapshot) -> tuple[object, ...]:
    """What two studies have in common that differ in their seed alone, as a setting or as an override."""
    settings = [pair for pair in settings_of(record) if pair[0] not in ("seed", "in every trial")]
    fixed = [line for line in record.space.fixed if line.partition("=")[0].rpartition(".")[2].lstrip("+") != "seed"]
    return (*settings, *fixed, *record.space.describe().items())


def _counted(trials: Sequence[Trial], goals: Goals) -> list[tuple[int, Trial]]:
    ended = enumerate(in_order_of_end(trials), start=1)
    return [(count, t) for count, t in ended if has_all_metrics(t, goals) and goals.feasible(t.metrics)]


def attainment_figure(groups: Sequence[RunGroup], goals: Goals) -> go.Figure:
    """For each group, the surfaces that any, half and all of its runs attain.

    Two objectives are across and upwards; of more, each pair has a panel, which looks at those two alone. With one
    objective it is the best value so far by the number of trials ended. Of one with a target it is the distance.
    Raises AxMoError where no group has two runs.
    """
    if all(len(group.runs) < 2 for group in groups):
        raise AxMoError("No two of these studies are alike but for their seed: attainment is of several runs.")
    groups = [replace(group, runs=[_with_distances(run, goals) for run in group.runs]) for group in groups]
    goals = replace(goals, objectives=tuple(o.of_distance for o in goals.objectives))
    if not any(run for group in groups for run in group.runs):
        return note("No trial of these runs has completed and meets the constraints yet.")
    if len(goals.objectives) == 1:
        return _by_count(groups, goals)
    names: dict[str, str] = {}

    def draw(figure: go.Figure, x: Objective, y: Objective, where: dict[str, int], is_first: bool) -> None:
        for group in groups:
            runs = [[(trial.metrics[x.name], trial.metrics[y.name]) for _, trial in run] for run in group.runs]
            _surfaces(figure, group, runs, (x, y), is_first, **where)
        trace = figure.data[-1] if figure.data else None
        if trace is not None:
            names.update({trace.xaxis or "x": x.name, trace.yaxis or "y": y.name})

    figure = pairs_of_objectives(goals, draw)
    name_columns(figure, **names, series="attained by")
    return figure


def _with_distances(run: Sequence[tuple[int, Trial]], goals: Goals) -> list[tuple[int, Trial]]:
    """The trials with the distances from the objectives' targets among their metrics."""
    targets = [o for o in goals.objectives if o.target is not None]
    found = []
    for count, trial in run:
        distances = {o.of_distance.name: o.distance(trial.metrics[o.name]) for o in targets}
        found.append((count, replace(trial, metrics={**trial.metrics, **distances})))
    return found


def _by_count(groups: Sequence[RunGroup], goals: Goals) -> go.Figure:
    (objective,) = goals.objectives
    figure = layout(go.Figure())
    count = Objective("trials ended", maximize=False)
    for group in groups:
        runs = [[(float(count), trial.metrics[objective.name]) for count, trial in run] for run in group.runs]
        _surfaces(figure, group, runs, (count, objective), True)
    threshold(figure, objective, 1)
    figure.update_xaxes(title_text=count.name, rangemode="tozero")
    figure.update_yaxes(**axis(objective))
    name_columns(figure, x=count.name, y=objective.name, series="attained by")
    return figure


def _surfaces(
    figure: go.Figure,
    group: RunGroup,
    runs: Sequence[Sequence[Pair]],
    axes: tuple[Objective, Objective],
    is_first: bool,
    **where: int,
) -> None:
    """A line for each level, by steps that cross nothing which is not attained."""
    x, y = axes
    drawn: Look = look(group.place)
    levels = levels_of(len(runs))
    for level in levels:
        corners = attainment_surface(runs, level, (x.maximize, y.maximize))
        share = _share(level, len(runs))
        name = f"{in_figure(group.name)}: {share}" if group.name else f"attained by {share}"
        middle = level not in (1, len(runs)) or len(levels) == 1
        figure.add_scatter(
            x=points([corner[0] for corner in corners]),
            y=points([corner[1] for corner in corners]),
            mode="lines+markers",
            name=name,
            legendgroup=name,
            showlegend=is_first,
            line={
                "color": drawn.color,
                "width": 3 if middle else 1.5,
                "dash": "solid" if middle else "dot" if level == 1 else "dash",
                "shape": front_shape(x),
            },
            marker={"symbol": drawn.symbol, "size": 5, "color": drawn.color},
            hovertext=[f"{_reached(x, across)} and {_reached(y, up)}:<br>{name}" for across, up in corners],
            hoverinfo="text",
            **where,
        )


def _share(level: int, runs: int) -> str:
    if runs == 1:
        return "its only run"
    return f"all {runs} runs" if level == runs else f"any of {runs}" if level == 1 else f"{level} of {runs} or more"


def _reached(objective: Objective, value: float) -> str:
    return f"{in_figure(objective.name, 40)} {'≥' if objective.maximize else '≤'} {value:.6g}"
