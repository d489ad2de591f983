"""Transactions on a study's database. On PostgreSQL, the connection that makes them holds the study's lock."""

import os
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ax_mo.errors import AxMoError, StudyStopped
from ax_mo.storage.rows import STUDIES
from ax_mo.trial.result import now

# Seconds that another holder may need to go: a sweeper that was refused, or was killed and the server has not noticed.
HANDOVER_SECONDS = 2.0

_HOLDER = sa.text(
    "SELECT pid, backend_start FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted "
    "AND classid = 0 AND objid::bigint = :key AND objsubid = 1 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_MYSELF = sa.text("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")


def is_swept(connection: Connection, name: str) -> bool:
    """Whether a sweeper holds the lock of the study called so, wherever it runs; no for a file, which has none."""
    if connection.dialect.name != "postgresql":
        return False
    return connection.execute(_HOLDER, {"key": _lock_of(name)}).first() is not None


def _lock_of(name: str) -> int:
    return zlib.crc32(f"ax_mo:{name}".encode())


class Transactions:
    """The transactions of one sweeper on the database of its study.

    The sweepers of a study on a server may be on several machines. There, all transactions are made by the one
    connection that holds the study's advisory lock: the server releases it however that connection ends, and nothing is
    written without it. For SQLite the lock of the sweep directory does.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.owner = f"pid {os.getpid()} on host {socket.gethostname()}, since {now()}"
        """What others are told of this sweeper."""
        self._name = name
        self._key = _lock_of(name)
        self.is_claimed = False
        """Whether the study's row names this sweeper as its owner; from then on, losing the lock ends the sweep."""
        self._held: Connection | None = None
        self._backend: tuple[Any, ...] | None = None  # the server's process behind the connection that held the lock

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction. Raises AxMoError, or StudyStopped in mid-study, when another sweeper holds the study."""
        if self.engine.dialect.name != "postgresql":
            with self.engine.begin() as connection:
                yield connection
            return
        if self._held is None:
            self._held = self._locking_connection()
        with self._held.begin():
            yield self._held

    def close(self) -> None:
        """Close the connection; the next transaction makes a new one."""
        if self._held is not None:
            _end(self._held)
            self._held = None
        self.engine.dispose()

    def check_free(self, connection: Connection) -> None:
        """Raises AxMoError when a sweeper runs the study at this moment."""
        if self.engine.dialect.name == "postgresql":
            self._lock(connection, sa.func.pg_try_advisory_xact_lock)

    def _locking_connection(self) -> Connection:
        connection = self.engine.connect()
        try:
            with connection.begin():
                self._lock(connection, sa.func.pg_try_advisory_lock)
                if self.is_claimed and self._owner(connection) != self.owner:
                    raise self._taken(connection)  # and has ended since: what we know of the study is out of date
                self._backend = tuple(connection.execute(_MYSELF).one())
        except BaseException:
            _end(connection)
            raise
        return connection

    def _lock(self, connection: Connection, try_lock: Any) -> None:
        end = time.monotonic() + HANDOVER_SECONDS
        while not connection.execute(sa.select(try_lock(self._key))).scalar_one():
            holder = connection.execute(_HOLDER, {"key": self._key}).first()
            if holder is not None and tuple(holder) == self._backend:
                # Our own connection, whose end the server has not noticed.
                connection.execute(sa.select(sa.func.pg_terminate_backend(holder.pid)))
            if time.monotonic() > end:
                raise self._taken(connection)
            time.sleep(0.1)

    def _owner(self, connection: Connection) -> str | None:
        if not sa.inspect(connection).has_table(STUDIES.name):
            return None
        return connection.execute(sa.select(STUDIES.c.owner).where(STUDIES.c.name == self._name)).scalar()

    def _taken(self, connection: Connection) -> AxMoError:
        owner = self._owner(connection) or "its owner is unknown"
        if not self.is_claimed:
            return AxMoError(f"Another sweeper is running the study '{self._name}': {owner}.")
        return StudyStopped(
            f"Another sweeper took over the study '{self._name}' while the database could not be reached: {owner}. "
            "The running jobs are left to it.",
        )


def _end(connection: Connection) -> None:
    """Close it, and not only give it back: the lock would stay with it."""
    with suppress(sa.exc.SQLAlchemyError):
        connection.invalidate()
    with suppress(sa.exc.SQLAlchemyError):
        connection.close()
