"""``hydra.sweeper.early_stopping`` as a checked stopping rule, and the rules there are, by the names of ``rule``."""

from collections.abc import Mapping, Sequence
from typing import Any

from ax_mo.core.objectives import Goals, Objective
from ax_mo.early_stopping.rules import EarlyStopping, StoppingRule
from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.settings import check_bounds
from ax_mo.trial.registry import Registry

_KEY = "hydra.sweeper.early_stopping"
_EXAMPLE = "for example\n  early_stopping: {rule: dominated, min_steps: 3}"

_BUILT_IN = {
    "percentile": "ax_mo.early_stopping.percentile:MetricPercentile",
    "all": "ax_mo.early_stopping.percentile:AllPercentiles",
    "dominated": "ax_mo.early_stopping.dominated:Dominated",
}
STOPPING_RULES = Registry("ax_mo.stopping_rules", _BUILT_IN)

# A setting that is not here belongs to every rule.
_NOT_OF_EVERY_RULE = ("metric", "goal", "percentile", "k")
_AT_LEAST = {"k": 1, "min_steps": 1, "min_trials": 1, "patience": 0, "interval": 1, "grace_seconds": 0}


def parse_early_stopping(given: Mapping[str, Any], goals: Goals) -> StoppingRule | None:
    """The rule of ``hydra.sweeper.early_stopping`` for these goals; None where nothing is ``given``, which is off.

    ``given`` are the settings that are not null, their names and types checked. Raises ConfigError.
    """
    if not given:
        return None
    if "rule" not in given:
        raise ConfigError(f"{_KEY}.rule is missing; write {_or(STOPPING_RULES.names)}, {_EXAMPLE}")
    rule = STOPPING_RULES.load(given["rule"], f"{_KEY}.rule")
    for key in _NOT_OF_EVERY_RULE:
        if key in given and key not in rule.heeds:
            heeding = [name for name in _BUILT_IN if key in STOPPING_RULES.load(name, _KEY).heeds]
            raise ConfigError(
                f"{_KEY}.{key} has no meaning for rule: {given['rule']}; delete it, or write rule: {_or(heeding)}."
            )
    check_bounds(_KEY, given, _AT_LEAST)
    if not 0.0 < given.get("percentile", 50.0) < 100.0:
        raise ConfigError(f"{_KEY}.percentile must lie between 0 and 100, not {given['percentile']}; 50 is usual.")
    curves = _curves(given.get("curves", {}), goals)
    if rule.needs_metric and "metric" not in given:
        raise ConfigError(
            f"{_KEY}.metric is missing: rule: {given['rule']} watches one metric; name it, "
            f"for example metric: {goals.names[0]}."
        )
    metric = _metric(given, goals, curves) if "metric" in given else None
    others = {name: given[name] for name in ("percentile", *_AT_LEAST) if name in given}
    made: StoppingRule = rule(EarlyStopping(given["rule"], metric, curves=curves, **others), goals)
    return made


def _curves(curves: Mapping[str, str], goals: Goals) -> Mapping[str, str]:
    for name in curves:
        if name not in goals.names:
            raise ConfigError(
                f"{_KEY}.curves: '{name}' is no objective; name one of {', '.join(goals.names)}."
                f"{closest(name, goals.names)}"
            )
    return curves


def _metric(given: Mapping[str, Any], goals: Goals, curves: Mapping[str, str]) -> Objective:
    """The watched metric with its direction: an objective, the curve of one, or any other metric with its ``goal``."""
    name = given["metric"]
    of_name = {curves[o.name]: o for o in goals.objectives if o.name in curves} | {o.name: o for o in goals.objectives}
    objective = of_name.get(name)
    word = None if "goal" not in given else str(given["goal"])
    if word not in ("maximize", "minimize", None):
        raise ConfigError(
            f"{_KEY}.goal: '{word}' is no direction; write maximize or minimize."
            f"{closest(word.lower(), ('maximize', 'minimize'))}"
        )
    if objective is None and word is None:
        raise ConfigError(
            f"{_KEY}.metric: '{name}' is no objective; name one of {', '.join(goals.names)}, or say which way is "
            f"better with {_KEY}.goal.{closest(name, goals.names)}"
        )
    if objective is not None and word not in (objective.goal, None):
        raise ConfigError(
            f"{_KEY}.goal: {word} contradicts hydra.sweeper.objectives.{objective.name}, which is to "
            f"{objective.goal}; delete {_KEY}.goal."
        )
    return Objective(name, word == "maximize" if objective is None else objective.maximize)


def _or(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
