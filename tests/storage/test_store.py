"""The study in a SQLite database."""

import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import sqlalchemy as sa

from ax_mo.core.repeats import Repeats
from ax_mo.core.trial import Outcome, Status, TrialRun
from ax_mo.core.urls import redacted
from ax_mo.errors import ConfigError, StudyStopped
from ax_mo.search_space.grammar import parse_entry
from ax_mo.search_space.parameters import Choice
from ax_mo.search_space.space import SearchSpace
from ax_mo.storage.store import Definition, Store, differences, now, read_studies

DEFINITION = Definition(
    {"model": "choice(mlp, cnn)", "lr": "interval(0.0, 1.0)"}, {"acc": "maximize, threshold 0.9"}, ("seed=3",)
)
OpenStore = Callable[..., Store]


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[OpenStore]:
    opened: list[Store] = []

    def open_(
        definition: Definition = DEFINITION, name: str = "study", sweep_dir: Path = tmp_path, seed: int = 5
    ) -> Store:
        store = Store.open(f"sqlite:///{tmp_path}/study.db", name, sweep_dir, definition, seed)
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


def asked(store: Store, number: int = 0, point: dict[str, Any] | None = None) -> TrialRun:
    point = {"model": "mlp", "lr": 0.5} if point is None else point
    overrides = ("model=mlp", "lr=0.5")
    trial = TrialRun(
        number=number,
        status=Status.ASKED,
        point=point,
        overrides=overrides,
        directory=str(number),
        generator="sobol",
        position=3,
        asked=now(),
    )
    store.add([trial])
    return trial


def read(open_store: OpenStore) -> TrialRun:
    """The only trial, as the next sweeper finds it."""
    (trial,) = open_store().runs()
    return trial


# Writing and reading


def test_asked_trial_is_read_back_as_it_was_written(open_store: OpenStore) -> None:
    trial = asked(open_store())
    assert datetime.fromisoformat(trial.asked or "").tzinfo is not None
    assert read(open_store) == trial


def test_trials_are_read_by_number(open_store: OpenStore) -> None:
    store = open_store()
    for number in (2, 0, 1):
        asked(store, number)
    assert [trial.number for trial in open_store().runs()] == [0, 1, 2]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "é日本 \U0001f600",
        'it\'s "q" \\ , = ${x}\n\x00',
        "\udcff",
        1,
        1.0,
        1e-300,
        2**70,
        -0.0,
        True,
        None,
        math.inf,
        [1, "a", None, [True]],
        {"a": {"b": [1.5]}},
    ],
    ids=repr,
)
def test_awkward_value_is_read_back_exactly(open_store: OpenStore, value: Any) -> None:
    asked(open_store(), point={"x": value})
    assert repr(read(open_store).point) == repr({"x": value})


def test_nan_of_a_choice_is_read_back_and_found_among_its_options(open_store: OpenStore) -> None:
    parameter = parse_entry("x=choice(nan, 1, 2)", "x", lambda _: [])
    assert isinstance(parameter, Choice)
    asked(open_store(), point={"x": math.nan})
    point = read(open_store).point
    assert math.isnan(point["x"])
    assert SearchSpace((parameter,)).overrides(point) == ["x=nan"]


# BUG: JSON turns the keys of {1: a} into strings; a resume then fails with "x has no option {'1': 'a'}".
def test_mapping_with_integer_keys_is_read_back_and_found_among_its_options(open_store: OpenStore) -> None:
    parameter = parse_entry("x=choice({1:a}, {2:b})", "x", lambda _: [])
    assert isinstance(parameter, Choice)
    asked(open_store(), point={"x": parameter.options[0].value})
    assert SearchSpace((parameter,)).overrides(read(open_store).point) == ["x={1:a}"]


def test_overrides_are_read_back_exactly(open_store: OpenStore) -> None:
    lines = ["a='it\\'s'", 'b="${x}"', "c=é", "d="]
    open_store().add([TrialRun(number=0, status=Status.ASKED, point={}, overrides=tuple(lines), directory="0")])
    assert read(open_store).overrides == tuple(lines)


def test_submitted_trial_runs_under_its_handle(open_store: OpenStore) -> None:
    store = open_store()
    asked(store)
    moment = now()
    store.submitted((0, None), "local_cwd://ax_mo/x", moment, None)
    trial = read(open_store)
    assert (trial.status, trial.handle, trial.submitted) == (Status.RUNNING, "local_cwd://ax_mo/x", moment)


def test_completed_trial_keeps_metrics_and_times(open_store: OpenStore) -> None:
    store = open_store()
    asked(store)
    store.ended((0, None), Outcome({"acc": 0.1 + 0.2, "a-b/c": 3}, started="t1", ended="t2"))
    trial = read(open_store)
    assert trial.status is Status.COMPLETED
    assert trial.metrics == {"acc": 0.1 + 0.2, "a-b/c": 3}
    assert (trial.started, trial.ended, trial.reason) == ("t1", "t2", None)


def test_failed_trial_keeps_reason_signature_and_last_words(open_store: OpenStore) -> None:
    store = open_store()
    asked(store)
    store.ended((0, None), Outcome({}, "ValueError: é", "ValueError: #", "line 1\nline 2"))
    trial = read(open_store)
    assert trial.status is Status.FAILED
    assert (trial.reason, trial.error_fingerprint, trial.stderr_tail) == (
        "ValueError: é",
        "ValueError: #",
        "line 1\nline 2",
    )
    assert trial.ended is not None


@pytest.mark.parametrize("late", [Outcome({"acc": 0.1}), Outcome({}, "killed by SIGKILL")], ids=["result", "failure"])
@pytest.mark.parametrize("first", [Outcome({"acc": 0.9}), Outcome({}, "ValueError: x")], ids=["completed", "failed"])
def test_late_second_end_changes_nothing(open_store: OpenStore, first: Outcome, late: Outcome) -> None:
    store = open_store()
    asked(store)
    store.submitted((0, None), "h", now(), None)
    store.ended((0, None), first)
    before = read(open_store)
    store.ended((0, None), late)
    store.cancelled((0, None))
    assert read(open_store) == before


def test_trial_that_was_asked_to_stop_runs_on_until_it_ends_in_its_own_way(open_store: OpenStore) -> None:
    for outcome in (Outcome({"acc": 0.5}, "dominated", stopped=True), Outcome({"acc": 0.9})):
        store = open_store(name=outcome.status.value)
        asked(store)
        store.submitted((0, None), "h", now(), None)
        store.asked_to_stop((0, None), "dominated")
        (trial,) = store.runs()
        assert (trial.status, trial.reason) == (Status.RUNNING, "dominated")
        store.ended((0, None), outcome)
        (ended,) = store.runs()
        assert (ended.status, ended.reason, ended.metrics) == (outcome.status, outcome.reason, outcome.metrics)
        store.asked_to_stop((0, None), "too late")
        assert store.runs() == [ended]


def test_result_that_a_cancelled_trial_had_left_still_ends_it(open_store: OpenStore) -> None:
    store = open_store()
    asked(store)
    store.cancelled((0, None))
    store.ended((0, None), Outcome({"loss": 1.0}))
    (trial,) = store.runs()
    assert trial.status is Status.COMPLETED
    store.cancelled((0, None))
    assert store.runs()[0].status is Status.COMPLETED, "and then it stays ended"


def test_retried_trial_is_open_again_under_its_number(open_store: OpenStore) -> None:
    store = open_store()
    asked(store)
    store.submitted((0, None), "first", now(), None)
    store.cancelled((0, None))
    store.retry((0, None), 2, 1)
    trial = read(open_store)
    assert (trial.status, trial.attempt, trial.handle, trial.reason, trial.ended) == (Status.ASKED, 2, None, None, None)
    store.ended((0, None), Outcome({"acc": 0.9}))
    assert read(open_store).status is Status.COMPLETED


def test_change_of_one_trial_leaves_the_others(open_store: OpenStore) -> None:
    store = open_store()
    trials = [asked(store, number) for number in range(3)]
    store.ended((1, None), Outcome({"acc": 0.9}))
    found = open_store().runs()
    assert [found[0], found[2]] == [trials[0], trials[2]]


def test_same_number_cannot_be_asked_twice(open_store: OpenStore) -> None:
    store = open_store()
    trial = asked(store)
    with pytest.raises(StudyStopped, match="cannot be used"):
        asked(store, point={"model": "cnn", "lr": 0.1})
    assert read(open_store) == trial


# Repeats and imported trials


def repeats(number: int, count: int = 3) -> list[TrialRun]:
    trial = TrialRun(
        number=number,
        status=Status.ASKED,
        point={"lr": 0.5},
        overrides=("lr=0.5",),
        directory=str(number),
        generator="model",
        asked=now(),
    )
    return Repeats(count, "seed", 7).runs(trial)


def test_repeats_are_read_back_by_number_and_repeat(open_store: OpenStore) -> None:
    store = open_store()
    for number in (1, 0):
        store.add(list(reversed(repeats(number))))
    assert open_store().runs() == [replace(run, asked=ANY) for run in (*repeats(0), *repeats(1))]


def test_runs_of_a_trial_are_written_all_or_none(open_store: OpenStore) -> None:
    store = open_store()
    runs = repeats(0)
    store.add(runs[2:])
    with pytest.raises(StudyStopped, match="cannot be used"):
        store.add(runs)
    assert open_store().runs() == runs[2:]


def test_each_repeat_has_states_of_its_own(open_store: OpenStore) -> None:
    store = open_store()
    store.add(repeats(0))
    store.submitted((0, 0), "first", now(), None)
    store.submitted((0, 1), "second", now(), None)
    store.ended((0, 1), Outcome({"acc": 0.9}))
    store.ended((0, 2), Outcome({}, "ValueError: x"))
    store.cancelled((0, 0))
    store.retry((0, 0), 2, 0)
    found = [(run.repeat, run.status, run.handle, dict(run.metrics), run.attempt) for run in open_store().runs()]
    assert found == [
        (0, Status.ASKED, None, {}, 2),
        (1, Status.COMPLETED, "second", {"acc": 0.9}, 1),
        (2, Status.FAILED, None, {}, 1),
    ]


def test_repeat_is_not_the_trial_without_repeats_of_the_same_number(open_store: OpenStore) -> None:
    store = open_store()
    asked(store, 0)
    store.add(repeats(0, count=1))
    store.ended((0, 0), Outcome({"acc": 0.9}))
    assert [(run.repeat, run.status) for run in store.runs()] == [(None, Status.ASKED), (0, Status.COMPLETED)]


def imported(number: int, **changes: Any) -> TrialRun:
    trial = TrialRun(
        number=number,
        status=Status.IMPORTED,
        point={"lr": 0.25},
        overrides=("lr=0.25",),
        directory="/earlier/3",
        generator="imported",
        handle="/earlier#3",
        metrics={"acc": 0.75, "other": 1},
        started="t1",
        ended="t2",
    )
    return replace(trial, **changes)


def test_imported_trials_are_read_back_before_the_studys_own(open_store: OpenStore) -> None:
    store = open_store()
    own = asked(store)
    trials = [imported(-1), imported(-2, metrics={"acc": 0.5}, handle="/earlier#4")]
    store.add(trials)
    store.add([])
    assert open_store().runs() == [trials[1], trials[0], own]


def test_study_is_read_by_others_with_its_runs_and_nothing_is_changed(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store(name="one")
    store.add([imported(-1), *repeats(0)])
    open_store(name="other")
    url = f"sqlite:///{tmp_path}/study.db"
    before = (tmp_path / "study.db").read_bytes()
    one, other = read_studies(url)
    assert (one.name, one.sweep_dir, one.definition) == ("one", str(tmp_path), DEFINITION)
    assert list(one.runs) == store.runs()
    assert other.runs == ()
    assert read_studies(url, "one") == [one]
    assert read_studies(url, "none") == []
    assert (tmp_path / "study.db").read_bytes() == before


# Opening again


def test_reopened_study_keeps_its_seed_and_fixed_overrides(open_store: OpenStore) -> None:
    open_store(seed=5)
    again = open_store(replace(DEFINITION, fixed=("seed=4",)), seed=6)
    assert again.seed == 5
    assert again.fixed == ("seed=3",)


def test_studies_of_one_database_do_not_see_each_other(open_store: OpenStore) -> None:
    one, other = open_store(name="one"), open_store(name="other", seed=9)
    asked(one)
    assert other.runs() == []
    asked(other)
    other.ended((0, None), Outcome({"acc": 1}))
    assert one.runs()[0].status is Status.ASKED
    assert (open_store(name="one").seed, open_store(name="other").seed) == (5, 9)


def test_changed_parameters_are_refused_with_the_difference(open_store: OpenStore) -> None:
    open_store()
    changed = replace(DEFINITION, params={"lr": "interval(0.0, 2.0)", "width": "int(interval(1, 9))"})
    with pytest.raises(ConfigError) as caught:
        open_store(changed)
    message = str(caught.value)
    assert message.startswith("hydra.sweeper.params is not what this study was started with:")
    assert "  - model: choice(mlp, cnn)\n" in message
    assert "  lr: was interval(0.0, 1.0), is now interval(0.0, 2.0)\n" in message
    assert "  + width: int(interval(1, 9))\n" in message
    assert "start a new study in another hydra.sweep.dir" in message


def test_changed_objectives_are_refused_with_the_difference(open_store: OpenStore) -> None:
    open_store()
    with pytest.raises(ConfigError) as caught:
        open_store(replace(DEFINITION, objectives={"acc": "maximize, threshold 0.8"}))
    message = str(caught.value)
    assert message.startswith("hydra.sweeper.objectives is not what this study was started with:")
    assert "  acc: was maximize, threshold 0.9, is now maximize, threshold 0.8\n" in message


def test_order_of_the_parameters_is_no_difference(open_store: OpenStore) -> None:
    open_store()
    open_store(replace(DEFINITION, params=dict(reversed(DEFINITION.params.items()))))


def test_study_of_another_sweep_directory_is_refused_while_that_exists(open_store: OpenStore, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    open_store(sweep_dir=first)
    with pytest.raises(ConfigError) as caught:
        open_store(sweep_dir=second)
    assert f"Resume it with hydra.sweep.dir={first}" in str(caught.value)
    first.rename(second)
    open_store(sweep_dir=second)


def test_study_of_another_schema_is_refused(open_store: OpenStore, tmp_path: Path) -> None:
    open_store()
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("UPDATE ax_mo_study SET schema = 99, checksum = '99-0'")
    with pytest.raises(ConfigError, match=r"written by another version of ax_mo \(schema 99"):
        open_store()


def test_differences_tell_added_removed_and_changed_keys() -> None:
    before, after = {"a": "1", "b": "2", "c": "3"}, {"b": "2", "c": "4", "d": "5"}
    assert differences(before, after) == ["- a: 1", "c: was 3, is now 4", "+ d: 5"]
    assert differences(before, dict(before)) == []


# A database that cannot be used


def opening(url: str) -> str:
    with pytest.raises((ConfigError, StudyStopped)) as caught:
        Store.open(url, "study", Path("/sweep"), DEFINITION, 1)
    return str(caught.value)


@pytest.mark.parametrize("url", ["study.db", "", "sqlite", "postgres://u@host/db", "nosuch+driver://host/db"])
def test_url_that_is_none_says_what_to_write(url: str) -> None:
    message = opening(url)
    assert message.startswith(f"hydra.sweeper.storage: '{url}' is no SQLAlchemy URL")
    assert "sqlite:////data/study.db or postgresql+psycopg://user@host/database" in message


# BUG: a raw ValueError of SQLAlchemy: invalid literal for int() with base 10: 'abc'.
def test_url_with_a_bad_port_says_what_to_write() -> None:
    message = opening("postgresql+psycopg://u:secret@host:abc/db")
    assert "is no SQLAlchemy URL" in message
    assert "secret" not in message


def test_missing_driver_says_what_to_install() -> None:
    message = opening("mysql://u:secret@host/db")
    assert "needs a driver that is not installed" in message
    assert "pip install 'hydra-ax-mo[postgres]'" in message
    assert "secret" not in message


@pytest.mark.skipif(not sa.__version__.startswith("1."), reason="make test-sqlalchemy14")
def test_driver_that_this_sqlalchemy_does_not_know_is_told() -> None:
    assert "needs SQLAlchemy 2, and this is 1.4.54: write postgresql+psycopg2://" in opening(
        "postgresql+psycopg://u:secret@host/db"
    )


def test_directory_that_does_not_exist_is_named(tmp_path: Path) -> None:
    message = opening(f"sqlite:///{tmp_path}/none/study.db")
    assert f"The study's database sqlite:///{tmp_path}/none/study.db cannot be used" in message
    assert "unable to open database file" in message


def test_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("no database, but long enough to be looked at" * 20)
    assert "file is not a database" in opening(f"sqlite:///{tmp_path}/study.db")


def test_database_that_was_lost_stops_the_study(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store()
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("DROP TABLE ax_mo_trial")
    with pytest.raises(StudyStopped, match="cannot be used: no such table"):
        asked(store)
    with pytest.raises(StudyStopped, match="cannot be used: no such table"):
        store.runs()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:secret@host/db", "postgresql://u:***@host/db"),
        ("postgresql+psycopg://u:s:ecret@host:5432/db?a=b", "postgresql+psycopg://u:***@host:5432/db?a=b"),
        ("postgresql://u@host/db", "postgresql://u@host/db"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("sqlite:////data/a:b@c.db", "sqlite:////data/a:b@c.db"),
        ("sqlite:///study.db", "sqlite:///study.db"),
    ],
)
def test_password_is_redacted_and_nothing_else(url: str, shown: str) -> None:
    assert redacted(url) == shown


# BUG: a slash ends the pattern for the password, though SQLAlchemy takes it as part of one.
def test_password_with_a_slash_is_redacted() -> None:
    assert "cret" not in redacted("postgresql+psycopg://u:se/cret@host/db")


# BUG: libpq also takes the password as a parameter of the URL.
def test_password_among_the_parameters_is_redacted() -> None:
    assert "secret" not in redacted("postgresql+psycopg://u@host/db?password=secret&sslmode=require")


def test_password_does_not_appear_when_the_connection_fails() -> None:
    message = opening("postgresql+psycopg://u:secret@127.0.0.1:1/db?connect_timeout=2")
    assert "u:***@127.0.0.1:1/db" in message
    assert "secret" not in message


def test_rows_are_plain_json_that_other_tools_can_read(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store()
    asked(store)
    store.ended((0, None), Outcome({"acc": 0.9}))
    with sqlite3.connect(tmp_path / "study.db") as connection:
        ((params, metrics, status),) = connection.execute("SELECT params, metrics, status FROM ax_mo_trial")
    assert json.loads(params) == {"model": "mlp", "lr": 0.5}
    assert json.loads(metrics) == {"acc": 0.9}
    assert status == "completed"
