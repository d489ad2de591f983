"""The optimizer on real Ax: what it suggests, what it keeps, what it gives back after a resume."""

import math

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import SOBOL_ERROR, Status
from ax_mo.optimizer.ax_experiment import AxExperiment
from ax_mo.optimizer.untried import UntriedPoints
from ax_mo.search_space.constraints import constrained
from ax_mo.search_space.grammar import parse_entry
from ax_mo.search_space.parameters import Choice, Condition, Option, Range
from ax_mo.search_space.space import SearchSpace
from tests.support.played import PlayedStudy
from tests.support.trials import make_trial

PARAMS = {
    "model.hidden1": "tag(log, int(interval(16, 128)))",
    "model.hidden2": "tag(log, int(interval(16, 128)))",
    "+lr": "tag(log, interval(1e-4, 1e-2))",
    "bs": "choice(32, 64, 128)",
    "group": "adam,sgd,null",
    "mixed": "choice(a, 1, [1,2])",
    "step": "range(0, 1, step=0.25)",
}
UNIT = {"a": "interval(0, 1)", "b": "interval(0, 1)"}
F = parse_goals({"f": "minimize"})


def space_of(params=PARAMS, constraints=()):
    parameters = tuple(parse_entry(f"{key}={value}", key, lambda _: []) for key, value in params.items())
    return SearchSpace(*constrained(constraints, parameters, (), ())[:2])


GOALS = parse_goals(
    {"val/acc": {"goal": "maximize", "threshold": 0.5}, "lambda": "minimize"}, None, ["t <= 60", "2*t + u <= 100"]
)


def evaluate(point):
    return {
        "val/acc": 1 - 50 * abs(point["+lr"] - 0.003) - point["bs"] / 1000,
        "lambda": float(point["model.hidden1"] * point["model.hidden2"]),
        "t": 10.0 + point["step"],
        "u": 1.0,
    }


def known(space, metrics, count=8):
    """Trials at quasi-random points that have completed; what is asked for next is the model's."""
    points = UntriedPoints(space, seed=1)
    drawn = [points.quasi_random().point for _ in range(count)]
    return [make_trial(number, point=point, metrics=metrics(point)) for number, point in enumerate(drawn)]


ORDERED = space_of(constraints=["model.hidden2 <= model.hidden1"])


@pytest.fixture(scope="module")
def trials():
    """Of a study with the seed 7, the last of which the model has suggested."""
    return PlayedStudy(ORDERED, GOALS, seed=7).play(7, evaluate, fail=[3])


def test_starts_at_the_center_then_quasi_random_then_by_the_model(trials):
    generators = [trial.generator for trial in trials]
    assert generators[0] == "center" and generators[1] == "sobol" and generators[-1] == "model"
    assert trials[0].point["model.hidden1"] == 45, "the middle of 16 to 128 on a log scale"


def test_suggestions_have_the_types_and_bounds_of_the_space(trials):
    for trial in trials:
        point = trial.point
        assert type(point["model.hidden1"]) is int and 16 <= point["model.hidden1"] <= 128
        assert type(point["+lr"]) is float and 1e-4 <= point["+lr"] <= 1e-2
        assert point["bs"] in (32, 64, 128) and type(point["bs"]) is int
        assert point["group"] in ("adam", "sgd", None)
        assert point["mixed"] in ("a", 1, [1, 2])


def test_parameter_constraint_holds_for_every_suggestion(trials):
    assert all(trial.point["model.hidden2"] <= trial.point["model.hidden1"] for trial in trials)


def test_no_point_is_suggested_twice(trials):
    assert len({str(trial.point) for trial in trials}) == len(trials)


@pytest.mark.parametrize("known", [2, 4])
def test_resumed_optimizer_goes_on_with_the_quasi_random_sequence(trials, known):
    resumed = PlayedStudy(ORDERED, GOALS, trials[:known], seed=7)
    assert resumed.ask().point == trials[known].point


def test_resumed_optimizer_suggests_what_the_uninterrupted_one_would():
    space = space_of(UNIT)
    goals = parse_goals({"f": "minimize", "g": "minimize"})
    whole = PlayedStudy(space, goals, seed=3)
    trials = whole.play(6, lambda point: {"f": point["a"] ** 2 + point["b"], "g": (point["a"] - 1) ** 2})
    resumed = PlayedStudy(space, goals, trials, seed=3)
    expected, got = whole.ask(), resumed.ask()
    assert expected.generator == got.generator == "model"
    assert got.point == pytest.approx(expected.point, abs=1e-6)


def test_more_workers_than_initial_trials_all_get_a_point():
    study = PlayedStudy(space_of(), GOALS)
    points = [study.ask().point for _ in range(12)]
    assert len({str(point) for point in points}) == 12


def test_imported_trials_are_data_for_the_model():
    points = [{"a": index / 8, "b": (index * 3 % 8) / 8} for index in range(8)]
    trials = [
        make_trial(-1 - index, status=Status.IMPORTED, point=point, metrics={"f": (point["a"] - 0.3) ** 2})
        for index, point in enumerate(points)
    ]
    suggestion = PlayedStudy(space_of(UNIT), F, trials).ask()
    assert suggestion.generator == "model"
    assert suggestion.point["a"] == pytest.approx(0.3, abs=0.15)


# Repeats


def attached(study):
    """Mean and standard error of each trial's metrics in Ax, by trial and metric."""
    rows = study.experiment.lookup_data().df
    number_of = study.optimizer.experiment.number_of
    return {(number_of(row.trial_index), row.metric_name): (row["mean"], row["sem"]) for _, row in rows.iterrows()}


TWO = parse_goals({"f": "minimize", "g": "maximize"}, None, ["h <= 9"])
SAMPLES = (
    [{"f": 1.0, "g": 2.0, "h": 3.0}, {"f": 3.0, "g": 2.0, "h": 5.0}],
    [{"f": 1.0, "g": 1.0, "h": 1.0}, {"f": 1.0, "g": 4.0, "h": 1.0}, {"f": 7.0, "g": 7.0, "h": 7.0}],
    [{"f": 5.0, "g": 6.0, "h": 7.0}],
)


def told(samples):
    """One by one, where Ax is there from the beginning."""
    study = PlayedStudy(space_of(UNIT), TWO)
    assert attached(study) == {}
    for number, of_trial in enumerate(samples):
        study.run({"a": 0.1 * (number + 1), "b": 0.5}, *of_trial)
    return study


def test_mean_and_standard_error_of_repeats_reach_ax():
    data = attached(told(SAMPLES[:2]))
    assert data == {
        (0, "m0"): (2.0, pytest.approx(1.0)),
        (0, "m1"): (2.0, 0.0),
        (0, "c0"): (4.0, pytest.approx(1.0)),
        (1, "m0"): (3.0, pytest.approx(2.0)),
        (1, "m1"): (4.0, pytest.approx(3 / math.sqrt(3))),
        (1, "c0"): (3.0, pytest.approx(2.0)),
    }


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 2, 1)])
def test_single_run_gets_the_pooled_deviation_whenever_it_came(order):
    data = attached(told([SAMPLES[index] for index in order]))
    single = order.index(2)
    assert data[single, "m0"] == (5.0, pytest.approx(math.sqrt((2 + 12) / 2)))
    assert data[single, "m1"] == (6.0, pytest.approx(math.sqrt((0 + 9) / 2)))


def test_without_repeats_the_uncertainty_is_for_ax_to_find():
    data = attached(told([SAMPLES[2], SAMPLES[2]]))
    assert {mean for mean, _ in data.values()} == {5.0, 6.0, 7.0}
    assert all(math.isnan(error) for _, error in data.values())


def test_resumed_optimizer_has_the_same_data():
    study = told(SAMPLES)
    assert attached(PlayedStudy(space_of(UNIT), TWO, study.trials)) == attached(study)


def test_model_goes_on_where_some_metrics_never_vary_and_some_trials_have_one_run(caplog):
    goals = parse_goals({"f": "minimize", "g": "minimize"})
    study = PlayedStudy(space_of(UNIT), goals)
    for number in range(6):
        suggestion = study.ask()
        sample = {"f": suggestion.point["a"] ** 2, "g": 1 - suggestion.point["a"]}
        noisy = [{**sample, "f": sample["f"] + shift} for shift in (-0.01, 0.0, 0.01)]
        study.end(study.open(suggestion), *noisy[: 1 if number % 3 == 2 else 3])
    assert suggestion.generator == "model"
    assert "could not suggest" not in caplog.text


def test_point_in_place_of_one_that_the_model_could_not_suggest_is_known_as_such(monkeypatch, caplog):
    def failing(_):
        raise RuntimeError("not positive definite")

    trials = known(space_of(UNIT), lambda point: {"f": point["a"]})
    monkeypatch.setattr(AxExperiment, "propose", failing)
    assert PlayedStudy(space_of(UNIT), F, trials).ask().generator == SOBOL_ERROR
    assert "could not suggest a point (RuntimeError: not positive definite)" in caplog.text


def test_infeasible_so_far_still_gets_model_based_points():
    goals = parse_goals({"f": {"goal": "minimize", "threshold": 0.5}, "g": "minimize"}, None, ["h <= -1"])
    trials = known(space_of(UNIT), lambda point: {"f": point["a"], "g": point["b"], "h": 1 + point["a"]})
    assert PlayedStudy(space_of(UNIT), goals, trials).ask().generator == "model"


def test_single_objective_goes_through_the_model():
    space = space_of({"a": "interval(0, 1)"})
    trials = known(space, lambda point: {"f": -((point["a"] - 0.8) ** 2)}, count=16)
    suggestion = PlayedStudy(space, parse_goals({"f": "maximize"}), trials).ask()
    assert suggestion.generator == "model" and suggestion.point["a"] == pytest.approx(0.8, abs=0.1)


def test_direction_is_not_mistaken():
    goals = parse_goals({"up": "maximize", "down": "minimize"})
    # b costs in both objectives, so that all good points have a small b.
    metrics = lambda point: {"up": point["a"] - 2 * point["b"], "down": point["a"] ** 2 + 2 * point["b"]}  # noqa: E731
    study = PlayedStudy(space_of(UNIT), goals, known(space_of(UNIT), metrics), seed=2)
    trials = study.play(2, metrics)
    assert [trial.generator for trial in trials] == ["model"] * 2 and max(trial.point["b"] for trial in trials) < 0.2


def test_model_based_suggestion_compiles_nothing(monkeypatch):
    """A compile would stall the study for half a minute, and a kill during it would hang every later one."""
    import torch.utils.cpp_extension
    from botorch.acquisition.multi_objective import logei

    compiled = []
    monkeypatch.setattr(torch.utils.cpp_extension, "load", lambda **what: compiled.append(what["name"]))
    monkeypatch.setattr(logei, "_load_attempted", False)
    trials = known(space_of(UNIT), lambda point: {"f": point["a"], "g": 1 - point["a"] ** 2})
    study = PlayedStudy(space_of(UNIT), parse_goals({"f": "minimize", "g": "minimize"}), trials)
    assert study.ask().generator == "model"
    assert compiled == []


@pytest.mark.parametrize(("n_trials", "first"), [(48, 12), (40, 10), (8, 5), (None, 12)])
def test_the_model_waits_until_each_option_that_has_parameters_was_tried(n_trials, first):
    models = Choice("model", tuple(Option(str(number), str(number)) for number in range(12)))
    space = SearchSpace((models, Range("x", 0.0, 1.0, when=(Condition("model", ("3",)),))))
    study = PlayedStudy(space, F, n_trials=n_trials)
    played = study.play(first + 1, lambda point: {"f": float(point["model"])})
    assert [trial.generator for trial in played].index("model") == first
