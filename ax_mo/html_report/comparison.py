"""Several studies on one page, measured alike: what ``ax-mo compare --html`` writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_mo.core.pareto import best_per_objective
from ax_mo.core.repeats import standard_errors
from ax_mo.core.trial import Trial
from ax_mo.html_report.comparison_figures import Look, fronts, hypervolumes_by_trial, listed, look
from ax_mo.html_report.document import Content, figure_json, rendered
from ax_mo.html_report.rows import link
from ax_mo.html_report.state import StateText, state_of, titles_of
from ax_mo.html_report.text import clean, distinct_labels, setting_text, shown
from ax_mo.results.comparison import Comparison, Side
from ax_mo.trial.files import write_atomically

_NAME = 50
"""The longest name of a study in a legend."""


@dataclass(frozen=True)
class Shown:
    """A study as the page shows it."""

    title: str
    side: Side
    look: Look
    state: StateText
    best: Mapping[str, Trial]
    settings: Mapping[str, str]
    """By what they are called; the same for all studies, empty where one has it not."""


@dataclass(frozen=True)
class Measure:
    """An objective, and from where it is measured."""

    name: str
    goal: str
    reference: str
    why: str


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the page atomically. Raises OSError when it cannot be written."""
    write_atomically(path, comparison_html(comparison, path))


def comparison_html(comparison: Comparison, path: Path) -> str:
    """The page as text; ``path`` is where it will be, from which it links to the trials' directories."""
    titles = titles_of([side.record for side in comparison.sides])
    names = distinct_labels([clean(title) for title in titles], _NAME)
    content = Content()
    with content.part("tradeoff"):
        content.figures["tradeoff"] = figure_json(fronts(comparison, names))
    if len(comparison.goals.objectives) > 1:  # for one, the first figure shows this
        with content.part("hypervolume"):
            content.figures["hypervolume"] = figure_json(hypervolumes_by_trial(comparison, names))
    data: dict[str, Any] = {"metrics": [], "goals": 0, "studies": [], "rows": []}
    with content.part("trials"):
        data = _data(comparison, titles, path)
    studies = [
        Shown(
            title,
            side,
            look(index),
            state_of(side.record),
            best_per_objective(side.record.trials, side.record.goals),
            _settings(side),
        )
        for index, (title, side) in enumerate(zip(titles, comparison.sides, strict=True))
    ]
    return rendered(
        "comparison",
        content,
        data,
        goals=comparison.goals,
        studies=studies,
        differing=_differing(studies),
        alike=_alike(studies),
        measures=_measures(comparison),
    )


def _settings(side: Side) -> dict[str, str]:
    """What may make one study better than another."""
    record = side.record
    told = {name: record.settings.get(name) for name in ("method", "n_trials", "n_jobs", "repeats", "early_stopping")}
    lines = {name: setting_text(value) for name, value in told.items() if value not in (None, {}, "")}
    lines["seed"] = str(record.seed)
    for o in record.goals.objectives:
        lines[f"threshold of {o.name}"] = "none" if o.threshold is None else f"{o.threshold:g}"
    lines["constraints"] = ", ".join(constraint.text for constraint in record.goals.constraints) or "none"
    lines |= record.space.describe()
    if record.space.fixed:
        lines["in every trial"] = " ".join(record.space.fixed)
    return lines


def _names(studies: list[Shown]) -> list[str]:
    return list(dict.fromkeys(name for study in studies for name in study.settings))


def _differing(studies: list[Shown]) -> list[str]:
    """The settings and parameters in which the studies are not alike."""
    return [name for name in _names(studies) if len({study.settings.get(name) for study in studies}) > 1]


def _alike(studies: list[Shown]) -> list[str]:
    differing = _differing(studies)
    return [name for name in _names(studies) if name not in differing]


def _measures(comparison: Comparison) -> list[Measure]:
    return [
        Measure(
            o.name,
            o.goal,
            shown(float(comparison.reference[o.name])) if o.name in comparison.reference else "none yet",
            "the threshold" if o.threshold is not None else "the worst value of any trial",
        )
        for o in comparison.goals.objectives
    ]


def _data(comparison: Comparison, titles: list[str], path: Path) -> dict[str, Any]:
    """What the page's script knows: the trials of the fronts, by their places in ``listed``."""
    required = [name for side in comparison.sides for name in side.record.goals.required]
    names = list(dict.fromkeys([*comparison.goals.names, *required]))
    return {
        "metrics": [clean(name) for name in names],
        "goals": len(names),
        "studies": [clean(title) for title in titles],
        "rows": [
            _row(place, index, trial, comparison.sides[index], names, path)
            for place, (index, trial) in enumerate(listed(comparison))
        ],
    }


def _row(place: int, index: int, trial: Trial, side: Side, names: list[str], path: Path) -> dict[str, Any]:
    directory = side.record.directory / trial.directory
    errors = standard_errors(trial, names)
    return {
        "number": place,
        "study": index,
        "label": trial.label,
        "front": trial.number in side.joint,
        "metrics": [shown(float(trial.metrics[name])) if name in trial.metrics else "" for name in names],
        "errors": [f"{errors[name]:.2g}" if name in errors else "" for name in names] if errors else [],
        "overrides": [clean(line) for line in trial.overrides],
        "dir": str(directory),
        "href": link(directory, path),
    }
