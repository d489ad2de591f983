"""The points that nobody has tried yet: each once, in any space, before and after a resume."""

import json
import threading
from itertools import repeat

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status, Suggestion
from ax_mo.errors import StudyStopped
from ax_mo.optimizer import untried
from ax_mo.optimizer.untried import NoNewPoint, SpaceExhausted, UntriedPoints
from ax_mo.search_space.constraints import constrained
from ax_mo.search_space.parameters import Choice, Condition, Option, Range
from ax_mo.search_space.space import SearchSpace
from tests.support.played import PlayedStudy
from tests.support.trials import make_trial

from .test_ax import UNIT, space_of

F = parse_goals({"f": "minimize"})


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
    ("space", "count", "method"),
    [
        (constrained_orders(), 20, "random_search"),
        (conditional(), 15, "random_search"),
        pytest.param(conditional(), 15, "fast", marks=pytest.mark.long),
        (space_of({"a": "range(0, 1, step=0.25)"}), 4, "random_search"),
    ],
    ids=["constrained", "conditional", "conditional, by the model", "one parameter"],
)
def test_finite_space_is_gone_through_exactly_once(space, count, method):
    assert sum(1 for _ in space.points()) == count
    study = PlayedStudy(space, F, method=method, n_startup_trials=11)
    points = []
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
    study = PlayedStudy(space, F, method="random_search")
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
        resumed.mark_tried(
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
    study = PlayedStudy(space, F, known, method="random_search")
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
    points.mark_tried(tried)
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
