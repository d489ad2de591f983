"""Requests to a study in its database: written from anywhere, seen once, and done with when they are answered."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from ax_mo.core.request import Request, RequestKind, RequestState, enqueued, pause_of
from ax_mo.errors import AxMoError, StudyLost
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.requests import RequestWatch, add_request, read_request
from ax_mo.storage.store import Store, read_studies
from tests.support.waiting import wait_until

POINT = Request(RequestKind.ENQUEUE, ("model=cnn", "name='it\\'s é'"), "ann on host", "2026-11-27T10:00:00+00:00")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/study.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store.open(url, StoredStudy("nas", "", Definition({}, {}), seed=5))
    yield store
    store.close()


def ask(url: str, kind: RequestKind, *words: str) -> Request:
    request, _ = add_request(url, "nas", Request(kind, words, "ann on host", "t0"))
    return request


def drop_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("drop table ax_mo_request")
    connection.close()


def test_request_is_open_until_it_is_answered_for_good(url: str, store: Store) -> None:
    request, is_first = add_request(url, "nas", POINT)
    assert not is_first and store.requests() == (request,) == read_studies(url)[0].requests
    assert (request.words, request.by) == (POINT.words, POINT.by)
    taken = request.answered(RequestState.TAKEN, "it runs next")
    store.answer(taken)
    assert store.requests() == (taken,), "the next sweep takes it again"
    done = request.answered(RequestState.DONE, "it is trial 3")
    store.answer(done)
    store.answer(request.answered(RequestState.REFUSED, "no"))
    assert read_request(url, request) == done and store.requests() == ()


def test_study_of_an_earlier_version_gets_its_table_with_the_first_request(
    url: str, store: Store, tmp_path: Path
) -> None:
    store.close()
    drop_table(tmp_path / "study.db")
    assert read_studies(url)[0].requests == ()
    request, is_first = add_request(url, "nas", POINT)
    assert is_first and read_studies(url)[0].requests == (request,)


def test_study_that_is_not_there_takes_no_request(url: str, store: Store) -> None:
    with pytest.raises(AxMoError, match="holds no study 'other'"):
        add_request(url, "other", POINT)


def test_request_that_is_not_as_it_was_written_is_damage(url: str, store: Store, tmp_path: Path) -> None:
    add_request(url, "nas", POINT)
    store.close()
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("update ax_mo_request set words = '[\"model=mlp\"]'")
    connection.close()
    with pytest.raises(StudyLost, match="the row of request 1 is not what was written"):
        read_studies(url)


def test_running_sweep_is_woken_by_each_new_request_once(url: str, store: Store) -> None:
    known = ask(url, RequestKind.PAUSE)
    woken = threading.Event()
    watch = RequestWatch(url, "nas", woken.set, every=0.01)
    watch.start({known.id})
    try:
        assert watch.take() == []
        new = [ask(url, RequestKind.STOP, "3"), ask(url, RequestKind.RESUME)]
        found: list[Request] = []

        def both_are_seen() -> bool:
            found.extend(watch.take())
            return len(found) >= 2

        wait_until(both_are_seen)
        assert woken.is_set() and found == new
    finally:
        watch.close()


def test_watch_goes_on_when_the_database_is_back(
    url: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = RequestWatch(url, "nas", lambda: None, every=0.01)
    store.close()
    (tmp_path / "study.db").rename(tmp_path / "away")
    watch.start(set())
    try:
        looked = threading.Event()
        monkeypatch.setattr(Engine, "dispose", lambda _engine: looked.set())
        assert looked.wait(60) and not (tmp_path / "study.db").exists()
        (tmp_path / "away").rename(tmp_path / "study.db")
        request = ask(url, RequestKind.PAUSE)
        found: list[Request] = []
        wait_until(lambda: found.extend(watch.take()) or found)
        assert found == [request]
    finally:
        watch.close()


def test_pause_is_in_force_until_a_later_resume(url: str, store: Store) -> None:
    first = ask(url, RequestKind.PAUSE)
    assert pause_of(store.requests()) == first
    ask(url, RequestKind.RESUME)
    assert pause_of(store.requests()) is None
    again = ask(url, RequestKind.PAUSE)
    point = ask(url, RequestKind.ENQUEUE, "x=1")
    assert pause_of(store.requests()) == again and enqueued(store.requests()) == [point]
    ask(url, RequestKind.REMOVE, str(point.id))
    assert enqueued(store.requests()) == []
