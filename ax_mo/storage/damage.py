"""How a damaged database is recognised: by SQLite's errors, by its check of the file, by each row's checksum."""

import json
import sqlite3
import zlib
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

CHECKSUM = "checksum"
"""The column of a row's checksum; empty in rows of earlier versions, which count as they are."""

BUDGET = "budget"
"""The column of how far a run trains; empty in rows of earlier versions, and of runs that train to their end."""

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


def with_checksum(row: Mapping[str, Any]) -> dict[str, Any]:
    """A whole row with its checksum."""
    return {**row, CHECKSUM: _checksum(row)}


def check_row(row: Mapping[str, Any], what: str) -> None:
    """Raises Damaged for a row whose checksum is another; ``what`` names it."""
    written = row.get(CHECKSUM)
    try:
        if written is None or written == _checksum(row):
            return
    except (TypeError, ValueError):  # bytes, for one
        pass
    raise Damaged(f"{what} is not what was written")


def is_of_schema(row: Mapping[str, Any], schema: int) -> bool:
    """Whether a row is one of that schema, as far as its checksum says; other versions may have other columns."""
    return (written := row.get(CHECKSUM)) is None or str(written).startswith(f"{schema}-")


def _checksum(row: Mapping[str, Any]) -> str:
    """Of all values of a row but those that come from elsewhere; it begins with the row's schema, where it has one."""
    covered = [row[name] for name in sorted(row) if name not in _NOT_COVERED and (name, row[name]) != (BUDGET, None)]
    return f"{row.get('schema', '')}-{zlib.crc32(json.dumps(covered).encode()):08x}"
