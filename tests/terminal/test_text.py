"""Tables as plain text, whatever letters are in them."""

import pytest

from ax_mo.terminal.terminal import table_lines
from ax_mo.terminal.text import cells, text_table

WIDE = ["モデル", "e\u0301te\u0301", "한국어 모델", "plain"]


@pytest.mark.parametrize("right", [False, True])
def test_columns_stand_below_each_other_where_letters_are_wide_or_combine(right: bool) -> None:
    rows = [[name, "|"] for name in WIDE]
    bars = [cells(line[: line.index("|")]) for line in text_table(["name", "|"], rows, right).splitlines()]
    assert bars == [max(map(cells, WIDE)) + 2] * 5


def test_width_of_a_text_is_that_of_its_cells() -> None:
    assert [cells(text) for text in WIDE] == [6, 3, 11, 5]


def test_wide_letters_are_counted_where_a_terminal_is_too_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "14")
    header, row, *left_out = table_lines(["trial", "モデル", "x"], [["0", "小さい", "1"]])
    assert (header, row) == ("trial  モデル", "    0  小さい")
    assert " ".join(left_out) == "Not shown, for want of room: x"
