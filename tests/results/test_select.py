"""One trial from many."""

from collections.abc import Sequence

from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.core.trial import Status, Trial
from ax_mo.results.query import TrialCondition, names_of, parse_condition
from ax_mo.results.select import best, knee
from ax_mo.search_space.space import SearchSpace
from tests.support.trials import make_trial

TWO = parse_goals({"acc": "maximize", "size": "minimize"}, None, ["cost <= 5"])


def trials(*values: tuple[float, float, float], status: Status = Status.COMPLETED) -> list[Trial]:
    return [
        make_trial(n, status=status, metrics={"acc": acc, "size": size, "cost": cost})
        for n, (acc, size, cost) in enumerate(values)
    ]


def conditions(known: Sequence[Trial], goals: Goals, *where: str) -> list[TrialCondition]:
    return [parse_condition(text, names_of(known, goals, SearchSpace(()))) for text in where]


def pick(known: Sequence[Trial], order: Sequence[tuple[str, bool]], *where: str, goals: Goals = TWO) -> int | None:
    trial = best(known, goals, order, names_of(known, goals, SearchSpace(())), conditions(known, goals, *where))
    return None if trial is None else trial.number


def test_best_is_taken_among_those_that_meet_constraints_and_conditions() -> None:
    known = trials((0.9, 100, 9), (0.8, 90, 1), (0.7, 20, 1), (0.6, 10, 1))
    assert pick(known, [("acc", True)]) == 1
    assert pick(known, [("acc", True)], "size <= 50") == 2
    assert pick(known, [("acc", True)], "size <= 50", "acc <= 0.65") == 3
    assert pick(known, [("acc", True)], "2*size - acc <= 1") is None


def test_second_metric_decides_between_equal_ones_then_dominance_then_age() -> None:
    known = trials((0.8, 90, 3), (0.8, 80, 4), (0.8, 80, 1), (0.1, 1, 1))
    assert pick(known, [("acc", True)]) == 1
    assert pick(known, [("acc", True), ("cost", False)]) == 2
    assert pick(known, [("acc", True), ("cost", True)]) == 1


def test_trials_without_a_result_or_the_metric_do_not_count() -> None:
    assert pick(trials((0.9, 1, 1), status=Status.FAILED), [("acc", True)]) is None
    known = trials((0.9, 1, 1), (0.5, 2, 1))
    known[0] = make_trial(metrics={"acc": 0.9, "size": 1, "cost": 1})
    known[1] = make_trial(1, metrics={"acc": 0.5, "size": 2, "cost": 1, "extra": 1})
    assert pick(known, [("acc", True)], "extra <= 1") == 1


LIMITED = parse_goals(
    {"acc": {"goal": "maximize", "threshold": 0.5}, "size": {"goal": "minimize", "threshold": 60}}, None, ["cost <= 5"]
)


def test_trials_that_meet_every_threshold_come_first() -> None:
    known = trials((0.9, 100, 1), (0.7, 50, 1), (0.4, 1, 1), (0.6, 40, 9))
    assert pick(known, [("acc", True)], goals=LIMITED) == 1
    assert pick(known, [("size", False)], goals=LIMITED) == 1
    assert knee(known, LIMITED).number == 1
    assert pick([known[0], known[2]], [("acc", True)], goals=LIMITED) == 0, "where none does, any"


def test_condition_on_an_objective_stands_in_the_place_of_its_threshold() -> None:
    known = trials((0.9, 100, 1), (0.7, 50, 1), (0.4, 1, 1))
    assert pick(known, [("acc", True)], "size <= 200", goals=LIMITED) == 0
    assert pick(known, [("size", False)], "size <= 200", goals=LIMITED) == 1, "the other threshold counts"


def test_knee_is_farthest_from_the_line_between_the_extremes() -> None:
    known = trials((1.0, 100, 0), (0.9, 30, 0), (0.5, 20, 0), (0.0, 0, 0))
    assert knee(known, TWO).number == 1
    assert knee(known, TWO, conditions(known, TWO, "size <= 25")).number in (2, 3)


def test_front_that_bulges_nowhere_gives_its_most_balanced_point() -> None:
    known = trials((1.0, 100, 0), (0.4, 65, 0), (0.1, 20, 0), (0.0, 0, 0))
    assert knee(known, TWO).number == 1


def test_knee_of_one_point_of_none_and_of_equal_values() -> None:
    assert knee([], TWO) is None
    assert knee(trials((1, 1, 9)), TWO) is None
    assert knee(trials((1, 1, 1)), TWO).number == 0
    assert knee(trials((1, 1, 1), (1, 1, 1)), TWO).number == 0


def test_knee_of_three_objectives() -> None:
    goals = parse_goals({"acc": "maximize", "size": "minimize", "cost": "minimize"})
    known = trials((1.0, 1.0, 1.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.8, 0.2, 0.2))
    assert knee(known, goals).number == 3
