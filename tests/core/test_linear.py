"""Linear inequalities as people write them."""

import math

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from ax_mo.core.linear import LinearConstraint, in_quotes, parse_linear
from ax_mo.errors import ConfigError


def parsed(text: str) -> tuple[dict[str, float], float]:
    constraint = parse_linear(text, "constraints")
    return dict(constraint.terms), constraint.bound


@pytest.mark.parametrize(
    ("text", "terms", "bound"),
    [
        ("a <= 3", {"a": 1.0}, 3.0),
        ("a >= 3", {"a": -1.0}, -3.0),
        ("a<=b", {"a": 1.0, "b": -1.0}, 0.0),
        ("a >= b", {"a": -1.0, "b": 1.0}, 0.0),
        ("2*a + 0.5 * b <= 1e1", {"a": 2.0, "b": 0.5}, 10.0),
        ("a*2 <= 4", {"a": 2.0}, 4.0),
        ("2*a*3 <= 4", {"a": 6.0}, 4.0),
        ("-a <= -.5", {"a": -1.0}, -0.5),
        ("a - -b <= 0", {"a": 1.0, "b": 1.0}, 0.0),
        ("a + 1 <= 2*3 - b", {"a": 1.0, "b": 1.0}, 5.0),
        ("10 >= a", {"a": 1.0}, 10.0),
        ("a + a + b <= b + 3", {"a": 2.0}, 3.0),
        ("1.5e-3*a <= 2E+2", {"a": 1.5e-3}, 200.0),
    ],
)
def test_terms_gather_on_the_left_and_constants_on_the_right(text: str, terms: dict[str, float], bound: float) -> None:
    assert parsed(text) == (terms, bound)


@pytest.mark.parametrize("name", ["optim.lr", "val/acc@1", "a1", "optim@opt.lr", "m.layers.0", "größe", "精度", "R²"])
def test_names_may_hold_dots_slashes_packages_and_any_letters(name: str) -> None:
    assert parsed(f"2*{name} <= other/{name}") == ({name: 2.0, f"other/{name}": -1.0}, 0.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a", "needs exactly one '<=' or '>='"),
        ("", "needs exactly one '<=' or '>='"),
        ("a <= b <= c", "needs exactly one '<=' or '>='"),
        ("a < 1", "compares with '<'"),
        ("a > 1", "compares with '>'"),
        ("a == 1", "compares with '=='"),
        ("a = 1", "compares with '='"),
        ("<= 1", "has an empty side"),
        ("a <=", "has an empty side"),
        ("a * b <= 1", "has 'a * b', which is no sum of names and numbers times names"),
        ("2a <= 1", "has '2 a', which is no sum"),
        ("a b <= 1", "has 'a b', which is no sum"),
        ("1 >= a +", "has 'a +', which is no sum"),
        ("a ** 2 <= 1", "which is no sum"),
        (f"{'-' * 10_000}a <= 1", "which is no sum"),
        ("(a) <= 1", "has an unexpected '('"),
        ("a^2 <= 1", "has an unexpected '^'"),
        ("1 <= 2", "names nothing to constrain"),
        ("a <= a", "names nothing to constrain"),
        ("0*a <= 1", "names nothing to constrain"),
    ],
)
def test_error_says_what_is_wrong_and_what_to_write(text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_linear(text, "param_constraints")
    message = str(caught.value)
    assert message.startswith(f"hydra.sweeper.param_constraints: '{text}' ")
    assert reason in message
    assert "Write a linear inequality such as" in message


# BUG: an absolute tolerance of 1e-9 made every one of 1e-9 ... 1e-12 meet it.
@pytest.mark.parametrize(
    ("text", "within", "beyond"),
    [
        ("err <= 1e-11", 1e-11, math.nextafter(1e-11, 1)),
        ("err >= 1e-11", 1e-11, 9.99e-12),
        ("err <= 0", 0.0, 5e-324),
        ("err <= 1e6", 1e6, math.nextafter(1e6, 2e6)),
    ],
)
def test_a_parsed_inequality_is_exact(text: str, within: float, beyond: float) -> None:
    constraint = parse_linear(text, "constraints")
    assert constraint.holds({"err": within})
    assert not constraint.holds({"err": beyond})


def test_holds_forgives_rounding_relative_to_the_bound() -> None:
    constraint = LinearConstraint((("a", 1.0),), 1e6, "a <= 1e6")
    assert constraint.holds({"a": 1e6 + 1e-4})
    assert not constraint.holds({"a": 1e6 + 1e-2})
    assert LinearConstraint((("a", 1.0),), 0.3, "a <= 0.3").holds({"a": 0.1 + 0.2})


def test_holds_forgives_rounding_relative_to_the_numbers_that_are_compared() -> None:
    order = LinearConstraint((("a", 1.0), ("b", -2.0)), 0.0, "a <= 2*b")
    assert order.holds({"a": 8585.041486995, "b": 8585.041486994 / 2})
    assert order.holds({"a": 1e9 + 0.5, "b": 5e8})
    assert not order.holds({"a": 1e9 + 2, "b": 5e8})
    assert not order.holds({"a": 1e-3 + 2e-9, "b": 5e-4})


@pytest.mark.parametrize("quote", ["`", "'", '"'])
@pytest.mark.parametrize("name", ["top 5 (%)", "5fold", "val-acc", "a <= b", "+", "5", " a "])
def test_any_name_may_be_quoted(name: str, quote: str) -> None:
    assert parsed(f"2*{quote}{name}{quote} - 1 <= other+{quote}x-y{quote}") == (
        {name: 2.0, "other": -1.0, "x-y": -1.0},
        1.0,
    )


@pytest.mark.parametrize("name", ["a`b", "it's", 'the "best"', "it's `so`", "plain"])
def test_quoted_is_read_back_as_the_name(name: str) -> None:
    assert parsed(f"{in_quotes(name)} <= 3") == ({name: 1.0}, 3.0)


@pytest.mark.parametrize("name", ["val-acc", "top 5 (%)", "5fold", "val acc", "recall@p>=0.5", "it's", "100%", "#1"])
def test_a_known_name_needs_no_quotes(name: str) -> None:
    for text in (f"{name} <= 3", f"3>={name}", f"1*{name}+1 <= 4"):
        constraint = parse_linear(text, "where", known=["acc", name])
        assert (dict(constraint.terms), constraint.bound) == ({name: 1.0}, 3.0)


def test_of_known_names_the_longest_counts_and_spaces_tell_a_difference_from_it() -> None:
    known = ["val", "acc", "val-acc", "val-acc-5"]
    assert parse_linear("val-acc-5 <= 3", "where", known=known).names == ("val-acc-5",)
    assert parse_linear("val-acc - 5 <= 3", "where", known=known).names == ("val-acc",)
    assert parse_linear("val - acc <= 3", "where", known=known).names == ("val", "acc")


def test_a_known_name_ends_where_the_word_does() -> None:
    assert parse_linear("val/acc <= 3", "where", known=["val"]).names == ("val/acc",)
    assert parse_linear("a-bc <= 3", "where", known=["a-b", "a", "bc"]).names == ("a", "bc")


def test_numbers_and_signs_stay_what_they_are_though_a_metric_is_called_so() -> None:
    constraint = parse_linear("-loss <= 5", "where", known=["5", "-loss", "loss", "-", "<="])
    assert (constraint.terms, constraint.bound) == ((("loss", -1.0),), 5.0)
    assert parse_linear("x <= 1e-3", "where", known=["1e", "x"]).bound == 1e-3


@pytest.mark.parametrize(
    ("text", "piece", "name"),
    [
        ("val - acc >= 0.5", "val", "val-acc"),
        ("val -acc >= 0.5", "val", "val-acc"),
        ("top >= 80", "top", "top 5 (%)"),
        ("top 5 % >= 80", "top", "top 5 (%)"),
        ("fold <= 1", "fold", "5fold"),
        ("loss <= 1", "loss", "-loss"),
    ],
)
def test_a_piece_of_a_known_name_is_refused_with_how_to_quote_it(text: str, piece: str, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_linear(text, "constraints", known=["acc.x", name])
    assert str(caught.value) == (
        f"hydra.sweeper.constraints: '{text}' names '{piece}', which is a part of the name '{name}'. Write `{name}` "
        f"for the whole name, or `{piece}` for a metric that is called so."
    )
    assert parse_linear(f"`{piece}` <= 1", "constraints", known=[name]).names == (piece,)


def test_part_of_a_word_is_no_piece_of_a_name() -> None:
    assert parse_linear("seconds <= 60", "constraints", known=["train_seconds", "val/seconds"]).names == ("seconds",)


@pytest.mark.parametrize(("text", "reason"), [("`a <= 1", "has an unclosed '`'"), ("'' <= 1", "has an empty name")])
def test_quotes_must_be_closed_around_something(text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_linear(text, "constraints")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("override", "yaml"),
    [
        ('constraints=["`top 5 (%)` <= 3"]', "constraints: ['`top 5 (%)` <= 3']"),
        ("constraints=[\"'top 5 (%)' <= 3\"]", "constraints: [\"'top 5 (%)' <= 3\"]"),
        ("constraints=['\"top 5 (%)\" <= 3']", "constraints:\n- '\"top 5 (%)\" <= 3'"),
        ("constraints=['top 5 (%) <= 3']", "constraints:\n- top 5 (%) <= 3"),
    ],
)
def test_names_reach_us_through_the_command_line_and_yaml(override: str, yaml: str) -> None:
    typed = OverridesParser.create().parse_override(f"hydra.sweeper.{override}").value()
    written = OmegaConf.to_container(OmegaConf.create(yaml))
    assert isinstance(typed, list) and isinstance(written, dict)
    for (text,) in (typed, written["constraints"]):
        assert parse_linear(str(text), "constraints", known=["top 5 (%)"]).names == ("top 5 (%)",)


@pytest.mark.parametrize("text", ["a <= 1e400", "1e400*a <= 1", "1e200*1e200*a <= 1"])
def test_number_beyond_all_floats_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="has a number that is too large"):
        parse_linear(text, "param_constraints")
