"""The study in a SQLite database."""

import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ax_mo.core.budget import Budget
from ax_mo.core.repeats import Repeats
from ax_mo.core.trial import Outcome, Status, TrialRun
from ax_mo.errors import ConfigError, StudyStopped
from ax_mo.search_space.grammar import parse_entry
from ax_mo.search_space.parameters import Choice
from ax_mo.search_space.space import SearchSpace
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.store import Store, check_can_open, read_studies
from tests.support.trials import make_run

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
        store = Store.open(f"sqlite:///{tmp_path}/study.db", StoredStudy(name, str(sweep_dir), definition, seed=seed))
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


def asked(store: Store, number: int = 0, **content: Any) -> TrialRun:
    given = {"point": {"model": "mlp", "lr": 0.5}, "generator": "sobol", "position": 3, "asked": "t0", **content}
    run = make_run(number, status=Status.ASKED, **given)
    store.add([run])
    return run


# Writing and reading


def test_budget_of_a_run_is_kept(open_store: OpenStore) -> None:
    store = open_store()
    run = asked(store, repeat=1, budget=Budget("trainer.max_epochs", 3, 27, "ckpt_path"))
    store.write(ended := run.ended_by(Outcome({"acc": 0.5})))
    assert store.runs() == [ended]
    assert ended.budget == Budget("trainer.max_epochs", 3, 27, "ckpt_path", is_reached=True)


def test_study_of_a_version_without_budgets_goes_on(open_store: OpenStore, tmp_path: Path) -> None:
    run = asked(open_store())
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("alter table ax_mo_trial drop column budget")
    store = open_store()
    assert store.runs() == [run]
    store.write(ended := run.ended_by(Outcome({"acc": 0.5})))
    assert store.runs() == [ended]


AWKWARD = [
    "", "é日本 \U0001f600", 'it\'s "q" \\ , = ${x}\n\x00', "\udcff", 1, 1.0, 1e-300, 2**70, -0.0, True, None, math.inf,
    [1, "a", None, [True]], {"a": {"b": [1.5]}},
]  # fmt: skip


def test_runs_are_read_back_by_number_as_they_were_written(open_store: OpenStore) -> None:
    store = open_store()
    lines = ("a='it\\'s'", 'b="${x}"', "c=é", "d=")
    runs = [asked(store, number, point={"x": value}, overrides=lines) for number, value in enumerate(AWKWARD, 1)]
    runs.insert(0, asked(store, 0))
    found = open_store().runs()
    assert found == runs and repr(found) == repr(runs), "types included"


# BUG: JSON turns the keys of {1: a} into strings; a resume then fails with "x has no option {'1': 'a'}".
@pytest.mark.parametrize(
    ("entry", "override"), [("x=choice(nan, 1, 2)", "x=nan"), ("x=choice({1:a}, {2:b})", "x={1:a}")]
)
def test_value_that_json_lacks_is_found_among_its_options(open_store: OpenStore, entry: str, override: str) -> None:
    parameter = parse_entry(entry, "x", lambda _: [])
    assert isinstance(parameter, Choice)
    asked(open_store(), point={"x": parameter.options[0].value})
    (run,) = open_store().runs()
    assert SearchSpace((parameter,)).overrides(run.point) == [override]


def test_run_is_written_as_it_has_become_until_it_has_ended(open_store: OpenStore) -> None:
    store = open_store()
    run, other = asked(store), asked(store, 1)
    submitted = replace(run, status=Status.RUNNING, handle="local_cwd://ax_mo/x", submitted="t1")
    cancelled = replace(submitted, status=Status.CANCELLED, reason="cancelled", ended="t2")
    for state in (submitted, replace(submitted, reason="dominated"), cancelled, run.next_attempt(2, 1)):
        store.write(state)
        assert open_store().runs() == [state, other]
    ended = state.ended_by(Outcome({"acc": 0.1 + 0.2, "a-b/c": 3}, started="t1", ended="t2"))
    store.write(ended)
    for late in (Outcome({"acc": 0.1}), Outcome({}, "killed by SIGKILL")):
        store.write(state.ended_by(late))
    assert open_store().runs() == [ended, other]


def test_failed_run_keeps_reason_fingerprint_and_last_words(open_store: OpenStore) -> None:
    store = open_store()
    failed = asked(store).ended_by(Outcome({}, "ValueError: é", "ValueError: #", "line 1\nline 2", ended="t2"))
    store.write(failed)
    assert open_store().runs() == [failed]
    assert (failed.reason, failed.stderr_tail) == ("ValueError: é", "line 1\nline 2")


def test_same_number_cannot_be_asked_twice(open_store: OpenStore) -> None:
    store = open_store()
    run = asked(store)
    with pytest.raises(StudyStopped, match="cannot be used"):
        asked(store, point={"model": "cnn", "lr": 0.1})
    assert open_store().runs() == [run]


# Repeats and imported trials


def repeats(number: int, count: int = 3) -> list[TrialRun]:
    return Repeats(count, "seed", 7).runs(make_run(number, status=Status.ASKED, point={"lr": 0.5}))


def test_repeats_are_read_back_by_number_and_repeat_and_have_states_of_their_own(open_store: OpenStore) -> None:
    store = open_store()
    store.add(list(reversed(repeats(1))))
    first = make_run(0, status=Status.ASKED)  # without repeats, which is another run than the first repeat
    store.add([first])
    runs = repeats(1)
    runs[1] = runs[1].ended_by(Outcome({"acc": 0.9}))
    store.write(runs[1])
    assert open_store().runs() == [first, *runs]


def test_runs_of_a_trial_are_written_all_or_none(open_store: OpenStore) -> None:
    store = open_store()
    runs = repeats(0)
    store.add(runs[2:])
    with pytest.raises(StudyStopped, match="cannot be used"):
        store.add(runs)
    assert open_store().runs() == runs[2:]


def test_study_is_read_by_others_with_its_runs_and_nothing_is_changed(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store(name="one")
    imported = make_run(-1, status=Status.IMPORTED, directory="/earlier/3", handle="/earlier#3", metrics={"acc": 1})
    store.add([])
    store.add([*repeats(0), imported])
    open_store(name="other")
    url = f"sqlite:///{tmp_path}/study.db"
    before = (tmp_path / "study.db").read_bytes()
    one, other = read_studies(url)
    assert (one.name, one.sweep_dir, one.definition) == ("one", str(tmp_path), DEFINITION)
    assert list(one.runs) == store.runs() == [imported, *repeats(0)]
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
    other.write(other.runs()[0].ended_by(Outcome({"acc": 1})))
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


# A database that cannot be used


def opening(url: str) -> str:
    with pytest.raises((ConfigError, StudyStopped)) as caught:
        Store.open(url, StoredStudy("study", "/sweep", DEFINITION))
    return str(caught.value)


@pytest.mark.parametrize("url", ["study.db", "", "sqlite", "postgres://u@host/db", "nosuch+driver://host/db"])
def test_url_that_is_none_says_what_to_write(url: str) -> None:
    message = opening(url)
    assert message.startswith(f"'{url}' is no SQLAlchemy URL")
    with pytest.raises(ConfigError, match=r"^hydra\.sweeper\.storage: '.*' is no SQLAlchemy URL"):
        check_can_open(url, StoredStudy("study", "/sweep", DEFINITION), to_run=True)
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


def test_database_that_was_lost_stops_the_study(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store()
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("DROP TABLE ax_mo_trial")
    with pytest.raises(StudyStopped, match="cannot be used: no such table"):
        asked(store)
    with pytest.raises(StudyStopped, match="cannot be used: no such table"):
        store.runs()


def test_password_does_not_appear_when_the_connection_fails() -> None:
    message = opening("postgresql+psycopg://u:secret@127.0.0.1:1/db?connect_timeout=2")
    assert "u:***@127.0.0.1:1/db" in message
    assert "secret" not in message


def test_rows_are_plain_json_that_other_tools_can_read(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store()
    asked(store)
    store.write(store.runs()[0].ended_by(Outcome({"acc": 0.9})))
    with sqlite3.connect(tmp_path / "study.db") as connection:
        ((params, metrics, status),) = connection.execute("SELECT params, metrics, status FROM ax_mo_trial")
    assert json.loads(params) == {"model": "mlp", "lr": 0.5}
    assert json.loads(metrics) == {"acc": 0.9}
    assert status == "completed"
