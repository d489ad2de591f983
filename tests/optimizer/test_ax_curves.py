"""Learning curves and early-stopped trials as Ax's data."""

import math
from itertools import pairwise

from ax.api.client import Client
from ax.core.trial_status import TrialStatus

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status, Suggestion, Trial
from ax_mo.optimizer.ax import AxOptimizer
from ax_mo.search_space.parameters import Range
from ax_mo.search_space.space import SearchSpace
from ax_mo.trial.curve import CurvePoint

GOALS = parse_goals(
    {"acc": {"goal": "maximize", "threshold": 0.1}, "size": {"goal": "minimize", "threshold": 1}}, None, ["cost <= 2"]
)
SPACE = SearchSpace((Range("x", 0.0, 1.0), Range("y", 0.0, 1.0)))


def evaluate(point):
    return {"acc": 1 - (point["x"] - 0.5) ** 2 - 0.3 * point["y"], "size": float(point["y"]), "cost": 1.0}


def curve_to(metrics, steps):
    return [CurvePoint(s, s / 10, {"acc": metrics["acc"] * (s + 1) / steps / 2, "other": 1.0}) for s in range(steps)]


def studied(with_curves, stop=()):
    """Six trials told one by one; and the optimizer."""
    optimizer = AxOptimizer(SPACE, GOALS, seed=0, n_startup_trials=5)
    optimizer.start()
    trials = []
    for number in range(6):
        suggestion = optimizer.ask()
        optimizer.assign(number, suggestion.point)
        metrics = evaluate(suggestion.point)
        curve = curve_to(metrics, 4) if with_curves else []
        (optimizer.stop if number in stop else optimizer.tell)(number, [metrics], curve)
        status = Status.EARLY_STOPPED if number in stop else Status.COMPLETED
        trials.append(
            Trial(
                number=number,
                status=status,
                point=suggestion.point,
                overrides=(),
                directory="",
                position=suggestion.position,
                metrics=metrics,
            )
        )
    return trials, optimizer


def rows(optimizer, name):
    """What Ax knows of a metric: trial, step (None for the result) and value."""
    known = optimizer._client._experiment.lookup_data().full_df
    steps = known["step"] if "step" in known else [math.nan] * len(known)
    return sorted(
        (
            (int(row.trial_index), None if math.isnan(step) else step, row.mean_)
            for row, step in zip(known.rename(columns={"mean": "mean_"}).itertuples(), steps, strict=True)
            if row.metric_name == name
        ),
        key=str,
    )


def test_curve_of_a_goal_is_ax_data_with_progression_beside_the_result():
    trials, optimizer = studied(with_curves=True)
    of_first = [(step, value) for trial, step, value in rows(optimizer, "m0") if trial == 0]
    acc = trials[0].metrics["acc"]
    assert of_first == [(0.0, acc / 8), (1.0, acc / 4), (2.0, acc * 3 / 8), (3.0, acc / 2), (None, acc)]
    assert [step for trial, step, _ in rows(optimizer, "m1") if trial == 0] == [None]


def test_curves_change_no_suggestion():
    (_, with_curves), (_, without) = studied(True), studied(False)
    assert with_curves.ask() == without.ask()
    assert with_curves.ask().generator == "model"


def test_resumed_optimizer_knows_the_same_curves():
    trials, optimizer = studied(with_curves=True, stop=(2,))
    resumed = AxOptimizer(SPACE, GOALS, seed=0, n_startup_trials=5)
    resumed.start(trials, {trial.number: curve_to(trial.metrics, 4) for trial in trials})
    assert rows(resumed, "m0") == rows(optimizer, "m0")
    statuses = [trial.status for trial in resumed._client._experiment.trials.values()]
    assert statuses == [trial.status for trial in optimizer._client._experiment.trials.values()]


def test_early_stopped_trial_is_that_in_ax_and_its_last_metrics_are_data():
    _, optimizer = studied(with_curves=False, stop=(2,))
    experiment = optimizer._client._experiment
    assert experiment.trials[optimizer._indices[2]].status is TrialStatus.EARLY_STOPPED
    assert [trial for trial, _, _ in rows(optimizer, "m0")] == [0, 1, 2, 3, 4, 5]
    assert optimizer.ask().generator == "model"


def test_early_stopped_trial_without_a_goals_metric_is_no_data_and_not_tried_again():
    optimizer = AxOptimizer(SPACE, GOALS, seed=0, first=[Suggestion({"x": 0.5, "y": 0.5}, "initial")] * 2)
    optimizer.start()
    point = optimizer.ask().point
    optimizer.assign(0, point)
    optimizer.stop(0, [{"acc": 0.5, "size": 0.5}])
    assert optimizer._client._experiment.trials[optimizer._indices[0]].status is TrialStatus.EARLY_STOPPED
    assert rows(optimizer, "m0") == []
    assert optimizer.ask().point != point


def completed_and_stopped(**options):
    """Four completed trials whose accuracy doubles after their first step, at which a fifth was stopped."""
    optimizer = AxOptimizer(SPACE, GOALS, seed=0, **options)
    optimizer.start()
    for number, final in enumerate([0.2, 0.5, 0.6, 0.8]):
        optimizer.assign(number, {"x": final, "y": 0.5})
        told = {"acc": final, "size": 0.5, "cost": 1.0}
        curve = [CurvePoint(0, 0.0, {"acc": final / 2}), CurvePoint(1, 1.0, {"acc": final})]
        optimizer.tell(number, [told], curve)
    optimizer.assign(4, {"x": 0.1, "y": 0.5})
    optimizer.stop(4, [{"acc": 0.3, "size": 0.7, "cost": 1.0}], [CurvePoint(0, 0.0, {"acc": 0.3})])
    return optimizer


def of_trial(optimizer, name, number):
    return [(step, value) for trial, step, value in rows(optimizer, name) if trial == number]


def test_stopped_trial_has_the_value_that_its_neighbours_at_that_step_came_to():
    optimizer = completed_and_stopped()
    assert of_trial(optimizer, "m0", 4) == [(0.0, 0.3), (None, 0.6)]
    assert of_trial(optimizer, "m1", 4) == [(None, 0.7)], "what has no curve is taken as it is"


def test_stopped_trial_is_judged_anew_by_each_that_completes():
    optimizer = completed_and_stopped()
    for number, final in ((5, 0.9), (6, 0.9)):
        optimizer.assign(number, {"x": 0.95, "y": number / 10})
        curve = [CurvePoint(0, 0.0, {"acc": 0.3}), CurvePoint(1, 1.0, {"acc": final})]
        optimizer.tell(number, [{"acc": final, "size": 0.5, "cost": 1.0}], curve)
    assert of_trial(optimizer, "m0", 4) == [(0.0, 0.3), (None, 0.9)]


def test_ax_is_given_what_was_measured_where_estimates_are_not_wanted():
    assert of_trial(completed_and_stopped(estimates=False), "m0", 4) == [(0.0, 0.3), (None, 0.3)]


def test_ax_is_given_a_few_hundred_points_of_a_long_curve_from_its_first_to_its_last():
    optimizer = AxOptimizer(SPACE, GOALS, seed=0, first=[Suggestion({"x": 0.5, "y": 0.5}, "initial")])
    optimizer.start()
    optimizer.assign(0, optimizer.ask().point)
    curve = [CurvePoint(s, 0.0, {"acc": s / 5000} if s % 2 else {"acc": s / 5000, "size": 1.0}) for s in range(5001)]
    optimizer.tell(0, [evaluate({"x": 0.5, "y": 0.5})], curve)
    steps = {name: [step for _, step, _ in rows(optimizer, name) if step is not None] for name in ("m0", "m1")}
    for name, of_metric in steps.items():
        of_metric.sort()
        assert (of_metric[0], of_metric[-1], len(of_metric)) == (0.0, 5000.0, 150), name
        gaps = [b - a for a, b in pairwise(of_metric)]
        assert max(gaps) <= min(gaps) + 2, "evenly spaced"


def test_ax_shows_why_a_trial_was_stopped_and_says_so_after_a_resume(tmp_path):
    why = "dominated at step 3 by trials 1, 2 and 4"
    optimizer = AxOptimizer(SPACE, GOALS, seed=0, first=[Suggestion({"x": x, "y": 0.5}, "initial") for x in (0.2, 0.7)])
    optimizer.start()
    told = [{"acc": 0.5, "size": 0.5, "cost": 1.0}, {"acc": 0.5}]  # the second has no data
    trials = []
    for number, metrics in enumerate(told):
        point = optimizer.ask().point
        optimizer.assign(number, point)
        optimizer.stop(number, [metrics], reason=why)
        trials.append(
            Trial(
                number=number,
                status=Status.EARLY_STOPPED,
                point=point,
                overrides=(),
                directory="",
                metrics=metrics,
                reason=why,
            )
        )
    resumed = AxOptimizer(SPACE, GOALS, seed=0)
    resumed.start(trials)
    resumed.save(tmp_path / "study.ax.json")
    for client in (optimizer._client, resumed._client, Client.load_from_json_file(str(tmp_path / "study.ax.json"))):
        stopped = client._experiment.trials.values()
        assert [(trial.status, trial.status_reason) for trial in stopped] == [
            (TrialStatus.EARLY_STOPPED, why),
            (TrialStatus.EARLY_STOPPED, why),
        ]


def test_resumed_optimizer_has_no_curve_of_a_trial_without_data():
    stopped = Trial(
        number=0,
        status=Status.EARLY_STOPPED,
        point={"x": 0.5, "y": 0.5},
        overrides=(),
        directory="",
        metrics={"acc": 0.5},
    )
    resumed = AxOptimizer(SPACE, GOALS, seed=0)
    resumed.start([stopped], {0: curve_to({"acc": 0.5}, 4)})
    assert resumed._client._experiment.lookup_data().full_df.empty
