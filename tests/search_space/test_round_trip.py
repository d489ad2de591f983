"""A point's overrides, read back by Hydra, are the point: value and type. Random ones: ``test_round_trip_composed``."""

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from ax_mo.search_space.grammar import parse_entry
from ax_mo.search_space.parameters import Choice, Range
from ax_mo.search_space.space import SearchSpace


def options_read_back(line: str) -> tuple[list[Any], list[Any]]:
    """The options of a choice, and what Hydra reads from a trial's overrides for each."""
    parameter = parse_entry(line, "x", lambda _: [])
    assert isinstance(parameter, Choice)
    space, parser = SearchSpace((parameter,)), OverridesParser.create()
    values = [option.value for option in parameter.options]
    return values, [parser.parse_override(*space.overrides({"x": value})).value() for value in values]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (r"x=choice(a\,b, c)", ["a,b", "c"]),
        (r"x=choice(a\=b, \[c\])", ["a=b", "[c]"]),
        ("x=choice(a b, c:d)", ["a b", "c:d"]),
        ("x=choice(a@b/c, a.b-c+d%e|f?g*h$i)", ["a@b/c", "a.b-c+d%e|f?g*h$i"]),
        ("x=choice(${a.b}, '${c}')", ["${a.b}", "${c}"]),
        ("x=choice('', a)", ["", "a"]),
        ("x=1,null,'null',''", [1, None, "null", ""]),
        ("x=choice('1', 'true', 'null', '1e-3')", ["1", "true", "null", "1e-3"]),
        ("x=str(choice(1, true))", ["1", "true"]),
        ("x=choice('é', '#1', 'a;b', 'a\nb')", ["é", "#1", "a;b", "a\nb"]),
    ],
)
def test_option_reads_back_as_it_is(line: str, expected: list[Any]) -> None:
    options, back = options_read_back(line)
    assert options == expected
    assert repr(back) == repr(expected)


@pytest.mark.parametrize(("integral", "value"), [(True, 3), (False, 1), (False, 0.1 + 0.2), (False, 1e-300)])
def test_number_of_a_range_reads_back_exactly(integral: bool, value: float) -> None:
    (line,) = SearchSpace((Range("x", 0.0, 4.0, integral),)).overrides({"x": value})
    assert repr(OverridesParser.create().parse_override(line).value()) == repr(value if integral else float(value))
