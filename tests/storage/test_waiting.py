"""A study's SQLite file that is away for a while: in use by another process, or its disk in trouble."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from ax_mo.core.trial import Outcome, Status, TrialRun
from ax_mo.core.urls import sqlite_url
from ax_mo.errors import AxMoError, ConfigError, StudyStopped
from ax_mo.storage.database import DatabaseAway
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.store import Store, check_can_open, read_studies
from ax_mo.storage.waiting import DatabaseWait
from tests.support.trials import make_run

DEFINITION = Definition({"x": "interval(0.0, 1.0)"}, {"loss": "minimize"})
STUDY = StoredStudy("study", "", DEFINITION, seed=5)

# Another process has the database: a backup, or somebody's sqlite3 shell.
_HOLDER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("begin exclusive")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("rollback")
"""


@contextmanager
def held(database: Path, seconds: float) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(database), str(seconds)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.kill()


class Opened:
    """A study, and all that it had to say."""

    def __init__(self, directory: Path, seconds: float) -> None:
        self.database = directory / "study.db"
        self.notices: list[str] = []
        self.wait = DatabaseWait(seconds, self.notices.append)
        self.store = Store.open(sqlite_url(self.database), STUDY, wait=self.wait)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    all_: list[Opened] = []

    def open_(seconds: float = 30.0) -> Opened:
        all_.append(Opened(tmp_path, seconds))
        return all_[-1]

    yield open_
    for one in all_:
        one.store.close()


def trial(number: int) -> TrialRun:
    return make_run(number, status=Status.ASKED, point={"x": 0.5}, asked="t0")


def numbers(database: Path) -> list[int]:
    return [run.number for run in read_studies(sqlite_url(database))[0].runs]


# In use by others


def test_locked_database_is_waited_for_and_the_person_hears_of_it(
    opened: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ax_mo.storage.waiting.QUIET_SECONDS", 1.0)
    study = opened(12.0)
    with held(study.database, 3.0):
        study.store.add([trial(0)])
    assert numbers(study.database) == [0]
    first, last = study.notices
    assert f"database sqlite:///{study.database} cannot be used: database is locked" in first
    assert "What runs goes on; it is tried again until " in first
    assert last.startswith("The study's database is back after ")


def test_long_wait_is_told_of_at_growing_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now, sleep=lambda s: setattr(clock, "now", clock.now + s))
    monkeypatch.setattr("ax_mo.storage.waiting.time", clock)
    told: list[float] = []
    tries: list[float] = []

    def away() -> None:
        tries.append(clock.now)
        raise DatabaseAway("It is away.", busy=False)

    with pytest.raises(StudyStopped, match="tried for 600 s"):
        DatabaseWait(600.0, lambda _text: told.append(clock.now)).until_done(away)
    assert 5.0 <= told[0] < 15.0
    assert len(told) in (4, 5) and all(after > 2 * before for before, after in pairwise(told))
    assert tries[1] < 0.2 and max(after - before for before, after in pairwise(tries)) < 6.0
    assert 599.0 < tries[-1] < 602.0


def test_patience_that_is_over_ends_the_study_and_leaves_the_jobs(opened: Callable[..., Opened]) -> None:
    study = opened(1.0)
    with held(study.database, 60.0):
        with pytest.raises(StudyStopped) as caught:
            study.store.add([trial(0)])
        message = str(caught.value)
        assert "database is locked. It was tried for 1 s (hydra.sweeper.storage_timeout)" in message
        assert "resume when the database is back" in message
        began = time.monotonic()
        with pytest.raises(StudyStopped):
            study.store.write(trial(0))
        assert time.monotonic() - began < 5.0, "whoever cleans up does not wait as long again"
    assert numbers(study.database) == []


def test_wait_can_be_ended_at_any_moment(opened: Callable[..., Opened]) -> None:
    study = opened(60.0)
    began = time.monotonic()

    def enough() -> None:
        if time.monotonic() - began > 0.5:
            raise StudyStopped("enough")

    study.wait.while_waiting = enough
    with held(study.database, 60.0), pytest.raises(StudyStopped, match="enough"):
        study.store.add([trial(0)])
    assert time.monotonic() - began < 10.0
    assert study.wait.is_away


def test_locked_database_is_waited_for_when_a_study_is_opened(tmp_path: Path, opened: Callable[..., Opened]) -> None:
    opened().store.close()
    with held(tmp_path / "study.db", 2.0):
        assert opened().store.runs() == []


def test_reader_waits_for_a_moment_only(
    tmp_path: Path, opened: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ax_mo.storage.store.READERS_SECONDS", 1.0)
    opened().store.close()
    with held(tmp_path / "study.db", 60.0), pytest.raises(AxMoError, match=r"cannot be used: database is locked\.$"):
        read_studies(sqlite_url(tmp_path / "study.db"))


# Faults that pass, and faults that last


def test_database_that_cannot_be_opened_for_a_while_is_waited_for(opened: Callable[..., Opened]) -> None:
    """As on a file system that is mounted anew."""
    study = opened(20.0)
    aside = study.database.with_name("aside")
    study.database.rename(aside)
    study.database.mkdir()  # unable to open database file
    tries = 0

    def put_back() -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            study.database.rmdir()
            aside.rename(study.database)

    study.wait.while_waiting = put_back
    study.store.close()  # lest it still have the file open
    study.store.add([trial(0)])
    assert tries >= 3
    assert numbers(study.database) == [0]


def test_full_disk_is_not_waited_for_and_leaves_the_jobs(opened: Callable[..., Opened]) -> None:
    study = opened(60.0)
    pages = sqlite3.connect(study.database).execute("pragma page_count").fetchone()[0]

    def limited(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"pragma max_page_count={pages}")

    study.store.close()
    sa.event.listen(sa.engine.Engine, "connect", limited)
    try:
        with pytest.raises(StudyStopped, match="database or disk is full"):
            study.store.add([replace(trial(number), overrides=("x" * 5000,)) for number in range(20)])
    finally:
        sa.event.remove(sa.engine.Engine, "connect", limited)
    assert study.notices == []
    assert numbers(study.database) == []


# Answers that get lost


WRITES: dict[str, Callable[[Store], object]] = {
    "add": lambda store: store.add([trial(1), trial(2)]),
    "submitted": lambda store: store.write(replace(trial(0), status=Status.RUNNING, handle="h")),
    "ended": lambda store: store.write(trial(0).ended_by(Outcome({"loss": 1.0}, ended="t9"))),
    "tell": lambda store: store.tell("{}"),
}


@pytest.mark.parametrize("write", WRITES)
def test_write_whose_answer_was_lost_is_as_if_it_had_come(
    write: str, opened: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = opened()
    study.store.add([trial(0)])
    before = study.database.read_bytes()
    WRITES[write](study.store)
    expected = read_studies(sqlite_url(study.database))
    study.store.close()
    study.database.write_bytes(before)
    commit, lost = SQLiteDialect_pysqlite.do_commit, []

    def commits_and_fails(dialect: SQLiteDialect_pysqlite, connection: object) -> None:
        commit(dialect, connection)  # type: ignore[arg-type]
        if not lost:
            lost.append(1)
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error

    monkeypatch.setattr(SQLiteDialect_pysqlite, "do_commit", commits_and_fails)
    WRITES[write](study.store)
    assert lost
    assert read_studies(sqlite_url(study.database)) == expected


# Refusals


def test_refusals_change_nothing(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "study.db")
    Store.open(url, STUDY).close()
    before = (tmp_path / "study.db").read_bytes()
    others = [
        ({"definition": replace(DEFINITION, params={"y": "interval(0.0, 1.0)"})}, "params is not what"),
        ({"definition": replace(DEFINITION, objectives={"acc": "maximize"})}, "objectives is not what"),
        ({"name": "other"}, "study_name: this directory holds the study 'study', and not 'other'"),
    ]
    for changes, message in others:
        other = replace(STUDY, about='{"other": 1}', **changes)
        with pytest.raises(ConfigError, match=message):
            Store.open(url, other)
        with pytest.raises(ConfigError, match=message):
            check_can_open(url, other, to_run=True)
    assert (tmp_path / "study.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["study.db"]


def test_looking_makes_no_database(tmp_path: Path) -> None:
    check_can_open(sqlite_url(tmp_path / "study.db"), STUDY, to_run=True)
    check_can_open(sqlite_url(tmp_path / "none" / "study.db"), STUDY, to_run=True)
    with pytest.raises(ConfigError, match=r"storage: there is no directory .*none"):
        elsewhere = replace(STUDY, sweep_dir=str(tmp_path))
        check_can_open(sqlite_url(tmp_path / "none" / "all.db"), elsewhere, to_run=True)
    assert list(tmp_path.iterdir()) == []
