"""The study in a database: SQLite by default, PostgreSQL for teams.

A trial is written before it is submitted, and every change of state is one short transaction, so that a sweeper that
is killed at any moment finds on its return what it had decided.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ax_mo.core.request import Request
from ax_mo.core.trial import TrialRun
from ax_mo.core.urls import redacted, sqlite_path
from ax_mo.errors import AxMoError, ConfigError
from ax_mo.storage.damage import FAULTS, Damaged, check_file, with_checksum
from ax_mo.storage.database import DatabaseAway, cannot_use, open_engine
from ax_mo.storage.definition import StoredStudy
from ax_mo.storage.requests import open_requests, write_answer
from ax_mo.storage.rows import (
    RUNS,
    STUDIES,
    all_columns,
    begin_tables,
    check_study,
    create_tables,
    run_as_row,
    run_from_row,
    stored_study,
    study_row,
)
from ax_mo.storage.transactions import Transactions, is_swept
from ax_mo.storage.waiting import DatabaseWait
from ax_mo.trial.result import now

T = TypeVar("T")

# How long a command that only reads waits for a database in use, in seconds.
READERS_SECONDS = 15.0

# The statements of every trial, made once: making one takes longer than SQLite needs for it. What is bound has other
# names than the columns, by which an update knows what it sets.
_KEY = ("study_id", "number", "repeat")
_THIS_RUN = sa.and_(*(RUNS.c[name] == sa.bindparam(f"this_{name}") for name in _KEY))
_READ_RUN = sa.select(RUNS).where(_THIS_RUN)
_UPDATE_RUN = RUNS.update().where(_THIS_RUN).values({c.name: sa.bindparam(f"new_{c.name}") for c in RUNS.c})
_INSERT_RUNS = RUNS.insert()
_READ_NUMBERS = sa.select(RUNS).where(
    RUNS.c.study_id == sa.bindparam("this_study_id"), RUNS.c.number.in_(sa.bindparam("numbers", expanding=True))
)


class Store:
    """One study's rows.

    A database that is away is waited for, by ``wait``. Raises StudyStopped, which leaves the jobs, when it cannot be
    used. Whatever is written may be written twice, since an answer can be lost.
    """

    def __init__(self, transactions: Transactions, wait: DatabaseWait, guard: Callable[[], None]) -> None:
        self._transactions = transactions
        self._guard = guard
        self.wait = wait
        self._study_id = 0
        self.seed = 0
        self.fixed: tuple[str, ...] = ()

    @classmethod
    def open(
        cls,
        url: str,
        study: StoredStudy,
        known: bool = False,
        wait: DatabaseWait | None = None,
        guard: Callable[[], None] = lambda: None,
    ) -> "Store":
        """Find the study or create it, with its runs. Raises ConfigError when another one is there.

        ``guard`` is called before all writes, and raises where this process must not make them. Raises StudyLost for a
        damaged database, and for one without the study that is ``known`` to have been there.
        """
        transactions = Transactions(open_engine(url), study.name)
        store = cls(transactions, wait or DatabaseWait(), guard)
        try:
            row = store._do(lambda c: _find_or_create(c, study, transactions.owner, known), only_busy=True)
        except BaseException:
            store.close()
            raise
        transactions.is_claimed = True
        store._study_id, store.seed, store.fixed = int(row.id), int(row.seed), tuple(json.loads(row.fixed))
        return store

    def close(self) -> None:
        """Close the connection; the next use makes a new one."""
        self._transactions.close()

    def check(self) -> None:
        """Raises StudyStopped when another sweeper has taken the study's place."""
        self._guard()

    def runs(self) -> list[TrialRun]:
        """All runs, by number and repeat."""
        return list(self.stored().runs)

    def stored(self) -> "StoredStudy":
        """The study as its readers see it."""
        query = sa.select(STUDIES).where(STUDIES.c.id == self._study_id)
        return self._do(lambda connection: stored_study(connection, connection.execute(query).mappings().one()))

    def tell(self, about: str) -> None:
        """What the study's readers are to know from now on, as JSON."""
        self._do(lambda connection: _change_study(connection, STUDIES.c.id == self._study_id, about=about))

    def requests(self) -> tuple[Request, ...]:
        """What the study's users have asked for and is not done, in the order in which they did."""
        return self._do(lambda connection: open_requests(connection, self._study_id))

    def answer(self, request: Request) -> None:
        """Write how far a request is. One that is done stays as it is."""
        self._do(lambda connection: write_answer(connection, request))

    def add(self, runs: Sequence[TrialRun]) -> None:
        """Write the runs of new trials, all or none: about to be submitted, or finished in other studies.

        Raises StudyStopped when there are others of the same numbers.
        """
        rows = [run_as_row(run, self._study_id) for run in runs]
        known = {"this_study_id": self._study_id, "numbers": list({run.number for run in runs})}

        def insert(connection: Connection) -> None:
            there = [dict(row) for row in connection.execute(_READ_NUMBERS, known).mappings()]
            if not all(row in there for row in rows):
                connection.execute(_INSERT_RUNS, rows)

        if rows:
            self._do(insert)

    def write(self, run: TrialRun) -> None:
        """Write what has become of a run. One that has ended stays as it is: a second end changes nothing."""
        row_now = run_as_row(run, self._study_id)
        this = {f"this_{name}": row_now[name] for name in _KEY}
        new = {f"new_{name}": value for name, value in row_now.items()}

        def update(connection: Connection) -> None:
            row = connection.execute(_READ_RUN, this).mappings().one_or_none()
            if row is None:
                raise Damaged(f"the row of trial {run.number} is gone")
            if not run_from_row(dict(row), connection.dialect.name == "sqlite").status.ended:
                connection.execute(_UPDATE_RUN, {**this, **new})

        self._do(update)

    def _do(self, work: Callable[[Connection], T], only_busy: bool = False) -> T:
        """What ``work`` returns, in a transaction of its own, as often as it takes."""

        def attempt() -> T:
            self._guard()
            try:
                with self._transactions.begin() as connection:
                    return work(connection)
            except FAULTS as error:
                fault = cannot_use(str(self._transactions.engine.url), error)
                if isinstance(fault, DatabaseAway):
                    self.close()
                raise fault from None

        return self.wait.until_done(attempt, only_busy)


def _find_or_create(connection: Connection, new: StoredStudy, owner: str, known: bool) -> Any:
    """The row of the study, which is this sweeper's now. Raises ConfigError, and changes nothing, for another study."""
    begin_tables(connection)
    check_file(connection)
    create_tables(connection, known)
    this = STUDIES.c.name == new.name
    if _find(connection, new) is None:
        if known:
            raise Damaged(f"the study '{new.name}' is gone")
        connection.execute(STUDIES.insert().values(**study_row(replace(new, created=new.created or now()))))
        study_id = connection.execute(sa.select(STUDIES.c.id).where(this)).scalar_one()
        if new.runs:
            connection.execute(RUNS.insert(), [run_as_row(run, study_id) for run in new.runs])
    _change_study(connection, this, about=new.about, sweep_dir=new.sweep_dir, owner=owner)
    return connection.execute(sa.select(STUDIES).where(this)).one()


def _find(connection: Connection, new: StoredStudy) -> StoredStudy | None:
    """The study, if the database holds it. Raises ConfigError when it is, or the directory's is, another one."""
    query = all_columns(STUDIES).where(STUDIES.c.name == new.name)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        other = None if new.sweep_dir else connection.execute(sa.select(STUDIES.c.name)).scalar()
        if other is not None:
            raise ConfigError(
                f"hydra.sweeper.study_name: this directory holds the study '{other}', and not '{new.name}'. Resume it "
                f"with hydra.sweeper.study_name={other}, or choose another hydra.sweep.dir."
            )
        return None
    study = stored_study(connection, row)  # all of its rows are as they were written
    there = Path(study.sweep_dir)
    if new.sweep_dir and study.sweep_dir and there != Path(new.sweep_dir) and there.exists():
        raise ConfigError(
            f"hydra.sweeper.study_name: the study '{new.name}' lives in {there}. Resume it with "
            f"hydra.sweep.dir={there}, or choose another study_name."
        )
    study.definition.check_same(new.definition)
    return study


def check_can_open(url: str, study: StoredStudy, to_run: bool) -> None:
    """Raises ConfigError as ``Store.open`` would, before anything is made or changed.

    ``to_run``: also AxMoError where a sweeper of another machine runs the study at this moment.
    """
    try:
        transactions = Transactions(open_engine(url), study.name)
    except ConfigError as error:
        raise ConfigError(f"hydra.sweeper.storage: {error}") from None
    path = sqlite_path(url)
    if path is not None and not path.exists():
        if study.sweep_dir and not path.parent.is_dir():
            raise ConfigError(f"hydra.sweeper.storage: there is no directory {path.parent} for {redacted(url)}.")
        return

    def look(connection: Connection) -> None:
        if sa.inspect(connection).has_table(STUDIES.name):
            _find(connection, study)
        if to_run:
            transactions.check_free(connection)

    _read(transactions.engine, look)


def _read(engine: Engine, work: Callable[[Connection], T]) -> T:
    """What ``work`` returns, for those who only read: they wait for a moment only."""

    def attempt() -> T:
        try:
            with engine.connect() as connection:
                return work(connection)
        except FAULTS as error:
            raise cannot_use(str(engine.url), error) from None

    try:
        return DatabaseWait(READERS_SECONDS).until_done(attempt, only_busy=True)
    finally:
        engine.dispose()


def read_studies(url: str, name: str | None = None, may_be_new: bool = False) -> list[StoredStudy]:
    """The studies of a database, or the one called ``name``. Raises AxMoError when it cannot be read.

    ``may_be_new``: a SQLite file that is not there, or holds other things, has no studies; it is not made.
    """
    engine = open_engine(url)  # first: it says what is wrong with a URL
    path = sqlite_path(url) if may_be_new else None
    if path is not None and not path.exists():
        return []

    def look(connection: Connection) -> list[StoredStudy]:
        # A server's database may hold other things; a file without the table has lost its own.
        if (may_be_new or engine.dialect.name != "sqlite") and not sa.inspect(connection).has_table(STUDIES.name):
            return []
        check_file(connection)
        query = all_columns(STUDIES)
        query = query if name is None else query.where(STUDIES.c.name == name)
        return [_with_visitors(connection, row) for row in connection.execute(query).mappings().all()]

    return _read(engine, look)


def _with_visitors(connection: Connection, row: Any) -> StoredStudy:
    """The study of that row, with what others have asked of it and whether a sweeper has it."""
    requests, swept = open_requests(connection, row["id"]), is_swept(connection, row["name"])
    return replace(stored_study(connection, row), requests=requests, is_swept=swept)


def write_study(url: str, study: StoredStudy) -> None:
    """Write a study with all its runs, or nothing. Raises AxMoError when there is one of that name."""
    if read_studies(url, study.name, may_be_new=True):
        raise AxMoError(f"{redacted(url)} holds a study '{study.name}' already.")
    Store.open(url, study).close()


def _change_study(connection: Connection, this: "sa.ColumnElement[bool]", **values: Any) -> None:
    row = connection.execute(sa.select(STUDIES).where(this)).mappings().one()
    check_study(dict(row), connection.dialect.name == "sqlite")
    connection.execute(STUDIES.update().where(this).values(with_checksum({**row, **values})))
