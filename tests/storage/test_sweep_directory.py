"""A sweep directory knows whether it was moved or is a copy."""

import json
import shutil
from pathlib import Path

import pytest

from ax_mo.storage.sweep_directory import IDENTITY, enter_directory, original_of


@pytest.fixture
def here(tmp_path: Path) -> Path:
    directory = tmp_path / "sweep"
    directory.mkdir()
    return directory


def test_token_stays_and_is_of_this_directory_alone(here: Path, tmp_path: Path) -> None:
    home = enter_directory(here)
    assert len(home.token) == 8 and int(home.token, 16) >= 0
    again = enter_directory(here)
    assert (again.token, again.original, again.former) == (home.token, None, None)
    (tmp_path / "other").mkdir()
    assert enter_directory(tmp_path / "other").token != home.token


def test_moved_directory_keeps_its_token_and_knows_where_it_was(here: Path, tmp_path: Path) -> None:
    token = enter_directory(here).token
    moved = here.rename(tmp_path / "moved")
    home = enter_directory(moved)
    assert (home.token, home.original, home.former) == (token, None, here)
    assert enter_directory(moved).former is None


def test_former_path_leads_to_where_the_directory_was_moved(here: Path, tmp_path: Path) -> None:
    enter_directory(here)
    assert not enter_directory(here).link_former(), "it was not moved"
    moved = here.rename(tmp_path / "moved")
    assert enter_directory(moved).link_former()
    assert here.readlink() == moved
    home = enter_directory(moved)
    assert (home.former, home.original) == (None, None)
    further = moved.rename(tmp_path / "further")
    home = enter_directory(further)
    assert home.former == moved
    assert home.link_former() and here.samefile(further), "also by way of the link that was left first"


def test_former_path_that_a_job_has_made_anew_is_left_as_it_is(here: Path, tmp_path: Path) -> None:
    enter_directory(here)
    moved = here.rename(tmp_path / "moved")
    (here / "0").mkdir(parents=True)
    home = enter_directory(moved)
    assert home.former == here
    assert not home.link_former()
    assert (here / "0").is_dir() and not here.is_symlink()


def test_reader_sees_a_copy_and_changes_nothing(here: Path, tmp_path: Path) -> None:
    enter_directory(here)
    copy = Path(shutil.copytree(here, tmp_path / "copy"))
    before = (copy / IDENTITY).read_bytes()
    assert original_of(copy) == here
    assert original_of(here) is None and original_of(tmp_path) is None
    assert (copy / IDENTITY).read_bytes() == before
    home = enter_directory(copy)
    assert original_of(copy) == here
    home.settled()
    assert original_of(copy) is None


def test_copy_gets_a_token_of_its_own_and_names_the_original(here: Path, tmp_path: Path) -> None:
    token = enter_directory(here).token
    copy = Path(shutil.copytree(here, tmp_path / "copy"))
    home = enter_directory(copy)
    assert home.token != token
    assert home.original == here
    assert (enter_directory(here).token, enter_directory(here).original) == (token, None), "the original is what it was"


def test_copy_names_the_original_until_its_trials_are_settled(here: Path, tmp_path: Path) -> None:
    enter_directory(here)
    copy = Path(shutil.copytree(here, tmp_path / "copy"))
    token = enter_directory(copy).token
    killed_before_it_settled = enter_directory(copy)
    assert (killed_before_it_settled.token, killed_before_it_settled.original) == (token, here)
    assert killed_before_it_settled.settled().original is None
    assert (enter_directory(copy).token, enter_directory(copy).original) == (token, None)


def test_directory_restored_from_a_backup_is_the_same(here: Path, tmp_path: Path) -> None:
    token = enter_directory(here).token
    backup = Path(shutil.copytree(here, tmp_path / "backup"))
    shutil.rmtree(here)
    elsewhere = Path(shutil.copytree(backup, tmp_path / "elsewhere"))
    assert (enter_directory(elsewhere).token, enter_directory(elsewhere).original) == (token, None)
    shutil.copytree(backup, here)
    home = enter_directory(here)
    assert (home.token, home.original, home.former) == (token, None, None)


def test_directory_that_was_moved_is_no_copy_of_a_copy_at_its_old_place(here: Path, tmp_path: Path) -> None:
    token = enter_directory(here).token
    moved = here.rename(tmp_path / "moved")
    shutil.copytree(moved, here)
    home = enter_directory(moved)
    assert (home.token, home.original, home.former) == (token, None, here)


def test_another_link_to_the_directory_is_no_other_directory(here: Path, tmp_path: Path) -> None:
    token = enter_directory(here).token
    link = tmp_path / "link"
    link.symlink_to(here)
    home = enter_directory(link)
    assert (home.token, home.original, home.former) == (token, None, None)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 1, "token": 5, "inode": 1, "path": "/"}', '{"schema": 1, "token": "a b"}']
)
def test_unreadable_file_makes_a_new_home(here: Path, text: str) -> None:
    (here / IDENTITY).write_text(text)
    home = enter_directory(here)
    assert (len(home.token), home.original, home.former) == (8, None, None)
    assert json.loads((here / IDENTITY).read_text())["token"] == home.token


def test_nothing_but_the_file_is_left(here: Path, tmp_path: Path) -> None:
    enter_directory(here)
    copy = Path(shutil.copytree(here, tmp_path / "copy"))
    enter_directory(copy).settled()
    assert [path.name for path in (*here.iterdir(), *copy.iterdir())] == [IDENTITY, IDENTITY]
