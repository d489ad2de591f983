"""Ax as an optimizer: whose turn it is, Ax's strategy, and the points that its model proposes.

Ax is imported when the model's turn comes; until then, what it is to be told is kept.
"""

import logging
from collections.abc import Sequence
from typing import Any

from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Status, Suggestion, Trial
from ax_mo.optimizer.ax_experiment import AxExperiment
from ax_mo.optimizer.ax_space import AxSpace
from ax_mo.optimizer.compat import experiment_of, import_client, limited_threads, quiet
from ax_mo.optimizer.generation_strategy import go_on_with_sequences, load_strategy, make_strategy
from ax_mo.optimizer.protocol import NoSuggestion, OptimizerOptions
from ax_mo.search_space.space import SearchSpace

# Trials before the model, unless the user says otherwise: Ax's own number, and at least one for each option of a choice
# that decides what else is active, as long as that leaves three quarters of the study to the model.
_STARTUP_TRIALS = 5
_LARGEST_START = 0.25

# Ax's methods; any other name is another optimizer's. "quality" was Ax's SAAS by Monte Carlo, before there was "saas".
METHODS = ("fast", "saas", "auto", "quality", "random_search")

# From so many parameters on, "auto" is "saas". On problem "sixty" of benchmarks/race.py, where five of sixty parameters
# matter, the hypervolume after 60 trials was .92 with saas, .84 with fast, .76 with Optuna's multivariate TPE (seeds 0
# to 2). Where it begins to pay is less certain: with 20 parameters, each predicted one of two metrics better.
_MANY_PARAMETERS = 30


class AxOptimizer:
    """Suggests the points of Ax's model, once enough trials are there for one, or those of the user's own strategy.

    ``seed`` fixes every draw of the model. ``impute`` and ``own_model`` are those of ``AxExperiment``.
    """

    def __init__(
        self,
        space: SearchSpace,
        goals: Goals,
        seed: int,
        options: OptimizerOptions | None = None,
        impute: bool = True,
        own_model: bool = True,
    ) -> None:
        self._space = space
        self._goals = goals
        self._seed = seed
        self._options = options or OptimizerOptions()
        self._impute = impute
        self._own_model = own_model
        given = self._options.n_startup_trials
        self._startup_trials = _startup_trials(space, self._options.n_trials) if given is None else given
        self._trials: dict[int, Trial] = {}
        self._experiment: AxExperiment | None = None

    def restore(self, trials: Sequence[Trial]) -> None:
        self._trials = {trial.number: trial for trial in trials}

    def tell(self, trial: Trial) -> None:
        self._trials[trial.number] = trial
        if self._experiment is not None:
            self._experiment.tell([trial])

    def ask(self) -> Suggestion | None:
        """The model's point; None before its turn, and where it has none. Trials that run count as pending.

        Raises NoSuggestion where the model has failed.
        """
        if not self._is_models_turn:
            return None
        experiment = self.experiment
        from ax.exceptions.core import DataRequiredError, SearchSpaceExhausted
        from ax.exceptions.generation_strategy import (
            GenerationStrategyRepeatedPoints,
            MaxParallelismReachedException,
        )

        nothing = (
            SearchSpaceExhausted,
            GenerationStrategyRepeatedPoints,
            MaxParallelismReachedException,
            DataRequiredError,
        )
        try:
            with limited_threads(self._options.torch_threads):
                return experiment.propose()
        except nothing:
            return None
        except (RuntimeError, ValueError, ArithmeticError, NotImplementedError) as error:
            # Numerical trouble in a model must not end a study that has other points to try.
            logging.getLogger(__name__).warning(
                "The model could not suggest a point (%s: %s); taking a quasi-random one.",
                type(error).__name__,
                str(error).splitlines()[0] if str(error) else "",
            )
            raise NoSuggestion from error

    def prepare(self) -> None:
        """Import Ax, which takes seconds, unless the study ends before the model's turn."""
        n_trials = self._options.n_trials
        if self._options.method != "random_search" and (n_trials is None or n_trials > self._startup_trials):
            import_client()

    def fit(self) -> Any:
        """Ax's adapter of the model, fitted to all that was told, whether or not its turn to suggest has come.

        Raises what Ax and BoTorch raise when there is too little data.
        """
        experiment = self.experiment
        with limited_threads(self._options.torch_threads):
            return experiment.fit()

    @property
    def _is_models_turn(self) -> bool:
        """As Ax itself decides it: enough trials have not failed, and half as many have completed.

        The user's own strategy makes all points, the quasi-random ones included.
        """
        if self._options.generation_strategy is not None:
            return True
        if self._options.method == "random_search":
            return False
        statuses = [trial.status for trial in self._trials.values()]
        begun = sum(status is not Status.FAILED for status in statuses)
        # Where trials train in rungs, complete ones come late.
        completed = sum(trial.status.has_metrics or bool(trial.rungs) for trial in self._trials.values())
        return begun >= self._startup_trials and completed >= max(1, self._startup_trials // 2)

    @property
    def experiment(self) -> AxExperiment:
        """The study in Ax's hands, made when it is first needed and told everything then."""
        if self._experiment is None:
            ax_space = AxSpace(self._space)
            curve_of = self._options.curve_of
            own_model = self._own_model and self._options.generation_strategy is None
            experiment = AxExperiment(ax_space, self._goals, self._seed, curve_of, self._impute, own_model)
            experiment.client.set_generation_strategy(self._strategy(ax_space, experiment))
            quiet()  # what the strategy has imported
            experiment.tell(list(self._trials.values()))
            self._experiment = experiment
        return self._experiment

    def _strategy(self, ax_space: AxSpace, experiment: AxExperiment) -> Any:
        """The user's own, or Ax's default for the method; its quasi-random step is for readers of what it saves."""
        if self._options.generation_strategy is not None:
            function = load_strategy(self._options.generation_strategy)
            made = make_strategy(function, experiment_of(experiment.client), self._seed)
            go_on_with_sequences(made, [trial.generator for trial in self._trials.values()])
            return made
        from ax.api.utils.generation_strategy_dispatch import choose_generation_strategy
        from ax.api.utils.structs import GenerationStrategyDispatchStruct

        strategy = choose_generation_strategy(
            GenerationStrategyDispatchStruct(
                method="random_search" if self._options.method == "random_search" else "fast",
                initialization_budget=self._startup_trials,
                initialization_random_seed=self._seed,
                initialize_with_center=False,
                use_existing_trials_for_initialization=True,
                min_observed_initialization_trials=None,
                # Otherwise Ax refuses to suggest while more workers wait than the initialization has trials.
                allow_exceeding_initialization_budget=True,
                torch_device=None,
                simplify_parameter_changes=False,
            )
        )
        for node in strategy.nodes_by_name.values():
            for spec in node.generator_specs:
                if node.name == "Sobol":
                    position = max((trial.position for trial in self._trials.values()), default=0)
                    spec.generator_kwargs["init_position"] = position
                else:
                    spec.generator_kwargs.update(_model(ax_space, self._options.method))
        return strategy


def _startup_trials(space: SearchSpace, n_trials: int | None) -> int:
    most = max((len(choice.options) for choice in space.branching), default=0)
    if n_trials is not None:
        most = min(most, int(_LARGEST_START * n_trials))
    return max(_STARTUP_TRIALS, most)


def _model(ax_space: AxSpace, method: str) -> dict[str, Any]:
    """What makes Ax's modular BoTorch generator one with our model and search."""
    from ax.adapter.registry import MBM_X_trans, Y_trans
    from ax.adapter.transforms.one_hot import OneHot
    from ax.adapter.transforms.standardize_y import StandardizeY
    from ax.adapter.transforms.winsorize import Winsorize
    from ax.generators.torch.botorch_modular.surrogate import ModelConfig, SurrogateSpec

    from ax_mo.optimizer.acquisition import StudyAcquisition
    from ax_mo.optimizer.gaussian_process import StudyGP
    from ax_mo.optimizer.sparse import SparseGP
    from ax_mo.optimizer.target import TargetStandardizeY, TargetWinsorize

    sparse = method in ("saas", "quality") or (method == "auto" and len(ax_space.variants) >= _MANY_PARAMETERS)
    model = ModelConfig(botorch_model_class=SparseGP if sparse else StudyGP, model_options={"ax_space": ax_space})
    return {
        "surrogate_spec": SurrogateSpec(model_configs=[model]),
        "transforms": [
            *(t for t in MBM_X_trans if t is not OneHot),  # the model's features are one-hot
            *({StandardizeY: TargetStandardizeY, Winsorize: TargetWinsorize}.get(t, t) for t in Y_trans),
        ],
        "acquisition_class": StudyAcquisition,
        # Before a trial met all thresholds, Ax 1.3.1 would only look for one that does, close to the best so far.
        "use_p_feasible": False,
    }
