"""Objectives that are to come near a number, and objectives that are made of other metrics."""

import math
from typing import Any

import pytest

from ax_mo.core.metric_expression import parse_expression
from ax_mo.core.objectives import NoValue, doubts, parse_goals
from ax_mo.core.pareto import best_per_objective, by_first_objective, hypervolume, pareto_front, reference_point
from ax_mo.errors import ConfigError
from ax_mo.storage.definition import described_goals
from tests.support.trials import make_trial

NEAR = {"angle": {"goal": 90, "tolerance": 2}, "cost": "minimize"}
SCORE = "0.7*acc - 0.3*log(num_params)"


def trials(*values: tuple[float, float]) -> list[Any]:
    return [make_trial(number, metrics={"angle": angle, "cost": cost}) for number, (angle, cost) in enumerate(values)]


def refused(objectives: Any, scalarize: Any = None) -> str:
    with pytest.raises(ConfigError) as raised:
        parse_goals(objectives, scalarize=scalarize)
    return str(raised.value).removeprefix("hydra.sweeper.")


def test_front_and_hypervolume_are_of_the_distance() -> None:
    goals = parse_goals(NEAR).settled(())
    known = trials((80.0, 1.0), (91.5, 2.0), (88.0, 3.0), (90.0, 4.0), (101.0, 1.0))
    assert [t.number for t in pareto_front(known, goals)] == [0, 1, 3]
    assert reference_point(known, goals) == {"angle": 92.0, "cost": 4.0}
    assert hypervolume(known, goals, {"angle": 92.0, "cost": 5.0}) == pytest.approx(0.5 * 3 + 1.5 * 1)
    assert best_per_objective(known, goals)["angle"].number == 3
    assert [t.number for t in by_first_objective(known, goals)] == [3, 1, 2, 0, 4]
    assert [goals.meets_thresholds(t.metrics) for t in known] == [False, True, True, True, False]
    without = parse_goals({"angle": 90, "cost": "minimize"})
    assert reference_point(known, without)["angle"] == 101.0, "the one that is farthest away"


def test_target_is_said_as_such_and_comes_back_from_json() -> None:
    goals = parse_goals(NEAR)
    angle = goals.objectives[0]
    assert (angle.described, angle.limit, angle.arrow) == ("near 90, tolerance 2", "angle = 90 ± 2", "→ 90")
    assert angle.bounds == (92.0, 88.0)
    assert parse_goals(goals.as_json()) == goals
    assert described_goals(goals)["angle"] != described_goals(parse_goals({**NEAR, "angle": 90}))["angle"]
    assert parse_goals({"loss": 0}).objectives[0].target == 0.0 and doubts(parse_goals({"acc": 1})) == []


def test_wrong_targets_are_refused() -> None:
    assert refused({"a": {"goal": 90, "threshold": 2}}).startswith("objectives.a.threshold: how far from 90 is still")
    assert refused({"a": {"goal": 90, "tolerance": 0}}).startswith("objectives.a.tolerance must be above zero")
    assert refused({"a": {"goal": 90, "tolerance": "2"}}).startswith("objectives.a.tolerance must be a finite number")
    assert refused({"a": {"goal": math.inf}}).startswith("objectives.a.goal must be a finite number")
    assert refused({"a": {"goal": 90, "scale": "log"}}).startswith("objectives.a.scale: a distance from 90 has no log")
    assert refused({"a": {"goal": "maximize", "tolerance": 2}}).startswith("objectives.a.tolerance is of a goal that")
    assert refused({"a": True}).startswith("objectives.a: 'True' is no direction")


@pytest.mark.parametrize(
    ("text", "names", "value"),
    [
        (SCORE, ("acc", "num_params"), 0.7 * 0.5 - 0.3 * math.log(100)),
        ("val/acc - num_params/1000", ("val/acc", "num_params"), 0.25 - 0.1),
        ("acc / num_params", ("acc", "num_params"), 0.005),
        ("`val-acc`*1e2 + min(acc, 2, 0.1)", ("val-acc", "acc"), 75.1),
        ("-sqrt(abs(acc - 1))**2 + log", ("acc", "log"), 2.5),
        ("n0 + acc", ("n0", "acc"), 7.5),
    ],
)
def test_expression_is_calculated_from_metrics(text: str, names: tuple[str, ...], value: float) -> None:
    made = parse_expression(text, "key")
    known = {"acc": 0.5, "num_params": 100.0, "val/acc": 0.25, "val-acc": 0.75, "log": 3.0, "n0": 7.0}
    assert made.names == names and made.value(known) == pytest.approx(value)


def test_wrong_expressions_are_refused() -> None:
    assert refused({}, "0.7*acc -").startswith("scalarize.expression: '0.7*acc -' is no expression; possible are")
    assert refused({}, "acc < 3").startswith("scalarize.expression: 'acc < 3' is no expression")
    assert "names no metric" in refused({}, "1 + 2")
    assert "has a function logg(); there are" in refused({}, "logg(acc)")
    assert refused({}, 3).startswith("scalarize.expression must be an expression of metrics")
    assert refused({}, {"goal": "minimize"}).startswith("scalarize has no 'expression'")
    assert refused({}, {"expression": "acc", "gaol": 1}).startswith("scalarize has no setting 'gaol'")
    assert refused({"loss": "minimize"}, "acc").startswith("scalarize makes one objective of several metrics")
    made = {"goal": "maximize", "expression": "acc"}
    assert refused({"a": made, "b": {**made, "expression": "a + acc"}}).startswith("objectives.b.expression: 'a' is no")


def test_scalarized_metric_is_an_objective_beside_those_that_it_is_made_of() -> None:
    goals = parse_goals({}, scalarize=SCORE)
    assert goals.names == ("scalarized",) and goals.objectives[0].maximize
    assert goals.required == ("scalarized", "acc", "num_params") and goals.returned == ("acc", "num_params")
    assert goals.completed({"acc": 1.0, "num_params": 1.0})["scalarized"] == pytest.approx(0.7)
    assert goals.completed({"acc": 1.0}) == {"acc": 1.0}
    assert parse_goals(goals.as_json()) == goals
    assert goals.objectives[0].described == f"maximize {SCORE}"
    least = parse_goals({}, scalarize={"expression": "acc + 1", "goal": "minimize", "threshold": 3})
    assert not least.objectives[0].maximize and least.objectives[0].limit == "scalarized <= 3"
    among = parse_goals({"score": {"goal": 5, "expression": "2*acc"}, "num_params": "minimize"})
    assert among.required == ("score", "num_params", "acc")


def test_what_cannot_be_calculated_is_said_with_the_values() -> None:
    goals = parse_goals({}, scalarize=SCORE)
    with pytest.raises(NoValue) as raised:
        goals.completed({"acc": 0.5, "num_params": 0.0})
    assert str(raised.value) == (
        f"the metric 'scalarized': {SCORE} has log() of 0, which is not above zero (acc=0.5, num_params=0)"
    )
    with pytest.raises(NoValue, match="division by zero"):
        parse_goals({}, scalarize="1 / acc").completed({"acc": 0.0})
