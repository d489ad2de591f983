"""Which faults of a database are damage, and which pass."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ax_mo.core.trial import Outcome, Status, TrialRun
from ax_mo.errors import StudyLost, StudyStopped
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.store import Store, read_studies
from tests.support.trials import make_run


def open_store(path: Path, known: bool = False) -> Store:
    return Store.open(
        f"sqlite:///{path}", StoredStudy("study", "", Definition({}, {"loss": "minimize"}), seed=5), known
    )


def run(number: int) -> TrialRun:
    return make_run(number, status=Status.ASKED, point={"x": 0.5}, suggestion_seconds=1)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A study of two trials."""
    store = open_store(tmp_path / "study.db")
    store.add([run(0), run(1)])
    store.write(run(0).ended_by(Outcome({"loss": 0.25})))
    store.close()
    return tmp_path / "study.db"


ENDED = run(1).ended_by(Outcome({"loss": 0.5}))


def sql(statement: str) -> Callable[[Path], None]:
    def execute(path: Path) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA writable_schema = on")
            connection.execute(statement)
        connection.close()

    return execute


def overwrite(place: int, content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[place : place + len(content)] = content
        path.write_bytes(data)

    return write


DAMAGES = {
    "no database": overwrite(0, b"garbage" * 10),
    "empty page": overwrite(4096, bytes(4096)),
    "file format": overwrite(44, b"\0\0\0\x09"),
    "short": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "no UTF-8": sql("update ax_mo_trial set directory = cast(x'ff80' as text), checksum = null"),
    "schema": sql("update sqlite_master set sql = 'create nonsense' where name = 'ax_mo_trial'"),
    "schema that is no text": lambda path: path.write_bytes(
        path.read_bytes()
        .replace(b"tableax_mo_trial", b"table\xff\xffmo_trial")
        .replace(b"CREATE TABLE", b"CREATF TABLE")
    ),
    "no table": sql("drop table ax_mo_trial"),
    "no column": sql("alter table ax_mo_trial drop column position"),
    "no JSON": sql("update ax_mo_trial set params = '{', checksum = null"),
    "no status": sql("update ax_mo_trial set status = 'comqleted', checksum = null"),
    "another number": sql("update ax_mo_trial set metrics = '{\"loss\": 0.5}' where number = 0"),
    "another seed": sql("update ax_mo_study set seed = 6"),
    "another version": sql("update ax_mo_study set schema = 2"),
    "bytes for text": sql("update ax_mo_trial set reason = x'00'"),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_damage_is_found_by_whoever_opens_the_database(database: Path, how: str) -> None:
    DAMAGES[how](database)
    with pytest.raises(StudyLost, match=r"study\.db (cannot be used|is damaged): "):
        read_studies(f"sqlite:///{database}")
    with pytest.raises(StudyLost, match=r"study\.db (cannot be used|is damaged): "):
        open_store(database)


@pytest.mark.parametrize("damage", ["delete from ax_mo_study", "drop table ax_mo_study", None])
def test_study_that_was_there_is_not_made_anew_empty(database: Path, damage: str | None) -> None:
    if damage is None:
        database.write_bytes(b"")
    else:
        sql(damage)(database)
    with pytest.raises(StudyLost):
        open_store(database, known=True)


def test_row_that_changes_under_a_sweeper_is_not_written_over(database: Path) -> None:
    store = open_store(database)
    sql("update ax_mo_trial set params = '{\"x\": 0.75}' where number = 1")(database)
    with pytest.raises(StudyLost, match="the row of trial 1 is not what was written"):
        store.write(ENDED)
    sql("delete from ax_mo_trial where number = 1")(database)
    with pytest.raises(StudyLost, match="the row of trial 1 is gone"):
        store.write(ENDED)
    store.close()


def test_every_change_keeps_the_row_what_was_written(database: Path) -> None:
    store = open_store(database)
    store.tell('{"a": 1}')
    store.write(ENDED)
    (study,) = read_studies(f"sqlite:///{database}")
    assert study.about == '{"a": 1}' and study.runs[1].metrics == {"loss": 0.5}
    store.close()
    with sqlite3.connect(database) as connection:
        checksums = connection.execute("select checksum from ax_mo_trial union select checksum from ax_mo_study")
        assert all(checksum for (checksum,) in checksums)
    connection.close()


def test_study_of_a_version_without_checksums_is_read_and_resumed(database: Path) -> None:
    (before,) = read_studies(f"sqlite:///{database}")
    for table in ("ax_mo_study", "ax_mo_trial"):
        sql(f"alter table {table} drop column checksum")(database)
    old = database.read_bytes()
    assert read_studies(f"sqlite:///{database}") == [before]
    assert database.read_bytes() == old, "a reader changes nothing"
    store = open_store(database, known=True)
    store.write(ENDED)
    store.close()
    (after,) = read_studies(f"sqlite:///{database}")
    assert after.runs[0] == before.runs[0] and after.runs[1].metrics == {"loss": 0.5}
    sql("update ax_mo_trial set metrics = '{}' where number = 1")(database)
    with pytest.raises(StudyLost, match="trial 1 is not what was written"):
        open_store(database)


def test_what_passes_is_no_damage(database: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyStopped) as none:
        open_store(tmp_path / "none" / "study.db")
    store = open_store(database)
    with pytest.raises(StudyStopped) as twice:
        store.add([make_run(0)])
    store.close()
    assert not isinstance(none.value, StudyLost) and not isinstance(twice.value, StudyLost)
