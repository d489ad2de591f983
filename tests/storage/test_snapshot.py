"""A study as its readers see it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.stop_reason import StopReason
from ax_mo.core.trial import Outcome, Status, TrialRun
from ax_mo.errors import AxMoError
from ax_mo.search_space.parameters import Range
from ax_mo.search_space.space import SearchSpace
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.directory_lock import is_held, sole_sweeper
from ax_mo.storage.location import Location
from ax_mo.storage.snapshot import StudySnapshot, describe_study, read_snapshot
from ax_mo.storage.store import Store, read_studies
from tests.support.trials import make_run

SPACE = SearchSpace((Range("x", 0.0, 1.0),))
GOALS = parse_goals({"loss": {"goal": "minimize", "threshold": 2}, "size": "minimize"}, None, ["cost <= 1"])


def run(number: int) -> TrialRun:
    return make_run(number, status=Status.ASKED, point={"x": 0.5})


def make(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    told = json.dumps(describe_study(SPACE, GOALS, {"n_trials": 9}))
    runs = (run(0).ended_by(Outcome({"loss": 0.25})), run(1))
    Store.open(
        f"sqlite:///{directory}/study.db", StoredStudy("study", "", Definition({}, {}), runs, 5, "t0", told)
    ).close()


def test_study_is_read_from_its_directory(tmp_path: Path) -> None:
    make(tmp_path / "sweep")
    record = read_snapshot(tmp_path / "sweep")
    assert (record.space, record.goals, record.seed) == (SPACE, GOALS.settled(record.trials), 5)
    assert record.settings == {"n_trials": 9}
    assert [(trial.number, trial.status) for trial in record.trials] == [(0, Status.COMPLETED), (1, Status.ASKED)]
    assert record.directory == tmp_path / "sweep"


def test_what_is_no_study_is_told(tmp_path: Path) -> None:
    with pytest.raises(AxMoError, match=r"holds no study\.db"):
        read_snapshot(tmp_path)


def test_reader_sees_a_sweeper_and_does_not_get_in_its_way(tmp_path: Path) -> None:
    make(tmp_path)
    assert not read_snapshot(tmp_path).is_running
    with sole_sweeper(tmp_path):
        assert read_snapshot(tmp_path).is_running
    assert not is_held(tmp_path)
    with sole_sweeper(tmp_path):
        pass


@pytest.mark.parametrize(
    ("ending", "way_on"),
    [
        (None, "resume with"),
        ("timeout_hours=2 are over", "go on"),
        (
            "the last 4 trials have enlarged the hypervolume by 0 % (stop_when: at most 1 %)",
            "go on, with another stop_when",
        ),
        ("the whole space was tried", None),
        ({"kind": "timeout", "text": "time is up"}, "go on"),
        ({"kind": "stall", "text": "no gain"}, "go on, with another stop_when"),
        ({"kind": "exhausted", "text": "tried"}, None),
    ],
)
def test_study_that_ended_early_says_what_would_go_on(tmp_path: Path, ending: Any, way_on: str | None) -> None:
    trials = (make_run(0, status=Status.COMPLETED, point={"x": 0.5}, metrics={"loss": 1.0, "size": 1.0}),)
    why = StopReason.from_json(ending)
    record = StudySnapshot("s", tmp_path, SPACE, GOALS, 1, "", trials, trials, {"n_trials": 9}, why)
    assert record.way_on == way_on
    assert replace(record, settings={"n_trials": 1}, stop_reason=None).way_on == "go on, with more n_trials"


def test_study_that_ends_while_it_is_read_has_left_nothing_unfinished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    url = f"sqlite:///{tmp_path}/study.db"
    store = Store.open(url, read_studies(url)[0])
    sweeper = sole_sweeper(tmp_path)
    sweeper.__enter__()
    read = Location.the_study

    def read_as_it_ends(location: Location) -> StoredStudy:
        study = read(location)
        if is_held(tmp_path):
            store.write(run(1).ended_by(Outcome({"loss": 0.5})))
            sweeper.__exit__(None, None, None)
        return study

    monkeypatch.setattr(Location, "the_study", read_as_it_ends)
    record = read_snapshot(tmp_path)
    store.close()
    assert not record.is_running
    assert [trial.status for trial in record.trials] == [Status.COMPLETED] * 2
