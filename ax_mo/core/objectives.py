"""What a study is after: objectives, thresholds and constraints on metrics."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ax_mo.core.expression import Incalculable
from ax_mo.core.linear import LinearConstraint, parse_linear
from ax_mo.core.metric_expression import parse_expression
from ax_mo.core.objective import Objective, Scale
from ax_mo.core.trial import Outcome, Trial
from ax_mo.errors import ConfigError, closest

DIRECTIONS = {"maximize": True, "minimize": False}
# Files and tables are UTF-8 and have a line for each metric.
_UNUSABLE = re.compile(r"[\n\r\0\ud800-\udfff]")

_SETTINGS = ("goal", "threshold", "tolerance", "scale", "expression")

SCALARIZED = "scalarized"
"""The metric that ``hydra.sweeper.scalarize`` makes of others."""

_EXAMPLE = "for example\n  objectives:\n    val_acc: {goal: maximize, threshold: 0.9}\n    num_params: minimize"


@dataclass(frozen=True)
class Goals:
    """Objectives in their declared order, and linear constraints on metrics."""

    objectives: tuple[Objective, ...]
    constraints: tuple[LinearConstraint, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that are objectives."""
        return tuple(objective.name for objective in self.objectives)

    @property
    def required(self) -> tuple[str, ...]:
        """Every metric that a trial must have, objectives first, then those that an objective is made of."""
        extra = [name for constraint in self.constraints for name in constraint.names]
        return tuple(dict.fromkeys([*self.values, *extra]))

    @property
    def returned(self) -> tuple[str, ...]:
        """What a trial gives for the objectives: each itself, or the metrics that it is made of."""
        names = [o.expression.names if o.expression else (o.name,) for o in self.objectives]
        return tuple(dict.fromkeys(name for of_one in names for name in of_one))

    @property
    def values(self) -> tuple[str, ...]:
        """The objectives, and what they are made of."""
        return tuple(dict.fromkeys([*self.names, *self.returned]))

    @property
    def derived(self) -> tuple[str, ...]:
        """The objectives that are made of other metrics, and that no trial gives itself."""
        return tuple(o.name for o in self.objectives if o.expression is not None)

    def completed(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """The metrics with those that are made of others, as far as these are there. Raises NoValue."""
        found = dict(metrics)
        for o in self.objectives:
            if o.expression is not None and all(name in metrics for name in o.expression.names):
                try:
                    found[o.name] = o.expression.value(metrics)
                except Incalculable as error:
                    raise NoValue(
                        f"the metric '{o.name}': {o.expression.text} {error} ({o.expression.inputs(metrics)})"
                    ) from None
        return found

    def settled(self, trials: Collection[Trial]) -> "Goals":
        """The same with the scale that each objective has in a study with these trials (``Objective.settled``)."""
        return replace(self, objectives=tuple(objective.settled(trials) for objective in self.objectives))

    @property
    def in_decades(self) -> str:
        """``num_params in decades``: how the hypervolume measures what is on a log scale; empty where nothing is."""
        names = [o.name for o in self.objectives if o.is_log]
        return f"{' and '.join(names)} in decades" if names else ""

    @property
    def linear(self) -> "Goals":
        """The same without logarithms."""
        return replace(self, objectives=tuple(o.linear for o in self.objectives))

    def as_json(self) -> dict[str, dict[str, Any]]:
        """The objectives as ``parse_goals`` takes them."""
        return {o.name: _as_json(o) for o in self.objectives}

    def feasible(self, metrics: Mapping[str, float]) -> bool:
        """Whether these metrics meet every constraint."""
        return all(constraint.holds(metrics) for constraint in self.constraints)

    def meets_thresholds(self, metrics: Mapping[str, float]) -> bool:
        """Whether no objective misses its threshold."""
        return not any(objective.misses(metrics[objective.name]) for objective in self.objectives)


class NoValue(Exception):
    """A metric that is made of others cannot be calculated from these; the message says why."""


def as_counted(outcome: Outcome, goals: Goals) -> Outcome:
    """The outcome as the study counts it: with the metrics that are made of others, or failed for want of a metric.

    A result that was written under other goals, or by hand, may lack what the study needs.
    """
    if not outcome.metrics and not outcome.completed:
        return outcome
    try:
        outcome = replace(outcome, metrics=goals.completed(outcome.metrics))
    except NoValue as error:
        return _without_metrics(outcome, str(error)) if outcome.completed else outcome
    given = [name for name in goals.required if name not in goals.derived]
    missing = [name for name in given if outcome.completed and name not in outcome.metrics]
    if not missing:
        return outcome
    listed = ", ".join(outcome.metrics) or "none"
    return _without_metrics(outcome, f"the metric '{missing[0]}' was not returned; returned were: {listed}.")


def _without_metrics(outcome: Outcome, why: str) -> Outcome:
    return replace(outcome, metrics={}, reason=why, error_fingerprint=why)


def _as_json(objective: Objective) -> dict[str, Any]:
    if objective.target is None:
        goal: dict[str, Any] = {"goal": objective.direction, "threshold": objective.threshold}
    else:
        goal = {"goal": objective.target, "tolerance": objective.threshold}
    made_of = {} if objective.expression is None else {"expression": objective.expression.text}
    return {**goal, "scale": objective.scale.value, **made_of}


def parse_goals(
    objectives: Mapping[str, Any] | None,
    direction: str | Sequence[str] | None = None,
    constraints: Sequence[str] = (),
    parameter_keys: Sequence[str] = (),
    scalarize: Any = None,
) -> Goals:
    """Read ``objectives`` or ``scalarize`` (else ``direction``), and ``constraints``; raises ConfigError."""
    positional = bool(direction) and not objectives and not scalarize
    if scalarize:
        if objectives:
            raise ConfigError(
                "hydra.sweeper.scalarize makes one objective of several metrics, and hydra.sweeper.objectives names "
                "others: delete one of the two, those of a file with ~hydra.sweeper.objectives. An expression among "
                f"other objectives is written hydra.sweeper.objectives.{SCALARIZED}: {{goal: maximize, expression: "
                "...}."
            )
        given = scalarize if isinstance(scalarize, Mapping) else {"expression": scalarize}
        if not given.get("expression"):
            raise ConfigError("hydra.sweeper.scalarize has no 'expression', such as '0.7*acc - 0.3*log(num_params)'.")
        parsed: tuple[Objective, ...] = (_objective(SCALARIZED, {"goal": "maximize", **given}, "scalarize"),)
    elif objectives:
        parsed = tuple(_objective(str(name), spec, f"objectives.{name}") for name, spec in objectives.items())
        _check_expressions(parsed)
    elif direction:
        parsed = _positional(direction)
    else:
        raise ConfigError(
            f"hydra.sweeper.objectives is empty: name the metrics to optimize and their directions, {_EXAMPLE}"
        )
    return Goals(parsed, _constraints(constraints, parsed, positional, parameter_keys))


_GOES_DOWN = ("loss", "error", "err", "distance", "latency", "params", "parameters", "seconds", "mse", "mae", "rmse")
_GOES_UP = ("acc", "accuracy", "f1", "auc", "auroc")


def doubts(goals: Goals) -> list[str]:
    """A sentence on each objective whose name says the other direction."""
    sentences: list[str] = []
    for objective in goals.objectives:
        if objective.target is not None or objective.expression is not None:
            continue
        words = re.split(r"[^a-z0-9]+", objective.name.lower())
        against = _GOES_DOWN if objective.maximize else _GOES_UP
        word = next((word for word in words if word in against), None)
        if word is not None:
            other = "minimize" if objective.maximize else "maximize"
            sentences.append(
                f"hydra.sweeper.objectives.{objective.name}: {objective.direction} looks wrong for something named "
                f"'{word}'; did you mean {other}?"
            )
    return sentences


def _positional(direction: str | Sequence[str]) -> tuple[Objective, ...]:
    directions = [direction] if isinstance(direction, str) else list(direction)
    names = ["objective"] if len(directions) == 1 else [f"objective_{i}" for i in range(len(directions))]
    return tuple(Objective(name, is_maximize(goal, "direction")) for name, goal in zip(names, directions, strict=True))


def is_maximize(goal: Any, key: str) -> bool:
    """Whether a direction is up; ``key`` is where it stands below ``hydra.sweeper``. Raises ConfigError."""
    # Optuna's configs may hold an enum whose name is the direction.
    word = str(getattr(goal, "name", goal))
    if word not in DIRECTIONS:
        hint = closest(word.lower(), DIRECTIONS)
        raise ConfigError(f"hydra.sweeper.{key}: '{word}' is no direction; write maximize or minimize.{hint}")
    return DIRECTIONS[word]


def _objective(name: str, spec: Any, key: str) -> Objective:
    """``key`` is where it stands below ``hydra.sweeper``."""
    if not name.strip() or _UNUSABLE.search(name):
        raise ConfigError(
            f"hydra.sweeper.objectives: {name!r} is no name for a metric: write one that is not blank and has no line "
            "breaks."
        )
    if not isinstance(spec, Mapping):
        if spec is None:
            raise ConfigError(f"hydra.sweeper.{key} has no direction; write maximize or minimize.")
        spec = {"goal": spec}
        goal_key = key
    else:
        goal_key = f"{key}.goal"
    unknown = set(spec) - set(_SETTINGS)
    if unknown:
        word = str(sorted(map(str, unknown))[0])
        raise ConfigError(
            f"hydra.sweeper.{key} has no setting '{word}'; it takes {', '.join(map(repr, _SETTINGS[:-1]))} and "
            f"{_SETTINGS[-1]!r}.{closest(word, _SETTINGS)}"
        )
    if "goal" not in spec:
        raise ConfigError(f"hydra.sweeper.{key} has no 'goal'; write maximize or minimize, or a number to come near.")
    goal, written = spec["goal"], spec.get("expression")
    expression = None if written is None else parse_expression(written, f"hydra.sweeper.{key}.expression")
    scale = _scale(spec.get("scale"), key)
    if isinstance(goal, int | float) and not isinstance(goal, bool):
        return _near(Objective(name, False, None, scale, None, expression), spec, key)
    if spec.get("tolerance") is not None:
        raise ConfigError(
            f"hydra.sweeper.{key}.tolerance is of a goal that is a number, such as {{goal: 90, tolerance: 2}}; of "
            f"{goal}, write a threshold."
        )
    threshold = _number(spec.get("threshold"), f"{key}.threshold")
    objective = Objective(name, is_maximize(goal, goal_key), threshold, scale, None, expression)
    if objective.threshold is not None and not objective.scale.has(objective.threshold):
        raise ConfigError(
            f"hydra.sweeper.{key}.threshold: {objective.threshold:g} is not on a log scale; write a number above zero, "
            "or scale: linear."
        )
    return objective


def _near(objective: Objective, spec: Mapping[str, Any], key: str) -> Objective:
    """The objective with its target."""
    target, tolerance = _number(spec["goal"], f"{key}.goal"), _number(spec.get("tolerance"), f"{key}.tolerance")
    if spec.get("threshold") is not None:
        raise ConfigError(
            f"hydra.sweeper.{key}.threshold: how far from {target:g} is still good is called tolerance: "
            f"{{goal: {target:g}, tolerance: ...}}."
        )
    if tolerance is not None and tolerance <= 0:
        raise ConfigError(f"hydra.sweeper.{key}.tolerance must be above zero, not {tolerance:g}.")
    if objective.is_log:
        raise ConfigError(f"hydra.sweeper.{key}.scale: a distance from {target:g} has no log scale; delete it.")
    return replace(objective, target=target, threshold=tolerance)


def _check_expressions(objectives: Sequence[Objective]) -> None:
    """Raises ConfigError for one that is made of itself or of another one that is made."""
    derived = [o.name for o in objectives if o.expression is not None]
    for o in objectives:
        for name in o.expression.names if o.expression else ():
            if name in derived:
                raise ConfigError(
                    f"hydra.sweeper.objectives.{o.name}.expression: '{name}' is no metric of a trial, but an "
                    "expression itself; name the metrics that it is made of."
                )


def _scale(value: Any, key: str) -> Scale:
    if value is None:
        return Scale.AUTO
    if value not in list(Scale):
        raise ConfigError(
            f"hydra.sweeper.{key}.scale: '{value}' is no scale; write log, linear or auto."
            f"{closest(str(value).lower(), list(Scale))}"
        )
    return Scale(value)


def _number(value: Any, key: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"hydra.sweeper.{key} must be a finite number, not {value!r}.")
    return float(value)


def _constraints(
    texts: Sequence[str],
    objectives: Sequence[Objective],
    positional: bool,
    parameter_keys: Sequence[str],
) -> tuple[LinearConstraint, ...]:
    names = [objective.name for objective in objectives]
    parsed = tuple(parse_linear(str(text), "constraints", known=names) for text in texts)
    for constraint in parsed:
        for name in constraint.names:
            if name in [key.lstrip("+") for key in parameter_keys]:
                raise ConfigError(
                    f"hydra.sweeper.constraints: '{name}' in '{constraint.text}' is a parameter, not a metric; "
                    "put the constraint under hydra.sweeper.param_constraints."
                )
            if positional and name not in names:
                raise ConfigError(
                    f"hydra.sweeper.constraints: unknown metric '{name}' in '{constraint.text}'. With 'direction' "
                    f"the metrics are only {', '.join(sorted(names))}; name them under 'objectives' and return a "
                    "dict to constrain others."
                )
        if len(constraint.terms) == 1 and constraint.names[0] in names:
            name = constraint.names[0]
            raise ConfigError(
                f"hydra.sweeper.constraints: '{name}' in '{constraint.text}' is an objective; write its limit as "
                f"hydra.sweeper.objectives.{name}.threshold."
            )
    return parsed
