"""A Gaussian process for spaces with conditional parameters: what is inactive makes no difference to it.

Ax 1.3.1 flattens a hierarchical space for its model, and fills inactive parameters with whatever the model proposed
there, so that two equal configurations can look far apart. Here the kernel sees an inactive parameter at the middle
of its range, and a parameter that is active under several options as one. BoTorch's own model for hierarchical spaces
(HierarchicalConditionalKernelGP, 0.18.1) cannot be fitted to several metrics through Ax.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from botorch.models import SingleTaskGP
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from gpytorch.kernels import Kernel
from torch import Tensor

from ax_mo.study.ax_space import AxSpace, Copy, Level

_INACTIVE = 0.5


@dataclass(frozen=True)
class _Source:
    """A feature of Ax's model, and the choices (column, position, width) that make it active."""

    column: int
    gates: tuple[tuple[int, float, float], ...]


class ActiveFeaturesKernel(Kernel):  # type: ignore[misc]
    """Another kernel over the active features only.

    ``sources`` names, for each feature of the inner kernel, the features of the model that it is taken from; of
    several, at most one is active. The model's features are in [0, 1].
    """

    has_lengthscale = False

    def __init__(self, inner: Kernel, sources: Sequence[Sequence[_Source]]) -> None:
        super().__init__()
        self.inner = inner
        self._sources = sources

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: Any) -> Tensor:
        """The inner kernel's matrix; ``x1`` is ``... x n1 x d``, ``x2`` is ``... x n2 x d``."""
        return self.inner.forward(self.active(x1), self.active(x2), diag=diag, **params)

    def active(self, x: Tensor) -> Tensor:
        """``... x n x d`` features of the model as ``... x n x k`` of the inner kernel.

        Between options, where the acquisition function's optimizer passes, a feature fades in and out.
        """
        columns: list[Tensor] = []
        for sources in self._sources:
            value = torch.full_like(x[..., 0], _INACTIVE)
            for source in sources:
                weight = torch.ones_like(value)
                for column, position, width in source.gates:
                    weight = weight * (1.0 - (x[..., column] - position).abs() / width).clamp(0.0, 1.0)
                value = value + weight * (x[..., source.column] - _INACTIVE)
            columns.append(value)
        return torch.stack(columns, dim=-1)


class ConditionalGP(SingleTaskGP):  # type: ignore[misc]
    """BoTorch's default model, with its default kernel over the active features."""

    @classmethod
    def construct_inputs(cls, training_data: Any, copies: Sequence[Sequence[Copy]], **_: Any) -> dict[str, Any]:
        """Ax's way to make a model; ``copies`` holds Ax's parameters by parameter of the space."""
        inputs: dict[str, Any] = super().construct_inputs(training_data=training_data)
        sources = feature_sources(copies, list(training_data.feature_names))
        outputs = training_data.Y.shape[-1]
        inner = get_covar_module_with_dim_scaled_prior(
            ard_num_dims=len(sources), batch_shape=torch.Size([outputs] if outputs > 1 else [])
        )
        inputs["covar_module"] = ActiveFeaturesKernel(inner, sources)
        return inputs


def feature_sources(copies: Sequence[Sequence[Copy]], names: Sequence[str]) -> list[list[_Source]]:
    """For each parameter of the space, and each of its columns, the features in ``names`` that hold it."""
    place = {name: index for index, name in enumerate(names)}
    sources: list[list[_Source]] = []
    for of_one in copies:
        for column in range(len(of_one[0].columns)):
            sources.append([
                _Source(place[copy.columns[column]], tuple(_gate(level, place) for level in copy.path))
                for copy in of_one
            ])  # fmt: skip
    return sources


def _gate(level: Level, place: dict[str, int]) -> tuple[int, float, float]:
    if level.one_hot:
        return place[f"{level.name}_OH_PARAM_{level.index}"], 1.0, 1.0
    steps = level.count - 1
    return place[level.name], level.index / steps, 1.0 / steps


def surrogate_spec(ax_space: AxSpace) -> Any:
    """Ax's description of the model for this space."""
    from ax.generators.torch.botorch_modular.surrogate import ModelConfig, SurrogateSpec

    options = {"copies": tuple(map(tuple, ax_space.copies))}
    return SurrogateSpec(model_configs=[ModelConfig(botorch_model_class=ConditionalGP, model_options=options)])
