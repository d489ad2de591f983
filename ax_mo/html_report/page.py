"""``report.html``: one page that shows a study. A part of it that cannot be made is a note on the page."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ax_mo.core.limits import Limit, counted, limits, none_feasible
from ax_mo.core.pareto import by_first_objective, pareto_front
from ax_mo.core.trial import Status, Trial
from ax_mo.html_report.document import Content, figure_json, rendered
from ax_mo.html_report.rows import Table, table_of
from ax_mo.html_report.state import state_of, title_of
from ax_mo.html_report.suggestions import computed
from ax_mo.html_report.text import setting_text
from ax_mo.html_report.timeline import duration, schedule
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trial.files import write_atomically

MOST_FITTED = 100
"""The page's model has at most so many trials: 500 take a minute to fit, and the page 10 seconds in all."""


AT_THE_END = "The model is fitted for this page when the sweep ends."

FITTED = '<meta name="ax-mo-model" content="fitted">'
"""In the head of a page that was made with the model's parts."""


@dataclass(frozen=True)
class FailureGroup:
    """Trials that failed alike."""

    reason: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Setting:
    """A line of what was asked."""

    name: str
    value: str


@dataclass(frozen=True)
class Panel:
    """A figure among several of a kind: the id of its place, and the metric that it is of."""

    place: str
    metric: str


def write_report(record: StudySnapshot, path: Path, fitted: bool = True) -> None:
    """Write the page atomically; without ``fitted`` without the parts of a model, which take the most time.

    Raises OSError when it cannot be written.
    """
    write_atomically(path, report_html(record, path, fitted))


def report_html(record: StudySnapshot, path: Path, fitted: bool = True, note: str | None = None) -> str:
    """The page as text; ``path`` is where it will be, from which it links to the trials' directories.

    ``note`` says why it has no model, where it is not ``fitted``.
    """
    content = Content()
    _figures(record, content)
    panels = _model(record, content, fitted, note or AT_THE_END)
    table = Table([], [])
    with content.part("trials"):
        table = table_of(record, path)
    front: list[Trial] = []
    met: list[Limit] = []
    with content.part("front"):
        front = by_first_objective(pareto_front(record.trials, record.goals), record.goals)
    with content.part("limits"):
        met = limits(record.trials, record.goals)
    return rendered(
        "page",
        content,
        table.as_json(),
        record=record,
        model_mark=Markup(FITTED if fitted else ""),
        title=title_of(record),
        state=state_of(record),
        settings=_settings(record),
        space=record.space.describe(),
        front=front,
        has_thresholds=any(o.threshold is not None for o in record.goals.objectives),
        limits=met,
        limits_of=counted(record.trials),
        none_feasible=none_feasible(record.trials, record.goals),
        panels=panels,
        suggestions=computed(record),
        duration=duration,
        failures=_failures(record),
    )


# Figures


def _figures(record: StudySnapshot, content: Content) -> None:
    from ax_mo.html_report import figures, progress

    plain: dict[str, Callable[[StudySnapshot], Any]] = {
        "tradeoff": figures.tradeoff,
        "hypervolume": figures.hypervolume_trace,
        "parallel": figures.parallel_coordinates,
    }
    for place, draw in plain.items():
        with content.part(place):
            content.figures[place] = figure_json(draw(record))
    with content.part("curves"):
        curves = progress.curves_of(record)
        if curves:
            content.figures["curves"] = figure_json(figures.learning_curves(record, curves))
            begun = sum(trial.submitted is not None and not trial.is_imported for trial in record.runs)
            if begun > progress.MOST_CURVES:
                content.remarks["curves"] = (
                    f"Of the front and the latest of {begun} runs, {progress.MOST_CURVES} in all."
                )
    with content.part("timeline"):
        known = schedule(record)
        content.figures["timeline"] = figure_json(figures.timeline(record, known))
        content.remarks["timeline"] = known.describe()
    with content.part("suggestions"):
        if computed(record):
            content.figures["suggestions"] = figure_json(figures.suggestion_seconds(record))


def _model(record: StudySnapshot, content: Content, fitted: bool, note: str) -> list[Panel]:
    """Adds the parts of the model, and returns the panels of its validation."""
    places = ("sensitivity", "validation")
    if not fitted:
        for place in places:
            content.notes[place] = note
        return []
    with content.part(places[0]):
        from ax_mo.html_report.figures import sensitivity
        from ax_mo.optimizer.diagnostics import Fitted

        model = Fitted(record, MOST_FITTED)
        known = len(Fitted(record).trials)
        if known > MOST_FITTED:
            text = f"The model of this page knows {MOST_FITTED} of {known} trials: the front, and the latest others."
            content.remarks.update(dict.fromkeys(places, text))
        content.figures[places[0]] = figure_json(sensitivity(model))
    panels: list[Panel] = []
    with content.part(places[1]):
        from ax_mo.html_report.model_figures import validation_panels

        for index, (name, figure) in enumerate(validation_panels(model).items()):
            place = f"{places[1]}-{index}"
            content.figures[place] = figure_json(figure)
            panels.append(Panel(place, name))
    return panels


# What the template shows as text


_SHOWN = ("method", "n_trials", "n_jobs", "repeats", "early_stopping", "stop_when", "timeout_hours", "metrics")


def _settings(record: StudySnapshot) -> list[Setting]:
    lines = [Setting(o.name, o.described) for o in record.goals.objectives]
    lines += [Setting("constraint", constraint.text) for constraint in record.goals.constraints]
    for name in _SHOWN:
        value = record.settings.get(name)
        if value not in (None, {}, [], "") and (name, value) != ("repeats", 1):
            lines.append(Setting(name, setting_text(value)))
    lines.append(Setting("seed", str(record.seed)))
    if record.space.fixed:
        lines.append(Setting("in every trial", " ".join(record.space.fixed)))
    return lines


def _failures(record: StudySnapshot) -> list[FailureGroup]:
    groups: dict[str, list[Trial]] = {}
    for trial in record.trials:
        if trial.status is Status.FAILED:
            groups.setdefault(trial.error_fingerprint or trial.reason or "no reason", []).append(trial)
    found = [FailureGroup(trials[0].reason or "no reason", tuple(trials)) for trials in groups.values()]
    return sorted(found, key=lambda group: -len(group.trials))
