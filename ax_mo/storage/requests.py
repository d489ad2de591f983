"""The table of requests to a study: its users write them from wherever the database can be reached, its sweep reads.

Studies of earlier versions have no such table; it is made when it is first needed.
"""

import json
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ax_mo.core.request import Request, RequestKind, RequestState
from ax_mo.core.urls import redacted, sqlite_path
from ax_mo.errors import AxMoError
from ax_mo.storage.damage import CHECKSUM, FAULTS, Damaged, check_row, with_checksum
from ax_mo.storage.database import cannot_use, open_engine
from ax_mo.storage.rows import STUDIES, TABLES, begin_tables
from ax_mo.storage.waiting import DatabaseWait

T = TypeVar("T")

REQUESTS = sa.Table(
    "ax_mo_request",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study_id", sa.ForeignKey("ax_mo_study.id"), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("made", sa.String(40), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column(CHECKSUM, sa.String(16)),
)

_OPEN = [state.value for state in RequestState if state.is_open]
_OF_STUDY = sa.select(REQUESTS).where(REQUESTS.c.study_id == sa.bindparam("this_study_id"))
_OPEN_OF_STUDY = _OF_STUDY.where(REQUESTS.c.state.in_(_OPEN)).order_by(REQUESTS.c.id)
_THIS = sa.select(REQUESTS).where(REQUESTS.c.id == sa.bindparam("this_id"))

# How long a command waits for a database in use, in seconds.
_PATIENCE = 15.0

# Seconds between two looks of a running sweep: each pause after one that failed is twice as long, up to the second.
_EVERY, _LONGEST = 1.0, 30.0


def open_requests(connection: Connection, study_id: int) -> tuple[Request, ...]:
    """The requests of a study that are not done, in their order. Raises Damaged."""
    if not sa.inspect(connection).has_table(REQUESTS.name):
        return ()
    rows = connection.execute(_OPEN_OF_STUDY, {"this_study_id": study_id}).mappings()
    return tuple(_request(dict(row), connection) for row in rows)


def write_answer(connection: Connection, request: Request) -> None:
    """Write how far the request is, unless it is done already."""
    row = connection.execute(_THIS, {"this_id": request.id}).mappings().one_or_none()
    if row is None:
        raise Damaged(f"the row of request {request.id} is gone")
    if _request(dict(row), connection).state.is_open:
        new = with_checksum({**row, "state": request.state.value, "answer": request.answer})
        connection.execute(REQUESTS.update().where(REQUESTS.c.id == request.id).values(new))


def add_request(url: str, name: str, request: Request) -> tuple[Request, bool]:
    """Write a request to the study called ``name``: as it is stored, and whether no earlier one could have been.

    Where that is so, no sweep of this version has opened the study. Raises AxMoError where it cannot be written.
    """

    def add(connection: Connection) -> tuple[Request, bool]:
        begin_tables(connection)
        is_new = not sa.inspect(connection).has_table(REQUESTS.name)
        if is_new:
            REQUESTS.create(connection)
        row = with_checksum({
            "study_id": _study_id(connection, name, url),
            "kind": request.kind.value,
            "words": json.dumps(list(request.words)),
            "made_by": request.by,
            "made": request.made,
            "state": request.state.value,
            "answer": request.answer,
        })  # fmt: skip
        key = connection.execute(REQUESTS.insert().values(row)).inserted_primary_key
        assert key is not None
        return _request({**row, "id": key[0]}, connection), is_new

    return _once(url, add)


def read_request(url: str, request: Request) -> Request:
    """The request as it is by now. Raises AxMoError where it cannot be read."""

    def read(connection: Connection) -> Request:
        return _request(dict(connection.execute(_THIS, {"this_id": request.id}).mappings().one()), connection)

    return _once(url, read)


def _once(url: str, work: Callable[[Connection], T]) -> T:
    """What ``work`` returns, in a transaction of its own, for a command that waits for a moment only."""
    engine = open_engine(url)

    def attempt() -> T:
        try:
            with engine.begin() as connection:
                return work(connection)
        except FAULTS as error:
            raise cannot_use(url, error) from None

    try:
        return DatabaseWait(_PATIENCE).until_done(attempt, only_busy=True)
    finally:
        engine.dispose()


def _study_id(connection: Connection, name: str, url: str) -> int:
    found = connection.execute(sa.select(STUDIES.c.id).where(STUDIES.c.name == name)).scalar_one_or_none()
    if found is None:
        raise AxMoError(f"{redacted(url)} holds no study '{name}'.")
    return int(found)


def _request(row: Mapping[Any, Any], connection: Connection) -> Request:
    if connection.dialect.name == "sqlite":
        check_row(row, f"the row of request {row.get('id')}")
    try:
        words = tuple(str(word) for word in json.loads(row["words"]))
        kind, state = RequestKind(row["kind"]), RequestState(row["state"])
        return Request(kind, words, str(row["made_by"]), str(row["made"]), state, str(row["answer"]), int(row["id"]))
    except KeyError as error:
        raise Damaged(f"it has no {error}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(str(error)) from None


class RequestWatch:
    """Looks for new requests on a thread of its own: a database that takes its time holds up nobody.

    ``wake`` is called on that thread when there is one. A database that is away is asked again later, and not a word is
    said: whoever writes to it says so.
    """

    def __init__(self, url: str, name: str, wake: Callable[[], None], every: float = _EVERY) -> None:
        self._engine = open_engine(url)
        self._file = sqlite_path(url)
        self._name = name
        self._wake = wake
        self._every = every
        self._seen: set[int] = set()
        self._new: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ax_mo-requests", daemon=True)

    def start(self, seen: set[int]) -> None:
        """Look from now on; ``seen`` are the ids of those that are no news."""
        self._seen |= seen
        self._thread.start()

    def take(self) -> list[Request]:
        """The requests that were made since the last call."""
        found = []
        while not self._new.empty():
            found.append(self._new.get())
        return found

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _watch(self) -> None:
        pause = self._every
        while not self._closed.wait(pause):
            try:
                new = [request for request in self._waiting() if request.id not in self._seen]
                pause = self._every
            except Exception:  # whatever it is: the sweep's own writing meets it, and says so
                self._engine.dispose()
                pause = min(2 * pause, _LONGEST)
                continue
            for request in new:
                self._seen.add(request.id)
                self._new.put(request)
            if new:
                self._wake()
        self._engine.dispose()

    def _waiting(self) -> list[Request]:
        if self._file is not None:
            self._file.stat()  # SQLite would make one that is gone
        with self._engine.connect() as connection:
            found = self._waiting_in(connection)
        if self._file is not None:
            self._engine.dispose()  # the file may be another one when it is looked at next
        return found

    def _waiting_in(self, connection: Connection) -> list[Request]:
        this = sa.select(STUDIES.c.id).where(STUDIES.c.name == self._name).scalar_subquery()
        query = sa.select(REQUESTS).where(REQUESTS.c.study_id == this, REQUESTS.c.state == RequestState.WAITING.value)
        rows = connection.execute(query.order_by(REQUESTS.c.id)).mappings()
        return [_request(dict(row), connection) for row in rows]
