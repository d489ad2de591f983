"""What is said of constraints that no trial meets, and of points in place of the model's."""

from ax_mo.core.budget import Budget, Rung
from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import SOBOL_ERROR, SOBOL_TIMEOUT, Status, Trial
from ax_mo.results.standing import Limit, budgets, budgets_text, in_place_of_model, limits, none_feasible
from tests.support.trials import make_trial

GOALS = parse_goals({"loss": {"goal": "minimize", "threshold": 2}}, None, ["a <= 1", "b <= 1"])


def trial(number: int, a: float, b: float, **changes: object) -> Trial:
    content = {"metrics": {"loss": 1.0, "a": a, "b": b}, **changes}
    return make_trial(number, **content)


def test_each_constraint_and_threshold_is_counted() -> None:
    trials = [trial(0, 0, 0), trial(1, 0, 5), trial(2, 0, 0, status=Status.EARLY_STOPPED)]
    assert limits(trials, GOALS) == [
        Limit("a <= 1", "constraint", 2, 2), Limit("b <= 1", "constraint", 1, 2), Limit("loss <= 2", "threshold", 2, 2),
        Limit("all of them", "", 1, 2),
    ]  # fmt: skip
    assert none_feasible(trials, GOALS) is None


def test_points_in_place_of_the_models_are_counted_by_what_they_are_there_for() -> None:
    trials = [make_trial(number, generator=name) for number, name in enumerate(("sobol", "model", SOBOL_TIMEOUT))]
    assert in_place_of_model(trials[:2]) is None
    assert in_place_of_model(trials) == (
        "1 trial ran a quasi-random point in place of the model's: 1 as it took longer than suggestion_timeout"
    )
    failed = [make_trial(number, generator=SOBOL_ERROR) for number in (3, 4)]
    assert in_place_of_model([*trials, *failed]) == (
        "3 trials ran quasi-random points in place of the model's: 1 as it took longer than suggestion_timeout, "
        "2 as it failed"
    )


def test_trials_are_counted_by_the_budget_that_they_have_come_to() -> None:
    low, high = (Rung(Budget("trainer.max_epochs", value, 9), {}, "") for value in (1, 3))
    trials = [make_trial(0, rungs=(low,)), make_trial(1, rungs=(low, high)), make_trial(2, rungs=(low,)), make_trial(3)]
    assert budgets(trials) == {"trainer.max_epochs": {1: 2, 3: 1}}
    assert budgets_text(trials) == "trainer.max_epochs=1: 2 trials, 3: 1 trial"
    assert budgets_text(trials[3:]) == ""


def test_constraints_that_no_trial_meets_together_are_told_apart() -> None:
    trials = [trial(0, 0, 5), trial(1, 5, 5), trial(2, 0, 5)]
    assert none_feasible(trials, GOALS) == (
        "none of the 3 completed trials meets all constraints: 'a <= 1' is met by 2, 'b <= 1' is met by 0"
    )
    alone = parse_goals({"loss": "minimize"}, None, ["b <= 1"])
    assert none_feasible(trials[:1], alone) == "the only trial with a result does not meet the constraint 'b <= 1'"


def test_nothing_is_said_where_nothing_was_measured_or_asked() -> None:
    assert none_feasible([], GOALS) is None
    assert none_feasible([trial(0, 5, 5, status=Status.FAILED, metrics={})], GOALS) is None
    assert none_feasible([trial(0, 5, 5)], parse_goals({"loss": "minimize"})) is None
