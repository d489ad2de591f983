"""The optimizer on real Ax: what it suggests, what it keeps, what it gives back after a resume."""

import json
import math
import threading
import time
from itertools import repeat

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status, Suggestion
from ax_mo.errors import StudyStopped
from ax_mo.optimizer import untried
from ax_mo.optimizer.untried import NoNewPoint, SpaceExhausted, UntriedPoints
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


ORDERED = space_of(constraints=["model.hidden2 <= model.hidden1"])


@pytest.fixture(scope="module")
def trials():
    """Of a study with the seed 7, the last of which the model has suggested."""
    return PlayedStudy(ORDERED, GOALS, seed=7).play(8, evaluate, fail=[3])


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
    space = space_of({"a": "interval(0, 1)", "b": "interval(0, 1)"})
    goals = parse_goals({"f": "minimize", "g": "minimize"})

    whole = PlayedStudy(space, goals, seed=3)
    trials = whole.play(7, lambda point: {"f": point["a"] ** 2 + point["b"], "g": (point["a"] - 1) ** 2})
    resumed = PlayedStudy(space, goals, trials, seed=3)
    expected, got = whole.ask(), resumed.ask()
    assert expected.generator == got.generator == "model"
    assert got.point == pytest.approx(expected.point, abs=1e-6)


def test_more_workers_than_initial_trials_all_get_a_point():
    study = PlayedStudy(space_of(), GOALS)
    points = [study.ask().point for _ in range(12)]
    assert len({str(point) for point in points}) == 12


def test_finite_space_is_exhausted_after_all_its_points():
    study = PlayedStudy(space_of({"a": "1,2", "b": "x,y"}), F)
    study.play(4, lambda point: {"f": float(point["a"])})
    with pytest.raises(SpaceExhausted):
        study.ask()


def constrained_orders():
    return space_of({"a": "int(interval(1, 4))", "b": "int(interval(1, 4))", "c": "x,y"}, ["b <= a"])


def conditional():
    parameters = (
        Choice("model", (Option("mlp", "mlp"), Option("cnn", "cnn"))),
        Range("a", 1, 2, integral=True),
        Range("b", 1, 2, integral=True),
        Range("hidden", 1, 3, integral=True, when=(Condition("model", ("mlp",)),)),
        Choice("kernel", (Option(3, "3"), Option(5, "5")), when=(Condition("model", ("cnn",)),)),
    )
    return SearchSpace(*constrained(["b <= a"], parameters, (), ())[:2])


@pytest.mark.parametrize(
    ("space", "count"),
    [(constrained_orders(), 20), (conditional(), 15), (space_of({"a": "range(0, 1, step=0.25)"}), 4)],
    ids=["constrained", "conditional", "one parameter"],
)
@pytest.mark.parametrize("method", ["fast", "random_search"])
def test_finite_space_is_gone_through_exactly_once(space, count, method):
    assert sum(1 for _ in space.points()) == count
    study = PlayedStudy(space, F, method=method, n_startup_trials=5)
    points = []
    started = time.process_time()
    with pytest.raises(SpaceExhausted):
        while True:
            point = study.ask().point
            number = study.open(point)
            if number % 4 == 3:
                study.end(number)
            elif number % 4:  # and some never end
                study.end(number, {"f": float(point["a"])})
            points.append(point)
            assert len(points) <= count
    assert time.process_time() - started < 30, "the last points are not found by chance"
    assert sorted(map(str, points)) == sorted(map(str, space.points()))


def test_only_point_among_thousands_is_found():
    space = space_of({"a": "int(interval(1, 99))", "b": "int(interval(1, 99))"}, ["a + b <= 2"])
    points = UntriedPoints(space, seed=3)  # with which 10,000 draws miss it
    assert points.quasi_random().point == {"a": 1, "b": 1}
    with pytest.raises(SpaceExhausted):
        points.quasi_random()


# BUG: the study ended at its 8th trial with "the whole space was tried".
def test_few_points_among_a_million_are_gone_through_before_the_space_is_called_exhausted():
    space = space_of(dict.fromkeys("abc", "int(interval(1, 100))"), ["a + b + c <= 8"])
    study = PlayedStudy(space, F)
    points = [trial.point for trial in study.play(12, lambda point: {"f": float(sum(point.values()))})]
    with pytest.raises(SpaceExhausted):
        while True:
            points.append(study.points.quasi_random().point)
    assert len({str(sorted(point.items())) for point in points}) == len(points) == 56
    assert all(sum(point.values()) <= 8 for point in points)
    with pytest.raises(SpaceExhausted):
        study.ask()


def simplex():
    names = [f"w{index}" for index in range(8)]
    return space_of(dict.fromkeys(names, "interval(0, 1)"), [f"{' + '.join(names)} <= 1"])


# BUG: one point that the model could not suggest ended such a study: of 10,000 draws, none meets the constraint.
def test_where_hardly_any_draw_meets_the_constraints_there_are_points_without_a_model():
    untried = UntriedPoints(simplex(), seed=1)
    points = [untried.quasi_random().point for _ in range(20)]
    assert all(sum(point.values()) <= 1 for point in points)
    assert len({str(point) for point in points}) == 20
    repeated = UntriedPoints(simplex(), seed=1)
    assert [repeated.quasi_random().point for _ in range(20)] == points


class Sequence:
    position = 0

    def __init__(self, points):
        self.points = iter(points)

    def __iter__(self):
        return self.points


def test_nothing_found_is_not_called_exhausted_and_is_looked_for_again(monkeypatch):
    found = iter([[], repeat({"a": 0.5, "b": 0.5}), [{"a": 0.25, "b": 0.5}]])
    monkeypatch.setattr(untried, "QuasiRandomPoints", lambda *_: Sequence(next(found)))
    points = UntriedPoints(space_of(UNIT, ["a <= b"]), seed=1)
    with pytest.raises(NoNewPoint, match=r"no new point was found that meets 'a <= b'") as caught:
        points.quasi_random()
    assert not isinstance(caught.value, SpaceExhausted) and isinstance(caught.value, StudyStopped)
    assert points.quasi_random().point == {"a": 0.5, "b": 0.5}
    with pytest.raises(NoNewPoint):  # the sequence holds nothing else
        points.quasi_random()
    assert points.quasi_random().point == {"a": 0.25, "b": 0.5}


def test_point_is_given_once_where_two_threads_ask(monkeypatch):
    """The model's suggestion and the quasi-random point that replaces it may be the same."""
    same = {"a": 0.5, "b": 0.5}
    monkeypatch.setattr(untried, "QuasiRandomPoints", lambda *_: Sequence([same, {"a": 0.1, "b": 0.1}]))
    points = UntriedPoints(space_of(UNIT), seed=1)
    everybody = threading.Barrier(8)
    given = []

    def take():
        everybody.wait(10.0)
        given.append(points.take(same))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == [False] * 7 + [True]
    assert points.quasi_random().point == {"a": 0.1, "b": 0.1}


def test_size_of_the_space_is_worked_out_once(monkeypatch):
    """With parameters that depend on several groups, it takes half a second."""
    worked_out = []
    size = SearchSpace.size.fget
    monkeypatch.setattr(SearchSpace, "size", property(lambda space: worked_out.append(space) or size(space)))
    points = UntriedPoints(space_of({"a": "int(interval(1, 1000))", "b": "int(interval(1, 1000))"}), seed=1)
    for _ in range(3):
        points.next(lambda: None)
        points.quasi_random()
    assert len(worked_out) == 1


# What is one point

OPTIONS = [
    "choice({a: 1, 2: 3}, {a: 2, 2: 4})",
    "choice({2: 1, 10: 3}, {2: 2, 10: 4})",
    "1, 1.0, true, '1', nan, null, [1], [1.0]",
]


# BUG: keys of mixed types could not be sorted; those of whole numbers were others after a resume, as JSON has texts.
@pytest.mark.parametrize("options", OPTIONS)
def test_points_are_the_same_before_and_after_a_resume(options):
    space = space_of({"x": options})
    whole = UntriedPoints(space, seed=1)
    points = [whole.quasi_random().point for _ in range(space.size)]
    with pytest.raises(SpaceExhausted):
        whole.quasi_random()
    for known in range(space.size + 1):
        resumed = UntriedPoints(space, seed=1)
        resumed.know(
            make_trial(number, status=Status.RUNNING, point=json.loads(json.dumps(point)))
            for number, point in enumerate(points[:known])
        )
        rest = [resumed.quasi_random().point for _ in range(space.size - known)]
        assert sorted(map(str, rest)) == sorted(map(str, points[known:]))
        with pytest.raises(SpaceExhausted):
            resumed.next(lambda: None)


def test_resumed_finite_space_is_gone_through_to_its_end():
    space = conditional()
    every = list(space.points())
    statuses = [Status.COMPLETED, Status.FAILED, Status.RUNNING, Status.CANCELLED, Status.ASKED, Status.IMPORTED]
    known = [
        make_trial(number, status=status, point=point, metrics={"f": 1.0} if status.has_metrics else {})
        for number, (status, point) in enumerate(zip([*statuses, *statuses], every[::2], strict=False))
    ]
    study = PlayedStudy(space, F, known)
    rest = []
    with pytest.raises(SpaceExhausted):
        while True:
            rest.append(study.ask().point)
            study.open(rest[-1])
    assert sorted(map(str, rest)) == sorted(str(point) for point in every if point not in [t.point for t in known])
    with pytest.raises(SpaceExhausted):
        study.points.quasi_random()


# Where to start


def first_points(*points):
    return [Suggestion(point, "config" if index == 0 else "initial") for index, point in enumerate(points)]


def test_named_points_come_first_each_once():
    first = first_points({"a": 0.1, "b": 0.2}, {"a": 0.3, "b": 0.4}, {"a": 0.1, "b": 0.2})
    points = UntriedPoints(space_of(UNIT), 1, first)
    suggestions = [points.next(lambda: None) for _ in range(4)]
    assert suggestions[:2] == first[:2]
    assert [s.generator for s in suggestions] == ["config", "initial", "sobol", "sobol"]


def test_named_point_that_was_tried_before_is_not_tried_again():
    first = first_points({"a": 0.1, "b": 0.2}, {"a": 0.3, "b": 0.4}, {"a": 0.5, "b": 0.6})
    tried = [
        make_trial(-1, status=Status.IMPORTED, point=first[0].point, metrics={"f": 1.0}),
        make_trial(0, status=Status.FAILED, point=first[1].point),
    ]
    points = UntriedPoints(space_of(UNIT), 1, first)
    points.know(tried)
    assert points.next(lambda: None) == first[2]
    assert points.next(lambda: None).generator != "initial"


def test_named_points_are_no_more_asked_for_when_the_space_is_exhausted():
    first = first_points({"a": 2}, {"a": 1})
    points = UntriedPoints(space_of({"a": "1,2"}), 1, first)
    assert [points.next(lambda: None).point["a"] for _ in range(2)] == [2, 1]
    with pytest.raises(SpaceExhausted):
        points.next(lambda: None)


def test_optimizer_that_suggests_what_was_tried_gives_way_to_a_quasi_random_point():
    points = UntriedPoints(space_of(UNIT), seed=1)
    same = Suggestion({"a": 0.5, "b": 0.25}, "model")
    assert points.next(lambda: same) == same
    assert points.next(lambda: same).generator == "sobol"
    answers = iter([same, same, Suggestion({"a": 0.5, "b": 0.75}, "model")])
    assert points.next(lambda: next(answers)).point == {"a": 0.5, "b": 0.75}


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
    for number in range(8):
        suggestion = study.ask()
        sample = {"f": suggestion.point["a"] ** 2, "g": 1 - suggestion.point["a"]}
        noisy = [{**sample, "f": sample["f"] + shift} for shift in (-0.01, 0.0, 0.01)]
        study.end(study.open(suggestion), *noisy[: 1 if number % 3 == 2 else 3])
    assert suggestion.generator == "model"
    assert "could not suggest" not in caplog.text


def test_infeasible_so_far_still_gets_model_based_points():
    goals = parse_goals({"f": {"goal": "minimize", "threshold": 0.5}, "g": "minimize"}, None, ["h <= -1"])
    study = PlayedStudy(space_of(UNIT), goals)
    trials = study.play(7, lambda point: {"f": point["a"], "g": point["b"], "h": 1 + point["a"]})
    assert trials[-1].generator == "model"


def test_single_objective_goes_through_the_model():
    study = PlayedStudy(space_of({"a": "interval(0, 1)"}), parse_goals({"f": "maximize"}))
    trials = study.play(9, lambda point: {"f": -((point["a"] - 0.8) ** 2)})
    assert trials[-1].generator == "model"
    assert max(trial.metrics["f"] for trial in trials) > -1e-3


def test_direction_is_not_mistaken():
    goals = parse_goals({"up": "maximize", "down": "minimize"})
    study = PlayedStudy(space_of(UNIT), goals, seed=2)
    # b costs in both objectives, so that all good points have a small b.
    trials = study.play(12, lambda point: {"up": point["a"] - 2 * point["b"], "down": point["a"] ** 2 + 2 * point["b"]})
    late = [trial.point["b"] for trial in trials if trial.generator == "model"][-4:]
    assert max(late) < 0.2


def test_model_based_suggestion_compiles_nothing(monkeypatch):
    """A compile would stall the study for half a minute, and a kill during it would hang every later one."""
    import torch.utils.cpp_extension
    from botorch.acquisition.multi_objective import logei

    compiled = []
    monkeypatch.setattr(torch.utils.cpp_extension, "load", lambda **what: compiled.append(what["name"]))
    monkeypatch.setattr(logei, "_load_attempted", False)
    study = PlayedStudy(space_of(UNIT), parse_goals({"f": "minimize", "g": "minimize"}))
    assert study.play(7, lambda point: {"f": point["a"], "g": 1 - point["a"] ** 2})[-1].generator == "model"
    assert compiled == []
