"""Objectives that are to come near a number: our model is of the metric itself, and the distance is taken of its draws.

A distance has a kink where it matters, and says nothing of the side on which a trial lies: a model of the metric finds
the target from few trials on one side of it (composite optimization, Astudillo and Frazier 2019, ICML). Ax knows such a
metric by an alias of its own, as its difference from the target, and as an objective to minimize; what is made of that
here is that the size of the difference is minimized.
"""

from typing import Any

import torch
from ax.adapter.transforms.standardize_y import StandardizeY
from ax.adapter.transforms.winsorize import Winsorize
from botorch.acquisition.multi_objective.objective import MCMultiOutputObjective
from botorch.acquisition.objective import LinearMCObjective, MCAcquisitionObjective
from torch import Tensor

from ax_mo.optimizer.ax_experiment import is_difference


class TargetStandardizeY(StandardizeY):  # type: ignore[misc]
    """Ax's, with the target at zero, so that the size of a difference is that of what the model knows."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.Ymean.update({name: 0.0 for name in self.Ymean if is_difference(name)})


class TargetWinsorize(Winsorize):  # type: ignore[misc]
    """Ax's, but for differences: what lies far from most others may lie at the target."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        for name in filter(is_difference, list(self.cutoffs)):
            del self.cutoffs[name]


def _folded(samples: Tensor, columns: list[int]) -> Tensor:
    """Draws ``... x m`` with the size of the differences in place of them."""
    folded = samples.clone()
    folded[..., columns] = samples[..., columns].abs()
    return folded


class FoldedObjective(MCAcquisitionObjective):  # type: ignore[misc]
    """Of one objective, the weighted sum of folded draws."""

    def __init__(self, weights: Tensor, columns: list[int]) -> None:
        super().__init__()
        self._of_folded = LinearMCObjective(weights)
        self._columns = columns

    def forward(self, samples: Tensor, X: Tensor | None = None) -> Tensor:
        return self._of_folded(_folded(samples, self._columns), X)


class FoldedObjectives(MCMultiOutputObjective):  # type: ignore[misc]
    """Of several objectives, what ``of_folded`` makes of folded draws."""

    def __init__(self, of_folded: MCMultiOutputObjective, columns: list[int]) -> None:
        super().__init__()
        self._of_folded = of_folded
        self._columns = columns

    def forward(self, samples: Tensor, X: Tensor | None = None) -> Tensor:
        return self._of_folded(_folded(samples, self._columns), X)


def fold(objective: Any, weights: Tensor, columns: list[int]) -> Any:
    """Ax's objective, or where it has none that of the ``weights``, ``objectives x m``, with those columns folded."""
    if isinstance(objective, MCMultiOutputObjective):
        return FoldedObjectives(objective, columns)
    return FoldedObjective(torch.as_tensor(weights).sum(dim=0), columns)
