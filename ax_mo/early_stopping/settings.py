"""``hydra.sweeper.early_stopping`` as a checked stopping rule, and the rules there are, by the names of ``rule``."""

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, field, fields, make_dataclass
from pathlib import PurePath
from typing import Any

from ax_mo.core.objectives import Goals
from ax_mo.early_stopping.rules import EarlyStopping, StoppingRule
from ax_mo.early_stopping.successive_halving import RULE, SuccessiveHalving
from ax_mo.errors import ConfigError, closest
from ax_mo.hydra_project.settings import check_bounds, check_names, parse_block
from ax_mo.trial.registry import Registry

_KEY = "hydra.sweeper.early_stopping"
_EXAMPLE = "early_stopping: {rule: dominated}"
_EXAMPLE_OF_RUNGS = f"early_stopping: {{rule: {RULE}, budget_key: trainer.max_epochs, min: 1, max: 27, factor: 3}}"
_AT_LEAST = {"min_steps": 1, "min_trials": 1, "patience": 0, "interval": 1, "grace_seconds": 0}

STOPPING_RULES = Registry(
    "ax_mo.stopping_rules",
    {
        "percentile": "ax_mo.early_stopping.percentile:MetricPercentile",
        "all": "ax_mo.early_stopping.percentile:AllPercentiles",
        "dominated": "ax_mo.early_stopping.dominated:Dominated",
        RULE: "ax_mo.early_stopping.successive_halving:SuccessiveHalving",  # no StoppingRule: nothing to watch
    },
)


def parse_successive_halving(given: Mapping[str, Any], repeats: int = 1) -> SuccessiveHalving | None:
    """The rungs of ``hydra.sweeper.early_stopping``; None where its rule is another. Raises ConfigError."""
    if given.get("rule") != RULE:
        return None
    check_names(f"{_KEY} with rule: {RULE}", given, SuccessiveHalving)
    for name, what in (("budget_key", "the key that says how long a trial trains"), ("max", "its largest value")):
        if name not in given:
            raise ConfigError(f"{_KEY}.{name} is missing: {what}. For example\n  {_EXAMPLE_OF_RUNGS}")
    halving = parse_block(SuccessiveHalving, given, _KEY, _EXAMPLE_OF_RUNGS)
    check_bounds(_KEY, vars(halving), {"min": 1, "factor": 2})
    if halving.max <= halving.min:
        raise ConfigError(f"{_KEY}.max must be more than min, which is {halving.min}, not {halving.max}.")
    if halving.checkpoint is not None and halving.resume_key is None:
        raise ConfigError(
            f"{_KEY}.checkpoint does nothing without resume_key: the key that takes the path, such as ckpt_path."
        )
    if halving.checkpoint is not None and (not halving.checkpoint or PurePath(halving.checkpoint).is_absolute()):
        raise ConfigError(
            f"{_KEY}.checkpoint is a glob in the directory of a run, such as '**/model.pt', and is "
            f"{halving.checkpoint!r}."
        )
    if repeats > 1:
        raise ConfigError(
            f"{_KEY}.rule: {RULE} trains each trial once. Set hydra.sweeper.repeats=1, or take rule: dominated."
        )
    return halving


def parse_early_stopping(given: Mapping[str, Any], goals: Goals) -> StoppingRule | None:
    """The rule of ``hydra.sweeper.early_stopping`` that watches running trials, for these goals.

    None where nothing is ``given``, which is off, and for successive halving. Raises ConfigError.
    """
    if not given or given.get("rule") == RULE:
        return None
    if "rule" not in given:
        *most, last = STOPPING_RULES.names
        meant = [f", and '{name}' is no setting" for name in given if closest(name, ["rule"])]
        what = f"is missing{''.join(meant)}; write {', '.join(most)} or {last}, for example\n  {_EXAMPLE}"
        raise ConfigError(f"{_KEY}.rule {what}")
    rule = STOPPING_RULES.load(given["rule"], f"{_KEY}.rule")
    own = [
        each for each in inspect.signature(rule, eval_str=True).parameters.values() if each.kind is each.KEYWORD_ONLY
    ]
    block = make_dataclass("_", map(_as_field, own), bases=(EarlyStopping,), frozen=True, kw_only=True)
    check_names(f"{_KEY} with rule: {given['rule']}", given, block)
    for each in own:
        if each.default is each.empty and each.name not in given:
            raise ConfigError(f"{_KEY}.{each.name} is missing: rule: {given['rule']} needs it.")
    parsed: Any = parse_block(block, given, _KEY, _EXAMPLE)
    settings = EarlyStopping(**{each.name: getattr(parsed, each.name) for each in fields(EarlyStopping)})
    check_bounds(_KEY, vars(settings), _AT_LEAST)
    for name in settings.curves:
        if name not in goals.names:
            raise ConfigError(
                f"{_KEY}.curves: '{name}' is no objective; name one of {', '.join(goals.names)}."
                f"{closest(name, goals.names)}"
            )
    try:
        made: StoppingRule = rule(settings, goals, **{each.name: getattr(parsed, each.name) for each in own})
    except ValueError as error:
        raise ConfigError(f"{_KEY}.{error}") from None
    return made


def _as_field(parameter: inspect.Parameter) -> tuple[str, Any, Any]:
    """A setting that not every rule has: a keyword-only parameter of the rule's constructor."""
    kind = Any if parameter.annotation is parameter.empty else parameter.annotation
    return parameter.name, kind, field(default=MISSING if parameter.default is parameter.empty else parameter.default)
