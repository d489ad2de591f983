"""The model of a study that is over or still runs: what it predicts, how far to trust it, and what matters to it.

The same model as the sweeper's, on the same data, in the names of the user's metrics. Ax is imported late.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ax_mo.core.linear import LinearConstraint
from ax_mo.core.objective import Scale
from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Point, Status, Trial
from ax_mo.errors import AxMoError
from ax_mo.optimizer.ax import AxOptimizer
from ax_mo.optimizer.ax_experiment import AxExperiment, alias_of
from ax_mo.optimizer.ax_space import AxSpace
from ax_mo.optimizer.compat import limited_threads
from ax_mo.optimizer.protocol import OptimizerOptions
from ax_mo.storage.snapshot import StudySnapshot

FEWEST_TRIALS = 3
"""With fewer, a leave-one-out prediction rests on a single trial."""

# Sobol' indices from so many points a parameter: twice as many changed no share by more than 0.01 on the example.
_SENSITIVITY_SAMPLES = 1024

# Points whose predictions are made at once: with more, a kernel's matrices take gigabytes.
_PIECE = 256


@dataclass(frozen=True)
class LeftOut:
    """A trial as the model sees it when it is not told of it."""

    trial: int
    observed: float
    predicted: float
    low: float
    high: float
    """From ``low`` to ``high`` is the prediction's 95 % interval; on a log scale it is longer above than below."""

    @property
    def inside(self) -> bool:
        """Whether the observed value is inside the prediction's 95 % interval."""
        return self.low <= self.observed <= self.high


class FittedModel:
    """The model of a study, fitted to its trials at most once, when it is first asked.

    Every method raises AxMoError, and nothing else, when there are too few trials for a model or it cannot be had.
    With more than ``most_trials`` trials it is fitted to those of the front and the latest others: what it takes grows
    with the cube of their number.
    """

    def __init__(self, record: StudySnapshot, most_trials: int | None = None) -> None:
        self.record = record
        self.trials = _those_to_fit(record, most_trials)
        """The trials that the model is fitted to."""
        self._space = AxSpace(record.space)
        self._metrics = _metrics(record.goals)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What the model predicts: the objectives, and for each constraint its metric or weighted sum of metrics."""
        return tuple(metric.name for metric in self._metrics)

    @property
    def of_log(self) -> tuple[str, ...]:
        """Those of the metrics whose logarithms the model predicts."""
        return tuple(metric.name for metric in self._metrics if metric.scale is Scale.LOG)

    def predict(self, points: Sequence[Point]) -> list[dict[str, tuple[float, float]]]:
        """For each point and metric, the predicted mean and its standard error. A point may hold inactive parameters.

        Of a metric on a log scale, the median and, to first order, its standard error.

        Raises AxMoError for a point that lies outside of the space.
        """
        space = self.record.space
        for point in points:
            why = space.outside(point)
            if why is not None:
                raise AxMoError(f"The point {dict(point)} is not in the study's space: {why}.")
        if not points:
            return []
        _, adapter = self.fit
        with self._translated("predict"):
            from ax.core.observation import ObservationFeatures

            features = [ObservationFeatures(self._space.encode(space.restricted(point))) for point in points]
            return [
                {
                    metric.name: metric.estimate(
                        float(means[metric.alias][i]), math.sqrt(float(covariances[metric.alias][metric.alias][i]))
                    )
                    for metric in self._metrics
                }
                for piece in (features[start : start + _PIECE] for start in range(0, len(features), _PIECE))
                for means, covariances in [adapter.predict(piece)]
                for i in range(len(piece))
            ]

    def observed(self, metric: str, trial: Trial) -> float | None:
        """The trial's own value of one of ``metrics``; None where it has none."""
        if metric in trial.metrics:
            return float(trial.metrics[metric])
        for constraint in self.record.goals.constraints:
            if sum_text(constraint) == metric and all(name in trial.metrics for name in constraint.names):
                return sum(weight * float(trial.metrics[name]) for name, weight in constraint.terms)
        return None

    def cross_validation(self) -> dict[str, list[LeftOut]]:
        """Each trial as predicted from all others, by metric and in the order of the trials.

        Not those that were stopped early: what they would have come to, which the model predicts, nobody has seen.
        """
        experiment, adapter = self.fit
        stopped = {trial.number for trial in self.trials if trial.status is Status.EARLY_STOPPED}
        observed = {trial.number: experiment.values(trial.metrics) for trial in self.trials}
        found: dict[str, list[LeftOut]] = {metric.name: [] for metric in self._metrics}
        with self._translated("be cross-validated"):
            for index, predicted in _left_out(adapter):
                number = experiment.number_of(index)
                if number in stopped:
                    continue
                for metric in self._metrics:
                    mean, sem = predicted[metric.alias]
                    ends = sorted(metric.value(mean + 1.96 * side * sem) for side in (-1, 1))
                    value = metric.value(observed[number][metric.alias])
                    found[metric.name].append(LeftOut(number, value, metric.value(mean), *ends))
        return {name: sorted(rows, key=lambda row: row.trial) for name, rows in found.items()}

    def sensitivity(self) -> dict[str, dict[str, float]]:
        """By metric, each parameter's share in its changes across the space; the shares of a metric add up to 1.

        Total-order Sobol' indices of the model's mean, those of one parameter's columns added up. All are 0
        where the model sees no effect of anything.
        """
        return self._sensitivity

    @cached_property
    def _sensitivity(self) -> dict[str, dict[str, float]]:
        _, adapter = self.fit
        with self._translated("tell what matters"):
            indices = _total_indices(adapter, self.record.seed)
            return {metric.name: self._shares(indices[metric.alias]) for metric in self._metrics}

    def _shares(self, indices: Mapping[str, float]) -> dict[str, float]:
        key_of = {variant.name: variant.parameter.key for variants in self._space.variants for variant in variants}
        sums = dict.fromkeys(self.record.space.keys, 0.0)
        for column, index in indices.items():
            if column in key_of and math.isfinite(index):
                sums[key_of[column]] += max(0.0, index)
        total = sum(sums.values())
        return {key: value / total if total > 0 else 0.0 for key, value in sums.items()}

    @cached_property
    def fit(self) -> tuple[AxExperiment, Any]:
        """The study in Ax's hands, and Ax's adapter of the model."""
        if len(self.trials) < FEWEST_TRIALS:
            raise AxMoError(f"A model needs {FEWEST_TRIALS} trials with metrics; this study has {len(self.trials)}.")
        with self._translated("be fitted"):
            # Always the default model, however the points were chosen; its first trial is the model's turn.
            options = OptimizerOptions(n_startup_trials=1)
            # The curves serve to judge stopped trials alone, and are much to read and attach.
            if any(trial.status is Status.EARLY_STOPPED for trial in self.trials):
                options = replace(options, curve_of=self.record.curve_of)
            optimizer = AxOptimizer(self.record.space, self.record.goals, self.record.seed, options)
            optimizer.restore(self.trials)
            return optimizer.experiment, optimizer.fit()

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """The same draws each time, one thread, and one kind of error: those libraries have dozens."""
        try:
            import torch

            with torch.random.fork_rng(), limited_threads(1):
                torch.manual_seed(self.record.seed)
                yield
        except AxMoError:
            raise
        except Exception as error:
            first = (str(error) or "no message").splitlines()[0]
            raise AxMoError(
                f"The model of {len(self.trials)} trials cannot {what}: {type(error).__name__}: {first}"
            ) from error


def _left_out(adapter: Any) -> Iterator[tuple[int, dict[str, tuple[float, float]]]]:
    """Ax's index of each trial and, by metric, its prediction without it as mean and standard error, noise included.

    Ax 1.3.1 takes its fast way (no fit per trial) in the model's units alone: with ``untransform``, it untransforms
    parameters that were never transformed, fails on any that is a choice or whole number, and then is ten times slower.
    """
    from ax.adapter.cross_validation import cross_validate
    from ax.core.observation import Observation

    results = cross_validate(adapter, untransform=False, use_posterior_predictive=True)
    predictions = [Observation(features=result.observed.features, data=result.predicted) for result in results]
    for transform in reversed(list(adapter.transforms.values())):
        predictions = transform.untransform_observations(predictions)
    for prediction in predictions:
        data = prediction.data
        errors = [math.sqrt(float(data.covariance[i, i])) for i in range(len(data.means))]
        values = zip(map(float, data.means), errors, strict=True)
        yield int(prediction.features.trial_index), dict(zip(data.metric_signatures, values, strict=True))


def _total_indices(adapter: Any, seed: int) -> dict[str, dict[str, float]]:
    """The total-order Sobol' index of each of the model's columns, by metric; not finite where nothing changes."""
    import numpy as np
    import torch
    from botorch.optim.optimize_mixed import round_discrete_dims
    from gpytorch.settings import skip_posterior_variances
    from scipy.stats import sobol_indices, uniform

    digest = adapter.generator.search_space_digest
    surrogate = adapter.generator.surrogate

    def means(columns: Any) -> Any:
        """The model's mean for each metric, at points with a row for each column; in pieces, for memory's sake."""
        points = torch.tensor(columns.T, dtype=torch.double)
        pieces = (round_discrete_dims(piece, digest.discrete_choices) for piece in points.split(_PIECE))
        with torch.no_grad(), skip_posterior_variances(True):
            return torch.cat([surrogate.model.posterior(piece).mean for piece in pieces]).T.numpy()

    spans = [uniform(low, high - low) for low, high in digest.bounds]
    with np.errstate(all="ignore"):
        found = sobol_indices(func=means, n=_SENSITIVITY_SAMPLES, dists=spans, rng=seed)
    return {
        metric: dict(zip(digest.feature_names, map(float, row), strict=True))
        for metric, row in zip(surrogate.outcomes, np.atleast_2d(found.total_order), strict=True)
    }


@dataclass(frozen=True)
class _Metric:
    """What Ax knows as ``alias``: ``weight`` times the user's, or its place on its scale."""

    alias: str
    name: str
    weight: float = 1.0
    scale: Scale = Scale.LINEAR
    target: float = 0.0
    """What Ax knows the difference from."""

    def value(self, of_ax: float) -> float:
        """The user's value."""
        return self.target + self.scale.value_at(of_ax) / self.weight

    def estimate(self, mean: float, sem: float) -> tuple[float, float]:
        """The user's value, and its standard error."""
        return self.value(mean), self.scale.error_at(mean, sem) / abs(self.weight)


def _metrics(goals: Goals) -> list[_Metric]:
    metrics = [
        _Metric(alias_of(index, o), o.name, scale=o.scale, target=o.target or 0.0)
        for index, o in enumerate(goals.objectives)
    ]
    for index, constraint in enumerate(goals.constraints):
        single = len(constraint.terms) == 1
        name = constraint.names[0] if single else sum_text(constraint)
        if name not in [metric.name for metric in metrics]:
            metrics.append(_Metric(f"c{index}", name, constraint.terms[0][1] if single else 1.0))
    return metrics


def sum_text(constraint: LinearConstraint) -> str:
    """The weighted sum of metrics that a constraint bounds from above, as people write it."""
    text = ""
    for name, weight in constraint.terms:
        sign = "-" if weight < 0 else "+"
        factor = "" if abs(weight) == 1 else f"{abs(weight):g}*"
        text += f" {sign} {factor}{name}" if text else f"{'-' if weight < 0 else ''}{factor}{name}"
    return text


def _those_to_fit(record: StudySnapshot, most: int | None) -> list[Trial]:
    from ax_mo.core.pareto import pareto_front

    required = record.goals.required
    known = [
        trial
        for trial in record.trials
        if trial.status.teaches and all(name in sample for sample in trial.observations for name in required)
    ]
    if most is None or len(known) <= most:
        return known
    front = {trial.number for trial in pareto_front(record.trials, record.goals)}
    by_worth = sorted(known, key=lambda trial: (trial.number in front, trial.number), reverse=True)
    return sorted(by_worth[:most], key=lambda trial: trial.number)
