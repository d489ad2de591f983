"""The study in a database: SQLite by default, PostgreSQL for teams.

A trial is written before it is submitted, and every change of state is one short transaction, so that a sweeper that
is killed at any moment finds on its return what it had decided.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ax_mo.errors import AxMoError, ConfigError, StudyStopped
from ax_mo.study.claim import claim_study
from ax_mo.study.damage import FAULTS, Damaged, check_file, sealed
from ax_mo.study.database import cannot_use, open_engine
from ax_mo.study.definition import Definition, StoredStudy, differences
from ax_mo.study.rows import (
    NO_REPEAT,
    STUDIES,
    TRIALS,
    all_columns,
    check_study,
    check_tables,
    check_trial,
    create_tables,
    dump,
    stored_study,
    study_row,
    to_row,
)
from ax_mo.study.trial import Key, Outcome, Status, Trial, now
from ax_mo.study.urls import redacted, sqlite_path

__all__ = ["Definition", "Store", "StoredStudy", "differences", "now", "read_studies", "write_study"]

_ENDED = tuple(status for status in Status if status.ended)


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
    def open(
        cls, url: str, name: str, sweep_dir: Path | None, definition: Definition, seed: int, known: bool = False
    ) -> "Store":
        """Find the study or create it. Raises ConfigError when it is another study than the one described.

        ``sweep_dir`` is where the study's trials are, or None for a database that moves with them. Raises StudyLost
        for a damaged database, and for one without the study that is ``known`` to have been there.
        """
        engine = open_engine(url)
        try:
            with engine.connect() as connection:
                check_file(connection)
                check_tables(connection, name, known)
            create_tables(engine)
            with engine.begin() as connection:
                found = sa.select(STUDIES).where(STUDIES.c.name == name)
                if connection.execute(found).one_or_none() is None:
                    if known:
                        raise Damaged(f"the study '{name}' is gone")
                    new = StoredStudy(name, str(sweep_dir or ""), definition, (), seed, now(), definition.about)
                    connection.execute(STUDIES.insert().values(**study_row(new)))
                row = connection.execute(found).one()
                stored_study(connection, row)  # all of its rows are as they were written
            _check_same(row, name, sweep_dir, definition)
            with engine.begin() as connection:
                _change_study(connection, row.id, about=definition.about, sweep_dir=str(sweep_dir or ""))
            claim = claim_study(engine, row)
        except FAULTS as error:
            engine.dispose()
            raise cannot_use(url, error) from None
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
        return list(self.stored().runs)

    def stored(self) -> "StoredStudy":
        """The study as its readers see it."""
        try:
            with self._engine.connect() as connection:
                row = connection.execute(sa.select(STUDIES).where(STUDIES.c.id == self._study_id)).one()
                return stored_study(connection, row)
        except FAULTS as error:
            raise self._stopped(error) from None

    def tell(self, about: str) -> None:
        """What the study's readers are to know from now on, as JSON."""
        self._write(lambda connection: _change_study(connection, self._study_id, about=about))

    def add(self, trials: Sequence[Trial]) -> None:
        """Write new trials, or all runs of one, all or none: about to be submitted, or finished in other studies."""
        if trials:
            rows = [to_row(trial, self._study_id) for trial in trials]
            self._write(lambda connection: connection.execute(TRIALS.insert(), rows))

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
            metrics=dump(dict(outcome.metrics)),
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
        number, repeat = key[0], NO_REPEAT if key[1] is None else key[1]
        this = (TRIALS.c.study_id == self._study_id) & (TRIALS.c.number == number) & (TRIALS.c.repeat == repeat)

        def change(connection: Connection) -> None:
            row = connection.execute(sa.select(TRIALS).where(this)).mappings().one_or_none()
            if row is None:
                raise Damaged(f"the row of trial {number} is gone")
            check_trial(connection, row)
            if row["status"] not in [status.value for status in unless]:
                connection.execute(TRIALS.update().where(this).values(sealed({**row, **values})))

        self._write(change)

    def _write(self, change: Any) -> None:
        try:
            with self._engine.begin() as connection:
                change(connection)
        except FAULTS as error:
            raise self._stopped(error) from None

    def _stopped(self, error: Exception) -> StudyStopped:
        return cannot_use(str(self._engine.url), error)


def read_studies(url: str, name: str | None = None, may_be_new: bool = False) -> list[StoredStudy]:
    """The studies of a database, or the one called ``name``. Raises AxMoError when it cannot be read.

    ``may_be_new``: a SQLite file that is not there, or holds other things, has no studies; it is not made.
    """
    engine = open_engine(url)  # first: it says what is wrong with a URL
    path = sqlite_path(url) if may_be_new else None
    if path is not None and not path.exists():
        return []
    try:
        with engine.connect() as connection:
            # A server's database may hold other things; a file without the table has lost its own.
            if (may_be_new or engine.dialect.name != "sqlite") and not sa.inspect(connection).has_table(STUDIES.name):
                return []
            check_file(connection)
            query = all_columns(connection, STUDIES)
            query = query if name is None else query.where(STUDIES.c.name == name)
            return [stored_study(connection, row) for row in connection.execute(query).all()]
    except FAULTS as error:
        raise cannot_use(url, error) from None
    finally:
        engine.dispose()


def write_study(url: str, study: StoredStudy) -> None:
    """Write a study with all its runs, or nothing. Raises AxMoError when there is one of that name."""
    engine = open_engine(url)
    try:
        create_tables(engine)
        with engine.begin() as connection:
            known = sa.select(STUDIES.c.id).where(STUDIES.c.name == study.name)
            if connection.execute(known).one_or_none() is not None:
                raise AxMoError(f"{redacted(url)} holds a study '{study.name}' already.")
            connection.execute(STUDIES.insert().values(**study_row(study)))
            study_id = connection.execute(known).scalar_one()
            rows = [to_row(run, study_id) for run in study.runs]
            if rows:
                connection.execute(TRIALS.insert(), rows)
    except FAULTS as error:
        raise cannot_use(url, error) from None
    finally:
        engine.dispose()


def _change_study(connection: Connection, study_id: int, **values: Any) -> None:
    this = STUDIES.c.id == study_id
    row = connection.execute(sa.select(STUDIES).where(this)).mappings().one()
    check_study(connection, row)
    connection.execute(STUDIES.update().where(this).values(sealed({**row, **values})))


def _check_same(row: Any, name: str, sweep_dir: Path | None, definition: Definition) -> None:
    if sweep_dir is not None and Path(row.sweep_dir) != sweep_dir and Path(row.sweep_dir).exists():
        raise ConfigError(
            f"hydra.sweeper.study_name: the study '{name}' lives in {row.sweep_dir}. Resume it with "
            f"hydra.sweep.dir={row.sweep_dir}, or choose another study_name."
        )
    Definition(json.loads(row.params), json.loads(row.objectives)).check_same(definition)
