"""Ax's own defaults, and Ax with BoTorch's model for hierarchical spaces: through Ax's Client, thresholds told."""

from collections.abc import Mapping
from typing import Any

from race_problem import Metrics, Problem, option_value

from ax_mo.core.trial import Point
from ax_mo.optimizer.compat import import_client
from ax_mo.search_space.parameters import Choice, Parameter


class AxSession:
    """``hierarchical``: BoTorch's HierarchicalConditionalKernelGP in place of the model of a flattened space.

    That one's acquisition function is searched with the effort of ours: with Ax's, a suggestion took 24 CPU seconds.
    BoTorch's compiled kernel is off, as in ours: it saves a fifth of a suggestion, and is compiled for half a minute.
    """

    def __init__(self, problem: Problem, seed: int, n_trials: int, hierarchical: bool = False) -> None:
        self._problem = problem
        self._indices: dict[int, int] = {}
        self._client = import_client()(random_seed=seed)
        dependents: dict[str, dict[Any, list[str]]] = {}
        for parameter in problem.parameters:
            for condition in parameter.when:
                for text in condition.texts:
                    below = dependents.setdefault(condition.key, {}).setdefault(text, [])
                    below.append(problem.names[id(parameter)])
        self._client.configure_experiment(
            parameters=[
                _config(problem.names[id(p)], p, dependents.get(p.key), hierarchical) for p in problem.parameters
            ]
        )
        objectives = problem.goals.objectives
        self._client.configure_optimization(
            objective=", ".join(f"{'' if o.maximize else '-'}m{i}" for i, o in enumerate(objectives)),
            outcome_constraints=[
                f"m{i} {'>=' if o.maximize else '<='} {o.threshold!r}" for i, o in enumerate(objectives)
            ],
        )
        self._client.configure_generation_strategy(
            initialization_random_seed=seed, allow_exceeding_initialization_budget=True
        )
        if hierarchical:
            _use_hierarchical_model(self._client)

    def ask(self, number: int) -> Point:
        ((index, values),) = self._client.get_next_trials(max_trials=1).items()
        self._indices[number] = index
        return self._problem.point(lambda name, parameter: _value(parameter, values[name]))

    def tell(self, number: int, metrics: Metrics) -> None:
        told = {f"m{i}": float(metrics[name]) for i, name in enumerate(self._problem.goals.names)}
        self._client.complete_trial(trial_index=self._indices.pop(number), raw_data=told)


def _config(name: str, parameter: Parameter, dependents: Mapping[Any, list[str]] | None, hierarchical: bool) -> Any:
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    if isinstance(parameter, Choice):
        kind, values = _choice_values(parameter)
        return ChoiceParameterConfig(
            name=name,
            values=values,
            parameter_type=kind,
            # The hierarchical model refuses one-hot columns of the choices above others, and compares their values.
            is_ordered=parameter.ordered or (hierarchical and dependents is not None),
            dependent_parameters=dependents,
        )
    return RangeParameterConfig(
        name=name,
        bounds=(parameter.low, parameter.high),
        parameter_type="int" if parameter.integral else "float",
        scaling="log" if parameter.log else "linear",
    )


def _choice_values(parameter: Choice) -> tuple[str, list[Any]]:
    """Ax's type of the values, which are texts unless all are numbers."""
    kinds = {type(value) for value in parameter.values}
    if kinds <= {int, float}:
        return "int" if kinds == {int} else "float", list(parameter.values)
    return "str", [option.text for option in parameter.options]


def _value(parameter: Parameter, value: Any) -> Any:
    if isinstance(parameter, Choice) and isinstance(value, str):
        return option_value(parameter, value)
    return parameter.cast(value)


def _use_hierarchical_model(client: Any) -> None:
    from ax.generators.torch.botorch_modular.surrogate import ModelConfig, SurrogateSpec
    from botorch.models.hierarchical import HierarchicalConditionalKernelGP

    (spec,) = client._generation_strategy.nodes_by_name["MBM"].generator_specs
    spec.generator_kwargs["surrogate_spec"] = SurrogateSpec(
        model_configs=[ModelConfig(botorch_model_class=HierarchicalConditionalKernelGP)],
        allow_batched_models=False,  # otherwise: "shape '[2, 1]' is invalid" (Ax 1.3.1)
    )
    spec.generator_gen_kwargs["model_gen_options"] = {"optimizer_kwargs": {"num_restarts": 4, "raw_samples": 256}}
    spec.generator_kwargs["transform_configs"] = {"Cast": {"flatten_hss": False}}
