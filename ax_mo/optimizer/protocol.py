"""What the sweep asks of an optimizer, and the optimizers there are, by the names of ``hydra.sweeper.method``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ax_mo.core.trial import Suggestion, Trial
from ax_mo.trial.curve import CurvePoint
from ax_mo.trial.registry import Registry


@dataclass(frozen=True)
class OptimizerOptions:
    """Settings of the study that an optimizer may heed."""

    method: str = "fast"
    """The name by which the optimizer was chosen."""
    n_startup_trials: int | None = None
    """How many quasi-random trials come before the optimizer's own; None leaves it the choice."""
    n_trials: int | None = None
    """How many trials the study is to have, imported ones included; None where nobody knows."""
    torch_threads: int = 1
    curve_of: Callable[[Trial], Sequence[CurvePoint]] = lambda _trial: ()
    """Reads the learning curve of a trial that has ended; empty where there is none."""
    generation_strategy: str | None = None
    """Of Ax's methods: ``module:function`` that makes the user's own strategy."""


class NoSuggestion(Exception):
    """It was the optimizer's turn, and it failed; the study counts the quasi-random point in its place as such."""


class Optimizer(Protocol):
    """Suggests the points of one study, and learns from its trials. All calls are made on one thread.

    It is made as ``optimizer(space, goals, seed, options)``, of a SearchSpace, Goals, an int and OptimizerOptions. The
    same seed and the same calls are to give the same points. A method ``prepare()``, where there is one, is called
    once, when all workers are busy: the time to import what is slow to import.

    Initial trials, and the care that no point is tried twice, are no business of an optimizer (``UntriedPoints``).
    """

    def restore(self, trials: Sequence[Trial]) -> None:
        """Take over a study with these trials, in whatever state they are; called once, before all else."""

    def ask(self) -> Suggestion | None:
        """The next point; None leaves the choice to the quasi-random sequence. May raise NoSuggestion."""

    def tell(self, trial: Trial) -> None:
        """A trial is about to run (``Status.ASKED``), whoever suggested it, or has ended."""


_AX = "ax_mo.optimizer.ax:AxOptimizer"

OPTIMIZERS = Registry("ax_mo.optimizers", dict.fromkeys(("fast", "saas", "auto", "quality", "random_search"), _AX))
