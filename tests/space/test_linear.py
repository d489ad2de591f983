"""Linear inequalities as people write them."""

import pytest

from ax_mo.errors import ConfigError
from ax_mo.linear import LinearConstraint, parse_linear


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


@pytest.mark.parametrize("name", ["optim.lr", "val/acc", "test_loss", "a1", "optim@opt.lr", "m.layers.0"])
def test_names_may_hold_dots_slashes_and_packages(name: str) -> None:
    assert parsed(f"2*{name} <= other/{name}") == ({name: 2.0, f"other/{name}": -1.0}, 0.0)


def test_names_keep_the_order_in_which_they_were_written() -> None:
    assert parse_linear("c + a <= b", "constraints").names == ("c", "a", "b")


def test_constraint_keeps_the_text_of_the_user() -> None:
    assert parse_linear("a  <=  1", "constraints").text == "a  <=  1"


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
        ("a * b <= 1", "multiplies 'a' by 'b', which is not linear"),
        ("2a <= 1", "needs '+', '-' or '*' before 'a'"),
        ("a b <= 1", "needs '+', '-' or '*' before 'b'"),
        ("a + <= 1", "ends in an operator"),
        ("2 * <= 1", "ends in an operator"),
        ("a ** 2 <= 1", "has two in a row"),
        ("+ <= 1", "ends in an operator"),
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


def test_holds_at_the_bound_and_not_beyond() -> None:
    constraint = parse_linear("2*a - b <= 1", "constraints")
    assert constraint.holds({"a": 1.0, "b": 1.0})
    assert constraint.holds({"a": 0.0, "b": 5.0})
    assert not constraint.holds({"a": 1.0, "b": 0.99})


def test_holds_reads_greater_or_equal_the_right_way_round() -> None:
    constraint = parse_linear("a >= 0.5", "constraints")
    assert constraint.holds({"a": 0.5})
    assert constraint.holds({"a": 2})
    assert not constraint.holds({"a": 0.49})


def test_holds_forgives_rounding_relative_to_the_bound() -> None:
    constraint = LinearConstraint((("a", 1.0),), 1e6, "a <= 1e6")
    assert constraint.holds({"a": 1e6 + 1e-4})
    assert not constraint.holds({"a": 1e6 + 1e-2})
    assert LinearConstraint((("a", 1.0),), 0.3, "a <= 0.3").holds({"a": 0.1 + 0.2})


def test_holds_ignores_values_that_it_does_not_name() -> None:
    assert parse_linear("a <= 1", "constraints").holds({"a": 1, "b": 100})
