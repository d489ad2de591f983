"""The Pareto front as a table for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ax_mo.core.objective import Objective
from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import by_first_objective
from ax_mo.core.repeats import standard_errors
from ax_mo.core.trial import Trial
from ax_mo.terminal.terminal import GAP, fitting_columns, left_out_note
from ax_mo.terminal.text import printable, short


@dataclass(frozen=True)
class _Column:
    """A name and a cell for each row."""

    name: str
    cells: Sequence[Text]
    right: bool = True

    @property
    def width(self) -> int:
        return max([cell_len(self.name), *(cell.cell_len for cell in self.cells)])


def rich_front(
    front: Sequence[Trial], own: Trial | None, goals: Goals, keys: Sequence[str], width: int
) -> RenderableType:
    """Sorted by the first objective from its best. The best value of each objective is bold; those that miss their
    threshold are dim, and the mark says whether the trial meets them all. Metrics that are constrained come next. The
    project's own configuration has a row below, unless it is on the front and marked there. ``width`` is the
    terminal's; columns that do not fit are left out whole and named below.
    """
    ordered = by_first_objective(front, goals)
    below = [] if own is None or own.number in {trial.number for trial in front} else [own]
    rows = [*ordered, *below]
    columns = [_Column("trial", [_label(trial, own) for trial in rows])]
    columns += [_Column(_title(o), [_objective(trial, o, front) for trial in rows]) for o in goals.objectives]
    thresholds = [printable(o.limit) for o in goals.objectives if o.threshold is not None]
    if thresholds:
        columns.append(_Column("ok", [_mark(trial, goals) for trial in rows], right=False))
    constrained = goals.required[len(goals.objectives) :]
    columns += [_Column(printable(name), [Text(_number(trial, name)) for trial in rows]) for name in constrained]
    columns += [
        _Column(printable(key), [_parameter(trial, key, own) for trial in rows], _is_numeric(key, rows)) for key in keys
    ]
    notes = [Text(f"ok: {', '.join(thresholds)}", style="dim")] if thresholds else []
    notes += [Text(printable(f"constraint: {constraint.text}"), style="dim") for constraint in goals.constraints]
    kept = fitting_columns([column.width for column in columns], width)
    if kept < len(columns):
        notes.append(Text(left_out_note([column.name for column in columns[kept:]]), style="dim"))
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for column in columns[:kept]:
        table.add_column(Text(column.name), justify="right" if column.right else "left", no_wrap=True)
    for index in range(len(rows)):
        if index == len(ordered):
            table.add_row(*(Text("─" * column.width, style="dim") for column in columns[:kept]))
        table.add_row(*(column.cells[index] for column in columns[:kept]))
    return Group(table, *notes)


def _title(objective: Objective) -> str:
    return f"{printable(objective.name)} {objective.arrow}"


def _is_numeric(key: str, trials: Sequence[Trial]) -> bool:
    values = [trial.point[key] for trial in trials if key in trial.point]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _label(trial: Trial, own: Trial | None) -> Text:
    if own is not None and trial.number == own.number:
        return Text("start ", style="dim").append(trial.label, style="cyan")
    return Text(trial.label, style="cyan")


def _mark(trial: Trial, goals: Goals) -> Text:
    return Text("✓", style="green") if goals.meets_thresholds(trial.metrics) else Text("·", style="dim")


def _objective(trial: Trial, objective: Objective, front: Sequence[Trial]) -> Text:
    value = trial.metrics[objective.name]
    text = _number(trial, objective.name)
    if not any(objective.better(other.metrics[objective.name], value) for other in front):
        return Text(text, style="bold green")
    return Text(text, style="dim" if objective.misses(value) else "")


def _number(trial: Trial, name: str) -> str:
    error = standard_errors(trial, [name]).get(name)
    return f"{trial.metrics[name]:.6g}" + (f" ± {error:.2g}" if error else "")


def _parameter(trial: Trial, key: str, own: Trial | None) -> Text:
    if key not in trial.point:
        return Text("")
    value: Any = trial.point[key]
    same = own is not None and trial.number != own.number and key in own.point and own.point[key] == value
    return Text(short(value), style="dim" if same else "")
