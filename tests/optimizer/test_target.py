"""Objectives that are to come near a number: what the model proposes, predicts, and hands to Ax's readers."""

from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.core.trial import Status
from ax_mo.optimizer.compat import experiment_of
from ax_mo.optimizer.diagnostics import FittedModel
from ax_mo.search_space.parameters import Range
from ax_mo.search_space.space import SearchSpace
from tests.support import studies
from tests.support.played import PlayedStudy
from tests.support.trials import make_run

SPACE = SearchSpace((Range("a", 0.0, 10.0), Range("b", 0.0, 10.0)))
ALONE = parse_goals({"angle": {"goal": 90, "tolerance": 2}})
TRADE = parse_goals({"angle": {"goal": 90, "tolerance": 20}, "cost": "minimize"})


def evaluate(point: Any) -> dict[str, float]:
    """All of the quasi-random points are far below the target, which lies in one corner."""
    return {"angle": 6.0 * point["a"] + 4.0 * point["b"], "cost": point["a"]}


def played(goals: Goals, count: int, *more: tuple[float, float]) -> PlayedStudy:
    study = PlayedStudy(SPACE, goals, seed=1, n_startup_trials=4)
    for a, b in ((1.0, 2.0), (4.0, 1.0), (2.0, 5.0), (3.0, 3.0), *more):
        study.run({"a": a, "b": b}, evaluate({"a": a, "b": b}))
    study.play(count, evaluate)
    return study


def test_target_is_found_from_one_side_of_it() -> None:
    trials = played(ALONE, 6).trials
    (angle,) = ALONE.objectives
    assert min(angle.distance(trial.metrics["angle"]) for trial in trials[:4]) > 50
    assert min(angle.distance(trial.metrics["angle"]) for trial in trials) < 2
    assert [trial.generator for trial in trials[4:]] == ["model"] * 6


def test_target_is_one_side_of_a_tradeoff() -> None:
    study = played(TRADE, 2, (9.0, 6.0), (6.0, 9.0))
    near = [trial for trial in study.trials[6:] if not TRADE.objectives[0].misses(trial.metrics["angle"])]
    assert near, [trial.metrics for trial in study.trials]
    bounds = [str(bound) for bound in study.experiment.optimization_config.objective_thresholds]
    assert any("t0 <= 20" in bound for bound in bounds), bounds


def test_model_of_a_study_predicts_the_metric_itself(tmp_path: Path) -> None:
    points = [{"a": float(a), "b": float(b)} for a, b in ((1, 2), (4, 1), (2, 5), (3, 3), (8, 8), (9, 4))]
    runs = [make_run(n, status=Status.COMPLETED, point=p, metrics=evaluate(p)) for n, p in enumerate(points)]
    model = FittedModel(studies.record(tmp_path, runs, ALONE, SPACE))
    ((found),) = model.predict([{"a": 5.0, "b": 5.0}])
    assert found["angle"][0] == pytest.approx(50.0, abs=8.0)
    assert {row.observed for row in model.cross_validation()["angle"]} == {evaluate(p)["angle"] for p in points}


def test_readers_of_ax_and_strategies_of_others_are_told_the_distance() -> None:
    from ax_mo.optimizer.ax import AxOptimizer

    optimizer = AxOptimizer(SPACE, TRADE, 1, own_model=False)
    run = make_run(0, status=Status.COMPLETED, point={"a": 1.0, "b": 2.0}, metrics={"angle": 14.0, "cost": 1.0})
    optimizer.restore([run])
    data = experiment_of(optimizer.experiment.client).lookup_data().full_df
    assert dict(zip(data["metric_name"], data["mean"], strict=True)) == {"m0": 76.0, "m1": 1.0}
