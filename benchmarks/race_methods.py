"""The methods of the race by name, each a ``Session`` per study; ours through the optimizer that the sweep uses.

A method's module is imported when the method runs, so that a race needs only the packages of its methods.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, Protocol

from race_problem import Metrics, Problem

from ax_mo.core.trial import Point, Status, Trial
from ax_mo.optimizer.protocol import OPTIMIZERS, OptimizerOptions
from ax_mo.optimizer.untried import UntriedPoints
from ax_mo.sweep.settings import Settings


class Session(Protocol):
    """One study of one method. Made as ``session(problem, seed, n_trials)``, slow imports included.

    Trials are numbered from 0 as they are asked for; those that were not told yet are in flight.
    """

    def ask(self, number: int) -> Point:
        """The point of the trial of that number."""

    def tell(self, number: int, metrics: Metrics) -> None:
        """The result of a trial in flight."""


class Ours:
    """What ``hydra.sweeper.method`` names, as a sweep makes and uses it."""

    def __init__(self, problem: Problem, seed: int, n_trials: int, method: str = Settings.method) -> None:
        made = OPTIMIZERS.load(method, "hydra.sweeper.method")
        options = OptimizerOptions(method=method, n_trials=n_trials)
        self._optimizer = made(problem.space, problem.goals, seed, options)
        self._points = UntriedPoints(problem.space, seed)
        self._space = problem.space
        self._trials: dict[int, Trial] = {}
        getattr(self._optimizer, "prepare", lambda: None)()

    def ask(self, number: int) -> Point:
        suggestion = self._points.next(self._optimizer.ask)
        trial = Trial(
            number=number,
            status=Status.ASKED,
            point=suggestion.point,
            overrides=tuple(self._space.overrides(suggestion.point)),
            directory=str(number),
            generator=suggestion.generator,
            position=suggestion.position,
        )
        self._trials[number] = trial
        self._optimizer.tell(trial)
        return suggestion.point

    def tell(self, number: int, metrics: Metrics) -> None:
        self._optimizer.tell(replace(self._trials[number], status=Status.COMPLETED, metrics=dict(metrics)))


# By name: module, its Session, and what that takes besides problem, seed and number of trials.
METHODS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "ours": ("race_methods", "Ours", {}),
    "sobol": ("race_methods", "Ours", {"method": "random_search"}),
    "tpe": ("race_optuna", "OptunaSession", {"sampler": "TPESampler"}),
    "tpe_multivariate": (
        "race_optuna",
        "OptunaSession",
        {"sampler": "TPESampler", "options": {"multivariate": True, "group": True}},
    ),
    "optuna_gp": ("race_optuna", "OptunaSession", {"sampler": "GPSampler"}),
    "ax": ("race_ax", "AxSession", {}),
    "ax_hierarchical": ("race_ax", "AxSession", {"hierarchical": True}),
    "smac_parego": ("race_smac", "SmacSession", {}),
    "nsga2": ("race_optuna", "OptunaSession", {"sampler": "NSGAIISampler", "options": {"population_size": 20}}),
}
"""``ours:NAME`` besides: ours with that ``hydra.sweeper.method``."""


def session_maker(name: str) -> Callable[[Problem, int, int], Session]:
    """How to make a session of the method. Raises SystemExit with a message for a name that is none."""
    if name.startswith("ours:"):
        method = name.removeprefix("ours:")
        return lambda problem, seed, n_trials: Ours(problem, seed, n_trials, method)
    if name not in METHODS:
        raise SystemExit(f"no method '{name}'; there are {', '.join(METHODS)} and ours:METHOD")
    module, attribute, given = METHODS[name]
    made = getattr(import_module(module), attribute)
    return lambda problem, seed, n_trials: made(problem, seed, n_trials, **given)


def takes_part(name: str, problem: Problem) -> bool:
    """Whether the method is another one on the problem than one that is there anyway."""
    return name != "ax_hierarchical" or problem.is_conditional


def packages(name: str) -> list[str]:
    """The distributions whose versions matter to the results of the method."""
    of_module = {"race_optuna": ["optuna"], "race_smac": ["smac", "ConfigSpace"]}
    others = of_module.get(METHODS[name][0]) if name in METHODS else None
    return others or ["ax-platform", "botorch", "torch"]
