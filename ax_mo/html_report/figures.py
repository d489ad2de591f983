"""The figures of a study: pure functions from a record, or from its model, to a plotly figure.

In all of them a trial has the same colour, by its number, and the same symbol, by what became of it (``style``);
what is under the mouse is escaped. ``sensitivity`` and ``cross_validation`` raise AxMoError where there is no model.
"""

from ax_mo.html_report.model_figures import cross_validation, sensitivity
from ax_mo.html_report.parallel import parallel_coordinates
from ax_mo.html_report.progress import hypervolume_trace, learning_curves
from ax_mo.html_report.suggestions import suggestion_seconds
from ax_mo.html_report.timeline import timeline
from ax_mo.html_report.tradeoff import tradeoff

__all__ = [
    "cross_validation",
    "hypervolume_trace",
    "learning_curves",
    "parallel_coordinates",
    "sensitivity",
    "suggestion_seconds",
    "timeline",
    "tradeoff",
]
