"""The Pareto front as a table for a terminal: columns that do not fit are left out whole and named below."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ax_mo.goals import Goals, Objective
from ax_mo.screen.text import by_first_objective, printable, short
from ax_mo.study.repeats import standard_errors
from ax_mo.study.trial import Trial

_GAP = 2


@dataclass(frozen=True)
class _Column:
    name: str
    cells: Sequence[Text]
    right: bool = True

    @property
    def width(self) -> int:
        return max(cell_len(self.name), *(cell.cell_len for cell in self.cells)) if self.cells else cell_len(self.name)


def rich_front(
    front: Sequence[Trial], own: Trial | None, goals: Goals, keys: Sequence[str], width: int
) -> RenderableType:
    """Sorted by the first objective from its best. The best value of each objective is bold; those that miss their
    threshold are dim, and the mark says whether the trial meets them all. The project's own configuration has a row
    below, unless it is on the front and marked there. ``width`` is the terminal's.
    """
    ordered = by_first_objective(front, goals)
    below = [] if own is None or own.number in {trial.number for trial in front} else [own]
    rows = [*ordered, *below]
    columns = [_Column("trial", [_label(trial, own) for trial in rows])]
    columns += [_Column(_title(o), [_value(trial, o, front) for trial in rows]) for o in goals.objectives]
    thresholds = [_limit(o) for o in goals.objectives if o.threshold is not None]
    if thresholds:
        columns.append(_Column("ok", [_mark(trial, goals) for trial in rows], right=False))
    columns += [
        _Column(printable(key), [_parameter(trial, key, own) for trial in rows], _is_numeric(key, rows)) for key in keys
    ]
    shown, left_out = _that_fit(columns, width - 1)
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    for column in shown:
        table.add_column(Text(column.name), justify="right" if column.right else "left", no_wrap=True)
    for index in range(len(rows)):
        table.add_row(*(column.cells[index] for column in shown))
        if below and index == len(ordered) - 1:
            table.add_row(*(Text("─" * column.width, style="dim") for column in shown))
    notes = [Text(f"ok: {', '.join(thresholds)}", style="dim")] if thresholds else []
    if left_out:
        notes.append(Text(f"Not shown, for want of room: {', '.join(column.name for column in left_out)}", style="dim"))
    return Group(table, *notes)


def _that_fit(columns: Sequence[_Column], width: int) -> tuple[list[_Column], list[_Column]]:
    """The first columns as far as they go; the first one always."""
    shown: list[_Column] = []
    taken = 0
    for index, column in enumerate(columns):
        if shown and taken + column.width > width:
            return shown, list(columns[index:])
        shown.append(column)
        taken += column.width + _GAP
    return shown, []


def _title(objective: Objective) -> str:
    return f"{printable(objective.name)} {'↑' if objective.maximize else '↓'}"


def _limit(objective: Objective) -> str:
    return f"{printable(objective.name)} {'≥' if objective.maximize else '≤'} {objective.threshold:g}"


def _is_numeric(key: str, trials: Sequence[Trial]) -> bool:
    values = [trial.point[key] for trial in trials if key in trial.point]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _label(trial: Trial, own: Trial | None) -> Text:
    if own is not None and trial.number == own.number:
        return Text("start ", style="dim").append(trial.label, style="cyan")
    return Text(trial.label, style="cyan")


def _mark(trial: Trial, goals: Goals) -> Text:
    return Text("✓", style="green") if goals.meets_thresholds(trial.metrics) else Text("·", style="dim")


def _value(trial: Trial, objective: Objective, front: Sequence[Trial]) -> Text:
    value = trial.metrics[objective.name]
    text = f"{value:.6g}"
    error = standard_errors(trial, [objective.name]).get(objective.name)
    if error:
        text += f" ± {error:.2g}"
    if not any(objective.better(other.metrics[objective.name], value) for other in front):
        return Text(text, style="bold green")
    missed = objective.threshold is not None and objective.better(objective.threshold, value)
    return Text(text, style="dim" if missed else "")


def _parameter(trial: Trial, key: str, own: Trial | None) -> Text:
    if key not in trial.point:
        return Text("")
    value: Any = trial.point[key]
    same = own is not None and trial.number != own.number and own.point.get(key, _MISSING) == value
    return Text(short(value), style="dim" if same else "")


_MISSING = object()
