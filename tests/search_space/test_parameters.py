"""The search space as values."""

import math

import pytest

from ax_mo.core.linear import parse_linear
from ax_mo.search_space.parameters import Choice, Option, Range
from ax_mo.search_space.space import SearchSpace

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
