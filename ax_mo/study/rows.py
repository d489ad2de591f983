"""A study's rows in a database: its two tables, and how values become rows and rows values."""

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ax_mo.errors import ConfigError
from ax_mo.study.definition import Definition, StoredStudy
from ax_mo.study.trial import Status, Trial

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
)


def check_schema(row: Any) -> None:
    if row.schema != SCHEMA:
        raise ConfigError(
            f"The study '{row.name}' was written by another version of ax_mo "
            f"(schema {row.schema}; this one reads {SCHEMA})."
        )


def study_row(study: StoredStudy) -> dict[str, Any]:
    definition = study.definition
    return {
        "name": study.name,
        "schema": SCHEMA,
        "sweep_dir": study.sweep_dir,
        "seed": study.seed,
        "params": dump(dict(definition.params)),
        "objectives": dump(dict(definition.objectives)),
        "fixed": dump(list(definition.fixed)),
        "created": study.created,
        "about": study.about,
    }


def stored_study(connection: Connection, row: Any) -> StoredStudy:
    definition = Definition(json.loads(row.params), json.loads(row.objectives), tuple(json.loads(row.fixed)))
    found = sa.select(TRIALS).where(TRIALS.c.study_id == row.id).order_by(TRIALS.c.number, TRIALS.c.repeat)
    runs = tuple(to_trial(run) for run in connection.execute(found))
    return StoredStudy(
        str(row.name), str(row.sweep_dir), definition, runs, int(row.seed), str(row.created), str(row.about)
    )


def dump(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def to_row(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "repeat": NO_REPEAT if trial.repeat is None else trial.repeat,
        "status": trial.status.value,
        "params": json.dumps(dict(trial.point)),  # a choice may hold NaN
        "overrides": dump(list(trial.overrides)),
        "directory": trial.directory,
        "generator": trial.generator,
        "position": trial.position,
        "suggestion_seconds": trial.suggestion_seconds,
        "attempt": trial.attempt,
        "deaths": trial.deaths,
        "handle": trial.handle,
        "metrics": dump(dict(trial.metrics)),
        "reason": trial.reason,
        "signature": trial.signature,
        "stderr_tail": trial.stderr_tail,
        "asked": trial.asked,
        "submitted": trial.submitted,
        "started": trial.started,
        "ended": trial.ended,
    }


def to_trial(row: Any) -> Trial:
    return Trial(
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
        deaths=row.deaths,
        handle=row.handle,
        metrics=json.loads(row.metrics),
        reason=row.reason,
        signature=row.signature,
        stderr_tail=row.stderr_tail,
        asked=row.asked,
        submitted=row.submitted,
        started=row.started,
        ended=row.ended,
    )
