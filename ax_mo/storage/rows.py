"""A study's tables in a database, and the one way in which a study and its runs become rows and come back.

The rows are those of the database and of its dump (``study.json``) alike; their columns are called as they were when
the first studies were written.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ax_mo.core.budget import Budget
from ax_mo.core.trial import Status, TrialRun
from ax_mo.errors import ConfigError
from ax_mo.storage.damage import BUDGET, CHECKSUM, Damaged, check_row, is_of_schema, with_checksum
from ax_mo.storage.definition import Definition, StoredStudy

Row = Mapping[Any, Any]

ROW_SCHEMA = 3

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

RUNS = sa.Table(
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
    sa.Column(BUDGET, sa.Text),
    sa.Column(CHECKSUM, sa.String(16)),
)

# Columns that hold the value of the run's field of the same name, as it is.
_AS_IT_IS = (
    "number", "directory", "generator", "position", "attempt", "handle", "reason", "stderr_tail",
    "asked", "submitted", "started", "ended",
)  # fmt: skip


# Any number that is the same for all: the lock of those who create tables on a server.
_CREATING = 0x6178


def begin_tables(connection: Connection) -> None:
    """Begin a transaction that may make tables, alone until it ends."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # by itself, Python begins none for tables
    elif connection.dialect.name == "postgresql":  # two that create tables at the same moment are an error there
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATING)))


def create_tables(connection: Connection, known: bool = False) -> None:
    """Make the tables, and in those of earlier versions the columns that they had not.

    Raises Damaged where one of the two is gone, or both although the study is ``known`` to have been there.
    """
    there = sa.inspect(connection).get_table_names()
    missing = [table.name for table in (STUDIES, RUNS) if table.name not in there]
    if len(missing) == 1 or (known and missing):
        raise Damaged(f"it has no table {missing[0]}")
    TABLES.create_all(connection)
    for table in (STUDIES, RUNS):
        known_columns = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
        for name, kind in ((CHECKSUM, "VARCHAR(16)"), (BUDGET, "TEXT")):
            if name in table.c and name not in known_columns:
                connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {name} {kind}"))


def all_columns(table: sa.Table) -> "sa.Select[Any]":
    """A query for whatever columns a table has, which may be one of an earlier version."""
    return sa.select(sa.literal_column("*")).select_from(table)


def stored_study(connection: Connection, row: Row) -> StoredStudy:
    """The study of that row with all its runs, by number and repeat.

    Raises Damaged when a row is not as it was written, ConfigError for a study of another version.
    """
    is_file = connection.dialect.name == "sqlite"
    query = all_columns(RUNS).where(RUNS.c.study_id == row["id"])
    rows = connection.execute(query.order_by(RUNS.c.number, RUNS.c.repeat)).mappings()
    return study_from_rows(row, [dict(run) for run in rows], is_file)


def study_from_rows(row: Row, runs: Sequence[Row], is_file: bool = True) -> StoredStudy:
    """The study that its row and those of its runs are.

    Files get damaged, servers look after theirs: ``is_file`` checks each row's checksum. Raises Damaged when a row is
    not as it was written, ConfigError for a study of another version.
    """
    check_study(row, is_file)
    try:
        return StoredStudy(
            name=str(row["name"]),
            sweep_dir=str(row["sweep_dir"]),
            definition=Definition(
                json.loads(row["params"]), json.loads(row["objectives"]), tuple(json.loads(row["fixed"]))
            ),
            runs=tuple(run_from_row(run, is_file) for run in runs),
            seed=int(row["seed"]),
            created=str(row["created"]),
            about=str(row["about"]),
        )
    except KeyError as error:
        raise Damaged(f"it has no {error}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(str(error)) from None


def check_study(row: Row, is_file: bool) -> None:
    """Raises Damaged for a row that is not as it was written, ConfigError for one of another version."""
    if row["schema"] != ROW_SCHEMA and is_of_schema(row, row["schema"]):
        raise ConfigError(
            f"The study '{row['name']}' was written by another version of ax_mo "
            f"(schema {row['schema']}; this one reads {ROW_SCHEMA})."
        )
    if is_file:
        check_row(row, f"the row of the study '{row['name']}'")


def study_row(study: StoredStudy) -> dict[str, Any]:
    """The study's own row, without its runs."""
    definition = study.definition
    return with_checksum({
        "name": study.name,
        "schema": ROW_SCHEMA,
        "sweep_dir": study.sweep_dir,
        "seed": study.seed,
        "params": _dump(dict(definition.params)),
        "objectives": _dump(dict(definition.objectives)),
        "fixed": _dump(list(definition.fixed)),
        "created": study.created,
        "about": study.about,
    })  # fmt: skip


def run_as_row(run: TrialRun, study_id: int) -> dict[str, Any]:
    """A run's row, with its checksum."""
    seconds = run.suggestion_seconds
    return with_checksum({
        **{name: getattr(run, name) for name in _AS_IT_IS},
        "study_id": study_id,
        "repeat": NO_REPEAT if run.repeat is None else run.repeat,
        "status": run.status.value,
        "params": json.dumps(dict(run.point)),  # a choice may hold NaN
        "overrides": _dump(list(run.overrides)),
        "suggestion_seconds": None if seconds is None else float(seconds),
        "deaths": run.lost_attempts,
        "metrics": _dump(dict(run.metrics)),
        "signature": run.error_fingerprint,
        BUDGET: None if run.budget is None else _dump(run.budget.as_json()),
    })  # fmt: skip


def run_from_row(row: Row, is_file: bool) -> TrialRun:
    """The run that a row is; with ``is_file``, its checksum is checked. Raises Damaged."""
    try:
        if is_file:
            check_row(row, f"the row of trial {row['number']}")
        return TrialRun(
            **{name: row[name] for name in _AS_IT_IS},
            repeat=None if row["repeat"] == NO_REPEAT else row["repeat"],
            status=Status(row["status"]),
            point=json.loads(row["params"]),
            overrides=tuple(json.loads(row["overrides"])),
            suggestion_seconds=row["suggestion_seconds"],
            lost_attempts=row["deaths"],
            metrics=json.loads(row["metrics"]),
            error_fingerprint=row["signature"],
            budget=None if row.get(BUDGET) is None else Budget.from_json(json.loads(row[BUDGET])),
        )
    except KeyError as error:
        raise Damaged(f"it has no {error}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(str(error)) from None


def _dump(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
