"""Parameters and spaces as values: as overrides, in words, as JSON, and at a number in [0, 1]."""

import json
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ax_mo.core.linear import LinearConstraint, parse_linear
from ax_mo.search_space.grammar import parse_entry
from ax_mo.search_space.parameters import Choice, Condition, Option, Range
from ax_mo.search_space.space import ConditionalOverride, SearchSpace, space_as_json, space_from_json

MODEL = Choice("model", (Option("mlp", "mlp"), Option("cnn", "cnn")), is_group=True)
RATE = Range("lr", 1e-4, 1e-1, log=True)
WIDTH = Range("width", 16, 128, integral=True)


def test_overrides_are_fixed_ones_then_groups_then_values() -> None:
    space = SearchSpace((RATE, MODEL, WIDTH), (), ("seed=3", "+experiment=small"))
    point = {"lr": 0.01, "model": "cnn", "width": 32}
    assert space.overrides(point) == ["seed=3", "+experiment=small", "model=cnn", "lr=0.01", "width=32"]


def test_description_is_the_grammar_that_it_could_have_been_written_in() -> None:
    space = SearchSpace((MODEL, RATE, WIDTH, Range("a", 0.0, 1.0)), (parse_linear("a <= lr", "param_constraints"),))
    assert space.describe() == {
        "model": "choice(mlp, cnn)",
        "lr": "tag(log, interval(0.0001, 0.1))",
        "width": "int(interval(16, 128))",
        "a": "interval(0.0, 1.0)",
        "constraint 0": "a <= lr",
    }


def test_choice_text_tells_values_of_different_types_apart() -> None:
    choice = Choice("x", (Option(1, "1"), Option(True, "true"), Option("1", "'1'"), Option(1.0, "1.0")))
    assert [choice.text(value) for value in (1, True, "1", 1.0)] == ["1", "true", "'1'", "1.0"]


def test_choice_text_accepts_a_number_that_lost_its_type_in_json() -> None:
    assert Choice("x", (Option(1.0, "1.0"), Option(2.0, "2.0"))).text(1) == "1.0"


def test_choice_text_finds_nan_and_containers() -> None:
    choice = Choice("x", (Option(math.nan, "nan"), Option([1, {"a": None}], "[1,{a:null}]")))
    assert choice.text(float("nan")) == "nan"
    assert choice.text([1, {"a": None}]) == "[1,{a:null}]"


def test_value_that_is_no_option_is_an_error() -> None:
    with pytest.raises(ValueError, match="model has no option 'rnn'"):
        MODEL.text("rnn")


AWKWARD = """'a,b', '1', 1, 1.0, true, 'true', null, 'null', [1,[2.5]], {x:1,y:[a]}, '', 'é', '${a}', "it's", x"""


def test_space_is_read_back_as_it_was_written() -> None:
    lines = {
        "model": "mlp,cnn",
        "opt": "adam,'18'",
        "lr": "tag(log, interval(1e-4, 1))",
        "width": "int(interval(2, 9))",
        "depth": "tag(ordered, choice(a, b))",
        "any": AWKWARD,
    }

    def options(group: str) -> list[str]:
        return {"model": ["mlp", "cnn"], "opt": ["adam", "18"]}.get(group, [])

    parameters = tuple(parse_entry(f"{key}={value}", key, options) for key, value in lines.items())
    when = (Condition("model", ("mlp",)),)
    space = SearchSpace(
        parameters,  # type: ignore[arg-type]
        (LinearConstraint((("lr", 2.0), ("width", -1.0)), 0.5, "2*lr <= width + 0.5"),),
        ("seed=1",),
        (ConditionalOverride("bias", "bias=true", when),),
    )
    assert space_from_json(json.loads(json.dumps(space_as_json(space)))) == space


# A number in [0, 1) becomes a value

GRID = [i / 5000 for i in range(5000)]


@settings(max_examples=50, database=None, derandomize=True)
@given(st.floats(0, 1, exclude_max=True), st.floats(1e-9, 1e6), st.floats(1.001, 1e6), st.booleans())
def test_number_stays_within_bounds(u: float, low: float, factor: float, log: bool) -> None:
    assert low <= Range("x", low, low * factor, log=log).at(u) <= low * factor
    whole = Range("x", math.ceil(low), math.ceil(low * factor) + 1, integral=True, log=log)
    assert type(whole.at(u)) is int
    assert whole.low <= whole.at(u) <= whole.high


@pytest.mark.parametrize(("low", "high", "log"), [(1, 2, True), (3, 40, True), (1, 9, False)])
def test_every_integer_is_hit(low: int, high: int, log: bool) -> None:
    parameter = Range("x", low, high, integral=True, log=log)
    assert {parameter.at(u) for u in GRID} == set(range(low, high + 1))


def test_shares_are_equal() -> None:
    """Of integers, of decades on a log scale, and of options, which come in their order."""
    log = Range("x", 1e-4, 1e-1, log=True)
    choice = Choice("x", tuple(Option(value, value) for value in "abc"))
    for counts, expected in (
        (Counter(Range("x", -2, 2, integral=True).at(u) for u in GRID), [-2, -1, 0, 1, 2]),
        (Counter(math.floor(math.log10(log.at(u + 1e-5))) for u in GRID), [-4, -3, -2]),
        (Counter(choice.at(u) for u in GRID), ["a", "b", "c"]),
    ):
        assert list(counts) == expected
        assert max(counts.values()) - min(counts.values()) <= 2


def test_ends_of_the_unit_interval_are_the_bounds() -> None:
    last = math.nextafter(1.0, 0.0)
    for parameter in (Range("x", 0.5, 2.5), Range("x", 3, 5, integral=True)):
        assert (parameter.at(0.0), parameter.at(last)) == (parameter.low, pytest.approx(parameter.high))
