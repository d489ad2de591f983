"""``report.html``: one page that shows a study, complete in itself.

It holds plotly.js and everything else, asks no server for anything, and may be opened from any disk. A part that
cannot be made is a note on the page; what trials returned is escaped by the template, and once more by clean().
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from ax_mo.errors import AxMoError
from ax_mo.goals import Goals
from ax_mo.page.rows import Table, script_json, table_of
from ax_mo.page.text import clean, shown
from ax_mo.record import StudyRecord
from ax_mo.results.front import pareto_front
from ax_mo.study.trial import Status, Trial
from ax_mo.trial.files import write_atomically

MOST_FITTED = 100
"""The page's model has at most so many trials: 500 take a minute to fit, and the page 10 seconds in all."""


@dataclass(frozen=True)
class FailureGroup:
    """Trials that failed alike."""

    reason: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Limit:
    """A constraint or threshold, and how many of the trials with metrics meet it."""

    text: str
    kind: str
    met: int
    of: int


@dataclass(frozen=True)
class Setting:
    """A line of what was asked."""

    name: str
    value: str


@dataclass
class Content:
    """What the template shows. ``figures`` by the id of their place; ``notes`` say there what there is not."""

    figures: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def part(self, place: str) -> Iterator[None]:
        """Whatever goes wrong with a part is a note in its place."""
        try:
            yield
        except AxMoError as error:
            self.notes[place] = str(error)
        except Exception as error:
            first = (str(error) or "no message").splitlines()[0]
            self.notes[place] = f"This part could not be made: {type(error).__name__}: {first}"


def write_report(record: StudyRecord, path: Path, fitted: bool = True) -> None:
    """Write the page atomically; without ``fitted`` without the parts of a model, which take the most time.

    Raises OSError when it cannot be written.
    """
    write_atomically(path, report_html(record, path, fitted))


def report_html(record: StudyRecord, path: Path, fitted: bool = True) -> str:
    """The page as text; ``path`` is where it will be, from which it links to the trials' directories."""
    import jinja2
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    content = Content()
    _figures(record, content)
    _model(record, content, fitted)
    table = Table([], [])
    with content.part("trials"):
        table = table_of(record, path)
    environment = jinja2.Environment(
        autoescape=True, finalize=_cleaned, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    place = files("ax_mo.page")
    front: list[Trial] = []
    limits: list[Limit] = []
    with content.part("front"):
        front = _front(record)
    with content.part("limits"):
        limits = _limits(record)
    template = environment.from_string((place / "page.html.j2").read_text(encoding="utf-8"))
    figures = "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in content.figures.items()) + "}"
    return template.render(
        record=record,
        state=_state(record),
        settings=_settings(record),
        space=record.space.describe(),
        front=front,
        limits=limits,
        failures=_failures(record),
        content=content,
        shown=shown,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        plotly=Markup(get_plotlyjs().replace("</script", "<\\/script")),
        style=Markup((place / "page.css").read_text(encoding="utf-8")),
        script=Markup((place / "page.js").read_text(encoding="utf-8")),
        table=Markup(script_json(table.as_json())),
        # Plotly's own JSON, escaped like the rest.
        figures=Markup(script_json(json.loads(figures))),
    )


def _cleaned(value: Any) -> Any:
    return clean(value) if type(value) is str else value


# Figures


def _figures(record: StudyRecord, content: Content) -> None:
    from ax_mo.page import progress
    from ax_mo.page.figures import hypervolume_trace, learning_curves, parallel_coordinates, timeline, tradeoff

    plain: dict[str, Callable[[StudyRecord], Any]] = {
        "tradeoff": tradeoff,
        "hypervolume": hypervolume_trace,
        "parallel": parallel_coordinates,
    }
    for place, draw in plain.items():
        with content.part(place):
            content.figures[place] = _figure_json(draw(record))
    with content.part("curves"):
        curves = progress.curves_of(record)
        if curves:
            content.figures["curves"] = _figure_json(learning_curves(record, curves))
            begun = sum(trial.submitted is not None and trial.number >= 0 for trial in record.runs)
            if begun > progress.MOST_CURVES:
                content.remarks["curves"] = (
                    f"Of the front and the latest of {begun} runs, {progress.MOST_CURVES} in all."
                )
    with content.part("timeline"):
        schedule = progress.schedule(record)
        content.figures["timeline"] = _figure_json(timeline(record, schedule))
        content.remarks["timeline"] = _busy(schedule)


def _busy(schedule: Any) -> str:
    if not schedule.workers:
        return ""
    count = len(schedule.workers)
    text = f"{count} worker{'s' if count > 1 else ''}, busy {100 * schedule.busy:.0f} % of the time."
    if schedule.typical_wait is not None:
        text += (
            f" Between two trials a worker was free for {schedule.typical_wait:.2g} s (median; at most "
            f"{max(schedule.waits):.3g} s), which includes waiting for the suggestion."
        )
    return text


def _model(record: StudyRecord, content: Content, fitted: bool) -> None:
    places = ("sensitivity", "validation")
    if not fitted:
        for place in places:
            content.notes[place] = "The model is fitted for this page when the sweep ends."
        return
    with content.part(places[0]):
        from ax_mo.page.figures import sensitivity
        from ax_mo.study.fitted import Fitted

        model = Fitted(record, MOST_FITTED)
        known = len(Fitted(record).trials)
        if known > MOST_FITTED:
            text = f"The model of this page knows {MOST_FITTED} of {known} trials: the front, and the latest others."
            content.remarks.update(dict.fromkeys(places, text))
        content.figures[places[0]] = _figure_json(sensitivity(model))
    with content.part(places[1]):
        from ax_mo.page.figures import cross_validation

        content.figures[places[1]] = _figure_json(cross_validation(model))


def _figure_json(figure: Any) -> str:
    """Without plotly's template, since the page has its own, and without texts that its script makes from the table."""
    for trace in figure.data:
        if trace.meta == "trials":
            trace.hovertext = None
    figure.update_layout(template=None)
    return str(figure.to_json())


# What the template shows as text


def _front(record: StudyRecord) -> list[Trial]:
    """From the best of the first objective."""
    first = record.goals.objectives[0]
    front = pareto_front(record.trials, record.goals)
    return sorted(front, key=lambda trial: trial.metrics[first.name], reverse=first.maximize)


def _state(record: StudyRecord) -> str:
    counts = Counter(trial.status for trial in record.trials if trial.number >= 0)
    total = record.settings.get("n_trials")
    parts = [f"{counts[status]} {status.value.replace('_', ' ')}" for status in Status if counts[status]]
    imported = sum(trial.status is Status.IMPORTED for trial in record.trials)
    if imported:
        parts.append(f"{imported} imported")
    state = "running" if record.is_running else "not running"
    return f"{state}: {', '.join(parts) or 'no trials yet'}" + (f", of {total} trials" if total else "")


_SHOWN = ("method", "n_trials", "n_jobs", "seed", "repeats", "early_stopping", "stop_when", "timeout_hours", "metrics")


def _settings(record: StudyRecord) -> list[Setting]:
    lines = [
        Setting(o.name, f"{o.goal}{'' if o.threshold is None else f', threshold {o.threshold:g}'}")
        for o in record.goals.objectives
    ]
    lines += [Setting("constraint", constraint.text) for constraint in record.goals.constraints]
    for name in _SHOWN:
        value = record.settings.get(name)
        if value not in (None, {}, [], "") and (name, value) != ("repeats", 1):
            lines.append(Setting(name, _setting(value)))
    if record.space.fixed:
        lines.append(Setting("in every trial", " ".join(record.space.fixed)))
    return lines


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {shown(inner)}" for name, inner in value.items())
    return shown(value)


def _limits(record: StudyRecord) -> list[Limit]:
    goals = record.goals
    known = [t.metrics for t in record.trials if t.status.has_metrics and all(n in t.metrics for n in goals.required)]
    limits = [
        Limit(constraint.text, "constraint", sum(constraint.holds(metrics) for metrics in known), len(known))
        for constraint in goals.constraints
    ]
    for o in goals.objectives:
        if o.threshold is not None:
            met = sum(not o.better(o.threshold, metrics[o.name]) for metrics in known)
            text = f"{o.name} {'>=' if o.maximize else '<='} {o.threshold:g}"
            limits.append(Limit(text, "threshold", met, len(known)))
    if len(limits) > 1:
        limits.append(Limit("all of them", "", sum(_meets_all(goals, metrics) for metrics in known), len(known)))
    return limits


def _meets_all(goals: Goals, metrics: Any) -> bool:
    return goals.feasible(metrics) and goals.meets_thresholds(metrics)


def _failures(record: StudyRecord) -> list[FailureGroup]:
    groups: dict[str, list[Trial]] = {}
    for trial in record.trials:
        if trial.status is Status.FAILED:
            groups.setdefault(trial.signature or trial.reason or "no reason", []).append(trial)
    found = [FailureGroup(trials[0].reason or "no reason", tuple(trials)) for trials in groups.values()]
    return sorted(found, key=lambda group: -len(group.trials))
