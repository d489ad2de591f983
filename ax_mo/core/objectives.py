"""What a study is after: objectives, thresholds and constraints on metrics."""

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ax_mo.core.linear import LinearConstraint, parse_linear
from ax_mo.core.scale import Scale
from ax_mo.core.trial import Trial
from ax_mo.errors import ConfigError, closest

DIRECTIONS = {"maximize": True, "minimize": False}
# Files and tables are UTF-8 and have a line for each metric.
_UNUSABLE = re.compile(r"[\n\r\0\ud800-\udfff]")

# Costs are compared by their ratios: 1,000 parameters are much to one who has 500, and nothing to one who has 10^6.
_COST = re.compile(r"num_params(_total)?|.*_seconds|.*_memory_mb")

# Two decades.
_WIDE = 100.0

_SETTINGS = ("goal", "threshold", "scale")
_EXAMPLE = "for example\n  objectives:\n    val_acc: {goal: maximize, threshold: 0.9}\n    num_params: minimize"


@dataclass(frozen=True)
class Objective:
    """One metric to push up or down; ``threshold`` is its coordinate of the reference point."""

    name: str
    maximize: bool
    threshold: float | None = None
    scale: Scale = Scale.AUTO

    @property
    def goal(self) -> str:
        return "maximize" if self.maximize else "minimize"

    @property
    def is_log(self) -> bool:
        return self.scale is Scale.LOG

    @property
    def details(self) -> str:
        """``threshold 0.9, log scale``, for people; empty where there is none of both."""
        threshold = [] if self.threshold is None else [f"threshold {self.threshold:g}"]
        return ", ".join([*threshold, *(["log scale"] if self.is_log else [])])

    @property
    def described(self) -> str:
        """``maximize, threshold 0.9, log scale``, for people."""
        return f"{self.goal}, {self.details}" if self.details else self.goal

    @property
    def limit(self) -> str:
        """The threshold as a condition, ``val_acc >= 0.9``; empty where there is none."""
        return "" if self.threshold is None else f"{self.name} {'>=' if self.maximize else '<='} {self.threshold:g}"

    def misses(self, value: float) -> bool:
        """Whether the value is short of the threshold."""
        return self.threshold is not None and self.better(self.threshold, value)

    def better(self, a: float, b: float) -> bool:
        return a > b if self.maximize else a < b

    def settled(self, trials: Iterable[Trial]) -> "Objective":
        """The same with the scale, ``LOG`` or ``LINEAR``, that it has in a study with these trials, in any order.

        ``AUTO`` is ``LOG`` for a cost, as ``num_params`` and ``fit_seconds`` are, and for what is minimized once the
        results span two decades; of what is maximized, a logarithm would tell most about the worst, as about
        accuracies near chance. No objective has a logarithmic scale that was zero or negative in any trial.
        """
        known = [t.metrics[self.name] for t in trials if t.status.teaches and self.name in t.metrics]
        positive = min(known, default=1.0) > 0 and (self.threshold is None or self.threshold > 0)
        is_wide = not self.maximize and bool(known) and max(known) >= _WIDE * min(known)
        is_cost = _COST.fullmatch(self.name) is not None
        wanted = self.is_log or (self.scale is Scale.AUTO and (is_cost or is_wide))
        return replace(self, scale=Scale.LOG if wanted and positive else Scale.LINEAR)


@dataclass(frozen=True)
class Goals:
    """Objectives in their declared order, and linear constraints on metrics."""

    objectives: tuple[Objective, ...]
    constraints: tuple[LinearConstraint, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(objective.name for objective in self.objectives)

    @property
    def required(self) -> tuple[str, ...]:
        """Every metric that a trial must return, objectives first."""
        extra = [name for constraint in self.constraints for name in constraint.names]
        return tuple(dict.fromkeys([*self.names, *extra]))

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
        return replace(self, objectives=tuple(replace(o, scale=Scale.LINEAR) for o in self.objectives))

    def as_json(self) -> dict[str, dict[str, Any]]:
        """The objectives as ``parse_goals`` takes them."""
        return {o.name: {"goal": o.goal, "threshold": o.threshold, "scale": o.scale.value} for o in self.objectives}

    def feasible(self, metrics: Mapping[str, float]) -> bool:
        return all(constraint.holds(metrics) for constraint in self.constraints)

    def meets_thresholds(self, metrics: Mapping[str, float]) -> bool:
        return not any(objective.misses(metrics[objective.name]) for objective in self.objectives)


def parse_goals(
    objectives: Mapping[str, Any] | None,
    direction: str | Sequence[str] | None = None,
    constraints: Sequence[str] = (),
    parameter_keys: Sequence[str] = (),
) -> Goals:
    """Read ``objectives`` (else ``direction``) and ``constraints``; raises ConfigError."""
    positional = bool(direction) and not objectives
    if objectives:
        parsed = tuple(_objective(str(name), spec) for name, spec in objectives.items())
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
        words = re.split(r"[^a-z0-9]+", objective.name.lower())
        against = _GOES_DOWN if objective.maximize else _GOES_UP
        word = next((word for word in words if word in against), None)
        if word is not None:
            other = "minimize" if objective.maximize else "maximize"
            sentences.append(
                f"hydra.sweeper.objectives.{objective.name}: {objective.goal} looks wrong for something named "
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


def _objective(name: str, spec: Any) -> Objective:
    if not name.strip() or _UNUSABLE.search(name):
        raise ConfigError(
            f"hydra.sweeper.objectives: {name!r} is no name for a metric: write one that is not blank and has no line "
            "breaks."
        )
    key = f"objectives.{name}"
    if not isinstance(spec, Mapping):
        if spec is None:
            raise ConfigError(f"hydra.sweeper.{key} has no direction; write maximize or minimize.")
        return Objective(name, is_maximize(spec, key))
    unknown = set(spec) - set(_SETTINGS)
    if unknown:
        word = str(sorted(map(str, unknown))[0])
        raise ConfigError(
            f"hydra.sweeper.{key} has no setting '{word}'; it takes 'goal', 'threshold' and 'scale'."
            f"{closest(word, _SETTINGS)}"
        )
    if "goal" not in spec:
        raise ConfigError(f"hydra.sweeper.{key} has no 'goal'; write maximize or minimize.")
    objective = Objective(
        name,
        is_maximize(spec["goal"], f"{key}.goal"),
        _threshold(spec.get("threshold"), key),
        _scale(spec.get("scale"), key),
    )
    if objective.threshold is not None and not objective.scale.has(objective.threshold):
        raise ConfigError(
            f"hydra.sweeper.{key}.threshold: {objective.threshold:g} is not on a log scale; write a number above zero, "
            "or scale: linear."
        )
    return objective


def _scale(value: Any, key: str) -> Scale:
    if value is None:
        return Scale.AUTO
    if value not in list(Scale):
        raise ConfigError(
            f"hydra.sweeper.{key}.scale: '{value}' is no scale; write log, linear or auto."
            f"{closest(str(value).lower(), list(Scale))}"
        )
    return Scale(value)


def _threshold(value: Any, key: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"hydra.sweeper.{key}.threshold must be a finite number, not {value!r}.")
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
