"""``compare``: several studies of the same objectives, measured alike."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_mo.commands.shared import new_file, number, say, say_json, study_at
from ax_mo.errors import AxMoError
from ax_mo.goals import Goals, Objective
from ax_mo.record import StudyRecord
from ax_mo.results.front import best_per_objective, dominates, hypervolume, pareto_front, reference_point
from ax_mo.screen import MISSES, folded, printable, table_lines, terminal_width
from ax_mo.study.trial import Trial
from ax_mo.study.urls import redacted


def run(arguments: Namespace) -> None:
    records = [study_at(source) for source in arguments.sources]
    path = None if arguments.html is None else new_file(arguments.html, force=True)
    comparison = compared([redacted(source) for source in arguments.sources], records)
    if path is not None:
        _draw(comparison, path)
    if arguments.json:
        say_json(_as_json(comparison))
        return
    _tell(comparison)
    if path is not None:
        say(f"Wrote {path}")


@dataclass(frozen=True)
class Side:
    """One study in a comparison."""

    label: str
    record: StudyRecord
    front: list[Trial]
    hypervolume: float
    shared: int
    """How many of its points are on the front of all studies together."""


@dataclass(frozen=True)
class Comparison:
    goals: Goals
    """Their objectives; the thresholds are the first study's."""
    reference: dict[str, float]
    sides: list[Side]


def compared(labels: Sequence[str], records: Sequence[StudyRecord]) -> Comparison:
    """Raises AxMoError when the studies do not have the same objectives in the same directions."""
    first = records[0]
    wanted = {o.name: o.goal for o in first.goals.objectives}
    for label, record in zip(labels, records, strict=True):
        theirs = {o.name: o.goal for o in record.goals.objectives}
        if theirs != wanted:
            raise AxMoError(
                f"The studies have other objectives: {_listed(wanted)} in {labels[0]}, {_listed(theirs)} in {label}."
            )
    goals = first.goals
    reference = common_reference(records)
    fronts = [pareto_front(record.trials, record.goals) for record in records]
    everything = [trial for front in fronts for trial in front]
    sides = [
        Side(
            label,
            record,
            front,
            hypervolume(front, goals, reference),
            sum(not any(dominates(other.metrics, t.metrics, goals) for other in everything) for t in front),
        )
        for label, record, front in zip(labels, records, fronts, strict=True)
    ]
    return Comparison(goals, reference, sides)


def common_reference(records: Sequence[StudyRecord]) -> dict[str, float]:
    """For each objective the threshold that all studies have, or the worst value that any trial of any of them has."""
    point: dict[str, float] = {}
    trials = [trial for record in records for trial in record.trials]
    for o in records[0].goals.objectives:
        same = {_objective(record, o.name).threshold for record in records}
        if len(same) == 1 and None not in same:
            point[o.name] = next(threshold for threshold in same if threshold is not None)
            continue
        without = Goals((Objective(o.name, o.maximize),))
        point.update(reference_point(trials, without))
    return point


def _objective(record: StudyRecord, name: str) -> Objective:
    return next(o for o in record.goals.objectives if o.name == name)


def _listed(goals: dict[str, str]) -> str:
    return ", ".join(f"{goal} {name}" for name, goal in goals.items())


def _counted(side: Side) -> tuple[int, int]:
    """The study's own trials that ended, and those with a result."""
    own = [trial for trial in side.record.trials if trial.number >= 0]
    return sum(trial.status.ended for trial in own), sum(trial.status.has_metrics for trial in own)


def _tell(comparison: Comparison) -> None:
    names = comparison.goals.names
    width = terminal_width()
    rows = []
    for side in comparison.sides:
        ended, completed = _counted(side)
        rows.append([
            _label(side.label, width), str(ended), str(completed), str(len(side.front)), str(side.shared),
            number(side.hypervolume), *(_best(side, name) for name in names),
        ])  # fmt: skip
    header = [
        "study", "ended", "completed", "front", "of all", "hypervolume", *(f"best {printable(name)}" for name in names),
    ]  # fmt: skip
    say("\n".join(table_lines(header, rows)))
    point = ", ".join(f"{name}={number(value)}" for name, value in comparison.reference.items())
    say(
        folded(
            f"hypervolume from {point or 'nothing: no trial has a result'}; of all: points that no trial of any of "
            "these studies dominates"
        )
    )
    if any(cell.endswith("*") for row in rows for cell in row[1:]):
        say(f"* {MISSES}")


def _label(label: str, width: int | None) -> str:
    """The end of a long path tells studies apart, and a table for a terminal needs its room."""
    text = printable(label)
    room = len(text) if width is None else max(12, width // 3)
    return text if len(text) <= room else "…" + text[1 - room :]


def _best(side: Side, name: str) -> str:
    best = best_per_objective(side.record.trials, side.record.goals).get(name)
    if best is None:
        return ""
    return number(best.metrics[name]) + ("" if side.record.goals.meets_thresholds(best.metrics) else " *")


def _as_json(comparison: Comparison) -> dict[str, Any]:
    studies = []
    for side in comparison.sides:
        ended, completed = _counted(side)
        best = best_per_objective(side.record.trials, side.record.goals)
        studies.append(
            {
                "source": side.label,
                "study": side.record.name,
                "directory": str(side.record.directory),
                "ended": ended,
                "completed": completed,
                "hypervolume": side.hypervolume,
                "on_joint_front": side.shared,
                "best": {name: {"value": t.metrics[name], "trial": t.number} for name, t in best.items()},
                "front": [{"trial": t.number, **_values(t, comparison.goals)} for t in side.front],
            }
        )
    return {"reference_point": comparison.reference, "studies": studies}


def _values(trial: Trial, goals: Goals) -> dict[str, Any]:
    return {"values": {name: trial.metrics[name] for name in goals.names}}


def _draw(comparison: Comparison, path: Path) -> None:
    """The fronts in one figure, for each pair of objectives a plane of its own; a page that needs no network."""
    import plotly.graph_objects as go
    from plotly.colors import qualitative
    from plotly.subplots import make_subplots

    names = comparison.goals.names
    pairs: list[tuple[str | None, str]]
    pairs = [(a, b) for index, a in enumerate(names) for b in names[index + 1 :]] or [(None, names[0])]
    figure = make_subplots(rows=len(pairs), cols=1)
    colours = qualitative.Safe
    for row, (across, up) in enumerate(pairs, start=1):
        for index, side in enumerate(comparison.sides):
            points = sorted((trial.number if across is None else trial.metrics[across], trial.metrics[up], trial.label)
                            for trial in side.front)  # fmt: skip
            figure.add_trace(
                go.Scatter(
                    x=[point[0] for point in points], y=[point[1] for point in points],
                    text=[f"trial {point[2]}" for point in points],
                    mode="lines+markers" if len(names) == 2 else "markers",
                    name=_html(f"{side.label} (hypervolume {number(side.hypervolume)})"),
                    legendgroup=str(index), showlegend=row == 1,
                    marker={"color": colours[index % len(colours)], "symbol": index % 8},
                ),
                row=row, col=1,
            )  # fmt: skip
        figure.update_xaxes(title_text=_html(across or "trial"), row=row, col=1)
        figure.update_yaxes(title_text=_html(up), row=row, col=1)
    figure.update_layout(
        title="Pareto fronts", template="plotly_white", height=max(520, 420 * len(pairs)),
        legend={"orientation": "h", "y": -0.12},
    )  # fmt: skip
    path.write_text(figure.to_html(include_plotlyjs=True), encoding="utf-8")


def _html(text: str) -> str:
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
