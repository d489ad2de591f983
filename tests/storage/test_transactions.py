"""A study in PostgreSQL: one sweeper at a time, whatever becomes of the server or of the way to it."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.request import Request, RequestKind, RequestState
from ax_mo.core.trial import Outcome, Status, TrialRun
from ax_mo.errors import AxMoError, ConfigError, StudyStopped
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.requests import add_request, read_request
from ax_mo.storage.store import Store, check_can_open, read_studies
from ax_mo.storage.waiting import DatabaseWait
from tests.support.postgresql import LossyWay, PostgreSQL
from tests.support.trials import make_run
from tests.support.waiting import wait_until

DEFINITION = Definition({"x": "interval(0.0, 1.0)"}, {"loss": "minimize"})
OpenStore = Callable[..., Store]


@pytest.fixture
def open_store(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens a study that is the test's own."""
    opened: list[Store] = []
    study = StoredStudy(str(tmp_path), str(tmp_path), DEFINITION, seed=5)

    def open_(
        url: str = postgresql.url,
        seconds: float = 20.0,
        notices: list[str] | None = None,
        **changes: Any,
    ) -> Store:
        wait = DatabaseWait(seconds, ([] if notices is None else notices).append)
        opened.append(Store.open(url, replace(study, **changes), wait=wait))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


def trial(number: int) -> TrialRun:
    return make_run(number, status=Status.ASKED, point={"x": 0.5}, asked="t0")


def end_connections(postgresql: PostgreSQL) -> None:
    postgresql.rows("select pg_terminate_backend(pid) from pg_stat_activity where pid != pg_backend_pid()")


def test_study_is_held_again_after_its_connection_was_lost(open_store: OpenStore, postgresql: PostgreSQL) -> None:
    store = open_store()
    store.add([trial(0)])
    end_connections(postgresql)
    store.add([trial(1)])
    assert [run.number for run in store.runs()] == [0, 1]
    with pytest.raises(AxMoError, match=r"Another sweeper is running the study .*: pid "):
        open_store()


def test_who_is_elsewhere_sees_whether_a_study_is_swept_and_asks_its_sweeper(
    open_store: OpenStore, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    store = open_store()

    def seen() -> StoredStudy:
        (study,) = read_studies(postgresql.url, str(tmp_path))
        return study

    assert seen().is_swept
    pause = Request(RequestKind.PAUSE, (), "ann on host", "t0")
    request, is_first = add_request(postgresql.url, str(tmp_path), pause)
    assert not is_first and store.requests() == seen().requests == (request,)
    store.answer(request.answered(RequestState.DONE, "the study goes on"))
    assert read_request(postgresql.url, request).answer == "the study goes on" and seen().requests == ()
    store.close()
    wait_until(lambda: not seen().is_swept)


def test_write_waits_for_a_server_that_is_restarted(
    open_store: OpenStore, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ax_mo.storage.waiting.QUIET_SECONDS", 1.0)
    notices: list[str] = []
    store = open_store(seconds=60.0, notices=notices)
    postgresql.stop()
    starting = threading.Timer(2.0, postgresql.start)
    starting.start()
    store.add([trial(0)])
    starting.join()
    store.write(replace(trial(0), handle="h"))
    assert [(run.number, run.handle) for run in store.runs()] == [(0, "h")]
    assert "cannot be used: connection" in notices[0] and "What runs goes on" in notices[0]
    assert "is back after" in notices[-1]
    with pytest.raises(AxMoError, match="Another sweeper is running the study"):
        open_store()


def test_server_that_stays_away_ends_the_study_and_leaves_the_jobs(
    open_store: OpenStore, postgresql: PostgreSQL
) -> None:
    store = open_store(seconds=1.0)
    postgresql.stop()
    try:
        with pytest.raises(StudyStopped, match=r"tried for 1 s \(hydra.sweeper.storage_timeout\)"):
            store.add([trial(0)])
        began = time.monotonic()
        with pytest.raises(AxMoError, match="cannot be used"):
            open_store(seconds=60.0)
        assert time.monotonic() - began < 20.0, "nobody waits for a server that is away from the very start"
    finally:
        postgresql.start()


def test_sweeper_that_took_over_meanwhile_is_left_alone(open_store: OpenStore, postgresql: PostgreSQL) -> None:
    store = open_store()
    end_connections(postgresql)
    other = open_store()
    with pytest.raises(StudyStopped, match=r"Another sweeper took over the study .*: pid "):
        store.add([trial(0)])
    other.add([trial(0)])


def test_sweeper_that_took_over_and_has_ended_makes_what_we_know_out_of_date(
    open_store: OpenStore, postgresql: PostgreSQL
) -> None:
    store = open_store()
    end_connections(postgresql)
    other = open_store()
    other.add([trial(0)])
    other.close()
    with pytest.raises(StudyStopped, match="Another sweeper took over the study"):
        store.write(replace(trial(0), handle="h"))
    assert [run.handle for run in open_store().runs()] == [None]


@pytest.fixture
def way(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[LossyWay]:
    way = LossyWay(postgresql, tmp_path)
    yield way
    way.close()


WRITES: dict[str, Callable[[Store], object]] = {
    "add": lambda store: store.add([trial(1), trial(2)]),
    "ended": lambda store: store.write(trial(0).ended_by(Outcome({"loss": 1.0}, ended="t9"))),
    "tell": lambda store: store.tell("{}"),
}


@pytest.mark.parametrize("write", WRITES)
def test_write_whose_answer_was_lost_is_there_once(open_store: OpenStore, way: LossyWay, write: str) -> None:
    store = open_store(way.url)
    store.add([trial(0)])
    way.lose_answer = True
    WRITES[write](store)  # the server still holds the first connection, and with it the lock, as its own
    assert way.lost == 1
    found = {run.number: run for run in store.runs()}
    assert sorted(found) == ([0, 1, 2] if write == "add" else [0])
    assert found[0].status is (Status.COMPLETED if write == "ended" else Status.ASKED)


def test_refusals_change_nothing(
    open_store: OpenStore, postgresql: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not what readers are told, nor where the study lives, nor who runs it."""
    monkeypatch.setattr("ax_mo.storage.transactions.HANDOVER_SECONDS", 0.5)

    def everything() -> list[tuple[object, ...]]:
        return postgresql.rows("select * from ax_mo_study order by id")

    running = open_store()
    before = everything()
    study = StoredStudy(str(tmp_path), str(tmp_path), DEFINITION, about='{"other": 1}')
    other = replace(DEFINITION, params={"y": "interval(0.0, 1.0)"})
    for definition in (DEFINITION, other):
        with pytest.raises(AxMoError):
            open_store(definition=definition, about=study.about)
        with pytest.raises(AxMoError):
            check_can_open(postgresql.url, replace(study, definition=definition), to_run=True)
    check_can_open(postgresql.url, study, to_run=False)
    running.close()
    with pytest.raises(ConfigError):
        open_store(definition=other, about=study.about)
    assert everything() == before


def test_table_that_somebody_has_locked_while_a_study_is_opened_is_waited_for(
    open_store: OpenStore, postgresql: PostgreSQL
) -> None:
    import sqlalchemy as sa

    open_store().close()  # an earlier sweeper is known as the owner
    engine = sa.create_engine(postgresql.url)
    with engine.connect() as connection:
        connection.execute(sa.text("lock table ax_mo_study"))
        release = threading.Timer(3.0, connection.rollback)
        release.start()
        store = open_store()
        release.join()
    engine.dispose()
    store.add([trial(0)])
    assert [run.number for run in store.runs()] == [0]
