"""The user's own strategy for Ax, ``hydra.sweeper.generation_strategy``: found, made and checked before a study begins.

A strategy decides which generator makes each point and when the next one takes over: Ax's ``GenerationStrategy``, a
graph of nodes. It goes on after a resume where it was: each trial counts for the node that had made it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ax_mo.core.objectives import Goals
from ax_mo.errors import ConfigError
from ax_mo.optimizer.ax_experiment import AxExperiment, generator_of
from ax_mo.optimizer.ax_space import AxSpace
from ax_mo.optimizer.compat import experiment_of, import_client, quiet
from ax_mo.search_space.space import SearchSpace
from ax_mo.trial.registry import import_part

KEY = "hydra.sweeper.generation_strategy"
_DEFAULT_METHOD = "fast"


def check_strategy(path: str, method: str, n_startup_trials: int | None, space: SearchSpace, goals: Goals) -> None:
    """Make the strategy once for an experiment like the study's. Raises ConfigError where that cannot be."""
    if method != _DEFAULT_METHOD:
        raise ConfigError(f"{KEY} is in place of hydra.sweeper.method, which is {method!r}: delete one of the two.")
    if n_startup_trials is not None:
        raise ConfigError(
            f"hydra.sweeper.n_startup_trials does nothing with {KEY}, whose own first node says how many trials come "
            "before its model: delete it."
        )
    function = load_strategy(path)
    experiment = AxExperiment(AxSpace(space), goals, 0, lambda _: (), own_model=False)
    try:
        make_strategy(function, experiment_of(experiment.client), 0)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"{KEY}: {path} fails: {type(error).__name__}: {error}") from error


def load_strategy(path: str) -> Callable[..., Any]:
    """The function that makes the strategy. Raises ConfigError."""
    module, _, name = path.partition(":")
    if not module or not name:
        raise ConfigError(f"{KEY} must be module:function, such as my_pkg.strategies:make, not '{path}'.")
    try:
        function = import_part(path)
    except Exception as error:
        raise ConfigError(f"{KEY}: {path} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(function):
        raise ConfigError(f"{KEY}: {path} is no function.")
    found: Callable[..., Any] = function
    return found


def make_strategy(function: Callable[..., Any], experiment: Any, seed: int) -> Any:
    """A new strategy for Ax's experiment. Raises ConfigError for anything else, and what the function raises."""
    import_client()
    from ax.generation_strategy.generation_strategy import GenerationStrategy

    strategy = function(experiment, seed)
    quiet()  # what it has imported
    if not isinstance(strategy, GenerationStrategy):
        raise ConfigError(f"{KEY} must return Ax's GenerationStrategy, not {type(strategy).__name__}.")
    return strategy


def go_on_with_sequences(strategy: Any, generators: Sequence[str]) -> None:
    """Have quasi-random nodes begin after the points that they have made; ``generators`` are those of all trials."""
    from ax.adapter.registry import Generators

    for node in strategy.nodes_by_name.values():
        for spec in node.generator_specs:
            if spec.generator_enum is Generators.SOBOL:
                spec.generator_kwargs.setdefault("init_position", generators.count(generator_of(node.name)))
