"""Databases: how one is opened, and what is wrong with one that cannot be used."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ax_mo.errors import ConfigError, StudyLost, StudyStopped
from ax_mo.study.damage import Damaged, is_damage
from ax_mo.study.urls import redacted


def open_engine(url: str) -> Engine:
    try:
        engine = sa.create_engine(url, pool_pre_ping=True)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ValueError) as error:
        raise ConfigError(
            f"hydra.sweeper.storage: '{redacted(url)}' is no SQLAlchemy URL ({error}). Write for example "
            "sqlite:////data/study.db or postgresql+psycopg://user@host/database."
        ) from None
    except ImportError as error:
        raise ConfigError(
            f"hydra.sweeper.storage: '{redacted(url)}' needs a driver that is not installed ({error}). For PostgreSQL: "
            "pip install 'hydra-ax-mo[postgres]' and a URL that begins with postgresql+psycopg://"
        ) from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _sqlite_settings)
    return engine


def _sqlite_settings(connection: Any, _record: Any) -> None:
    # The rollback journal, not WAL: a sweep directory is often on a network file system, where WAL does not work.
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")  # first: the others may have to wait as well
    cursor.execute("PRAGMA journal_mode=DELETE")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def cannot_use(url: str, error: Exception) -> StudyStopped:
    detail = (str(getattr(error, "orig", None) or error).splitlines() or [""])[0]
    if isinstance(error, Damaged | UnicodeDecodeError):
        return StudyLost(f"The study's database {redacted(url)} is damaged: {detail}.")
    kind = StudyLost if is_damage(error) else StudyStopped
    return kind(f"The study's database {redacted(url)} cannot be used: {detail}.")
