"""Databases: how one is opened, and what is wrong with one that cannot be used."""

import sqlite3
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ax_mo.core.urls import redacted, sqlite_path
from ax_mo.errors import ConfigError, StudyLost, StudyStopped
from ax_mo.storage.damage import Damaged, is_damage

# Seconds that a statement may wait for others inside the driver, where neither Ctrl-C nor the screen works.
_BUSY_SECONDS = 1

# Of a server that does not answer: a connection is given up after a minute, by the server too, which then lets go of
# the dead sweeper's lock. Without, both would wait for hours.
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_CONNECTING = {"connect_timeout": 10, "tcp_user_timeout": 60_000, **_KEEPALIVES}

# SQLSTATE: a full disk, a user or a database that is not there.
_LASTING = ("53100", "28", "3D")
# SQLSTATE: a lock that somebody else has.
_BUSY = "55P03"
# SQLSTATE: a standby server that has not taken over yet.
_STANDBY = "25006"


class DatabaseAway(StudyStopped):
    """The database cannot be used at this moment; later it may.

    ``busy``: it is there, and somebody else uses it.
    """

    def __init__(self, message: str, busy: bool) -> None:
        super().__init__(message)
        self.busy = busy


def open_engine(url: str) -> Engine:
    """Raises ConfigError for a URL that is none, or whose driver is missing."""
    try:
        parsed = sa.engine.make_url(url)
        server = parsed.get_backend_name() == "postgresql"
        libpq = server and parsed.get_driver_name().startswith("psycopg")
        missing = {name: value for name, value in _CONNECTING.items() if libpq and name not in parsed.query}
        engine = sa.create_engine(url, future=True, pool_pre_ping=True, connect_args=missing)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ValueError) as error:
        if isinstance(error, sa.exc.NoSuchModuleError) and url.startswith("postgresql+psycopg:"):
            raise ConfigError(
                f"'{redacted(url)}' needs SQLAlchemy 2, and this is {sa.__version__}: write "
                "postgresql+psycopg2:// or install another."
            ) from None
        raise ConfigError(
            f"'{redacted(url)}' is no SQLAlchemy URL ({error}). Write for example "
            "sqlite:////data/study.db or postgresql+psycopg://user@host/database."
        ) from None
    except ImportError as error:
        raise ConfigError(
            f"'{redacted(url)}' needs a driver that is not installed ({error}). For PostgreSQL: "
            "pip install 'hydra-ax-mo[postgres]' and a URL that begins with postgresql+psycopg://"
        ) from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _sqlite_settings)
    if server:
        sa.event.listen(engine, "connect", _postgresql_settings)
    return engine


def _sqlite_settings(connection: Any, _record: Any) -> None:
    # The rollback journal, not WAL: a sweep directory is often on a network file system, where WAL does not work.
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={1000 * _BUSY_SECONDS}")  # first: the others may have to wait as well
    cursor.execute("PRAGMA journal_mode=DELETE")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _postgresql_settings(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET lock_timeout = '{_BUSY_SECONDS}s'")
    for name, value in _KEEPALIVES.items():
        cursor.execute(f"SET tcp_{name} = {value}")
    cursor.close()
    connection.commit()


def cannot_use(url: str, error: Exception) -> StudyStopped:
    """What the person is told: DatabaseAway where waiting may help, StudyLost where a rebuild may."""
    detail = (str(getattr(error, "orig", None) or error).splitlines() or [""])[0]
    if isinstance(error, Damaged | UnicodeDecodeError):
        return StudyLost(f"The study's database {redacted(url)} is damaged: {detail}.")
    message = f"The study's database {redacted(url)} cannot be used: {detail}."
    if is_damage(error):
        return StudyLost(message)
    busy = _is_busy(url, error)
    return StudyStopped(message) if busy is None else DatabaseAway(message, busy)


def _is_busy(url: str, error: Exception) -> bool | None:
    """Whether the database is in use by others, or away; None for a fault that lasts."""
    fault = getattr(error, "orig", None)
    if isinstance(fault, sqlite3.Error):
        code = getattr(fault, "sqlite_errorcode", 0) & 0xFF  # without what SQLite adds for details
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
            return True
        path = sqlite_path(url)
        cannot_open = code == sqlite3.SQLITE_CANTOPEN and path is not None and path.parent.is_dir()
        return False if cannot_open or code == sqlite3.SQLITE_IOERR else None
    state = str(getattr(fault, "sqlstate", None) or getattr(fault, "pgcode", None) or "")
    if state == _BUSY:
        return True
    lost = isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError)) or state == _STANDBY
    lost = lost or getattr(error, "connection_invalidated", False)
    return False if lost and not state.startswith(_LASTING) else None
