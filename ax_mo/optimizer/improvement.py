"""How much a new point is expected to improve on the known ones: BoTorch's acquisition functions, without drawing it.

Both improve on the points that are there, whose values the model draws. Given such a draw, a new point's values are
normally distributed. BoTorch 0.18.1 draws them as well, and with the dozens of draws for which there is time, an
improvement that one of fifty would show counts for nothing: options that began badly were hardly tried again.
Here the expectation over the new point is exact (Letham et al. 2019, Bayesian Analysis 14; Yang et al. 2019, Journal of
Global Optimization 75), where no metric is in two goals and none has a target. The known points are factorized once, as
if the draws were results without noise; a new point then costs two products of matrices.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from botorch.acquisition.input_constructors import (
    acqf_input_constructor,
    construct_inputs_qLogNEHVI,
    construct_inputs_qLogNEI,
)
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.utils import prune_inferior_points_multi_objective
from botorch.utils.safe_math import log1mexp
from botorch.utils.sampling import draw_sobol_normal_samples
from botorch.utils.transforms import average_over_ensemble_models, t_batch_mode_transform
from gpytorch.utils.cholesky import psd_safe_cholesky
from torch import Tensor
from torch.special import log_ndtr

from ax_mo.optimizer.compat import log_expected_excess
from ax_mo.optimizer.gaussian_process import StudyGP, matern

# Points that are on the front of none of so many draws are not among those to improve on. BoTorch's own 2048 take half
# a second with 300 points.
_PRUNING_DRAWS = 256

_LEAST_VARIANCE = 1e-10

# Where a cell has no end, as in BoTorch.
_INFINITE = 1e10

# The logarithm of one minus a share that rounds to one is none.
_LEAST_SHARE = -1e-15


@dataclass(frozen=True)
class Normal:
    """Independent normal distributions, one for each draw of the known points: ``S x b x m``, or ``S x b x e x m``."""

    means: Tensor
    deviations: Tensor

    def summed(self, weights: Tensor, offsets: Tensor) -> "Normal":
        """Of the sums of the last dimension by ``weights``, ``m x k``, and ``offsets``, ``k``."""
        variances = self.deviations.square() @ weights.square()
        return Normal(self.means @ weights + offsets, variances.sqrt())


class GivenDraws:
    """The model at single points, given its draws at ``known`` points, ``n x d``.

    ``models`` are of one metric or more each, and ``drawn`` ``S x n x m``; or each is an ensemble of ``e`` models of
    one metric, and ``drawn`` ``S x e x n x m``.
    """

    def __init__(self, models: Sequence[StudyGP], known: Tensor, drawn: Tensor) -> None:
        self._normals = draw_sobol_normal_samples(drawn.shape[-1], len(drawn), seed=int(torch.randint(2**31, ())))
        counts = [model.num_outputs for model in models]
        self._parts = [
            _ModelGivenDraws(model.eval(), known, of_model)
            for model, of_model in zip(models, drawn.split(counts, -1), strict=True)
        ]

    def at(self, X: Tensor) -> Normal:
        """At points ``b x 1 x d``."""
        parts = [part.at(X.squeeze(-2)) for part in self._parts]
        return Normal(*(torch.cat(of_parts, -1) for of_parts in zip(*parts, strict=True)))

    def draws(self, X: Tensor) -> Tensor:
        """``S x b x 1 x m``, or ``S x b x e x 1 x m``, at points ``b x 1 x d``."""
        there = self.at(X)
        normals = self._normals.to(X).view(-1, *[1] * (there.means.dim() - 2), there.means.shape[-1])
        return (there.means + there.deviations * normals).unsqueeze(-2)


class _ModelGivenDraws:
    """Of one model, which is ``c`` Gaussian processes: one for each metric, or of the ensemble."""

    def __init__(self, model: StudyGP, known: Tensor, drawn: Tensor) -> None:
        self._model = model
        self._is_ensemble = drawn.dim() == 4
        of_trials = model.train_inputs[0]
        n, d = of_trials.shape[-2:]
        self._points = torch.cat([of_trials.reshape(-1, n, d)[0], model.transform_inputs(known)])
        self._lengthscales = model.covar_module.lengthscale.detach().reshape(-1, d)
        c = len(self._lengthscales)
        self._means = model.mean_module.constant.detach().reshape(c, 1, 1)
        results = model.train_targets.reshape(c, n, 1).expand(-1, -1, len(drawn))
        values = drawn.squeeze(-1).permute(1, 2, 0) if self._is_ensemble else drawn.permute(2, 1, 0)
        noise = torch.zeros(c, len(self._points)).to(drawn)
        noise[:, :n] = model.likelihood.noise.detach().reshape(c, -1)
        covariance = matern(self._points, self._points, self._lengthscales) + torch.diag_embed(noise)
        factor = psd_safe_cholesky(covariance)
        self._weights = torch.cholesky_solve(torch.cat([results, values], 1) - self._means, factor)
        self._inverse = torch.linalg.solve_triangular(factor, torch.eye(len(self._points)).to(drawn), upper=False)

    def at(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Means and deviations ``S x b x c``, or ``S x b x c x 1`` of an ensemble, at points ``b x d``."""
        covariances = matern(self._model.transform_inputs(X), self._points, self._lengthscales)
        means = (self._means + covariances @ self._weights).permute(2, 1, 0)
        variances = 1.0 - (covariances @ self._inverse.transpose(-1, -2)).square().sum(-1, keepdim=True)
        deviations = variances.clamp_min(_LEAST_VARIANCE).sqrt().permute(2, 1, 0).expand_as(means)
        return (means.unsqueeze(-1), deviations.unsqueeze(-1)) if self._is_ensemble else (means, deviations)


def _models(model: Any) -> Sequence[StudyGP]:
    """One, or one for each metric."""
    models: Sequence[StudyGP] = getattr(model, "models", [model])
    return models


@dataclass(frozen=True)
class _Sums:
    """What the goals make of metrics: weights ``m x k`` and offsets ``k`` of the objectives, and of the constraints."""

    objectives: tuple[Tensor, Tensor]
    constraints: tuple[Tensor, Tensor] | None

    def log_feasibility(self, metrics: Normal) -> Tensor | float:
        """The logarithm of the probability that all constraints are met, which are sums of at most 0: ``S x b``."""
        if self.constraints is None:
            return 0.0
        sums = metrics.summed(*self.constraints)
        return log_ndtr(-sums.means / sums.deviations).sum(-1)


def _sums(objective: Any, constraints: Sequence[Callable[[Tensor], Tensor]] | None, m: int) -> _Sums | None:
    """None where a goal is no sum of metrics, or two of the goals have one in common: they are not independent."""
    sums = [_weights(objective, m)]
    if constraints:
        sums.append(_weights(lambda metrics: torch.stack([one(metrics) for one in constraints], -1), m))
    parts = [part for part in sums if part is not None]
    if len(parts) < len(sums) or (torch.cat([weights != 0 for weights, _ in parts], -1).sum(-1) > 1).any():
        return None
    return _Sums(parts[0], parts[1] if constraints else None)


def _weights(function: Callable[[Tensor], Tensor], m: int) -> tuple[Tensor, Tensor] | None:
    """The weights and offsets of a function of metrics ``... x m``; None where it has none, as a distance."""
    unit = torch.eye(m, dtype=torch.double)
    offsets = function(0 * unit[:1]).view(1, -1)
    up, down = (function(sign * unit).view(m, -1) - offsets for sign in (1.0, -1.0))
    return (up, offsets[0]) if torch.allclose(up, -down) else None


class _Improvement:
    """An acquisition function of BoTorch's at one point at a time, exact where the goals let it be."""

    _given: GivenDraws | None = None
    _sums: _Sums | None = None

    @property
    def draws_new_points(self) -> bool:
        """Whether a new point is drawn as well, for which few draws are not enough."""
        return self._sums is None

    def forward(self, X: Tensor) -> Tensor:
        of_botorch: Any = super()
        values: Tensor = of_botorch.forward(X) if self.draws_new_points else self._exact(X)
        return values

    @t_batch_mode_transform(expected_q=1)  # type: ignore[untyped-decorator]
    @average_over_ensemble_models  # type: ignore[untyped-decorator]
    def _exact(self, X: Tensor) -> Tensor:
        assert self._given is not None and self._sums is not None
        metrics = self._given.at(X)
        values = self._log_expected(metrics.summed(*self._sums.objectives)) + self._sums.log_feasibility(metrics)
        return values.logsumexp(0) - math.log(len(values))

    def _log_expected(self, objectives: Normal) -> Tensor:
        """The logarithm of what is expected for each draw of the known points, ``S x b``, or ``S x b x e``."""
        raise NotImplementedError


class HypervolumeImprovement(_Improvement, qLogNoisyExpectedHypervolumeImprovement):  # type: ignore[misc]
    """BoTorch's ``qLogNoisyExpectedHypervolumeImprovement``."""

    def __init__(self, model: Any, ref_point: Any, X_baseline: Tensor, **options: Any) -> None:
        if options.pop("prune_baseline", False):
            goals = {name: options.get(name) for name in ("objective", "constraints", "marginalize_dim")}
            X_baseline = prune_inferior_points_multi_objective(
                model=model, X=X_baseline, ref_point=torch.as_tensor(ref_point), num_samples=_PRUNING_DRAWS, **goals
            )
        super().__init__(model, ref_point, X_baseline, **options)

    def _set_cell_bounds(self, num_new_points: int) -> None:
        super()._set_cell_bounds(num_new_points)
        self._given = self._sums = None
        if len(self.X_baseline):
            drawn = self.base_sampler(self.model.posterior(self.X_baseline)).detach()
            self._given = GivenDraws(_models(self.model), self.X_baseline, drawn)
            self._sums = _sums(self.objective, self.constraints, drawn.shape[-1])
            self._cells = Cells(self.cell_lower_bounds, self.cell_upper_bounds)

    def _compute_posterior_samples_and_concat_pending(self, X: Tensor) -> tuple[Tensor, Tensor]:
        if self._given is None:
            samples, X = super()._compute_posterior_samples_and_concat_pending(X)
            return samples, X
        return self._given.draws(X), X

    def _log_expected(self, objectives: Normal) -> Tensor:
        return self._cells.log_improvement(objectives)


class Cells:
    """What lies beyond the front of each draw, cut into cells: ``lower`` and ``upper`` are ``S x [e x] cells x k``."""

    def __init__(self, lower: Tensor, upper: Tensor) -> None:
        upper = upper.clamp_max(_INFINITE)
        self._is_empty = (upper <= lower).any(-1).unsqueeze(1)  # draws with fewer cells are filled up
        # Most cells begin or end where others do: what is computed there is computed once.
        ordered, order = torch.cat([lower, upper], -2).sort(-2)
        place = torch.nn.functional.pad((ordered.diff(dim=-2) > 0).cumsum(-2), (0, 0, 1, 0))
        shape = [*ordered.shape[:-2], int(place.max()) + 1, ordered.shape[-1]]
        self._edges = torch.full(shape, _INFINITE).to(ordered).scatter(-2, place, ordered).unsqueeze(1)
        self._lower, self._upper = torch.empty_like(order).scatter(-2, order, place).unsqueeze(1).chunk(2, -2)

    def log_improvement(self, new: Normal) -> Tensor:
        """The logarithm of the expected volume beyond the front, ``S x b``, or ``S x b x e``."""
        means, deviations = new.means.unsqueeze(-2), new.deviations.unsqueeze(-2)
        beyond = log_expected_excess((means - self._edges) / deviations)  # expected, in deviations
        beyond_lower, beyond_upper = (
            beyond.gather(-2, places.expand(*beyond.shape[:-2], *places.shape[-2:]))
            for places in (self._lower, self._upper)
        )
        shares = log1mexp((beyond_upper - beyond_lower).clamp_max(_LEAST_SHARE))
        volumes = (beyond_lower + shares + deviations.log()).sum(-1)
        return volumes.masked_fill(self._is_empty, -math.inf).logsumexp(-1)


class ExpectedImprovement(_Improvement, qLogNoisyExpectedImprovement):  # type: ignore[misc]
    """BoTorch's ``qLogNoisyExpectedImprovement``."""

    def _init_baseline(self, *given: Any, **options: Any) -> None:
        super()._init_baseline(*given, **options)
        self._given = self._sums = None
        scaled = self.posterior_transform  # of one metric, what Ax has in place of an objective
        if self.baseline_samples is None or (scaled is not None and self.model.num_outputs > 1):
            return
        weight, offset = (1.0, 0.0) if scaled is None else (scaled.weights.item(), float(scaled.offset))
        drawn = (self.baseline_samples.detach() - offset) / weight
        self._given = GivenDraws(_models(self.model), self.X_baseline, drawn)
        self._sums = _sums(lambda Y: self.objective(weight * Y + offset), self._constraints, drawn.shape[-1])

    def _get_samples_and_objectives(self, X: Tensor) -> tuple[Tensor, Tensor]:
        if self._given is None or self.posterior_transform is not None:
            samples, objectives = super()._get_samples_and_objectives(X)
            return samples, objectives
        samples = self._given.draws(X)
        return samples, self.objective(samples, X=X)

    def _log_expected(self, objectives: Normal) -> Tensor:
        means, deviations = objectives.means.squeeze(-1), objectives.deviations.squeeze(-1)
        best = self.compute_best_f(objectives.means)
        return log_expected_excess((means - best) / deviations) + deviations.log()


acqf_input_constructor(HypervolumeImprovement)(construct_inputs_qLogNEHVI)
acqf_input_constructor(ExpectedImprovement)(construct_inputs_qLogNEI)
