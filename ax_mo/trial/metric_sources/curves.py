"""The sources ``curve`` and ``lightning``: what ``ax_mo.report`` and Lightning recorded while the trial ran."""

from collections.abc import Mapping
from importlib.util import find_spec

from ax_mo.trial.metric_sources.source import MetricSource, NotFound, TrialOutput, checked_name
from ax_mo.trial.untrusted import measured

Series = Mapping[str, list[float]]
"""Each metric's finite values in the order they were recorded."""


class TaggedSeries(MetricSource):
    """Metrics that each have a ``tag``, by default the metric's own name, and a series of values."""

    where: str

    def __init__(self, metric: str, *, tag: str | None = None) -> None:
        self.tag = checked_name("tag", metric if tag is None else tag)

    def series(self, trial: TrialOutput) -> Series:
        """All series that there are, by tag."""
        raise NotImplementedError

    def nothing_there(self, trial: TrialOutput) -> str:
        """What to say where there is no series at all."""
        return "nothing is there"

    def values(self, trial: TrialOutput) -> list[float] | NotFound:
        series = trial.read_once(type(self), lambda: self.series(trial))
        if values := series.get(self.tag):
            return values
        there = f"there are {', '.join(series)}" if series else self.nothing_there(trial)
        return NotFound("name", self.tag, self.where, there, tuple(series))


class CurveTag(TaggedSeries):
    """Points of the learning curve, of ``ax_mo.report`` and of Lightning."""

    where = "the curve"

    def series(self, trial: TrialOutput) -> Series:
        return {name: curve.values for name, curve in trial.curve.curves.items()}


class LightningTag(TaggedSeries):
    """What Lightning logged: the points of its curve, and last the final value, whether it is on the curve or not."""

    where = "what Lightning logged"

    def missing_package(self) -> str | None:
        if find_spec("lightning") or find_spec("pytorch_lightning"):
            return None
        return (
            "and neither lightning nor pytorch_lightning is installed, so that no trial logs anything with it: "
            "pip install lightning, or choose another source"
        )

    def series(self, trial: TrialOutput) -> Series:
        curves = trial.curve.curves.items()
        series = {name: [*curve.values] for name, curve in curves if name not in trial.curve.reported}
        for name, value in trial.lightning.items():
            if measured(value) is not None:
                series.setdefault(name, []).append(value)
        return series
