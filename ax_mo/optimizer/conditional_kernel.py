"""A Gaussian process for spaces with conditional parameters: what is inactive makes no difference to it.

Ax 1.3.1 flattens a hierarchical space for its model, and fills inactive parameters with whatever the model proposed
there, so that two equal configurations can look far apart. Here two configurations are as alike as those of their
parameters are that both have: a sum of kernels, one per set of parameters that are active together, as in the
arc kernels of Swersky et al. 2014 and the tree-structured kernel of Jenatton et al. 2017. A parameter that is active
under several options is one parameter. BoTorch's own model for hierarchical spaces (HierarchicalConditionalKernelGP,
0.18.1) is of the same kind, but cannot be fitted to several metrics at once, and took more than twice as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from botorch.models import SingleTaskGP
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from gpytorch.kernels import Kernel, ScaleKernel
from gpytorch.priors import LogNormalPrior
from torch import Tensor

from ax_mo.optimizer.ax_space import AxBranch, AxParameter, AxSpace

_INACTIVE = 0.5


@dataclass(frozen=True)
class ActiveColumns:
    """Where a block's parameters stand among the features, and the gates that make them active there.

    A gate is (column, position, width): it is open where the column's feature is at the position, and closed from the
    width on.
    """

    columns: tuple[int, ...]
    gates: tuple[tuple[int, float, float], ...] = ()


Block = Sequence[ActiveColumns]
"""Parameters that are active together: the columns for each set of options that makes them so, of which one holds."""


class ConditionalKernel(Kernel):  # type: ignore[misc]
    """A sum of one kernel per block, over pairs of points in which the block is active.

    The model's features are in [0, 1]. Between options, where the acquisition function's optimizer passes, a block
    fades in and out.
    """

    has_lengthscale = False

    def __init__(self, blocks: Sequence[Block], batch_shape: torch.Size) -> None:
        super().__init__()
        self._blocks = blocks
        self.kernels = torch.nn.ModuleList(
            ScaleKernel(
                get_covar_module_with_dim_scaled_prior(ard_num_dims=len(block[0].columns), batch_shape=batch_shape),
                batch_shape=batch_shape,
                # Around the variance of the standardized data, however many blocks share it.
                outputscale_prior=LogNormalPrior(0.0, 1.0),
            )
            for block in blocks
        )

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: Any) -> Tensor:
        """``... x n1 x d`` and ``... x n2 x d`` to ``... x n1 x n2``, or to ``... x n`` with ``diag``."""
        total: Any = 0.0
        for block, kernel in zip(self._blocks, self.kernels, strict=True):
            (features1, active1), (features2, active2) = block_features(block, x1), block_features(block, x2)
            part = kernel.forward(features1, features2, diag=diag, **params)
            both = active1 * active2 if diag else active1.unsqueeze(-1) * active2.unsqueeze(-2)
            total = total + part * both
        return total


def block_features(block: Block, x: Tensor) -> tuple[Tensor, Tensor]:
    """Of points ``... x n x d``, the block's features, ``... x n x k``, and how active it is, ``... x n`` in [0, 1]."""
    active = torch.zeros_like(x[..., 0])
    features = torch.full_like(x[..., list(block[0].columns)], _INACTIVE)
    for where in block:
        weight = torch.ones_like(active)
        for column, position, width in where.gates:
            weight = weight * (1.0 - (x[..., column] - position).abs() / width).clamp(0.0, 1.0)
        active = active + weight
        features = features + weight.unsqueeze(-1) * (x[..., list(where.columns)] - _INACTIVE)
    return features, active.clamp(0.0, 1.0)


class ConditionalGP(SingleTaskGP):  # type: ignore[misc]
    """BoTorch's default model but for its kernel."""

    @classmethod
    def construct_inputs(
        cls, training_data: Any, variants: Sequence[Sequence[AxParameter]], **_: Any
    ) -> dict[str, Any]:
        """Ax's way to make a model; ``variants`` holds Ax's parameters by parameter of the space."""
        inputs: dict[str, Any] = super().construct_inputs(training_data=training_data)
        outputs = training_data.Y.shape[-1]
        inputs["covar_module"] = ConditionalKernel(
            blocks_of(variants, list(training_data.feature_names)), torch.Size([outputs] if outputs > 1 else [])
        )
        return inputs


def blocks_of(variants: Sequence[Sequence[AxParameter]], names: Sequence[str]) -> list[list[ActiveColumns]]:
    """The parameters of the space by what makes them active; ``names`` are the model's features."""
    column = {name: index for index, name in enumerate(names)}
    together: dict[Any, list[Sequence[AxParameter]]] = {}
    for of_one in variants:
        together.setdefault(tuple(variant.path for variant in of_one), []).append(of_one)
    return [
        [
            ActiveColumns(
                tuple(column[name] for of_one in members for name in of_one[index].columns),
                tuple(_gate(level, column) for level in path),
            )
            for index, path in enumerate(paths)
        ]
        for paths, members in together.items()
    ]


def _gate(level: AxBranch, column: dict[str, int]) -> tuple[int, float, float]:
    if level.one_hot:
        return column[f"{level.name}_OH_PARAM_{level.index}"], 1.0, 1.0
    steps = level.count - 1
    return column[level.name], level.index / steps, 1.0 / steps


def surrogate_spec(ax_space: AxSpace) -> Any:
    """Ax's description of the model for this space."""
    from ax.generators.torch.botorch_modular.surrogate import ModelConfig, SurrogateSpec

    options = {"variants": tuple(map(tuple, ax_space.variants))}
    return SurrogateSpec(model_configs=[ModelConfig(botorch_model_class=ConditionalGP, model_options=options)])
