"""A model whose predictions are known, in place of one that takes seconds to fit."""

from collections.abc import Sequence
from typing import Any

from ax_mo.storage.snapshot import StudySnapshot
from tests.support.studies import metrics_of

ERROR = 0.01


class KnownModel:
    """Predicts what ``tests.support.studies`` measures, with the interface of ``FittedModel``.

    Like that one, it takes no point that lies outside of the space.
    """

    def __init__(self, record: StudySnapshot) -> None:
        self.record = record
        self.trials = list(record.trials)
        self.metrics = record.goals.required
        self.of_log = tuple(o.name for o in record.goals.objectives if o.is_log)

    def predict(self, points: Sequence[Any]) -> list[dict[str, tuple[float, float]]]:
        assert [self.record.space.outside(point) for point in points] == [None] * len(points)
        return [{name: (value, ERROR) for name, value in metrics_of(point).items()} for point in points]

    def observed(self, metric: str, trial: Any) -> float | None:
        return trial.metrics.get(metric)

    def sensitivity(self) -> dict[str, dict[str, float]]:
        return {name: {key: 1.0 / (1 + i) for i, key in enumerate(self.record.space.keys)} for name in self.metrics}
