"""The suggestion thread, with an optimizer that only takes notes."""

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from ax_mo.core.trial import Status, Suggestion, Trial
from ax_mo.optimizer.async_optimizer import AsyncOptimizer
from ax_mo.optimizer.untried import SpaceExhausted, UntriedPoints
from ax_mo.search_space.parameters import Range
from ax_mo.search_space.space import SearchSpace
from tests.support.trials import make_trial

SPACE = SearchSpace((Range("x", 0.0, 100.0),))


class Notes:
    """An optimizer that writes down its calls and the threads that made them; ``errors`` are raised by name."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.threads: set[str] = set()
        self.errors: dict[str, BaseException] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()

    def _note(self, name: str, *arguments: Any) -> None:
        self.threads.add(threading.current_thread().name)
        self.reached.set()
        assert self.gate.wait(10.0)
        self.calls.append((name, *arguments))
        if name in self.errors:
            raise self.errors[name]

    def restore(self, trials: Sequence[Trial]) -> None:
        self._note("restore", *trials)

    def prepare(self) -> None:
        self._note("prepare")

    def ask(self) -> Suggestion | None:
        self._note("ask")
        return Suggestion({"x": float(len(self.calls))}, "model")

    def tell(self, trial: Trial) -> None:
        self._note("tell", trial)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def optimizer(notes: Notes) -> Iterator[AsyncOptimizer]:
    optimizer = AsyncOptimizer(notes, UntriedPoints(SPACE, seed=1))
    yield optimizer
    notes.gate.set()
    assert optimizer.close(10.0)


OLD, NEW, FAILED = make_trial(4, point={"x": 4.5}), make_trial(5), make_trial(6, status=Status.FAILED)


def test_calls_are_made_in_their_order_on_one_other_thread(optimizer: AsyncOptimizer, notes: Notes) -> None:
    optimizer.restore([OLD])
    first = optimizer.ask()
    optimizer.tell(NEW)
    optimizer.tell(FAILED)
    second = optimizer.ask()
    assert second.result(10.0).point == {"x": 5.0}
    assert first.result(10.0).point == {"x": 2.0}
    assert notes.calls == [("restore", OLD), ("ask",), ("tell", NEW), ("tell", FAILED), ("ask",)]
    assert notes.threads == {"ax_mo-suggestions"}


def test_what_takes_long_to_import_is_imported_once_on_that_thread(optimizer: AsyncOptimizer, notes: Notes) -> None:
    optimizer.prepare()
    optimizer.prepare()
    assert optimizer.ask().result(10.0)
    assert notes.calls == [("prepare",), ("ask",)]
    assert notes.threads == {"ax_mo-suggestions"}


def test_suggestion_says_how_long_it_was_computed(optimizer: AsyncOptimizer, notes: Notes) -> None:
    notes.gate.clear()
    asked = optimizer.ask()
    assert notes.reached.wait(10.0)
    time.sleep(0.05)
    notes.gate.set()
    seconds = asked.result(10.0).seconds
    assert seconds is not None and 0.05 <= seconds < 10.0


def test_caller_does_not_wait_for_the_optimizer(optimizer: AsyncOptimizer, notes: Notes) -> None:
    notes.gate.clear()
    future = optimizer.ask()
    optimizer.tell(NEW)
    assert notes.reached.wait(10.0)
    assert optimizer.quasi_random().generator == "sobol"
    assert not future.done() and notes.calls == []
    notes.gate.set()
    assert future.result(10.0).generator == "model"


@pytest.mark.parametrize("name", ["restore", "prepare", "tell"])
def test_error_surfaces_at_the_next_ask_and_at_every_one_after(
    optimizer: AsyncOptimizer, notes: Notes, name: str
) -> None:
    error = notes.errors[name] = RuntimeError("numerical trouble")
    {"restore": lambda: optimizer.restore([OLD]), "prepare": optimizer.prepare, "tell": lambda: optimizer.tell(OLD)}[
        name
    ]()
    optimizer.tell(NEW)
    for _ in range(2):
        assert optimizer.ask().exception(10.0) is error
    assert len(notes.calls) == 1  # nothing more is told to an optimizer in an unknown state


def test_error_of_one_ask_does_not_spoil_the_next(optimizer: AsyncOptimizer, notes: Notes) -> None:
    error = notes.errors["ask"] = RuntimeError("no point")
    assert optimizer.ask().exception(10.0) is error
    notes.errors.clear()
    assert optimizer.ask().result(10.0).generator == "model"


SPACES = [SearchSpace((Range("x", 0.0, 1.0), Range("y", 0.0, 1.0))), SearchSpace((Range("x", 1, 12, integral=True),))]


# BUG: what was known was noted by the other thread, trial by trial; a point asked for meanwhile could be one of them.
@pytest.mark.parametrize("space", SPACES, ids=["endless", "finite"])
def test_quasi_random_point_is_new_while_the_study_is_still_being_restored(space: SearchSpace) -> None:
    restoring = threading.Event()
    go_on = threading.Event()

    class Slow(Notes):
        def restore(self, trials: Sequence[Trial]) -> None:
            restoring.set()
            assert go_on.wait(60.0)

        def ask(self) -> Suggestion | None:
            return None

    before = UntriedPoints(space, seed=1)
    points = [before.quasi_random().point for _ in range(8)]
    trials = [make_trial(number, point=point) for number, point in enumerate(points)]
    optimizer = AsyncOptimizer(Slow(), UntriedPoints(space, seed=1))
    try:
        optimizer.restore(trials)
        assert restoring.wait(10.0)
        new = [optimizer.quasi_random().point for _ in range(4)]
        assert not any(point in points for point in new)
        go_on.set()
        for number, point in enumerate(new, len(trials)):
            optimizer.tell(make_trial(number, status=Status.ASKED, point=point))
        if space.size is None:
            assert optimizer.ask().result(60.0).point not in [*points, *new]
        else:
            assert isinstance(optimizer.ask().exception(60.0), SpaceExhausted)
    finally:
        go_on.set()
        assert optimizer.close(60.0)


def test_sweep_is_woken_when_an_answer_is_there_good_or_bad(notes: Notes) -> None:
    futures: list[Any] = []
    done_when_woken: list[bool] = []
    optimizer = AsyncOptimizer(
        notes, UntriedPoints(SPACE, seed=1), lambda: done_when_woken.append(futures[len(done_when_woken)].done())
    )
    notes.gate.clear()
    futures += [optimizer.ask(), optimizer.ask()]
    notes.errors["ask"] = RuntimeError("no point")
    notes.gate.set()
    assert optimizer.close(10.0), "which ends what was asked before"
    assert done_when_woken == [True, True]


def test_close_says_when_the_optimizer_is_still_busy(notes: Notes) -> None:
    optimizer = AsyncOptimizer(notes, UntriedPoints(SPACE, seed=1))
    notes.gate.clear()
    optimizer.ask()
    assert notes.reached.wait(10.0)
    assert not optimizer.close(0.05)
    notes.gate.set()
    assert optimizer.close(10.0)
