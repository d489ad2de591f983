"""Files, JSON and text of anybody: within bounds, or refused."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ax_mo.trial.untrusted import (
    Unusable,
    measured,
    parse_json,
    read_bytes,
    read_tail,
    read_text,
    storable,
    storable_name,
    storable_value,
)


def test_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"x" * 1024)
    assert read_bytes(path, 1024) == b"x" * 1024
    with pytest.raises(Unusable, match=r"^is larger than 0 KiB"):
        read_bytes(path, 1023)


@pytest.mark.timeout(20)
def test_file_that_grows_while_it_is_read_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"x" * 100)
    real = os.fstat
    monkeypatch.setattr(os, "fstat", lambda descriptor: _Grows(real(descriptor).st_mode, 10))
    with pytest.raises(Unusable, match="larger"):
        read_bytes(path, 50)


class _Grows:
    def __init__(self, mode: int, size: int) -> None:
        self.st_mode = mode
        self.st_size = size


def test_missing_file_is_told_from_an_unusable_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "missing")
    (tmp_path / "link").symlink_to("missing")
    with pytest.raises(Unusable, match=r"^is a link, which is not followed"):
        read_bytes(tmp_path / "link")


def test_bytes_that_are_no_utf8_are_named_or_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ab\xff")
    with pytest.raises(Unusable, match=r"^is no UTF-8 at byte 2"):
        read_text(tmp_path / "a")
    assert read_text(tmp_path / "a", errors="replace") == "ab\ufffd"


@pytest.mark.timeout(20)
def test_tail_of_a_pipe_or_of_nothing_is_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert read_tail(tmp_path / "pipe", 100) == read_tail(tmp_path / "missing", 100) == ""
    (tmp_path / "a").write_bytes(b"0123456789")
    assert read_tail(tmp_path / "a", 4) == "6789"


@pytest.mark.parametrize("levels", [1, 100])
@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_json_of_a_hundred_levels_is_read(levels: int, pair: str) -> None:
    opening = "[" if pair == "[]" else '{"a":'
    text = opening * (levels - 1) + pair + pair[1] * (levels - 1)
    assert parse_json(text) == json.loads(text)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "[" * 101 + "]" * 101,
        '{"a":' * 200_000,
        '"' + "[" * 200 + '\\"', # a text without an end
        '[["]", ' + "[" * 150,
        '["\\\\", ' + "[" * 150,
        '"\\"' * 100_000 + "[" * 150,
    ],
    ids=lambda text: text[:10],
)  # fmt: skip
def test_json_that_is_too_deep_or_torn_is_refused_at_once(text: str) -> None:
    with pytest.raises(Unusable):
        parse_json(text)


def test_brackets_in_texts_are_no_levels() -> None:
    value = {"a": "[" * 1000, "b": '\\"{' * 1000, "c": ["]" * 10]}
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps([[]] * 1000)) == [[]] * 1000


def test_integers_stay_integers_unless_no_float_holds_them() -> None:
    assert parse_json("[9007199254740993, -7]") == [9007199254740993, -7]
    assert parse_json("1" * 308) == int("1" * 308)
    assert parse_json(f"[{'9' * 310}, -{'9' * 5000}]") == [float("inf"), float("-inf")]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1), (-0.5, -0.5), (1e100, 1e100), (2**62, 2**62), (2**64, 2.0**64), (-(2**64), -(2.0**64)),
        (1.1e100, None), (-1e101, None), (10**101, None), (float("nan"), None), (float("inf"), None), (True, None),
        (None, None), ("1", None), ([1], None), ({}, None),
    ],
)  # fmt: skip
def test_measurements_are_numbers_that_everybody_can_hold(value: Any, number: float | None) -> None:
    found = measured(value)
    assert found == number and type(found) is type(number)


def test_text_is_stored_without_what_no_database_takes() -> None:
    assert storable("a\0b\ud800c\udfffé\n\U0001f600") == "a\ufffdb\ufffdc\ufffdé\n\U0001f600"
    assert storable("x" * 3000) == "x" * 1999 + "…"
    assert storable_name("val/acc é") == "val/acc é"
    assert storable_value("\x1b[1mbold\0") == "\x1b[1mbold\ufffd"
    assert storable_name("a\r\nb\0") == "a\ufffd\ufffdb\ufffd"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[1;38;5;9mred\x1b[0m end", "red end"),
        ("\x1b(B\x1b[m\x1b7saved\x1b[2K\x1b[?25l", "saved"),
        ("\x1b]8;;http://a.b/c\x1b\\link\x1b]8;;\x1b\\ \x1b]0;title\x07end", "link end"),
        ("\x1b]0;without an end\nthe next line", "\nthe next line"),
        ("a\ttab, [31m and ESC", "a\ttab, [31m and ESC"),
    ],
)
def test_text_is_stored_without_what_drives_a_terminal(text: str, plain: str) -> None:
    assert storable(text) == storable(plain) == plain


def test_text_is_shortened_without_a_part_of_an_escape() -> None:
    assert storable("\x1b[31m" * 1000 + "x" * 20, 10) == "x" * 9 + "…"
