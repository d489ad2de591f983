"""How a damaged database is recognised: by SQLite's errors, by its check of the file, by each row's checksum."""

import json
import sqlite3
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

CHECKSUM = "checksum"
"""The column of a row's checksum; empty in rows of earlier versions, which count as they are."""

# Set by the database, or by sweepers that only borrow the study.
_NOT_COVERED = (CHECKSUM, "id", "owner")

# Files that only a rebuild can mend; one that is locked, full or not readable is not among them.
_CODES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_MISMATCH,
          sqlite3.SQLITE_TOOBIG}  # fmt: skip
_EXTENDED_CODES = {sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
# SQLite has only its general code for these, and Python none for text that is no UTF-8.
_WORDS = ("no such table", "no such column", "has no column named", "unsupported file format", "Could not decode")


class Damaged(ValueError):
    """What a database holds is not what was written; says what is wrong."""


FAULTS = (sa.exc.SQLAlchemyError, Damaged, UnicodeDecodeError)
"""What the use of a database may raise; the last where SQLite quotes a damaged schema in its message."""


def is_damage(error: BaseException) -> bool:
    """Whether a database's error says that its file is damaged, rather than that it cannot be used now or here."""
    if isinstance(error, Damaged | UnicodeDecodeError | sa.exc.MultipleResultsFound):
        return True
    original = getattr(error, "orig", None)
    if not isinstance(original, sqlite3.Error):
        return False
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None and (code & 0xFF in _CODES or code in _EXTENDED_CODES):
        return True
    return any(words in str(original) for words in _WORDS)


def check_file(connection: Connection) -> None:
    """Raises Damaged for a SQLite file whose pages, indexes or columns do not fit together."""
    if connection.dialect.name == "sqlite":
        found = connection.execute(sa.text("PRAGMA integrity_check(1)")).scalar()
        if found != "ok":
            raise Damaged(" ".join(str(found).split()))


def checksum(values: Mapping[str, Any]) -> str:
    """Of all values of a row but those that come from elsewhere; it begins with the row's schema, where it has one."""
    covered = [values[name] for name in sorted(values) if name not in _NOT_COVERED]
    return f"{values.get('schema', '')}-{zlib.crc32(json.dumps(covered).encode()):08x}"


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """A whole row with its checksum."""
    return {**values, CHECKSUM: checksum(values)}


def sealed_by(values: Mapping[str, Any], schema: int) -> bool:
    """Whether a row is one of that schema, as far as its checksum says; other versions may have other columns."""
    return (known := values.get(CHECKSUM)) is None or str(known).startswith(f"{schema}-")


def check_row(values: Mapping[str, Any], table: sa.Table, what: str) -> None:
    """Raises Damaged for a row that is not as it was written, or that no table of this kind can hold."""
    for name, kinds in _kinds(table):
        if not isinstance(values.get(name), kinds):
            raise Damaged(f"{what} has {repr(values.get(name))[:60]} as its {name}")
    known = values.get(CHECKSUM)
    if known is not None and known != checksum(values):
        raise Damaged(f"{what} is not what was written")


@cache
def _kinds(table: sa.Table) -> list[tuple[str, tuple[type, ...]]]:
    """What the values of each column are in Python."""
    return [
        (
            column.name,
            (
                *((int, float) if isinstance(column.type, sa.Float) else (column.type.python_type,)),
                *((type(None),) if column.nullable else ()),
            ),
        )
        for column in table.columns
    ]
