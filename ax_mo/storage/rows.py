"""A study's rows in a database: its two tables, and how values become rows and rows values."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ax_mo.core.trial import Status, TrialRun
from ax_mo.errors import ConfigError
from ax_mo.storage.damage import CHECKSUM, Damaged, check_row, sealed, sealed_by
from ax_mo.storage.definition import Definition, StoredStudy

SCHEMA = 3

NO_REPEAT = -1

TABLES = sa.MetaData()

STUDIES = sa.Table(
    "ax_mo_study",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(512), nullable=False, unique=True),
    sa.Column("schema", sa.Integer, nullable=False),
    sa.Column("sweep_dir", sa.Text, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("params", sa.Text, nullable=False),
    sa.Column("objectives", sa.Text, nullable=False),
    sa.Column("fixed", sa.Text, nullable=False),
    sa.Column("created", sa.String(40), nullable=False),
    sa.Column("about", sa.Text, nullable=False),
    sa.Column("owner", sa.Text),
    sa.Column(CHECKSUM, sa.String(16)),
)

TRIALS = sa.Table(
    "ax_mo_trial",
    TABLES,
    sa.Column("study_id", sa.ForeignKey("ax_mo_study.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("repeat", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("params", sa.Text, nullable=False),
    sa.Column("overrides", sa.Text, nullable=False),
    sa.Column("directory", sa.Text, nullable=False),
    sa.Column("generator", sa.String(32), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("suggestion_seconds", sa.Float),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("deaths", sa.Integer, nullable=False),
    sa.Column("handle", sa.Text),
    sa.Column("metrics", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("signature", sa.Text),
    sa.Column("stderr_tail", sa.Text, nullable=False),
    sa.Column("asked", sa.String(40)),
    sa.Column("submitted", sa.String(40)),
    sa.Column("started", sa.String(40)),
    sa.Column("ended", sa.String(40)),
    sa.Column(CHECKSUM, sa.String(16)),
)


def create_tables(connection: Connection) -> None:
    """Make the tables, and in those of earlier versions the column that they had not."""
    TABLES.create_all(connection)
    for table in (STUDIES, TRIALS):
        if not _has_checksums(connection, table):
            connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {CHECKSUM} VARCHAR(16)"))


def check_tables(connection: Connection, name: str, known: bool) -> None:
    """Raises Damaged where there is, or is ``known`` to have been, a study of that name, and a table is gone."""
    there = sa.inspect(connection).get_table_names()
    missing = [table.name for table in (STUDIES, TRIALS) if table.name not in there]
    if STUDIES.name in there:
        this = sa.select(STUDIES.c.id).where(STUDIES.c.name == name)
        known = known or connection.execute(this).first() is not None
    if known and missing:
        raise Damaged(f"it has no table {missing[0]}")


def all_columns(connection: Connection, table: sa.Table) -> "sa.Select[Any]":
    """A query for all that a table has, which may be one of an earlier version."""
    has_all = _has_checksums(connection, table)
    return sa.select(*(column for column in table.columns if has_all or column.name != CHECKSUM))


def _has_checksums(connection: Connection, table: sa.Table) -> bool:
    try:
        return any(column["name"] == CHECKSUM for column in sa.inspect(connection).get_columns(table.name))
    except sa.exc.NoSuchTableError:
        return True  # whoever reads it is told by the database


# Files get damaged; servers look after theirs.


def check_study(connection: Connection, row: Mapping[Any, Any]) -> None:
    """Raises Damaged for a row that is not as it was written, ConfigError for one of another version."""
    if row["schema"] != SCHEMA and sealed_by(row, row["schema"]):
        raise ConfigError(
            f"The study '{row['name']}' was written by another version of ax_mo "
            f"(schema {row['schema']}; this one reads {SCHEMA})."
        )
    if connection.dialect.name == "sqlite":
        check_row(row, STUDIES, f"the row of the study '{row['name']}'")


def check_trial(connection: Connection, row: Mapping[Any, Any]) -> None:
    """Raises Damaged for a row that is not as it was written."""
    if connection.dialect.name == "sqlite":
        check_row(row, TRIALS, f"the row of trial {row['number']}")


def study_row(study: StoredStudy) -> dict[str, Any]:
    definition = study.definition
    return sealed({
        "name": study.name,
        "schema": SCHEMA,
        "sweep_dir": study.sweep_dir,
        "seed": study.seed,
        "params": dump(dict(definition.params)),
        "objectives": dump(dict(definition.objectives)),
        "fixed": dump(list(definition.fixed)),
        "created": study.created,
        "about": study.about,
    })  # fmt: skip


def stored_study(connection: Connection, row: Any) -> StoredStudy:
    """Raises Damaged when a row is not as it was written, ConfigError for a study of another version."""
    check_study(connection, row._mapping)
    query = all_columns(connection, TRIALS).where(TRIALS.c.study_id == row.id)
    runs = connection.execute(query.order_by(TRIALS.c.number, TRIALS.c.repeat)).all()
    for run in runs:
        check_trial(connection, run._asdict())
    try:
        definition = Definition(json.loads(row.params), json.loads(row.objectives), tuple(json.loads(row.fixed)))
        trials = tuple(to_run(run) for run in runs)
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(str(error)) from None
    return StoredStudy(
        str(row.name), str(row.sweep_dir), definition, trials, int(row.seed), str(row.created), str(row.about)
    )


def dump(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def to_row(run: TrialRun, study_id: int) -> dict[str, Any]:
    seconds = run.suggestion_seconds
    return sealed({
        "study_id": study_id,
        "number": run.number,
        "repeat": NO_REPEAT if run.repeat is None else run.repeat,
        "status": run.status.value,
        "params": json.dumps(dict(run.point)),  # a choice may hold NaN
        "overrides": dump(list(run.overrides)),
        "directory": run.directory,
        "generator": run.generator,
        "position": run.position,
        "suggestion_seconds": None if seconds is None else float(seconds),
        "attempt": run.attempt,
        "deaths": run.lost_attempts,
        "handle": run.handle,
        "metrics": dump(dict(run.metrics)),
        "reason": run.reason,
        "signature": run.error_fingerprint,
        "stderr_tail": run.stderr_tail,
        "asked": run.asked,
        "submitted": run.submitted,
        "started": run.started,
        "ended": run.ended,
    })  # fmt: skip


def to_run(row: Any) -> TrialRun:
    return TrialRun(
        number=row.number,
        repeat=None if row.repeat == NO_REPEAT else row.repeat,
        status=Status(row.status),
        point=json.loads(row.params),
        overrides=tuple(json.loads(row.overrides)),
        directory=row.directory,
        generator=row.generator,
        position=row.position,
        suggestion_seconds=row.suggestion_seconds,
        attempt=row.attempt,
        lost_attempts=row.deaths,
        handle=row.handle,
        metrics=json.loads(row.metrics),
        reason=row.reason,
        error_fingerprint=row.signature,
        stderr_tail=row.stderr_tail,
        asked=row.asked,
        submitted=row.submitted,
        started=row.started,
        ended=row.ended,
    )
