"""Tables as plain text, whatever letters are in them."""

import pytest

from ax_mo.terminal.columns import Column, fitted
from ax_mo.terminal.text import cells, text_table

WIDE = ["モデル", "e\u0301te\u0301", "한국어 모델", "plain"]


@pytest.mark.parametrize("right", [False, True])
def test_columns_stand_below_each_other_where_letters_are_wide_or_combine(right: bool) -> None:
    rows = [[name, "|"] for name in WIDE]
    bars = [cells(line[: line.index("|")]) for line in text_table(["name", "|"], rows, right).splitlines()]
    assert bars == [max(map(cells, WIDE)) + 2] * 5


def test_width_of_a_text_is_that_of_its_cells() -> None:
    assert [cells(text) for text in WIDE] == [6, 3, 11, 5]


def test_wide_letters_are_counted_where_a_terminal_is_too_narrow() -> None:
    from rich.console import Console
    from rich.text import Text

    columns = [Column("trial", [Text("0")]), Column("モデル", [Text("小さい")]), Column("x", [Text("1")])]
    console = Console(width=14, color_system=None, force_terminal=False)
    with console.capture() as shown:
        console.print(fitted(columns, 14))
    header, row, left_out = (line.rstrip() for line in shown.get().splitlines()[:3])
    assert header == "trial  モデル" and row == "    0  小さい" and left_out.startswith("Not shown")
