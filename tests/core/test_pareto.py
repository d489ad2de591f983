"""The Pareto front and its hypervolume."""

import random
from typing import Any

import pytest

from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.core.pareto import (
    best_per_objective,
    hypervolume,
    hypervolumes_so_far,
    pareto_front,
    reference_point,
    undominated,
)
from ax_mo.core.trial import Status, Trial
from tests.support.trials import make_trial

GOALS = parse_goals({"acc": "maximize", "size": "minimize"})
WITH_THRESHOLDS = parse_goals(
    {"acc": {"goal": "maximize", "threshold": 0.5}, "size": {"goal": "minimize", "threshold": 100}}
)


def trial(number: int, acc: float, size: float, status: Status = Status.COMPLETED, **extra: float) -> Trial:
    return make_trial(number, status=status, metrics={"acc": acc, "size": size, **extra})


def numbers(trials: list[Trial]) -> list[int]:
    return [t.number for t in trials]


# Dominance


@pytest.mark.parametrize(
    ("a", "b", "kept"),
    [
        ((0.9, 10), (0.8, 20), [0]),
        ((0.9, 10), (0.9, 20), [0]),
        ((0.9, 10), (0.8, 10), [0]),
        ((0.9, 10), (0.9, 10), [0, 1]),
        ((0.9, 20), (0.8, 10), [0, 1]),
        ((0.8, 20), (0.9, 10), [1]),
    ],
)
def test_dominance_follows_the_direction_of_each_objective(a: Any, b: Any, kept: list[int]) -> None:
    assert numbers(undominated([trial(0, *a), trial(1, *b)], GOALS)) == kept


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_front_is_that_of_the_definition(objectives: int) -> None:
    goals, trials = drawn(objectives, 60)

    def dominates(a: Trial, b: Trial) -> bool:
        pairs = [(o, a.metrics[o.name], b.metrics[o.name]) for o in goals.objectives]
        return not any(o.better(y, x) for o, x, y in pairs) and any(o.better(x, y) for o, x, y in pairs)

    expected = [t.number for t in trials if not any(dominates(other, t) for other in trials)]
    assert numbers(pareto_front(trials, goals)) == expected


def drawn(objectives: int, count: int) -> tuple[Goals, list[Trial]]:
    """Trials of which some share values, with objectives in both directions."""
    draw = random.Random(f"{objectives} {count}")
    goals = parse_goals({
        f"m{i}": {"goal": "minimize" if i % 2 else "maximize", "threshold": 0.8 if i % 2 else 0.2}
        for i in range(objectives)
    })  # fmt: skip
    points = [{name: draw.choice([draw.random(), 0.5]) for name in goals.names} for _ in range(count)]
    return goals, [make_trial(number, metrics=point) for number, point in enumerate(points)]


# The front


@pytest.mark.parametrize("status", [Status.ASKED, Status.RUNNING, Status.FAILED, Status.CANCELLED])
def test_only_completed_trials_are_on_the_front(status: Status) -> None:
    unfinished = make_trial(1, status=status)
    assert numbers(pareto_front([trial(0, 0.1, 90), unfinished], GOALS)) == [0]
    assert numbers(pareto_front([trial(0, 0.1, 90), trial(1, 0.9, 1, status)], GOALS)) == [0]


def test_infeasible_trial_is_neither_on_the_front_nor_dominates() -> None:
    goals = parse_goals({"acc": "maximize", "size": "minimize"}, None, ["seconds <= 60"])
    trials = [trial(0, 0.9, 10, seconds=61), trial(1, 0.8, 20, seconds=60), trial(2, 0.7, 30, seconds=1)]
    assert numbers(pareto_front(trials, goals)) == [1]


def test_front_does_not_need_the_thresholds_to_be_met() -> None:
    assert numbers(pareto_front([trial(0, 0.1, 1000)], WITH_THRESHOLDS)) == [0]


def test_best_per_objective_is_feasible_and_completed() -> None:
    goals = parse_goals({"acc": "maximize", "size": "minimize"}, None, ["seconds <= 60"])
    trials = [
        trial(0, 0.99, 1, seconds=61),
        trial(1, 0.8, 20, seconds=1),
        trial(2, 0.7, 10, seconds=1),
        trial(3, 1.0, 0, Status.FAILED, seconds=1),
    ]
    assert {name: best.number for name, best in best_per_objective(trials, goals).items()} == {"acc": 1, "size": 2}
    assert best_per_objective(trials[:1], goals) == {}


def test_best_per_objective_meets_every_threshold_where_a_trial_does() -> None:
    def best(*trials: Trial) -> dict[str, int]:
        return {name: found.number for name, found in best_per_objective(trials, WITH_THRESHOLDS).items()}

    small_but_bad, good_but_large, fine = trial(0, 0.4, 1), trial(1, 0.99, 101), trial(2, 0.6, 90)
    assert best(small_but_bad, good_but_large, fine) == {"acc": 2, "size": 2}
    assert best(small_but_bad, good_but_large) == {"acc": 1, "size": 0}


# The reference point


def test_reference_point_without_thresholds_is_the_worst_of_each_objective() -> None:
    trials = [trial(0, 0.5, 50), trial(1, 0.9, 90), trial(2, 0.0, 999, Status.FAILED)]
    assert reference_point(trials, GOALS) == {"acc": 0.5, "size": 90}


def test_threshold_and_worst_value_may_be_mixed() -> None:
    goals = parse_goals({"acc": {"goal": "maximize", "threshold": 0.6}, "size": "minimize"})
    assert reference_point([trial(0, 0.5, 50), trial(1, 0.9, 90)], goals) == {"acc": 0.6, "size": 90}


# Hypervolume


def volume(trials: list[Trial], goals: Goals) -> float:
    return hypervolume(pareto_front(trials, goals), goals, reference_point(trials, goals))


def test_hypervolume_of_two_points_is_that_of_two_overlapping_rectangles() -> None:
    # (0.9, 80): 0.4 * 20 = 8; (0.7, 40): 0.2 * 60 = 12; both: 0.2 * 20 = 4
    assert volume([trial(0, 0.9, 80), trial(1, 0.7, 40)], WITH_THRESHOLDS) == pytest.approx(16.0)


def test_points_short_of_a_threshold_add_nothing() -> None:
    trials = [trial(0, 0.9, 80), trial(1, 0.4, 1), trial(2, 0.99, 101)]
    assert volume(trials, WITH_THRESHOLDS) == pytest.approx(8.0)
    assert volume(trials[1:], WITH_THRESHOLDS) == 0.0


def test_hypervolume_without_thresholds_is_measured_from_the_worst() -> None:
    # From (0.5, 90): (0.5, 50) and (0.9, 90) lie on its edges, (0.7, 60) spans 0.2 * 30.
    trials = [trial(0, 0.5, 50), trial(1, 0.9, 90), trial(2, 0.7, 60)]
    assert volume(trials, GOALS) == pytest.approx(6.0)


@pytest.mark.parametrize(("goal", "threshold", "expected"), [("minimize", 100, 20.0), ("maximize", 100, 0.0)])
def test_hypervolume_of_one_objective_is_how_far_the_best_is_past_the_reference(
    goal: str, threshold: float, expected: float
) -> None:
    goals = parse_goals({"size": {"goal": goal, "threshold": threshold}})
    assert volume([trial(0, 0, 80), trial(1, 0, 90)], goals) == pytest.approx(expected)


def test_hypervolume_of_nothing_is_zero() -> None:
    assert hypervolume([], WITH_THRESHOLDS, {"acc": 0.5, "size": 100}) == 0.0
    assert hypervolume([trial(0, 1, 1)], GOALS, {"acc": 0.5}) == 0.0


@pytest.mark.parametrize("objectives", [2, 3, 5])
@pytest.mark.parametrize("count", [1, 40])
def test_hypervolume_is_that_of_botorch(objectives: int, count: int) -> None:
    import torch
    from botorch.utils.multi_objective.hypervolume import Hypervolume
    from botorch.utils.multi_objective.pareto import is_non_dominated

    goals, trials = drawn(objectives, count)
    signs = [1.0 if o.maximize else -1.0 for o in goals.objectives]
    points = torch.tensor(
        [[s * v for s, v in zip(signs, t.metrics.values(), strict=True)] for t in trials], dtype=torch.double
    )
    corner = torch.tensor([s * o.threshold for s, o in zip(signs, goals.objectives, strict=True)], dtype=torch.double)
    expected = Hypervolume(corner).compute(points[is_non_dominated(points)])
    assert volume(trials, goals) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("objectives", [1, 3])
def test_hypervolume_after_each_trial_is_that_of_the_trials_so_far(objectives: int) -> None:
    goals, trials = drawn(objectives, 30)
    reference = reference_point(trials, goals)
    expected = [hypervolume(pareto_front(trials[: n + 1], goals), goals, reference) for n in range(30)]
    assert hypervolumes_so_far(trials, goals, reference) == pytest.approx(expected, rel=1e-12)
    assert hypervolumes_so_far([], goals, reference) == []
