"""A study as a page to look at: figures, and ``report.html``."""

REPORT = "report.html"

SHOWN_BY = {
    "tradeoff": "the objectives against each other, with the front",
    "hypervolume": "the hypervolume by trials ended",
    "attainment": "what any, half and all of several runs reached: of repeats, or of studies with other seeds",
    "parallel_coordinates": "parameters and metrics, a line for each trial",
    "contour": "a metric's prediction along two parameters, with the trials",
    "slice": "a metric's prediction along each parameter",
    "sensitivity": "which parameters matter to which metric",
    "cross_validation": "each trial as predicted without it",
    "learning_curves": "what the trials reported on their way",
    "timeline": "what the workers did when",
    "suggestions": "how long each suggestion was computed",
}
"""Every figure of a study by its name; here, since completion asks for the names and must not wait for plotly."""
