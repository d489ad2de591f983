"""Learning curves and early-stopped trials as Ax's data."""

import math
from itertools import pairwise

import pytest
from ax.api.client import Client
from ax.core.trial_status import TrialStatus

from ax_mo.core.budget import Budget, Rung
from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status, Suggestion
from ax_mo.optimizer.compat import experiment_of
from ax_mo.search_space.parameters import Range
from ax_mo.search_space.space import SearchSpace
from ax_mo.trial.curve import CurvePoint
from tests.support.played import PlayedStudy
from tests.support.trials import make_trial

GOALS = parse_goals(
    {"acc": {"goal": "maximize", "threshold": 0.1}, "size": {"goal": "minimize", "threshold": 1}}, None, ["cost <= 2"]
)
SPACE = SearchSpace((Range("x", 0.0, 1.0), Range("y", 0.0, 1.0)))
STOPPED = Status.EARLY_STOPPED


def evaluate(point):
    return {"acc": 1 - (point["x"] - 0.5) ** 2 - 0.3 * point["y"], "size": float(point["y"]), "cost": 1.0}


def curve_to(metrics, steps):
    return [CurvePoint(s, s / 10, {"acc": metrics["acc"] * (s + 1) / steps / 2, "other": 1.0}) for s in range(steps)]


def played(with_curves, stop=()):
    """Six trials told one by one."""
    study = PlayedStudy(SPACE, GOALS, seed=0, n_startup_trials=5)
    assert rows(study, "m0") == []
    for number in range(6):
        suggestion = study.ask()
        metrics = evaluate(suggestion.point)
        curve = curve_to(metrics, 4) if with_curves else []
        status = STOPPED if number in stop else Status.COMPLETED
        study.end(study.open(suggestion), metrics, curve=curve, status=status)
    return study


@pytest.fixture(scope="module")
def with_curves():
    return played(with_curves=True)


def rows(study, name):
    """What Ax knows of a metric: trial, step (None for the result) and value."""
    known = study.experiment.lookup_data().full_df
    steps = known["step"] if "step" in known else [math.nan] * len(known)
    return sorted(
        (
            (int(row.trial_index), None if math.isnan(step) else step, row.mean_)
            for row, step in zip(known.rename(columns={"mean": "mean_"}).itertuples(), steps, strict=True)
            if row.metric_name == name
        ),
        key=str,
    )


def of_trial(study, name, number):
    return [(step, value) for trial, step, value in rows(study, name) if trial == number]


def test_curve_of_a_goal_is_ax_data_with_progression_beside_the_result(with_curves):
    acc = with_curves.trials[0].metrics["acc"]
    curve = [(0.0, acc / 8), (1.0, acc / 4), (2.0, acc * 3 / 8), (3.0, acc / 2)]
    assert of_trial(with_curves, "m0", 0) == [*curve, (None, acc)]
    assert [step for step, _ in of_trial(with_curves, "m1", 0)] == [None]


def test_curves_change_no_suggestion(with_curves):
    suggestion = with_curves.ask()
    assert suggestion == played(with_curves=False).ask()
    assert suggestion.generator == "model"


def test_resumed_optimizer_knows_the_same_curves():
    study = played(with_curves=True, stop=(2,))
    curves = {trial.number: curve_to(trial.metrics, 4) for trial in study.trials}
    resumed = PlayedStudy(SPACE, GOALS, study.trials, seed=0, n_startup_trials=5, curves=curves)
    assert rows(resumed, "m0") == rows(study, "m0")
    statuses = [trial.status for trial in resumed.experiment.trials.values()]
    assert statuses == [trial.status for trial in study.experiment.trials.values()]


def test_early_stopped_trial_is_that_in_ax_and_its_last_metrics_are_data():
    study = played(with_curves=False, stop=(2,))
    assert study.ax_trial(2).status is TrialStatus.EARLY_STOPPED
    assert [trial for trial, _, _ in rows(study, "m0")] == [0, 1, 2, 3, 4, 5]
    assert study.ask().generator == "model"


def test_early_stopped_trial_without_a_goals_metric_is_no_data_and_not_tried_again():
    study = PlayedStudy(SPACE, GOALS, first=[Suggestion({"x": 0.5, "y": 0.5}, "initial")] * 2)
    suggestion = study.ask()
    study.end(study.open(suggestion), {"acc": 0.5, "size": 0.5}, status=STOPPED)
    assert study.ax_trial(0).status is TrialStatus.EARLY_STOPPED
    assert rows(study, "m0") == []
    assert study.ask().point != suggestion.point


def completed_and_stopped(impute=True):
    """Four completed trials whose accuracy doubles after their first step, at which a fifth was stopped."""
    study = PlayedStudy(SPACE, GOALS, impute=impute)
    for final in (0.2, 0.5, 0.6, 0.8):
        curve = [CurvePoint(0, 0.0, {"acc": final / 2}), CurvePoint(1, 1.0, {"acc": final})]
        study.run({"x": final, "y": 0.5}, {"acc": final, "size": 0.5, "cost": 1.0}, curve=curve)
    last = {"acc": 0.3, "size": 0.7, "cost": 1.0}
    study.run({"x": 0.1, "y": 0.5}, last, curve=[CurvePoint(0, 0.0, {"acc": 0.3})], status=STOPPED)
    return study


def test_stopped_trial_has_the_value_that_its_neighbours_at_that_step_came_to():
    study = completed_and_stopped()
    assert of_trial(study, "m0", 4) == [(0.0, 0.3), (None, 0.6)]
    assert of_trial(study, "m1", 4) == [(None, 0.7)], "what has no curve is taken as it is"


def test_stopped_trial_is_judged_anew_by_each_that_completes():
    study = completed_and_stopped()
    assert of_trial(study, "m0", 4) == [(0.0, 0.3), (None, 0.6)]
    for number, final in ((5, 0.9), (6, 0.9)):
        curve = [CurvePoint(0, 0.0, {"acc": 0.3}), CurvePoint(1, 1.0, {"acc": final})]
        study.run({"x": 0.95, "y": number / 10}, {"acc": final, "size": 0.5, "cost": 1.0}, curve=curve)
    assert of_trial(study, "m0", 4) == [(0.0, 0.3), (None, 0.9)]


def test_ax_is_given_what_was_measured_where_estimates_are_not_wanted():
    assert of_trial(completed_and_stopped(impute=False), "m0", 4) == [(0.0, 0.3), (None, 0.3)]


def test_ax_is_given_a_few_hundred_points_of_a_long_curve_from_its_first_to_its_last():
    study = PlayedStudy(SPACE, GOALS)
    curve = [CurvePoint(s, 0.0, {"acc": s / 5000} if s % 2 else {"acc": s / 5000, "size": 1.0}) for s in range(5001)]
    study.run({"x": 0.5, "y": 0.5}, evaluate({"x": 0.5, "y": 0.5}), curve=curve)
    for name in ("m0", "m1"):
        steps = sorted(step for step, _ in of_trial(study, name, 0) if step is not None)
        assert (steps[0], steps[-1], len(steps)) == (0.0, 5000.0, 150), name
        gaps = [b - a for a, b in pairwise(steps)]
        assert max(gaps) <= min(gaps) + 2, "evenly spaced"


def test_ax_shows_why_a_trial_was_stopped_and_says_so_after_a_resume(tmp_path):
    why = "dominated at step 3 by trials 1, 2 and 4"
    study = PlayedStudy(SPACE, GOALS)
    assert rows(study, "m0") == []
    for x, metrics in ((0.2, {"acc": 0.5, "size": 0.5, "cost": 1.0}), (0.7, {"acc": 0.5})):  # the second has no data
        study.run({"x": x, "y": 0.5}, metrics, status=STOPPED, reason=why)
    resumed = PlayedStudy(SPACE, GOALS, study.trials)
    resumed.optimizer.experiment.save(tmp_path / "study.ax.json")
    loaded = experiment_of(Client.load_from_json_file(str(tmp_path / "study.ax.json")))
    for experiment in (study.experiment, resumed.experiment, loaded):
        stopped = experiment.trials.values()
        assert [(trial.status, trial.status_reason) for trial in stopped] == [(TrialStatus.EARLY_STOPPED, why)] * 2


def test_resumed_optimizer_has_no_curve_of_a_trial_without_data():
    stopped = make_trial(status=STOPPED, point={"x": 0.5, "y": 0.5}, metrics={"acc": 0.5})
    resumed = PlayedStudy(SPACE, GOALS, [stopped], curves={0: curve_to({"acc": 0.5}, 4)})
    assert resumed.experiment.lookup_data().full_df.empty


def test_paused_trial_has_what_it_would_have_come_to_at_the_rung_that_others_have_reached():
    study = PlayedStudy(SPACE, GOALS)
    numbers = [study.open({"x": x, "y": 0.5}) for x in (0.1, 0.5, 0.9)]

    def reach(number, *accuracies):
        budgets = (Budget("epochs", 3**rung, 9, is_reached=True) for rung in range(len(accuracies)))
        metrics = [{"acc": acc, "size": 0.5, "cost": 1.0} for acc in accuracies]
        rungs = tuple(Rung(budget, at, "") for budget, at in zip(budgets, metrics, strict=True))
        study.end(number, metrics[-1], rungs=rungs, status=Status.COMPLETED if len(rungs) == 3 else STOPPED)

    def known(of):
        return [value for _, _, value in rows(of, "m0")]

    for number, acc in zip(numbers, (0.2, 0.4, 0.6), strict=True):
        reach(number, acc)
    assert known(study) == pytest.approx([0.2, 0.4, 0.6])
    reach(2, 0.6, 0.8)
    assert known(study) == pytest.approx([0.4, 0.6, 0.8])
    reach(2, 0.6, 0.8, 0.9)
    assert known(study) == pytest.approx([0.5, 0.7, 0.9])
    assert [study.ax_trial(number).status for number in numbers] == [TrialStatus.EARLY_STOPPED] * 2 + [
        TrialStatus.COMPLETED
    ]
    assert known(PlayedStudy(SPACE, GOALS, study.trials)) == pytest.approx([0.5, 0.7, 0.9])
