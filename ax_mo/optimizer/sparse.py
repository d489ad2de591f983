"""The model of spaces in which few of many parameters matter: SAAS, without sampling (Eriksson & Jankowiak 2021).

The sparse axis-aligned prior lets a feature matter only where the data say so. Its global shrinkage decides how much
they must say: instead of drawing it, with all length scales, by Monte Carlo, this fits the length scales for each of a
few values, and averages the models, as BoTorch's EnsembleMapSaasSingleTaskGP does.
"""

import math
from typing import Any

import torch
from botorch.posteriors.fully_bayesian import MCMC_DIM, GaussianMixturePosterior
from torch import Tensor

from ax_mo.optimizer.gaussian_process import LengthscalePrior, StudyGP

# From "few features matter" to "many do". BoTorch draws them at random, and puts the half-Cauchy on their product with
# the inverse squares of the length scales; the authors of SAAS put it on the quotient, as here.
_SHRINKAGES = (0.01, 0.03, 0.1, 0.3)

_MOST_LENGTHSCALE = 1e3


class SparseGP(StudyGP):
    """An ensemble of ``StudyGP``, one for each global shrinkage, of one metric: ``train_Y`` is ``n x 1``."""

    _is_ensemble = True  # BoTorch's word for acquisition functions: average over the models
    _supports_batched_models = False

    @classmethod
    def construct_inputs(cls, *given: Any, **options: Any) -> dict[str, Any]:
        """Those of ``StudyGP``, the data once for each model."""
        inputs: dict[str, Any] = super().construct_inputs(*given, **options)
        for name in ("train_X", "train_Y", "train_Yvar"):
            if inputs[name] is not None:
                inputs[name] = inputs[name].repeat(len(_SHRINKAGES), 1, 1)
        return inputs

    def lengthscale_prior(self, d: int) -> LengthscalePrior:
        """Half-Cauchy on the inverse squares of length scales over the shrinkage, from a start where none matters."""
        shrinkages = torch.tensor(_SHRINKAGES, dtype=torch.double).unsqueeze(-1)
        return LengthscalePrior(
            lambda logs: torch.log1p(((-2.0 * logs).exp() / shrinkages).square()).sum(),
            start=math.log(d) / 2.0,
            most=math.log(_MOST_LENGTHSCALE),
        )

    def posterior(self, X: Tensor, *args: Any, **kwargs: Any) -> GaussianMixturePosterior:
        """The average of the models' at ``... x q x d`` points; the models are a dimension before ``q``."""
        return GaussianMixturePosterior(
            distribution=super().posterior(X.unsqueeze(MCMC_DIM), *args, **kwargs).distribution
        )
