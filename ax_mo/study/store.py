"""The study in a database: SQLite by default, PostgreSQL for teams.

A trial is written before it is submitted, and every change of state is one short transaction, so that a sweeper that
is killed at any moment finds on its return what it had decided.
"""

import json
import os
import socket
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ax_mo.errors import AxMoError, ConfigError, StudyLost, StudyStopped
from ax_mo.study.trial import Key, Outcome, Status, Trial
from ax_mo.study.urls import redacted, sqlite_path

SCHEMA = 3

# What SQLite says of a file that only a rebuild can mend; one that is locked or not readable is not among them.
_DAMAGED = ("file is not a database", "malformed", "no such table", "no such column")

_NO_REPEAT = -1

_ENDED = tuple(status for status in Status if status.ended)

_tables = sa.MetaData()

_study = sa.Table(
    "ax_mo_study",
    _tables,
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

_trial = sa.Table(
    "ax_mo_trial",
    _tables,
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


def now() -> str:
    """The present moment, ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat()


@dataclass(frozen=True)
class Definition:
    """What a study is about; a resume must agree on ``params`` and ``objectives``."""

    params: Mapping[str, str]
    objectives: Mapping[str, str]
    fixed: tuple[str, ...] = ()
    about: str = "{}"
    """JSON for those who only read the study; the latest sweeper's. Not compared."""

    def check_same(self, now_asked: "Definition") -> None:
        """Raises ConfigError when what a resume asks for is not what the study was started with."""
        for before, after, where in (
            (self.params, now_asked.params, "hydra.sweeper.params"),
            (self.objectives, now_asked.objectives, "hydra.sweeper.objectives"),
        ):
            changes = differences(before, after)
            if changes:
                # Repeats are described among the params, under their own key.
                elsewhere = all("hydra.sweeper.repeats: " in change for change in changes)
                raise ConfigError(
                    f"{'hydra.sweeper.repeats' if elsewhere else where} is not what this study was started with:\n"
                    + "\n".join(f"  {line}" for line in changes)
                    + "\nResume with the same settings, or start a new study in another hydra.sweep.dir."
                )


class Store:
    """One study's rows. Raises StudyStopped when the database cannot be written."""

    def __init__(
        self, engine: Engine, study_id: int, seed: int, fixed: tuple[str, ...], claim: Connection | None
    ) -> None:
        self._engine = engine
        self._study_id = study_id
        self._claim = claim
        self.seed = seed
        self.fixed = fixed

    @classmethod
    def open(cls, url: str, name: str, sweep_dir: Path | None, definition: Definition, seed: int) -> "Store":
        """Find the study or create it. Raises ConfigError when it is another study than the one described.

        ``sweep_dir`` is where the study's trials are, or None for a database that moves with them.
        """
        engine = _engine(url)
        try:
            _tables.create_all(engine)
            with engine.begin() as connection:
                found = sa.select(_study).where(_study.c.name == name)
                if connection.execute(found).one_or_none() is None:
                    new = StoredStudy(name, str(sweep_dir or ""), definition, (), seed, now(), definition.about)
                    connection.execute(_study.insert().values(**_study_row(new)))
                row = connection.execute(found).one()
            _check_same(row, name, sweep_dir, definition)
            with engine.begin() as connection:
                here = {"about": definition.about, "sweep_dir": str(sweep_dir or "")}
                connection.execute(_study.update().where(_study.c.id == row.id).values(here))
            claim = _claim(engine, row)
        except sa.exc.SQLAlchemyError as error:
            engine.dispose()
            raise _cannot(url, error) from None
        except AxMoError:
            engine.dispose()
            raise
        return cls(engine, int(row.id), int(row.seed), tuple(json.loads(row.fixed)), claim)

    def close(self) -> None:
        if self._claim is not None:
            self._claim.close()
        self._engine.dispose()

    def trials(self) -> list[Trial]:
        """All runs, by number and repeat."""
        query = sa.select(_trial).where(_trial.c.study_id == self._study_id).order_by(_trial.c.number, _trial.c.repeat)
        try:
            with self._engine.connect() as connection:
                return [_to_trial(row) for row in connection.execute(query)]
        except sa.exc.SQLAlchemyError as error:
            raise self._stopped(error) from None

    def stored(self) -> "StoredStudy":
        """The study as its readers see it."""
        try:
            with self._engine.connect() as connection:
                row = connection.execute(sa.select(_study).where(_study.c.id == self._study_id)).one()
                return _stored_study(connection, row)
        except sa.exc.SQLAlchemyError as error:
            raise self._stopped(error) from None

    def tell(self, about: str) -> None:
        """What the study's readers are to know from now on, as JSON."""
        self._write(lambda connection: connection.execute(
            _study.update().where(_study.c.id == self._study_id).values(about=about)
        ))  # fmt: skip

    def add(self, trials: Sequence[Trial]) -> None:
        """Write new trials, or all runs of one, all or none: about to be submitted, or finished in other studies."""
        if trials:
            rows = [{"study_id": self._study_id, **_to_row(trial)} for trial in trials]
            self._write(lambda connection: connection.execute(_trial.insert(), rows))

    def retry(self, key: Key, attempt: int, deaths: int) -> None:
        """The run will be submitted once more, under the same number."""
        self._update(
            key, status=Status.ASKED.value, attempt=attempt, deaths=deaths, handle=None, reason=None, ended=None
        )

    def submitted(self, key: Key, handle: str) -> str:
        """The job has been handed over; returns when."""
        moment = now()
        self._update(key, status=Status.RUNNING.value, handle=handle, submitted=moment)
        return moment

    def ended(self, key: Key, outcome: Outcome) -> None:
        """Record how a trial ended; a second call for the same trial changes nothing."""
        self._update(
            key,
            unless=_ENDED,
            status=outcome.status.value,
            metrics=_dump(dict(outcome.metrics)),
            reason=outcome.reason,
            signature=outcome.signature,
            stderr_tail=outcome.stderr_tail,
            started=outcome.started,
            ended=outcome.ended or now(),
        )

    def asked_to_stop(self, key: Key, reason: str) -> None:
        """The run is to end early; what it leaves decides whether it did."""
        self._update(key, unless=_ENDED, reason=reason)

    def cancelled(self, key: Key) -> None:
        """The user stopped the trial; a result that it left after all may still end it."""
        self._update(key, unless=_ENDED, status=Status.CANCELLED.value, reason="cancelled", ended=now())

    def _update(self, key: Key, unless: tuple[Status, ...] = (), **values: Any) -> None:
        number, repeat = key[0], _NO_REPEAT if key[1] is None else key[1]
        statement = _trial.update().where(
            _trial.c.study_id == self._study_id, _trial.c.number == number, _trial.c.repeat == repeat
        )
        if unless:
            statement = statement.where(_trial.c.status.not_in([status.value for status in unless]))
        self._write(lambda connection: connection.execute(statement.values(**values)))

    def _write(self, change: Any) -> None:
        try:
            with self._engine.begin() as connection:
                change(connection)
        except sa.exc.SQLAlchemyError as error:
            raise self._stopped(error) from None

    def _stopped(self, error: sa.exc.SQLAlchemyError) -> StudyStopped:
        return _cannot(str(self._engine.url), error)


@dataclass(frozen=True)
class StoredStudy:
    """What a database knows of a study, for those who only read it."""

    name: str
    sweep_dir: str
    definition: Definition
    runs: tuple[Trial, ...]
    seed: int = 0
    created: str = ""
    about: str = "{}"


def read_studies(url: str, name: str | None = None, may_be_new: bool = False) -> list[StoredStudy]:
    """The studies of a database, or the one called ``name``. Raises AxMoError when it cannot be read.

    ``may_be_new``: a SQLite file that is not there, or holds other things, has no studies; it is not made.
    """
    engine = _engine(url)  # first: it says what is wrong with a URL
    path = sqlite_path(url) if may_be_new else None
    if path is not None and not path.exists():
        return []
    try:
        with engine.connect() as connection:
            # A server's database may hold other things; a file without the table has lost its own.
            if (may_be_new or engine.dialect.name != "sqlite") and not sa.inspect(connection).has_table(_study.name):
                return []
            query = sa.select(_study) if name is None else sa.select(_study).where(_study.c.name == name)
            rows = connection.execute(query).all()
            for row in rows:
                _check_schema(row)
            return [_stored_study(connection, row) for row in rows]
    except sa.exc.SQLAlchemyError as error:
        raise _cannot(url, error) from None
    except (ValueError, TypeError) as error:
        raise StudyLost(f"The study's database {redacted(url)} is damaged: {error}.") from None
    finally:
        engine.dispose()


def write_study(url: str, study: StoredStudy) -> None:
    """Write a study with all its runs, or nothing. Raises AxMoError when there is one of that name."""
    engine = _engine(url)
    try:
        _tables.create_all(engine)
        with engine.begin() as connection:
            known = sa.select(_study.c.id).where(_study.c.name == study.name)
            if connection.execute(known).one_or_none() is not None:
                raise AxMoError(f"{redacted(url)} holds a study '{study.name}' already.")
            connection.execute(_study.insert().values(**_study_row(study)))
            study_id = connection.execute(known).scalar_one()
            rows = [{"study_id": study_id, **_to_row(run)} for run in study.runs]
            if rows:
                connection.execute(_trial.insert(), rows)
    except sa.exc.SQLAlchemyError as error:
        raise _cannot(url, error) from None
    finally:
        engine.dispose()


def _stored_study(connection: Connection, row: Any) -> StoredStudy:
    definition = Definition(json.loads(row.params), json.loads(row.objectives), tuple(json.loads(row.fixed)))
    found = sa.select(_trial).where(_trial.c.study_id == row.id).order_by(_trial.c.number, _trial.c.repeat)
    runs = tuple(_to_trial(run) for run in connection.execute(found))
    return StoredStudy(
        str(row.name), str(row.sweep_dir), definition, runs, int(row.seed), str(row.created), str(row.about)
    )


def _study_row(study: StoredStudy) -> dict[str, Any]:
    definition = study.definition
    return {
        "name": study.name,
        "schema": SCHEMA,
        "sweep_dir": study.sweep_dir,
        "seed": study.seed,
        "params": _dump(dict(definition.params)),
        "objectives": _dump(dict(definition.objectives)),
        "fixed": _dump(list(definition.fixed)),
        "created": study.created,
        "about": study.about,
    }


def _claim(engine: Engine, row: Any) -> Connection | None:
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
    connection.execute(_study.update().where(_study.c.id == row.id).values(owner=owner))
    return connection


def _engine(url: str) -> Engine:
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


def _cannot(url: str, error: Exception) -> StudyStopped:
    detail = (str(getattr(error, "orig", None) or error).splitlines() or [""])[0]
    kind = StudyLost if any(words in detail for words in _DAMAGED) else StudyStopped
    return kind(f"The study's database {redacted(url)} cannot be used: {detail}.")


def _check_same(row: Any, name: str, sweep_dir: Path | None, definition: Definition) -> None:
    _check_schema(row)
    if sweep_dir is not None and Path(row.sweep_dir) != sweep_dir and Path(row.sweep_dir).exists():
        raise ConfigError(
            f"hydra.sweeper.study_name: the study '{name}' lives in {row.sweep_dir}. Resume it with "
            f"hydra.sweep.dir={row.sweep_dir}, or choose another study_name."
        )
    Definition(json.loads(row.params), json.loads(row.objectives)).check_same(definition)


def _check_schema(row: Any) -> None:
    if row.schema != SCHEMA:
        raise ConfigError(
            f"The study '{row.name}' was written by another version of ax_mo "
            f"(schema {row.schema}; this one reads {SCHEMA})."
        )


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """One line per key that was added, removed or changed."""
    lines: list[str] = []
    for key in dict.fromkeys([*before, *after]):
        if key not in after:
            lines.append(f"- {key}: {before[key]}")
        elif key not in before:
            lines.append(f"+ {key}: {after[key]}")
        elif before[key] != after[key]:
            lines.append(f"{key}: was {before[key]}, is now {after[key]}")
    return lines


def _dump(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _to_row(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "repeat": _NO_REPEAT if trial.repeat is None else trial.repeat,
        "status": trial.status.value,
        "params": json.dumps(dict(trial.point)),  # a choice may hold NaN
        "overrides": _dump(list(trial.overrides)),
        "directory": trial.directory,
        "generator": trial.generator,
        "position": trial.position,
        "suggestion_seconds": trial.suggestion_seconds,
        "attempt": trial.attempt,
        "deaths": trial.deaths,
        "handle": trial.handle,
        "metrics": _dump(dict(trial.metrics)),
        "reason": trial.reason,
        "signature": trial.signature,
        "stderr_tail": trial.stderr_tail,
        "asked": trial.asked,
        "submitted": trial.submitted,
        "started": trial.started,
        "ended": trial.ended,
    }


def _to_trial(row: Any) -> Trial:
    return Trial(
        number=row.number,
        repeat=None if row.repeat == _NO_REPEAT else row.repeat,
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
