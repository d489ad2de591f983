"""The model of a study's metrics: a Gaussian process for each, on the features of the active parameters."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from botorch.models import SingleTaskGP
from botorch.models.transforms.input import ChainedInputTransform, InputTransform
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from gpytorch.likelihoods import FixedNoiseGaussianLikelihood
from gpytorch.mlls import ExactMarginalLogLikelihood
from scipy.optimize import minimize
from torch import Tensor

from ax_mo.optimizer.ax_space import AxSpace
from ax_mo.optimizer.features import ActiveFeatures

# The fit is one of dozens, each of a trial more: it need not find the optimum's last digits.
_MOST_STEPS = 60

# BoTorch's bounds and priors (0.18.1, ``models.utils.gpytorch_modules``) after Hvarfner et al. 2024.
_LEAST_LENGTHSCALE = 0.025
_LEAST_NOISE = 1e-4
_NOISE_MEAN = -4.0

# Of repeats that agree to the last digit.
_JITTER = 1e-6


@dataclass(frozen=True)
class LengthscalePrior:
    """How the logarithms of length scales, ``b x d``, are distributed, and where to look for them."""

    loss: Callable[[Tensor], Tensor]
    """The negative logarithm of the density, but for a constant, summed over all."""
    start: float
    most: float = math.inf

    @classmethod
    def dense(cls, d: int) -> "LengthscalePrior":
        """BoTorch's default, by which all features matter, the less each the more there are; it starts at its mode."""
        location, variance = math.sqrt(2.0) + math.log(d) / 2.0, 3.0
        return cls(lambda logs: (0.5 * (logs - location).square() / variance + logs).sum(), location - variance)


class StudyGP(SingleTaskGP):  # type: ignore[misc]
    """BoTorch's default model with a Matérn kernel of smoothness 5/2, on ``ActiveFeatures``, and with a fit of its own.

    Takes ``train_X``, ``... x n x d``, ``train_Y``, ``... x n x m``, and ``train_Yvar``, ``... x n x m``, or None where
    the noise is to be inferred.
    """

    def __init__(
        self,
        train_X: Tensor,
        train_Y: Tensor,
        train_Yvar: Tensor | None,
        features: ActiveFeatures,
        input_transform: InputTransform | None = None,
    ) -> None:
        batch = train_X.shape[:-2] + torch.Size([train_Y.shape[-1]] if train_Y.shape[-1] > 1 else [])
        super().__init__(
            train_X,
            train_Y,
            train_Yvar,
            covar_module=get_covar_module_with_dim_scaled_prior(features.count, batch, use_rbf_kernel=False),
            outcome_transform=None,
            input_transform=features
            if input_transform is None
            else ChainedInputTransform(a=input_transform, b=features),
        )

    @classmethod
    def construct_inputs(cls, training_data: Any, ax_space: AxSpace, **_: Any) -> dict[str, Any]:
        """Ax's way to make a model."""
        inputs: dict[str, Any] = super().construct_inputs(training_data=training_data)
        inputs.setdefault("train_Yvar", None)
        inputs["features"] = ActiveFeatures(ax_space.variants, list(training_data.feature_names))
        return inputs

    def lengthscale_prior(self, d: int) -> LengthscalePrior:
        """That of the fit, for ``d`` features."""
        return LengthscalePrior.dense(d)

    def custom_fit(self, mll: ExactMarginalLogLikelihood, **_: Any) -> ExactMarginalLogLikelihood:
        """BoTorch's way to call a model's own fit; ``mll`` is the likelihood that it would fit to.

        The maximum a posteriori, from the same start each time, so that it depends on nothing but the data. It is
        found in the logarithms of length scales and noise.
        """
        self.train()
        inputs = self.transform_inputs(self.train_inputs[0])
        targets = self.train_targets if self.train_targets.dim() == 2 else self.train_targets.unsqueeze(0)
        known = self.likelihood.noise if isinstance(self.likelihood, FixedNoiseGaussianLikelihood) else None
        prior = self.lengthscale_prior(inputs.shape[-1])
        lengthscales, noise, means = _fitted(inputs[0] if inputs.dim() == 3 else inputs, targets, known, prior)
        self.covar_module.lengthscale = lengthscales.reshape(self.covar_module.lengthscale.shape)
        if known is None:
            self.likelihood.noise = noise.reshape(self.likelihood.noise.shape)
        self.mean_module.initialize(constant=means.reshape(self.mean_module.constant.shape))
        return mll.eval()


def _fitted(X: Tensor, Y: Tensor, known_noise: Tensor | None, prior: LengthscalePrior) -> tuple[Tensor, Tensor, Tensor]:
    """Length scales ``m x d``, noise ``m`` and means ``m`` for points ``n x d`` and results ``m x n``."""
    n, d = X.shape
    m = len(Y)
    if known_noise is not None:
        known_noise = known_noise.view(-1, n).clamp_min(_JITTER)

    def value_and_gradient(flat: Any) -> tuple[float, Any]:
        values = torch.tensor(flat).view(m, d + 2)
        of_priors, (value, of_data) = _priors(values), _likelihood(values)
        return (value + of_priors[0]) / n, ((of_data + of_priors[1]) / n).ravel().numpy()

    def _priors(values: Tensor) -> tuple[float, Tensor]:
        values = values.clone().requires_grad_()
        loss = prior.loss(values[:, :d])
        if known_noise is None:
            loss = loss + (0.5 * (values[:, d] - _NOISE_MEAN).square() + values[:, d]).sum()
        (gradient,) = torch.autograd.grad(loss, values)
        return loss.item(), gradient

    def _likelihood(values: Tensor) -> tuple[float, Tensor]:
        """Its negative logarithm and the gradient, ``m x (d + 2)``, by hand: automatic, it takes twice the time."""
        lengthscales = values[:, :d].exp()
        root = _roots(X, X, lengthscales)
        decay = (-root).exp()
        covariance = (1.0 + root + root.square() / 3.0) * decay
        noise = values[:, d].exp().unsqueeze(-1) if known_noise is None else known_noise
        factor = torch.linalg.cholesky(covariance + torch.diag_embed(noise.expand(m, n)))
        off = (Y - values[:, d + 1 :]).unsqueeze(-1)
        weights = torch.cholesky_solve(off, factor)
        loss = 0.5 * (off * weights).sum() + factor.diagonal(dim1=-2, dim2=-1).log().sum()
        by_covariance = 0.5 * (torch.cholesky_inverse(factor) - weights @ weights.transpose(-1, -2))
        gradient = torch.zeros_like(values)
        by_square = by_covariance * (1.0 + root) * decay * (-5.0 / 6.0)  # of the distances over the length scales
        moments = (by_square.sum(-1) @ X.square()) - (X * (by_square @ X)).sum(-2)
        gradient[:, :d] = -4.0 * moments / lengthscales.square()
        if known_noise is None:
            gradient[:, d] = by_covariance.diagonal(dim1=-2, dim2=-1).sum(-1) * noise.squeeze(-1)
        gradient[:, d + 1] = -weights.sum((-2, -1))
        return loss.item(), gradient

    start = np.zeros((m, d + 2))
    start[:, :d], start[:, d] = prior.start, _NOISE_MEAN - 1.0  # the mode of the noise's prior
    least = np.full((m, d + 2), -np.inf)
    least[:, :d], least[:, d] = math.log(_LEAST_LENGTHSCALE), math.log(_LEAST_NOISE)
    most = np.full((m, d + 2), np.inf)
    most[:, :d] = prior.most
    found = minimize(
        value_and_gradient,
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(least.ravel(), most.ravel(), strict=True)),
        options={"maxiter": _MOST_STEPS},
    )
    values = torch.tensor(found.x).view(m, d + 2)
    return values[:, :d].exp(), values[:, d].exp(), values[:, d + 1]


def matern(X: Tensor, Y: Tensor, lengthscales: Tensor) -> Tensor:
    """Covariances ``m x n x n'`` of points ``n x d`` and ``n' x d`` for length scales ``m x d``."""
    root = _roots(X, Y, lengthscales)
    return (1.0 + root + root.square() / 3.0) * (-root).exp()


def _roots(X: Tensor, Y: Tensor, lengthscales: Tensor) -> Tensor:
    """The distances over the length scales, times the root of 5."""
    middle = Y.mean(0)  # squares of small numbers lose less
    x, y = ((points - middle) / lengthscales.unsqueeze(1) for points in (X, Y))
    squares = x.square().sum(-1).unsqueeze(-1) + y.square().sum(-1).unsqueeze(-2) - 2.0 * x @ y.transpose(-1, -2)
    return (5.0 * squares.clamp_min(1e-12)).sqrt()
