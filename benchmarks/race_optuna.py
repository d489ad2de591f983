"""Optuna's samplers: spaces with conditions by define-by-run. Thresholds are nothing that they can be told."""

import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from race_problem import Metrics, Problem, option_value

from ax_mo.core.trial import Point
from ax_mo.search_space.parameters import Choice, Parameter


class OptunaSession:
    """``sampler`` is a class of ``optuna.samplers``; it gets the seed and ``options``."""

    def __init__(
        self, problem: Problem, seed: int, n_trials: int, sampler: str, options: Mapping[str, Any] | None = None
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore")
        made = getattr(optuna.samplers, sampler)(seed=seed, **(options or {}))
        self._problem = problem
        self._trials: dict[int, optuna.Trial] = {}
        self._study = optuna.create_study(
            directions=[objective.goal for objective in problem.goals.objectives], sampler=made
        )

    def ask(self, number: int) -> Point:
        trial = self._trials[number] = self._study.ask()
        return self._problem.point(lambda name, parameter: _suggested(trial, name, parameter))

    def tell(self, number: int, metrics: Metrics) -> None:
        self._study.tell(self._trials.pop(number), [metrics[name] for name in self._problem.goals.names])


def _suggested(trial: optuna.Trial, name: str, parameter: Parameter) -> Any:
    """A choice of ordered values is the index of one: Optuna's categorical ones have no order."""
    if isinstance(parameter, Choice):
        if parameter.ordered:
            return parameter.values[trial.suggest_int(name, 0, len(parameter.options) - 1)]
        return option_value(parameter, trial.suggest_categorical(name, [o.text for o in parameter.options]))
    if parameter.integral:
        return trial.suggest_int(name, int(parameter.low), int(parameter.high), log=parameter.log)
    return trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log)
