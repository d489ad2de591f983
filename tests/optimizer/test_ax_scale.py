"""Objectives on a log scale as Ax's data."""

import math

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status
from ax_mo.search_space.parameters import Range
from ax_mo.search_space.space import SearchSpace
from tests.support.played import PlayedStudy

SPACE = SearchSpace((Range("x", 0.0, 1.0), Range("y", 0.0, 1.0)))
GOALS = parse_goals({"acc": {"goal": "maximize", "threshold": 0.1}, "size": "minimize"})


def known(study, name):
    """What Ax knows of a metric: mean and standard error of each trial; None where it is to find that out."""
    rows = study.experiment.lookup_data().df
    rows = rows[rows["metric_name"] == name].sort_values("trial_index")
    return [(mean, None if math.isnan(sem) else sem) for mean, sem in zip(rows["mean"], rows["sem"], strict=True)]


def thresholds(study):
    config = study.experiment.optimization_config
    return {t.metric_names[0]: t.bound for t in config.objective_thresholds}


def evaluate(point):
    """A size that spans two decades as soon as y does 1/2."""
    return {"acc": 1 - (point["x"] - 0.5) ** 2 - 0.3 * point["y"], "size": 10 ** (4 * point["y"])}


def test_ax_has_logarithms_of_a_cost_with_its_threshold_and_errors():
    goals = parse_goals(
        {"num_params": {"goal": "minimize", "threshold": 1000}, "acc": {"goal": "maximize", "threshold": 0.5}},
        None,
        ["num_params + acc <= 5000"],
    )
    study = PlayedStudy(SPACE, goals, n_startup_trials=1)
    study.run({"x": 0.1, "y": 0.1}, {"num_params": 90.0, "acc": 0.6}, {"num_params": 110.0, "acc": 0.8})
    study.run({"x": 0.2, "y": 0.2}, {"num_params": 1e4, "acc": 0.5})
    assert thresholds(study) == {"m0": 3.0, "m1": 0.5}
    (first, of_first), (second, of_second) = known(study, "m0")
    assert (first, second) == (pytest.approx(2.0), pytest.approx(4.0))
    assert of_first == pytest.approx(10 / (100 * math.log(10)))
    assert of_second == pytest.approx(math.sqrt(2) * of_first), "a single run is as uncertain as the others' were"
    assert known(study, "c0")[1][0] == 1e4 + 0.5, "a constraint is on the values themselves"


def test_decision_is_that_of_the_first_trials_and_a_resumed_study_goes_on_as_one_that_was_not_interrupted():
    study = PlayedStudy(SPACE, GOALS, seed=3)
    trials = study.play(6, evaluate)
    sizes = [trial.metrics["size"] for trial in trials]
    assert max(sizes[:5]) > 100 * min(sizes[:5])
    assert [mean for mean, _ in known(study, "m1")] == pytest.approx([math.log10(size) for size in sizes])
    resumed = PlayedStudy(SPACE, GOALS, trials, seed=3)
    assert known(resumed, "m1") == known(study, "m1") and thresholds(resumed) == thresholds(study)
    assert resumed.ask() == study.ask()


def test_a_value_of_zero_makes_all_linear():
    goals = parse_goals({**GOALS.as_json(), "size": {"goal": "minimize", "threshold": 10, "scale": "log"}})
    study = PlayedStudy(SPACE, goals, n_startup_trials=1)
    study.run({"x": 0.1, "y": 0.1}, {"acc": 0.5, "size": 100.0})
    running = study.open({"x": 0.2, "y": 0.2})
    assert (known(study, "m1")[0][0], thresholds(study)["m1"]) == (2.0, 1.0)
    study.end(running, {"acc": 0.4, "size": 0.0}, status=Status.EARLY_STOPPED)
    assert [mean for mean, _ in known(study, "m1")] == [100.0, 0.0]
    assert thresholds(study)["m1"] == 10.0
