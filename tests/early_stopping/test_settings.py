"""``hydra.sweeper.early_stopping``: what it means, and what is refused."""

import subprocess
import sys
from typing import Any

import pytest

from ax_mo.core.objective import Objective
from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.early_stopping.rules import EarlyStopping, StoppingRule
from ax_mo.early_stopping.settings import parse_early_stopping
from ax_mo.errors import ConfigError

GOALS = parse_goals({"val_acc": "maximize", "num_params": "minimize"})


def rule_of(goals: Goals = GOALS, **raw: Any) -> StoppingRule:
    rule = parse_early_stopping(raw, goals)
    assert rule is not None
    return rule


def parsed(**raw: Any) -> EarlyStopping:
    return rule_of(**raw).settings


def test_early_stopping_is_off_unless_it_is_asked_for() -> None:
    assert parse_early_stopping({}, GOALS) is None


def test_rule_alone_is_enough_for_dominated_and_all() -> None:
    assert parsed(rule="dominated") == EarlyStopping("dominated")
    assert parsed(rule="all") == EarlyStopping("all")


def test_every_setting_of_all_rules_is_read() -> None:
    settings = parsed(
        rule="dominated",
        min_steps=4,
        min_trials=6,
        patience=7,
        interval=8,
        grace_seconds=9,
        curves={"val_acc": "acc"},
    )
    assert settings == EarlyStopping(
        "dominated",
        min_steps=4,
        min_trials=6,
        patience=7,
        interval=8,
        grace_seconds=9.0,
        curves={"val_acc": "acc"},
    )


# The metric that percentile watches


def watched(goals: Goals = GOALS, **raw: Any) -> Objective:
    (metric,) = rule_of(goals, rule="percentile", **raw).watched
    return metric


def test_metric_that_is_an_objective_has_its_direction() -> None:
    assert watched(metric="num_params") == Objective("num_params", False)
    assert watched(metric="val_acc", goal="maximize") == Objective("val_acc", True)


def test_metric_that_is_the_curve_of_an_objective_has_its_direction() -> None:
    assert watched(metric="acc", curves={"val_acc": "acc"}) == Objective("acc", True)


def test_metric_that_is_an_objective_of_another_curve_is_watched_on_that_curve() -> None:
    rule = rule_of(rule="percentile", metric="val_acc", curves={"val_acc": "acc"})
    assert rule.settings.curve("val_acc") == "acc"
    assert rule.watched == (Objective("val_acc", True),)


def test_objective_of_the_very_name_comes_before_the_curve_of_another() -> None:
    goals = parse_goals({"a_best": "maximize", "a": "minimize"})
    assert watched(goals, metric="a", curves={"a_best": "a"}) == Objective("a", False)


def test_metric_that_is_no_objective_takes_its_direction_from_goal() -> None:
    assert watched(metric="train_loss", goal="minimize") == Objective("train_loss", False)


# Bad values: the message names the key and what to write instead


@pytest.mark.parametrize(
    ("raw", "key", "advice"),
    [
        ({"k": 3}, ".rule", "write percentile, all, dominated or successive_halving"),
        (
            {"rule": "median"},
            ".rule",
            "'median' is not known; there are percentile, all, dominated, successive_halving.",
        ),
        ({"rule": "Dominate"}, ".rule", "Did you mean 'dominated'?"),
        ({"rule": "all", "k": 2}, " with rule: all", "has no setting 'k'."),
        ({"rule": "dominated", "k": 0}, ".k", "at least 1, not 0"),
        ({"rule": "all", "min_steps": 0}, ".min_steps", "at least 1, not 0"),
        ({"rule": "all", "patience": -1}, ".patience", "at least 0, not -1"),
        ({"rule": "all", "interval": 0}, ".interval", "at least 1, not 0"),
        ({"rule": "all", "percentile": 0}, ".percentile", "between 0 and 100, not 0"),
        ({"rule": "all", "percentile": 100}, ".percentile", "between 0 and 100, not 100"),
        ({"rule": "all", "grace_seconds": -1}, ".grace_seconds", "at least 0, not -1"),
        ({"rule": "all", "curves": {"val_ac": "acc"}}, ".curves", "Did you mean 'val_acc'?"),
        ({"rule": "percentile"}, ".metric", "is missing: rule: percentile needs it."),
        ({"rule": "dominated", "k": 1.5}, ".k", "must be a whole number, not 1.5; write early_stopping: {rule: "),
        ({"rule": "all", "min_steps": "two"}, ".min_steps", "must be a whole number, not 'two'"),
        ({"rule": "percentile", "metric": "val_ac"}, ".metric", "Did you mean 'val_acc'?"),
        ({"rule": "percentile", "metric": "loss"}, ".metric", "say which way is better with"),
        ({"rule": "percentile", "metric": "loss", "goal": "min"}, ".goal", "Did you mean 'minimize'?"),
        ({"rule": "percentile", "metric": "val_acc", "goal": "minimize"}, ".goal", "contradicts"),
    ],
)
def test_bad_setting_is_refused_with_what_to_write(raw: Any, key: str, advice: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_early_stopping(raw, GOALS)
    message = str(error.value)
    assert message.startswith(f"hydra.sweeper.early_stopping{key}")
    assert advice in message


def test_settings_are_read_without_anything_heavy() -> None:
    code = (
        "import sys, ax_mo.early_stopping.curves, ax_mo.early_stopping.settings; "
        "print(*sorted({'ax', 'botorch', 'numpy', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
