"""SMAC's random forest with ParEGO's scalarizations. Thresholds are nothing that it can be told."""

import atexit
import shutil
import tempfile
import warnings
from typing import Any

import ConfigSpace
from race_problem import Metrics, Problem, option_value
from smac import HyperparameterOptimizationFacade, Scenario
from smac.multi_objective.parego import ParEGO
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from ax_mo.core.trial import Point
from ax_mo.search_space.parameters import Choice, Parameter


class SmacSession:
    """SMAC's facade for hyperparameters, with its own initial design."""

    def __init__(self, problem: Problem, seed: int, n_trials: int) -> None:
        warnings.simplefilter("ignore")  # NumPy's about empty slices, which SMAC takes means of
        directory = tempfile.mkdtemp(prefix="ax_mo-race-")  # SMAC writes there, and reads what another run has left
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        self._problem = problem
        self._trials: dict[int, TrialInfo] = {}
        scenario = Scenario(
            _space(problem, seed),
            objectives=list(problem.goals.names),
            n_trials=n_trials,
            deterministic=True,
            seed=seed,
            output_directory=directory,
        )
        self._facade = HyperparameterOptimizationFacade(
            scenario,
            _never_called,
            multi_objective_algorithm=ParEGO(scenario),
            overwrite=True,
            logging_level=False,
        )

    def ask(self, number: int) -> Point:
        trial = self._trials[number] = self._facade.ask()
        values = dict(trial.config)
        return self._problem.point(lambda name, parameter: _value(parameter, values[name]))

    def tell(self, number: int, metrics: Metrics) -> None:
        costs = [(-1 if o.maximize else 1) * metrics[o.name] for o in self._problem.goals.objectives]
        self._facade.tell(self._trials.pop(number), TrialValue(cost=costs), save=False)


def _never_called(config: ConfigSpace.Configuration, seed: int = 0) -> float:
    """In place of the function that SMAC would run itself: here it is asked and told."""
    raise AssertionError(f"{config}, {seed}")


def _space(problem: Problem, seed: int) -> ConfigSpace.ConfigurationSpace:
    space = ConfigSpace.ConfigurationSpace(seed=seed)
    added = {name: _hyperparameter(name, p) for p in problem.parameters for name in [problem.names[id(p)]]}
    space.add(list(added.values()))
    for parameter in problem.parameters:
        for condition in parameter.when:
            above = added[condition.key]
            space.add(ConfigSpace.InCondition(added[problem.names[id(parameter)]], above, list(condition.texts)))
    return space


def _hyperparameter(name: str, parameter: Parameter) -> Any:
    if isinstance(parameter, Choice):
        texts = [option.text for option in parameter.options]
        if parameter.ordered:
            return ConfigSpace.OrdinalHyperparameter(name, texts)
        return ConfigSpace.CategoricalHyperparameter(name, texts)
    if parameter.integral:
        bounds = (int(parameter.low), int(parameter.high))
        return ConfigSpace.UniformIntegerHyperparameter(name, *bounds, log=parameter.log)
    return ConfigSpace.UniformFloatHyperparameter(name, parameter.low, parameter.high, log=parameter.log)


def _value(parameter: Parameter, value: Any) -> Any:
    if isinstance(parameter, Choice):
        return option_value(parameter, value)
    return parameter.cast(value)
