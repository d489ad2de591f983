"""``report.html``: one page that shows a study. A part of it that cannot be made is a note on the page."""

from pathlib import Path
from statistics import median
from typing import Any

from markupsafe import Markup

from ax_mo.core.pareto import by_first_objective, pareto_front
from ax_mo.core.trial import Status, Trial
from ax_mo.html_report import parallel, progress, timeline, tradeoff
from ax_mo.html_report.attainment import attainment_figure, has_repeats, repeats_of
from ax_mo.html_report.document import Content, render_page
from ax_mo.html_report.model_parts import add_model
from ax_mo.html_report.rows import table_of
from ax_mo.html_report.state import settings_of, state_of, title_of
from ax_mo.hydra_project.program import how_to_resume
from ax_mo.results.standing import Limit, counted, in_place_of_model, limits, none_feasible
from ax_mo.storage.snapshot import StudySnapshot

FITTED = '<meta name="ax-mo-model" content="fitted">'
"""In the head of a page that was made with the model's parts."""

AT_THE_END = "The model is fitted for this page when the sweep ends."


def report_html(record: StudySnapshot, path: Path, fitted: bool = True, note: str = AT_THE_END) -> str:
    """The page as text; ``path`` is where it will be, from which it links to the trials' directories.

    Without ``fitted`` it lacks the parts of a model, which take the most time; ``note`` says why in their place.
    """
    content = Content()
    for place, draw in {
        "tradeoff": tradeoff.tradeoff,
        "hypervolume": progress.hypervolume_trace,
        "parallel": parallel.parallel_coordinates,
        "timeline": timeline.timeline,
        "curves": progress.learning_curves,
        "suggestions": timeline.suggestion_seconds,
    }.items():
        with content.part(place):
            figure = draw(record)
            if figure.data or place not in ("curves", "suggestions"):  # that there are none is not worth a word
                content.add(place, figure)
    if has_repeats(record):
        with content.part("attainment"):
            content.add("attainment", attainment_figure([repeats_of(record)], record.goals))
    with content.part("timeline"):
        content.remarks["timeline"] = timeline.schedule(record).describe()
    if instead := in_place_of_model(record.trials):
        content.remarks["suggestions"] = f"{instead}."
    begun = sum(run.submitted is not None and not run.is_imported for run in record.runs)
    if begun > progress.MOST_CURVES:
        content.remarks["curves"] = f"Of the front and the latest of {begun} runs, {progress.MOST_CURVES} in all."
    panels = add_model(record, content) if fitted else {}
    if not fitted:
        content.notes |= {"sensitivity": note, "validation": note}
    table: dict[str, Any] = {"metrics": [], "goals": 0, "params": [], "rows": [], "commands": []}
    with content.part("trials"):
        table = table_of(record, path)
    front: list[Trial] = []
    met: list[Limit] = []
    with content.part("front"):
        front = by_first_objective(pareto_front(record.trials, record.goals), record.goals)
        met = limits(record.trials, record.goals)
    return render_page(
        "page",
        content,
        table,
        record=record,
        model_mark=Markup(FITTED if fitted else ""),
        title=title_of(record),
        resume=how_to_resume(record.program, record.directory),
        state=state_of(record),
        settings=settings_of(record),
        space=record.space.describe(),
        front=front,
        has_thresholds=any(o.threshold is not None for o in record.goals.objectives),
        limits=met,
        limits_of=counted(record.trials),
        none_feasible=none_feasible(record.trials, record.goals),
        panels=panels,
        suggestions=timeline.suggestion_times(record),
        duration=timeline.duration,
        median=median,
        failures=_failures(record),
    )


def _failures(record: StudySnapshot) -> list[list[Trial]]:
    """The failed trials, those that failed alike together, the most frequent failure first."""
    groups: dict[str, list[Trial]] = {}
    for trial in record.trials:
        if trial.status is Status.FAILED:
            groups.setdefault(trial.error_fingerprint or trial.reason or "no reason", []).append(trial)
    return sorted(groups.values(), key=len, reverse=True)
