"""Files are written whole or not at all."""

import math
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ax_mo.trial.curve import append
from ax_mo.trial.files import HeldOpen, read_json, remove_unfinished, write_atomically, write_json


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_text_replaces_the_old_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    write_atomically(path, "new é\n")
    assert path.read_text(encoding="utf-8") == "new é\n"
    assert names(tmp_path) == ["a.txt"]


def test_failure_keeps_the_old_content_and_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


# BUG: it named the temporary file, ".report.html.qrozus6a".
@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("missing/a.txt", FileNotFoundError),
        ("file/a.txt", NotADirectoryError),
        ("directory", IsADirectoryError),
    ],
)
def test_error_names_the_file_that_was_to_be_written(tmp_path: Path, target: str, error: type[OSError]) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "directory").mkdir()
    path = tmp_path / target
    with pytest.raises(error) as caught:
        write_atomically(path, "new")
    assert caught.value.filename == str(path) and caught.value.filename2 is None
    assert names(tmp_path) == ["directory", "file"]


def test_reader_never_sees_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    seen: list[str] = []
    replace = os.replace

    def watched(source: Any, target: Any) -> None:
        seen.append(path.read_text())
        replace(source, target)
        seen.append(path.read_text())

    monkeypatch.setattr(os, "replace", watched)
    write_atomically(path, "new")
    assert seen == ["old", "new"]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_file_is_for_those_whom_the_umask_lets_read_it(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "a.txt", "x")
        append(tmp_path / "curve", 0, 0.0, {"a": 1})
    finally:
        os.umask(before)
    for name in ("a.txt", "curve"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o666 & ~umask


def test_json_round_trip(tmp_path: Path) -> None:
    value = {"name": "é\n\x00'\"", "list": [1, 2.5, None, True], "deep": {"a": {}}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_json_refuses_nan_and_infinities(tmp_path: Path, number: float) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": number})
    assert read_json(path) == {"a": 1}
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("text", [b"", b'{"a": 1', b"[1]", b'{"a": NaN}', b'{"a": 1} x', b'{"a": "\xff"}'])
def test_anything_but_one_strict_object_reads_as_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.json").write_bytes(text)
    assert read_json(tmp_path / "a.json") is None
    assert read_json(tmp_path / "none.json") is read_json(tmp_path) is None


# BUG: UnicodeEncodeError, e.g. from a message with a file name that is no UTF-8; the result is then not recorded.
def test_text_that_utf8_cannot_encode_is_written_all_the_same(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"message": "no such file: \udcff.csv"})
    assert "no such file" in (read_json(tmp_path / "a.json") or {})["message"]


def test_descriptor_that_the_task_has_closed_and_used_again_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ours").touch()
    (tmp_path / "theirs").touch()
    held = HeldOpen(os.open(tmp_path / "ours", os.O_RDONLY))
    assert held.is_open
    os.close(held.descriptor)
    assert not held.is_open
    theirs = os.open(tmp_path / "theirs", os.O_RDONLY)
    assert theirs == held.descriptor and not held.is_open
    held.close()
    os.close(theirs)  # raises where it is closed


def test_what_a_process_that_nobody_has_reaped_was_writing_is_left(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    deadline = time.monotonic() + 10
    while Path(f"/proc/{ended.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (tmp_path / f".result.json.{ended.pid}-0123abcd.tmp").touch()
    (tmp_path / f".result.json.{os.getpid()}-0123abcd.tmp").touch()
    remove_unfinished(tmp_path, {"result.json"}.__contains__)
    assert [path.name for path in tmp_path.iterdir()] == [f".result.json.{os.getpid()}-0123abcd.tmp"]
    ended.wait()
