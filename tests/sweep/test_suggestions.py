"""How many points are computed ahead of the workers that will need them."""

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.trial import Status, Suggestion
from ax_mo.sweep import suggestions as module
from ax_mo.sweep.suggestions import Suggestions
from tests.support.trials import make_trial
from tests.sweep.running import study_of


class Optimizer:
    """Its points are there at once, and took ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.asked = 0

    def ask(self) -> "Future[Suggestion]":
        self.asked += 1
        future: Future[Suggestion] = Future()
        future.set_result(Suggestion({"x": self.asked}, "model", seconds=self._seconds))
        return future

    def tell(self, _trial: Any) -> None:
        pass

    def prepare(self) -> None:
        pass


@pytest.mark.parametrize(
    ("trial_seconds", "point_seconds", "left", "ahead"),
    [
        (60.0, 0.5, 100, 1),
        (1.0, 0.25, 100, 2),
        (1.0, 0.5, 100, 3),
        (1.0, 5.0, 100, 4),  # no more than there are workers
        (1.0, 5.0, 2, 2),  # nor than the study has trials
    ],
)
def test_short_trials_have_more_points_computed_ahead(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trial_seconds: float,
    point_seconds: float,
    left: int,
    ahead: int,
) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    settings = {"n_trials": left, "n_jobs": 4, "suggestion_timeout": 120.0, "prefetch": None}
    study = study_of(tmp_path)
    vars(study.spec.settings).update(settings)
    optimizer: Any = Optimizer(point_seconds)
    suggestions = Suggestions(optimizer, study, print, waits=False)
    suggestions.ask_ahead()
    assert suggestions.next() is not None and optimizer.asked == 1
    suggestions.tell(make_trial(0, status=Status.ASKED))
    now[0] += trial_seconds
    suggestions.tell(make_trial(0))
    suggestions.ask_ahead()
    assert optimizer.asked - 1 == ahead


def test_enqueued_points_come_first_in_their_order_as_long_as_there_is_room(tmp_path: Path) -> None:
    study = study_of(tmp_path, n_trials=3, n_jobs=2)
    optimizer: Any = Optimizer(0.5)
    optimizer.take = lambda point: point["x"] != 2
    suggestions = Suggestions(optimizer, study, print, waits=False)
    assert not suggestions.has_users_point
    for x in (1, 2, 3):
        suggestions.enqueue({"x": x})
    assert suggestions.has_users_point, "and the second was suggested by somebody else already"
    suggestions.ask_ahead()
    assert optimizer.asked == 0, "of three trials, all may be the user's"
    study.is_paused = True
    assert not suggestions.has_users_point and suggestions.next() is None
    study.is_paused = False
    following = [suggestions.next() for _ in range(3)]
    assert [(found.point["x"], found.generator) for found in following if found] == [
        (1, "user"),
        (3, "user"),
        (1, "model"),
    ]
