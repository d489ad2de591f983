"""Who runs a study that is kept on a server."""

import os
import socket
import zlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ax_mo.errors import AxMoError
from ax_mo.study.rows import STUDIES
from ax_mo.study.trial import now


def claim_study(engine: Engine, row: Any) -> Connection | None:
    """On a server, where sweepers of several machines may meet, hold the study for as long as this process lives.

    A lock that belongs to the connection: the server lets go of it however the process ends. For SQLite the lock of
    the sweep directory does. Raises AxMoError that names host and pid of the holder.
    """
    if engine.dialect.name != "postgresql":
        return None
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    key = zlib.crc32(f"ax_mo:{row.name}".encode())
    if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one():
        connection.close()
        raise AxMoError(f"Another sweeper is running the study '{row.name}': {row.owner or 'its owner is unknown'}.")
    owner = f"pid {os.getpid()} on host {socket.gethostname()}, since {now()}"
    connection.execute(STUDIES.update().where(STUDIES.c.id == row.id).values(owner=owner))
    return connection
