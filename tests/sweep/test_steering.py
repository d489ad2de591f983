"""What is asked of a running study is done once, also where a sweeper dies in between, and answered."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ax_mo.core.request import Request, RequestKind, RequestState
from ax_mo.core.trial import Outcome, Status
from ax_mo.sweep.steering import Steering
from ax_mo.sweep.study import Study
from ax_mo.trial.files import STOP
from tests.support.studies import FLAT
from tests.support.trials import make_run
from tests.sweep.running import running, study_of

OWN = {"model": "mlp", "optim.lr": 0.001, "width": 32, "act": "relu"}
POINT = {**OWN, "optim.lr": 0.01}


class Steered:
    """A study, the requests to it as its database has them, and what was said, enqueued and written of its settings."""

    def __init__(self, study: Study, *requests: Request) -> None:
        self.study = study
        self.requests = list(requests)
        self.told: list[str] = []
        self.enqueued: list[Any] = []
        self.specs: list[Any] = []
        store: Any = study.store
        store.requests = lambda: tuple(request for request in self.requests if request.state.is_open)
        store.answer = self._answer
        self.new: list[Request] = []
        self._begin()

    def _begin(self) -> None:
        watch: Any = SimpleNamespace(start=lambda _seen: None, take=self._take, close=lambda: None)
        identity = self.study.spec.plan.space.identity
        suggestions: Any = SimpleNamespace(
            enqueue=self.enqueued.append,
            remove=lambda this: self.enqueued.remove(next(p for p in self.enqueued if identity(p) == this)),
        )
        self.steering = Steering(watch, suggestions, 4, self.told.append, self.specs.append)
        self.steering.started(self.study)

    def _take(self) -> list[Request]:
        new, self.new = self.new, []
        return new

    def _answer(self, answered: Request) -> None:
        self.requests = [answered if request.id == answered.id else request for request in self.requests]

    def asked(self, kind: RequestKind, *words: str) -> Request:
        """What becomes of a request that is made while the study runs."""
        request = Request(kind, words, "ann on host", "t0", id=len(self.requests) + 1)
        self.requests.append(request)
        self.new.append(request)
        self.steering.tick(self.study)
        return self.requests[-1]

    def state_of(self, index: int) -> RequestState:
        return self.requests[index].state

    def resumed(self, study: Study) -> "Steered":
        """The next sweep of the study, with what the database has by now."""
        return Steered(study, *self.requests)


def study(directory: Path, *runs: Any, **changes: Any) -> Study:
    return study_of(directory, *runs, **{"space": FLAT, "n_trials": 20, **changes})


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The project's own configuration, without a project."""
    values: dict[str, Any] = dict(OWN)
    monkeypatch.setattr("ax_mo.search_space.start.own_values", lambda *_: dict(values))
    return values


def requested(kind: RequestKind, *words: str, state: RequestState = RequestState.WAITING) -> Request:
    return Request(kind, words, "ann on host", "t0", state, id=1)


def test_point_is_completed_by_the_project_and_stays_in_line_until_it_is_a_trial(tmp_path: Path) -> None:
    steered = Steered(study(tmp_path))
    request = steered.asked(RequestKind.ENQUEUE, "optim.lr=0.01")
    assert steered.enqueued == [POINT] and request.state is RequestState.TAKEN
    assert request.answer == "it runs next, as soon as a worker is free: model=mlp optim.lr=0.01 width=32 act=relu"
    assert steered.told == [f"enqueued by ann on host, to run next, {request.answer.removeprefix('it runs next, ')}"]
    steered.study.trials[0] = make_run(0, point=POINT)
    steered.steering.tick(steered.study)
    assert (steered.state_of(0), steered.requests[0].answer) == (RequestState.DONE, "it is trial 0")


def test_point_that_a_dead_sweeper_had_in_line_is_tried_by_the_next_and_not_twice(tmp_path: Path) -> None:
    steered = Steered(study(tmp_path / "a"))
    steered.asked(RequestKind.ENQUEUE, "optim.lr=0.01")
    again = steered.resumed(study(tmp_path / "a"))
    assert again.enqueued == [POINT] and again.told == []
    # The next one dies after it has made a trial of it and before it could answer.
    last = again.resumed(study(tmp_path / "b", running(0, point=POINT, generator="user")))
    assert last.enqueued == [] and (last.state_of(0), last.requests[0].answer) == (
        RequestState.DONE,
        "the point is trial 0",
    )


def test_point_that_others_try_is_not_tried_again(tmp_path: Path) -> None:
    steered = Steered(study(tmp_path, make_run(-1, status=Status.IMPORTED, directory="old", point=POINT)))
    assert steered.asked(RequestKind.ENQUEUE, "optim.lr=0.01").answer == "the point is trial imported 1"
    assert steered.asked(RequestKind.ENQUEUE, "width=20").state is RequestState.TAKEN
    assert steered.asked(RequestKind.ENQUEUE, "width=20").answer == "the point is in line already"
    assert len(steered.enqueued) == 1


def test_point_is_removed_from_the_line_as_long_as_it_is_no_trial(tmp_path: Path) -> None:
    steered = Steered(study(tmp_path))
    steered.asked(RequestKind.ENQUEUE, "optim.lr=0.01")
    assert steered.asked(RequestKind.REMOVE, "1").answer == "point 1 is removed"
    assert steered.enqueued == [] and steered.requests[0].answer == "removed by ann on host"
    assert steered.told[-1] == "removed by ann on host (ax-mo enqueue --remove): optim.lr=0.01"
    again = steered.asked(RequestKind.ENQUEUE, "optim.lr=0.01")
    assert again.state is RequestState.TAKEN and steered.enqueued == [POINT]
    steered.study.trials[0] = make_run(0, point=POINT)
    refused = steered.asked(RequestKind.REMOVE, str(again.id))
    assert (refused.state, refused.answer) == (RequestState.REFUSED, f"point {again.id} is not in line.")
    assert steered.requests[2].answer == "it is trial 0"


def test_point_without_room_says_so_and_waits_for_a_resume(tmp_path: Path) -> None:
    steered = Steered(study(tmp_path, running(0, point=OWN), n_trials=1))
    assert "once n_trials is more than 1" in steered.asked(RequestKind.ENQUEUE, "width=20").answer
    steered.steering.closed(steered.study)
    assert steered.told[-1] == "1 enqueued point waits for a resume, and for more n_trials than 1."
    assert steered.state_of(0) is RequestState.TAKEN


def test_settings_of_a_resume_come_before_the_points_that_need_their_room(tmp_path: Path) -> None:
    point, more = requested(RequestKind.ENQUEUE, "width=20"), replace(requested(RequestKind.SET, "n_trials=2"), id=2)
    steered = Steered(study(tmp_path, running(0, point=OWN), n_trials=1), point, more)
    assert steered.requests[0].answer.startswith("it runs next, as soon as a worker is free")


def test_point_outside_the_space_is_refused(tmp_path: Path, own: dict[str, Any]) -> None:
    own["width"] = 999
    steered = Steered(study(tmp_path))
    refused = steered.asked(RequestKind.ENQUEUE, "optim.lr=0.01")
    assert (refused.state, refused.answer) == (RequestState.REFUSED, "enqueue: width=999 is above its upper bound 128.")
    assert steered.told == [f"ax-mo enqueue optim.lr=0.01, by ann on host, is refused: {refused.answer}"]


def test_trial_is_asked_to_stop_with_all_of_its_runs(tmp_path: Path) -> None:
    repeats = [running(3, repeat=n, directory=f"3/{n}") for n in range(2)]
    steered = Steered(study(tmp_path, *repeats))
    assert steered.asked(RequestKind.STOP, "3").answer == "trial 3 is asked to stop"
    assert all(run.asked_to_stop and (tmp_path / run.directory / STOP).exists() for run in steered.study.runs.values())
    for run in repeats:
        steered.study.finish(run.key, Outcome({}, "stopped", stopped=True))
    assert steered.asked(RequestKind.STOP, "3").answer == "trial 3 is not running: stopped early"
    assert steered.asked(RequestKind.STOP, "4").state is RequestState.REFUSED
    assert steered.asked(RequestKind.STOP, "all").state is RequestState.REFUSED


def test_paused_study_waits_also_under_its_next_sweeper_until_it_is_let_go_on(tmp_path: Path) -> None:
    steered = Steered(study(tmp_path))
    assert steered.study.remaining_trials == 20
    assert steered.asked(RequestKind.PAUSE).state is RequestState.TAKEN
    assert steered.study.remaining_trials == 0 and steered.study.wants_more
    (told,) = steered.told
    assert told.startswith("paused by ann on host") and told.endswith(f"ax-mo resume {tmp_path}")
    again = steered.resumed(study(tmp_path))
    assert again.told == [told] and again.study.remaining_trials == 0
    again.asked(RequestKind.RESUME)
    assert again.study.remaining_trials == 20 and [again.state_of(n) for n in (0, 1)] == [RequestState.DONE] * 2


def test_settings_are_changed_and_written_down_and_others_refused(tmp_path: Path) -> None:
    steered = Steered(study(tmp_path))
    assert steered.asked(RequestKind.SET, "n_trials=80", "timeout_hours=2").answer == (
        "from now on, n_trials=80 (was 20), timeout_hours=2.0 (was None)"
    )
    assert steered.study.remaining_trials == 80 and steered.specs == [steered.study.spec]
    for words, why in (
        (["seed=1"], "hydra.sweeper.seed cannot be changed while a study runs"),
        (["n_job=1"], "Did you mean 'n_jobs'?"),
        (["n_trials=0"], "hydra.sweeper.n_trials must be at least 1, not 0."),
        (["n_trials=many"], "hydra.sweeper.n_trials must be a whole number, not 'many'"),
        (["timeout_hours=0"], "hydra.sweeper.timeout_hours must be above 0 hours"),
        (["max_failure_rate=3"], "must be between 0 and 1"),
        (["n_jobs=5"], "room for 4 such job(s)"),
    ):
        refused = steered.asked(RequestKind.SET, *words)
        assert refused.state is RequestState.REFUSED and why in refused.answer
    assert len(steered.specs) == 1


def test_nothing_is_taken_when_the_study_is_over(tmp_path: Path) -> None:
    steered = Steered(study(tmp_path))
    steered.study.is_over = True
    assert steered.asked(RequestKind.PAUSE).state is RequestState.WAITING


def test_while_a_launcher_runs_a_batch_only_stops_are_taken(tmp_path: Path) -> None:
    steered = Steered(study(tmp_path, running(3)))
    for kind, words in ((RequestKind.PAUSE, ()), (RequestKind.STOP, ("3",))):
        request = Request(kind, words, "ann on host", "t0", id=len(steered.requests) + 1)
        steered.requests.append(request)
        steered.new.append(request)
    steered.steering.stop_trials(steered.study)
    assert [steered.state_of(n) for n in (0, 1)] == [RequestState.WAITING, RequestState.DONE]
    steered.steering.tick(steered.study)
    assert steered.state_of(0) is RequestState.TAKEN
