"""Where a study is: what names it, and what is said where nothing does."""

import json
from pathlib import Path

import pytest

from ax_mo.cli.main import main
from ax_mo.core.trial import Status
from ax_mo.core.urls import sqlite_url
from ax_mo.errors import AxMoError
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.dump import write_dump
from ax_mo.storage.location import locate
from ax_mo.storage.snapshot import describe_study, read_snapshot
from ax_mo.storage.store import Store
from tests.storage.test_snapshot import GOALS, SPACE
from tests.support.trials import make_run

TYPED = ["python", "a.py", "-m"]


def make(directory: Path, url: str | None = None, name: str = "study") -> StoredStudy:
    directory.mkdir(exist_ok=True, parents=True)
    lines = {
        "resume": f"{' '.join(TYPED)} 'hydra.sweep.dir={directory}'",
        "pareto": f"python a.py --config-dir '{directory}' +pareto={{name}}",
    }
    told = json.dumps({**describe_study(SPACE, GOALS, {}), "commands": lines})  # as in earlier versions
    where = sqlite_url(directory / "study.db") if url is None else url
    sweep_dir = "" if url is None else str(directory)
    store = Store.open(where, StoredStudy(name, sweep_dir, Definition({}, {}), seed=5, about=told))
    if not store.runs():
        store.add([make_run(0, status=Status.ASKED, point={"x": 0.5})])
    stored = store.stored()
    store.close()
    write_dump(directory, stored, url)
    return stored


@pytest.mark.parametrize("name", ["q?1", "p%41", "a b#ü"])
def test_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    make(tmp_path / name)
    assert (tmp_path / name / "study.db").is_file()
    assert read_snapshot(tmp_path / name).directory == tmp_path / name
    assert read_snapshot(tmp_path / name / ".." / name).directory == tmp_path / name
    assert read_snapshot(f"{sqlite_url(tmp_path / name / 'study.db')}/study").directory == tmp_path / name


def test_trials_are_looked_for_where_the_study_says_although_its_database_is_called_study_db(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "study.db")
    for name in ("a", "b"):
        make(tmp_path / name, url, name)
    assert read_snapshot(f"{url}/b").directory == tmp_path / "b"
    with pytest.raises(AxMoError) as caught:
        read_snapshot(tmp_path)
    line = str(caught.value)
    assert "holds several studies: a, b. Name one, such as " in line
    assert read_snapshot(line.rpartition(" ")[2]).directory == tmp_path / "a"
    with pytest.raises(AxMoError, match=r"holds no study 'c'\. It holds: a, b\."):
        read_snapshot(f"{url}/c")


def test_file_of_several_studies_says_no_more_than_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        make(tmp_path / name, sqlite_url(tmp_path / "all.db"), name)
    assert main(["status", str(tmp_path / "all.db")]) == 1
    told = capsys.readouterr().err
    assert told.endswith(f"Name one, such as sqlite:///{tmp_path}/all.db/a\n") and told.count("\n") == 1
    assert main(["rebuild", str(tmp_path / "a")]) == 1
    assert f"ax-mo rebuild {tmp_path}/a --storage sqlite:///{tmp_path}/all.db\n" in capsys.readouterr().err


def test_only_study_of_a_database_need_not_be_named(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "all.db")
    make(tmp_path / "a", url, "nas")
    for source in (url, tmp_path / "all.db", tmp_path / "a"):
        assert (read_snapshot(source).name, read_snapshot(source).directory) == ("nas", tmp_path / "a")


def test_directory_of_a_study_that_is_in_a_server_says_so(tmp_path: Path) -> None:
    stored = make(tmp_path / "a", sqlite_url(tmp_path / "all.db"), "nas")
    write_dump(tmp_path / "a", stored, "postgresql://u:secret@host/db")
    with pytest.raises(AxMoError, match=r"is in postgresql://u:\*\*\*@host/db/nas; name that URL, with its password"):
        locate(str(tmp_path / "a"))


def test_resumed_study_is_where_it_was_resumed(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "all.db")
    make(tmp_path / "a", url, "nas")
    (tmp_path / "a").rename(tmp_path / "b")
    make(tmp_path / "b", url, "nas")
    assert read_snapshot(f"{url}/nas").directory == tmp_path / "b"


def test_commands_name_a_moved_directory_where_it_is(tmp_path: Path) -> None:
    make(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b c")
    record = read_snapshot(tmp_path / "b c")
    assert record.program is not None
    assert record.program.resume_words(record.directory) == [*TYPED, f"hydra.sweep.dir='{tmp_path}/b c'"]
    assert record.program.words([], record.directory) == ["python", "a.py", "--config-dir", f"{tmp_path}/b c"]
