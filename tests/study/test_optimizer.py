"""The optimizer on real Ax: what it suggests, what it keeps, what it gives back after a resume."""

import os

import pytest

from ax_mo.goals import parse_goals
from ax_mo.space.build import _parameter_constraint
from ax_mo.space.grammar import parse_entry
from ax_mo.space.parameters import Space
from ax_mo.study.optimizer import AxOptimizer, SpaceExhausted
from ax_mo.study.trial import Status, Trial

PARAMS = {
    "model.hidden1": "tag(log, int(interval(16, 128)))",
    "model.hidden2": "tag(log, int(interval(16, 128)))",
    "+lr": "tag(log, interval(1e-4, 1e-2))",
    "bs": "choice(32, 64, 128)",
    "group": "adam,sgd,null",
    "mixed": "choice(a, 1, [1,2])",
    "step": "range(0, 1, step=0.25)",
}


def space_of(params=PARAMS, constraints=()):
    parameters = tuple(parse_entry(f"{key}={value}", key, lambda _: []) for key, value in params.items())
    return Space(parameters, tuple(_parameter_constraint(text, parameters) for text in constraints))


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


def play(optimizer, count, fail=()):
    trials = []
    for number in range(count):
        suggestion = optimizer.ask()
        optimizer.assign(number, suggestion.point)
        if number in fail:
            optimizer.fail(number)
            status, metrics = Status.FAILED, {}
        else:
            metrics = evaluate(suggestion.point)
            optimizer.tell(number, [metrics])
            status = Status.COMPLETED
        trials.append(
            Trial(number, status, suggestion.point, (), "", suggestion.generator, suggestion.position, metrics=metrics)
        )
    return trials


@pytest.fixture(scope="module")
def study():
    optimizer = AxOptimizer(space_of(constraints=["model.hidden2 <= model.hidden1"]), GOALS, seed=7)
    optimizer.start()
    return optimizer, play(optimizer, 9, fail=[3])


def test_starts_at_the_center_then_quasi_random_then_by_the_model(study):
    _, trials = study
    generators = [trial.generator for trial in trials]
    assert generators[0] == "center" and generators[1] == "sobol" and generators[-1] == "model"
    assert trials[0].point["model.hidden1"] == 45, "the middle of 16 to 128 on a log scale"


def test_suggestions_have_the_types_and_bounds_of_the_space(study):
    _, trials = study
    for trial in trials:
        point = trial.point
        assert type(point["model.hidden1"]) is int and 16 <= point["model.hidden1"] <= 128
        assert type(point["+lr"]) is float and 1e-4 <= point["+lr"] <= 1e-2
        assert point["bs"] in (32, 64, 128) and type(point["bs"]) is int
        assert point["group"] in ("adam", "sgd", None)
        assert point["mixed"] in ("a", 1, [1, 2])


def test_parameter_constraint_holds_for_every_suggestion(study):
    _, trials = study
    assert all(trial.point["model.hidden2"] <= trial.point["model.hidden1"] for trial in trials)


def test_no_point_is_suggested_twice(study):
    _, trials = study
    assert len({str(trial.point) for trial in trials}) == len(trials)


@pytest.mark.parametrize("known", [2, 4])
def test_resumed_optimizer_goes_on_with_the_quasi_random_sequence(study, known):
    _, trials = study
    resumed = AxOptimizer(space_of(constraints=["model.hidden2 <= model.hidden1"]), GOALS, seed=7)
    resumed.start(trials[:known])
    assert resumed.ask().point == trials[known].point


def test_resumed_optimizer_goes_on_with_the_model(study):
    _, trials = study
    resumed = AxOptimizer(space_of(constraints=["model.hidden2 <= model.hidden1"]), GOALS, seed=7)
    resumed.start(trials)
    assert resumed.ask().generator == "model"


def test_resumed_optimizer_suggests_what_the_uninterrupted_one_would():
    space = space_of({"a": "interval(0, 1)", "b": "interval(0, 1)"})
    goals = parse_goals({"f": "minimize", "g": "minimize"})

    def tell(optimizer, number, point):
        optimizer.assign(number, point)
        metrics = {"f": point["a"] ** 2 + point["b"], "g": (point["a"] - 1) ** 2}
        optimizer.tell(number, [metrics])
        return metrics

    whole = AxOptimizer(space, goals, seed=3)
    whole.start()
    trials = []
    for number in range(7):
        suggestion = whole.ask()
        metrics = tell(whole, number, suggestion.point)
        trials.append(
            Trial(number, Status.COMPLETED, suggestion.point, (), "", position=suggestion.position, metrics=metrics)
        )
    resumed = AxOptimizer(space, goals, seed=3)
    resumed.start(trials)
    expected, got = whole.ask(), resumed.ask()
    assert expected.generator == got.generator == "model"
    assert got.point == pytest.approx(expected.point, abs=1e-6)


def test_more_workers_than_initial_trials_all_get_a_point():
    optimizer = AxOptimizer(space_of(), GOALS, seed=1)
    optimizer.start()
    points = [optimizer.ask().point for _ in range(12)]
    assert len({str(point) for point in points}) == 12


def test_finite_space_is_exhausted_after_all_its_points():
    optimizer = AxOptimizer(space_of({"a": "1,2", "b": "x,y"}), parse_goals({"f": "minimize"}), seed=1)
    optimizer.start()
    for number in range(4):
        suggestion = optimizer.ask()
        optimizer.assign(number, suggestion.point)
        optimizer.tell(number, [{"f": float(suggestion.point["a"])}])
    with pytest.raises(SpaceExhausted):
        optimizer.ask()


def test_infeasible_so_far_still_gets_model_based_points():
    goals = parse_goals({"f": {"goal": "minimize", "threshold": 0.5}, "g": "minimize"}, None, ["h <= -1"])
    optimizer = AxOptimizer(space_of({"a": "interval(0, 1)", "b": "interval(0, 1)"}), goals, seed=1)
    optimizer.start()
    for number in range(7):
        suggestion = optimizer.ask()
        optimizer.assign(number, suggestion.point)
        optimizer.tell(
            number, [{"f": suggestion.point["a"], "g": suggestion.point["b"], "h": 1 + suggestion.point["a"]}]
        )
    assert suggestion.generator == "model"


def test_single_objective_goes_through_the_model():
    optimizer = AxOptimizer(space_of({"a": "interval(0, 1)"}), parse_goals({"f": "maximize"}), seed=1)
    optimizer.start()
    best = 0.0
    for number in range(9):
        suggestion = optimizer.ask()
        optimizer.assign(number, suggestion.point)
        value = -((suggestion.point["a"] - 0.8) ** 2)
        best = max(best, value) if number else value
        optimizer.tell(number, [{"f": value}])
    assert suggestion.generator == "model"
    assert best > -1e-3


def test_direction_is_not_mistaken():
    goals = parse_goals({"up": "maximize", "down": "minimize"})
    optimizer = AxOptimizer(space_of({"a": "interval(0, 1)", "b": "interval(0, 1)"}), goals, seed=2)
    optimizer.start()
    points = []
    for number in range(12):
        suggestion = optimizer.ask()
        optimizer.assign(number, suggestion.point)
        # b costs in both objectives, so that all good points have a small b.
        optimizer.tell(
            number,
            [
                {
                    "up": suggestion.point["a"] - 2 * suggestion.point["b"],
                    "down": suggestion.point["a"] ** 2 + 2 * suggestion.point["b"],
                }
            ],
        )
        points.append(suggestion)
    late = [s.point["b"] for s in points if s.generator == "model"][-4:]
    assert max(late) < 0.2


def test_model_based_suggestion_compiles_nothing(tmp_path):
    """A compile would stall the study for half a minute, and a kill during it would hang every later one."""
    import subprocess
    import sys

    code = (
        "from tests.study.test_optimizer import *\n"
        "o = AxOptimizer(space_of({'a': 'interval(0, 1)', 'b': 'interval(0, 1)'}), "
        "parse_goals({'f': 'minimize', 'g': 'minimize'}), seed=1)\n"
        "o.start()\n"
        "for n in range(7):\n"
        "    s = o.ask(); o.assign(n, s.point); o.tell(n, [{'f': s.point['a'], 'g': 1 - s.point['a'] ** 2}])\n"
        "print(s.generator)\n"
    )
    environment = {**os.environ, "TORCH_EXTENSIONS_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.split()[-1] == "model", done.stderr
    assert list(tmp_path.iterdir()) == []
