"""A study without jobs: an optimizer with its points, and the trials that it has been told of."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ax_mo.core.objectives import Goals
from ax_mo.core.repeats import means
from ax_mo.core.trial import Point, Status, Suggestion, Trial
from ax_mo.optimizer.ax import AxOptimizer
from ax_mo.optimizer.compat import experiment_of
from ax_mo.optimizer.protocol import OptimizerOptions
from ax_mo.optimizer.untried import UntriedPoints
from ax_mo.search_space.space import SearchSpace
from ax_mo.trial.curve import CurvePoint
from tests.support.trials import make_trial


class PlayedStudy:
    """A study of Ax's, resumed where there are ``trials``; ``options`` are those of OptimizerOptions."""

    def __init__(
        self,
        space: SearchSpace,
        goals: Goals,
        trials: Sequence[Trial] = (),
        *,
        seed: int = 1,
        first: Sequence[Suggestion] = (),
        impute: bool = True,
        curves: Mapping[int, Sequence[CurvePoint]] | None = None,
        **options: Any,
    ) -> None:
        self._trials = {trial.number: trial for trial in trials}
        self._curves = dict(curves or {})
        made = OptimizerOptions(curve_of=lambda trial: self._curves.get(trial.number, ()), **options)
        self.points = UntriedPoints(space, seed, first)
        self.optimizer = AxOptimizer(space, goals, seed, made, impute)
        self.points.mark_tried(trials)
        self.optimizer.restore(trials)

    @property
    def trials(self) -> list[Trial]:
        return list(self._trials.values())

    def ask(self) -> Suggestion:
        return self.points.next(self.optimizer.ask)

    def open(self, suggestion: Suggestion | Point) -> int:
        """The suggestion, or any point, becomes the trial of the next number, which is returned."""
        if not isinstance(suggestion, Suggestion):
            suggestion = Suggestion(suggestion, "initial")
        number = len(self._trials)
        content = {"generator": suggestion.generator, "position": suggestion.position}
        self._tell(make_trial(number, status=Status.ASKED, point=suggestion.point, **content))
        return number

    def end(self, number: int, *samples: Mapping[str, float], curve: Sequence[CurvePoint] = (), **changes: Any) -> None:
        """The trial completes with the metrics of its run, or of its repeats; with none of them, it fails."""
        self._curves[number] = curve
        results = {"metrics": means(samples), "samples": samples if len(samples) > 1 else ()} if samples else {}
        status = Status.COMPLETED if samples else Status.FAILED
        self._tell(replace(self._trials[number], **{"status": status, **results, **changes}))

    def run(self, point: Point, *samples: Mapping[str, float], **how: Any) -> None:
        """A trial from its beginning to its end."""
        self.end(self.open(point), *samples, **how)

    def play(self, count: int, metrics: Any, fail: Sequence[int] = ()) -> list[Trial]:
        """So many trials one after the other; ``metrics`` are a function of the point."""
        for _ in range(count):
            suggestion = self.ask()
            number = self.open(suggestion)
            self.end(number, *([] if number in fail else [metrics(suggestion.point)]))
        return self.trials[-count:]

    @property
    def experiment(self) -> Any:
        """Ax's own."""
        return experiment_of(self.optimizer.experiment.client)

    def ax_trial(self, number: int) -> Any:
        number_of = self.optimizer.experiment.number_of
        return next(trial for index, trial in self.experiment.trials.items() if number_of(index) == number)

    def _tell(self, trial: Trial) -> None:
        self._trials[trial.number] = trial
        self.optimizer.tell(trial)
