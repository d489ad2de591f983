"""What a model draws at a new point, given what it drew at known ones: BoTorch's acquisition functions, quicker.

Both improve on the points that are there, of which each draw has values of its own. BoTorch 0.18.1 computes the joint
distribution of these points and a new one for each new one anew. Here it is factorized once, as if the draws were
results without noise; a new point then costs two products of matrices.
"""

import math
from collections.abc import Sequence
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
from botorch.utils.objective import compute_smoothed_feasibility_indicator
from botorch.utils.safe_math import log_fatplus
from botorch.utils.sampling import draw_sobol_normal_samples
from gpytorch.utils.cholesky import psd_safe_cholesky
from torch import Tensor

from ax_mo.optimizer.gaussian_process import StudyGP, matern

# Points that are on the front of none of so many draws are not among those to improve on. BoTorch's own 2048 take half
# a second with 300 points.
_PRUNING_DRAWS = 256

_LEAST_VARIANCE = 1e-10

# Sides of cells that have no end, as in BoTorch, and of empty ones, which fill the room of draws with fewer cells.
_INFINITE = 1e10
_EMPTY = 1e-300


class ConditionalDraws:
    """Draws at single points, given those at ``known`` points, ``n x d``.

    ``models`` are of one metric or more each, and ``drawn`` ``S x n x m``; or each is an ensemble of ``e`` models of
    one metric, and ``drawn`` ``S x e x n x m``.
    """

    def __init__(self, models: Sequence[StudyGP], known: Tensor, drawn: Tensor) -> None:
        normals = draw_sobol_normal_samples(drawn.shape[-1], len(drawn), seed=int(torch.randint(2**31, ())))
        counts = [model.num_outputs for model in models]
        self._parts = [
            _ModelDraws(model.eval(), known, of_model, by_metric)
            for model, of_model, by_metric in zip(
                models, drawn.split(counts, -1), normals.to(drawn).split(counts, -1), strict=True
            )
        ]

    def __call__(self, X: Tensor) -> Tensor:
        """``S x b x 1 x m``, or ``S x b x e x 1 x m``, at points ``b x 1 x d``."""
        return torch.cat([part.at(X.squeeze(-2)) for part in self._parts], -1).unsqueeze(-2)


class _ModelDraws:
    """The draws of one model, which is ``c`` Gaussian processes: one for each metric, or of the ensemble."""

    def __init__(self, model: StudyGP, known: Tensor, drawn: Tensor, normals: Tensor) -> None:
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
        self._normals = normals.T.unsqueeze(1)

    def at(self, X: Tensor) -> Tensor:
        """``S x b x c``, or ``S x b x c x 1`` of an ensemble, at points ``b x d``."""
        covariances = matern(self._model.transform_inputs(X), self._points, self._lengthscales)
        means = self._means + covariances @ self._weights
        variances = 1.0 - (covariances @ self._inverse.transpose(-1, -2)).square().sum(-1, keepdim=True)
        draws = (means + variances.clamp_min(_LEAST_VARIANCE).sqrt() * self._normals).permute(2, 1, 0)
        return draws.unsqueeze(-1) if self._is_ensemble else draws


def _models(model: Any) -> Sequence[StudyGP]:
    """One, or one for each metric."""
    models: Sequence[StudyGP] = getattr(model, "models", [model])
    return models


class HypervolumeImprovement(qLogNoisyExpectedHypervolumeImprovement):  # type: ignore[misc]
    """BoTorch's, of one point at a time."""

    _draws: ConditionalDraws | None = None

    def __init__(self, model: Any, ref_point: Any, X_baseline: Tensor, **options: Any) -> None:
        if options.pop("prune_baseline", False):
            goals = {name: options.get(name) for name in ("objective", "constraints", "marginalize_dim")}
            X_baseline = prune_inferior_points_multi_objective(
                model=model, X=X_baseline, ref_point=torch.as_tensor(ref_point), num_samples=_PRUNING_DRAWS, **goals
            )
        super().__init__(model, ref_point, X_baseline, **options)

    def _set_cell_bounds(self, num_new_points: int) -> None:
        super()._set_cell_bounds(num_new_points)
        self._draws = None
        if len(self.X_baseline):
            drawn = self.base_sampler(self.model.posterior(self.X_baseline))
            self._draws = ConditionalDraws(_models(self.model), self.X_baseline, drawn.detach())
            self._lower = self.cell_lower_bounds.unsqueeze(1)  # S x 1 x cells x m, of an ensemble S x 1 x e x cells x m
            upper = self.cell_upper_bounds.clamp_max(_INFINITE).unsqueeze(1)
            self._log_sides = (upper - self._lower).clamp_min(_EMPTY).log()

    def _compute_posterior_samples_and_concat_pending(self, X: Tensor) -> tuple[Tensor, Tensor]:
        if self._draws is None:
            samples, X = super()._compute_posterior_samples_and_concat_pending(X)
            return samples, X
        return self._draws(X), X

    def _compute_log_qehvi(self, samples: Tensor, X: Tensor | None = None) -> Tensor:
        """BoTorch's formula, without what in it is for several points at a time: a third of the operations."""
        if self._draws is None:
            of_botorch: Tensor = super()._compute_log_qehvi(samples, X)
            return of_botorch
        log_gains = log_fatplus(self.objective(samples, X=X) - self._lower, tau=self.tau_relu)
        apart = (log_gains - self._log_sides).abs() / self.tau_max
        smaller = torch.minimum(log_gains, self._log_sides)
        log_sides = smaller - self.tau_max * torch.log1p(2.0 / (2.0 + 2.0 * apart + apart.square()))
        values = log_sides.sum(-1).logsumexp(-1)
        if self.constraints is not None:
            values = values + compute_smoothed_feasibility_indicator(
                self.constraints, samples, self.eta, log=True, fat=self.fat
            ).squeeze(-1)
        return values.logsumexp(0) - math.log(len(values))


class ExpectedImprovement(qLogNoisyExpectedImprovement):  # type: ignore[misc]
    """BoTorch's, of one point at a time."""

    _draws: ConditionalDraws | None = None

    def _init_baseline(self, *given: Any, **options: Any) -> None:
        super()._init_baseline(*given, **options)
        self._draws = None
        if self.posterior_transform is None and self.baseline_samples is not None:
            self._draws = ConditionalDraws(_models(self.model), self.X_baseline, self.baseline_samples.detach())

    def _get_samples_and_objectives(self, X: Tensor) -> tuple[Tensor, Tensor]:
        if self._draws is None:
            samples, objectives = super()._get_samples_and_objectives(X)
            return samples, objectives
        samples = self._draws(X)
        return samples, self.objective(samples, X=X)


acqf_input_constructor(HypervolumeImprovement)(construct_inputs_qLogNEHVI)
acqf_input_constructor(ExpectedImprovement)(construct_inputs_qLogNEI)
