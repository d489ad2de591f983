"""Several studies on one page, measured alike: what ``ax-mo compare --html`` writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_mo.core.pareto import best_per_objective
from ax_mo.core.trial import Trial
from ax_mo.html_report.attainment import attainment_figure, groups_of
from ax_mo.html_report.comparison_figures import Look, front_trials, fronts, hypervolumes_by_trial, look
from ax_mo.html_report.document import Content, render_page
from ax_mo.html_report.rows import row_of
from ax_mo.html_report.state import StateText, settings_of, state_of, titles_of
from ax_mo.html_report.text import clean, distinct_labels
from ax_mo.results.comparison import Comparison, Side
from ax_mo.trial.files import write_atomically

_LONGEST_NAME = 50
"""Of a study in a legend."""


@dataclass(frozen=True)
class ShownStudy:
    """A study as the page shows it."""

    title: str
    side: Side
    look: Look
    state: StateText
    best: Mapping[str, Trial]
    """The best trial in each objective."""
    settings: Mapping[str, str]
    """What may make one study better than another: its settings and its space."""


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the page atomically. Raises OSError when it cannot be written."""
    write_atomically(path, comparison_html(comparison, path))


def comparison_html(comparison: Comparison, path: Path) -> str:
    """The page as text; ``path`` is where it will be, from which it links to the trials' directories."""
    titles = titles_of([side.record for side in comparison.sides])
    names = distinct_labels([clean(title) for title in titles], _LONGEST_NAME)
    content = Content()
    with content.part("tradeoff"):
        content.add("tradeoff", fronts(comparison, names))
    if len(comparison.goals.objectives) > 1:  # for one, the first figure shows this
        with content.part("hypervolume"):
            content.add("hypervolume", hypervolumes_by_trial(comparison, names))
    groups = groups_of(comparison, names)
    if any(len(group.runs) > 1 for group in groups):
        with content.part("attainment"):
            content.add("attainment", attainment_figure(groups, comparison.goals))
    studies = [
        ShownStudy(
            title,
            side,
            look(index),
            state_of(side.record),
            best_per_objective(side.record.trials, side.record.goals),
            dict(settings_of(side.record)) | side.record.space.describe(),
        )
        for index, (title, side) in enumerate(zip(titles, comparison.sides, strict=True))
    ]
    settings = list(dict.fromkeys(name for study in studies for name in study.settings))
    differing = [name for name in settings if len({study.settings.get(name) for study in studies}) > 1]
    return render_page(
        "comparison",
        content,
        _data(comparison, titles, path),
        goals=comparison.goals,
        reference=comparison.reference,
        studies=studies,
        differing=differing,
        alike=[name for name in settings if name not in differing],
    )


def _data(comparison: Comparison, titles: Sequence[str], path: Path) -> dict[str, Any]:
    """What the page's script knows: the trials of the fronts, by their places in ``front_trials``."""
    required = [name for side in comparison.sides for name in side.record.goals.required]
    names = list(dict.fromkeys([*comparison.goals.names, *required]))
    rows = []
    for place, (index, trial) in enumerate(front_trials(comparison)):
        side = comparison.sides[index]
        own = {"number": place, "study": index, "front": trial.number in side.joint}
        rows.append(row_of(side.record, trial, names, path) | own)
    return {"metrics": [clean(name) for name in names], "studies": [clean(title) for title in titles], "rows": rows}
