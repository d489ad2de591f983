"""The parts of a study's page that come from its model: what matters, how right it is, what it predicts."""

from collections.abc import Sequence
from itertools import combinations

from ax_mo.html_report.document import Content
from ax_mo.html_report.text import clean
from ax_mo.optimizer.diagnostics import FittedModel
from ax_mo.storage.snapshot import StudySnapshot

MOST_FITTED = 100
"""The page's model has at most so many trials: 500 take a minute to fit, and the page 10 seconds in all."""

# Of how many parameters, those that matter most, the page has slices and, for each pair, contours; and for how many
# metrics, the objectives first. All together they take two seconds to predict and at most 0.6 MB.
_MOST_SLICES = 12
_MOST_IN_CONTOURS = 6
_MOST_METRICS = 4


def add_model(record: StudySnapshot, content: Content) -> dict[str, str]:
    """Adds the parts of the model; returns the metrics of its validation by the places of their figures."""
    with content.part("sensitivity"):
        from ax_mo.html_report.model_figures import sensitivity, validation_panels

        model = FittedModel(record, MOST_FITTED)
        known = len(FittedModel(record).trials)
        remarks: list[str] = []
        if known > MOST_FITTED:
            remarks.append(
                f"The model of this page knows {MOST_FITTED} of {known} trials: the front, and the latest others."
            )
        if model.of_log:
            remarks.append(
                f"The model is of log10 of {' and '.join(model.of_log)}; what it predicts is shown as values."
            )
        if remarks:
            content.remarks |= dict.fromkeys(("sensitivity", "validation"), " ".join(remarks))
        content.add("sensitivity", sensitivity(model))
    panels: dict[str, str] = {}
    with content.part("validation"):
        for index, (name, figure) in enumerate(validation_panels(model).items()):
            content.add(f"validation-{index}", figure)
            panels[f"validation-{index}"] = name
    if "sensitivity" in content.figures:
        with content.part("slice"):
            _add_slices(model, content)
        with content.part("contour"):
            _add_contours(model, content)
    return panels


def _add_slices(model: FittedModel, content: Content) -> None:
    from ax_mo.html_report.predicted_figures import by_importance, slice_figure
    from ax_mo.optimizer.grid import active_together, predicted_grid

    known = [key for key in by_importance(model) if active_together(model.record, [key])]
    keys, metrics = known[:_MOST_SLICES], model.metrics[:_MOST_METRICS]
    grids = [predicted_grid(model, [key]) for key in keys]
    figures = [slice_figure(model, [grid], metric) for grid in grids for metric in metrics]
    content.add_choice("slice", _lists("Parameter", [[key] for key in keys], metrics), figures)
    if len(known) > len(keys):
        content.remarks["slice"] = f"Of the {len(keys)} parameters that matter most. {_HOW_ELSE}"


def _add_contours(model: FittedModel, content: Content) -> None:
    from ax_mo.html_report.predicted_figures import by_importance, contour_figure
    from ax_mo.optimizer.grid import active_together, predicted_grid

    known = by_importance(model)
    pairs = [pair for pair in combinations(known[:_MOST_IN_CONTOURS], 2) if active_together(model.record, pair)]
    if not pairs:  # a space of one parameter
        return
    metrics = model.metrics[:_MOST_METRICS]
    grids = [predicted_grid(model, pair) for pair in pairs]
    figures = [contour_figure(model, grid, metric) for grid in grids for metric in metrics]
    content.add_choice("contour", _lists("Parameters", pairs, metrics), figures)
    if len(known) > _MOST_IN_CONTOURS:
        content.remarks["contour"] = f"Of the {_MOST_IN_CONTOURS} parameters that matter most. {_HOW_ELSE}"


_HOW_ELSE = "'ax-mo plot' draws any others."


def _lists(name: str, keys: Sequence[Sequence[str]], metrics: Sequence[str]) -> list[tuple[str, list[str]]]:
    return [
        (name, [" and ".join(map(clean, some)) for some in keys]),
        ("Metric", [clean(metric) for metric in metrics]),
    ]
