"""Every figure of a study by its name: what ``ax-mo plot`` draws, under the names of a notebook's ``plot_...``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from ax_mo.errors import AxMoError, closest
from ax_mo.html_report import parallel, progress, timeline
from ax_mo.html_report.attainment import attainment_figure, groups_of, has_repeats, repeats_of
from ax_mo.html_report.model_figures import cross_validation, sensitivity
from ax_mo.html_report.predicted_figures import by_importance, contour_figure, metric_named, slice_figure
from ax_mo.html_report.state import titles_of
from ax_mo.html_report.tradeoff import tradeoff
from ax_mo.optimizer.diagnostics import FEWEST_TRIALS, FittedModel
from ax_mo.optimizer.grid import active_together, check_keys, predicted_grid
from ax_mo.results.comparison import compared
from ax_mo.storage.snapshot import StudySnapshot

_MOST_SLICES = 6


@dataclass(frozen=True)
class FigureOptions:
    """What a figure may be asked for; what is not given is chosen by what matters most."""

    params: tuple[str, ...] = ()
    metric: str | None = None
    like: int | None = None
    """The number of the trial as in which all other parameters are."""
    others: tuple[StudySnapshot, ...] = ()


@dataclass(frozen=True)
class NamedFigure:
    """How a figure is drawn, and which of the options it takes."""

    draw: Callable[[FittedModel, FigureOptions], Any]
    """Raises AxMoError where there is nothing to draw, or for wrong options."""
    takes: tuple[str, ...] = ()
    """The fields of FigureOptions that it looks at."""
    lacks: Callable[[FittedModel], str | None] = lambda _: None
    """What the study lacks for it, in words; None where it can be drawn."""


def contour(fitted: FittedModel, options: FigureOptions) -> Any:
    """The prediction along two parameters; those that matter most to the metric, where none or one is given."""
    metric = metric_named(fitted, options.metric)
    pair = options.params
    check_keys(fitted.record.space, pair)
    if len(pair) > 2:
        raise AxMoError(f"A contour is along two parameters, not {len(pair)}: {', '.join(pair)}.")
    if len(pair) < 2:
        others = [key for key in by_importance(fitted, metric) if key not in pair]
        possible = [(*pair, *more) for more in combinations(others, 2 - len(pair))]
        pair = next((keys for keys in possible if active_together(fitted.record, keys)), ())
    if not pair:
        raise AxMoError("A contour is along two parameters, and no trial has two that could be.")
    return contour_figure(fitted, predicted_grid(fitted, pair, options.like), metric)


def slices(fitted: FittedModel, options: FigureOptions) -> Any:
    """A panel for each parameter; for the six that matter most to the metric, where none are given."""
    metric = metric_named(fitted, options.metric)
    keys: Sequence[str] = options.params
    if not keys:
        there = (key for key in by_importance(fitted, metric) if active_together(fitted.record, [key]))
        keys = list(there)[:_MOST_SLICES]
    return slice_figure(fitted, [predicted_grid(fitted, [key], options.like) for key in keys], metric)


def attainment(fitted: FittedModel, options: FigureOptions) -> Any:
    """Of the study and ``others``; of its own repeats, where there are no others."""
    record = fitted.record
    if not options.others:
        return attainment_figure([repeats_of(record)], record.goals)
    records = [record, *options.others]
    titles = titles_of(records)
    comparison = compared(titles, records)
    return attainment_figure(groups_of(comparison, titles), comparison.goals)


def _no_model(fitted: FittedModel) -> str | None:
    return None if len(fitted.trials) >= FEWEST_TRIALS else f"needs {FEWEST_TRIALS} trials with metrics"


FIGURES: dict[str, NamedFigure] = {
    "tradeoff": NamedFigure(lambda f, _: tradeoff(f.record)),
    "hypervolume": NamedFigure(lambda f, _: progress.hypervolume_trace(f.record)),
    "attainment": NamedFigure(
        attainment,
        ("others",),
        lambda f: None if has_repeats(f.record) else "no repeats: name other studies with --with",
    ),
    "parallel_coordinates": NamedFigure(lambda f, _: parallel.parallel_coordinates(f.record)),
    "contour": NamedFigure(contour, ("params", "metric", "like"), _no_model),
    "slice": NamedFigure(slices, ("params", "metric", "like"), _no_model),
    "sensitivity": NamedFigure(lambda f, _: sensitivity(f), lacks=_no_model),
    "cross_validation": NamedFigure(lambda f, _: cross_validation(f), lacks=_no_model),
    "learning_curves": NamedFigure(
        lambda f, _: progress.learning_curves(f.record),
        lacks=lambda f: None if progress.curves_of(f.record) else "no trial has left one",
    ),
    "timeline": NamedFigure(lambda f, _: timeline.timeline(f.record)),
    "suggestions": NamedFigure(lambda f, _: timeline.suggestion_seconds(f.record)),
}
"""What draws each figure of ``SHOWN_BY``."""


def figure_named(name: str) -> NamedFigure:
    """By its name, with hyphens or underscores. Raises AxMoError."""
    known = FIGURES.get(name.replace("-", "_"))
    if known is None:
        raise AxMoError(f"There is no figure '{name}'.{closest(name, FIGURES)} There are: {', '.join(FIGURES)}.")
    return known
