"""Learning curves as tests compare them."""

from ax_mo.trial.curve import CurveReader, LearningCurve


def values(curve: CurveReader | LearningCurve, metric: str) -> dict[int, float]:
    """The metric's value at each of its steps, in their order."""
    of_metric = curve.curves[metric]
    return dict(zip(of_metric.steps, of_metric.values, strict=True))
