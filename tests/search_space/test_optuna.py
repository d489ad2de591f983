"""Optuna's search_space dialect: what each entry becomes, value by value, and what is refused."""

from typing import Any

import pytest

from ax_mo.errors import ConfigError
from ax_mo.search_space.entries import read_entries
from ax_mo.search_space.grammar import FixedOverride, parse_entry
from ax_mo.search_space.optuna import translated
from ax_mo.search_space.parameters import Choice, Parameter, Range


def parsed(**entry: Any) -> Parameter | FixedOverride:
    """What the entry's translation means to Hydra's grammar and to us."""
    return parse_entry(f"x={translated({'x': entry})['x']}", "x", lambda _: [])


def options(parameter: Any) -> list[Any]:
    assert isinstance(parameter, Choice)
    return [option.value for option in parameter.options]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"type": "int", "low": 1, "high": 4}, Range("x", 1, 4, integral=True)),
        ({"type": "int", "low": 1.0, "high": 1e5}, Range("x", 1, 100_000, integral=True)),
        ({"type": "int", "low": -4, "high": 4, "step": None, "log": False}, Range("x", -4, 4, integral=True)),
        ({"type": "int", "low": 1, "high": 512, "log": True, "step": 1}, Range("x", 1, 512, integral=True, log=True)),
        ({"type": "float", "low": 0, "high": 1}, Range("x", 0.0, 1.0)),
        ({"type": "float", "low": -5.5, "high": 5.5, "choices": None}, Range("x", -5.5, 5.5)),
        ({"type": "float", "low": 1e-7, "high": 1, "log": True}, Range("x", 1e-7, 1.0, log=True)),
    ],
)
def test_bounds_belong_to_the_space_and_the_type_is_kept(entry: dict[str, Any], expected: Range) -> None:
    found = parsed(**entry)
    assert found == expected
    assert isinstance(found, Range)
    assert type(found.low) is (int if found.integral else float)


@pytest.mark.parametrize(
    ("entry", "values"),
    [
        ({"type": "int", "low": 16, "high": 64, "step": 16}, [16, 32, 48, 64]),
        ({"type": "int", "low": 1, "high": 10, "step": 4}, [1, 5, 9]),
        ({"type": "float", "low": 0, "high": 0.5, "step": 0.1}, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ({"type": "float", "low": -1, "high": 1, "step": 0.75}, [-1.0, -0.25, 0.5]),
        ({"type": "categorical", "choices": ["adam", "sgd"]}, ["adam", "sgd"]),
        ({"type": "categorical", "choices": ["1", "true", "null", "a b", "c,d"]}, ["1", "true", "null", "a b", "c,d"]),
        ({"type": "categorical", "choices": [True, False]}, [True, False]),
        ({"type": "categorical", "choices": [None, 1, 0.5, "x"]}, [None, 1, 0.5, "x"]),
        ({"type": "categorical", "choices": [64, 32]}, [32, 64]),
        ({"type": "categorical", "choices": ["[64, 128]", "[32]"]}, [[64, 128], [32]]),
        ({"type": "categorical", "choices": [[64, 128], [32]]}, [[64, 128], [32]]),
    ],
)
def test_steps_and_choices_hold_these_values(entry: dict[str, Any], values: list[Any]) -> None:
    found = options(parsed(**entry))
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ({"type": "int", "low": 3, "high": 3}, "x=3"),
        ({"type": "int", "low": 3, "high": 5, "step": 4}, "x=3"),
        ({"type": "float", "low": 3, "high": 3}, "x=3.0"),
        ({"type": "float", "low": 0, "high": 0.5, "step": 1}, "x=0.0"),
        ({"type": "categorical", "choices": ["adam"]}, "x=adam"),
    ],
)
def test_single_value_is_the_same_in_every_trial(entry: dict[str, Any], line: str) -> None:
    found = parsed(**entry)
    assert isinstance(found, FixedOverride)
    assert found.line == line


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("interval(0, 1)", " must be a mapping, not 'interval(0, 1)'; write {type: float, low: 0.0, high: 1.0}"),
        ({"low": 0, "high": 1}, ".type must be one of int, float, categorical, not None"),
        ({"type": "floa", "low": 0, "high": 1}, "not floa. Did you mean 'float'?"),
        ({"type": "float", "low": 0, "hihg": 1}, " has no setting 'hihg'. Did you mean 'high'? It takes type, low,"),
        ({"type": "float", "low": 0}, " has no 'high'; type float needs 'low' and 'high'"),
        ({"type": "float", "low": "a", "high": 1}, ".low must be a number, not 'a'"),
        ({"type": "float", "low": 2, "high": 1}, ": the lower bound 2.0 is not below the upper bound 1.0"),
        ({"type": "float", "low": 0, "high": 1, "log": True}, ": a log scale needs a lower bound above 0"),
        (
            {"type": "float", "low": 1, "high": 2, "log": True, "step": 0.1},
            ": a log scale needs steps of 1",
        ),
        ({"type": "float", "low": 0, "high": float("inf")}, ": the bounds must be finite"),
        ({"type": "float", "low": 0, "high": float("inf"), "step": 1}, ": range(0.0, inf, step=1.0) holds 0 value(s)"),
        ({"type": "float", "low": 0, "high": 1, "step": 0}, ".step must be above 0, not 0.0"),
        ({"type": "float", "low": 0, "high": 1, "step": 1e-6}, "holds 1,000,001 values, too many"),
        ({"type": "float", "low": 0, "high": 1, "choices": [1]}, ": 'choices' means nothing for type float"),
        ({"type": "int", "low": 0.5, "high": 1}, ".low must be a whole number for type int, not 0.5"),
        ({"type": "int", "low": 4, "high": 1, "step": 2}, " holds 0 value(s)"),
        ({"type": "categorical", "choices": "adam"}, ".choices must be a list of values, such as [adam, sgd], and not"),
        ({"type": "categorical", "choices": ["a", "b"], "low": 0}, ": 'low' means nothing for type categorical"),
    ],
)
def test_is_refused_with_its_key(entry: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_entries({}, (), lambda _: [], {"x": entry})
    assert str(refused.value).startswith("hydra.sweeper.search_space.x")
    assert message in str(refused.value)


def test_dotted_keys_nest_on_the_command_line():
    nested = {
        "optim": {"lr": {"type": "float", "low": 0, "high": 1}, "type": {"type": "categorical", "choices": [1, 2]}}
    }
    assert translated(nested) == {"optim.lr": "interval(0.0, 1.0)", "optim.type": "1,2"}


def read(params: dict[str, Any], search_space: dict[str, Any]) -> list[tuple[str, str]]:
    entries = read_entries(params, (), lambda _: [], search_space).all
    return [(entry.where, entry.content.key) for entry in entries]


def test_params_and_search_space_join_each_with_its_own_place():
    assert read({"y": "choice(1,2)"}, {"+x": {"type": "int", "low": 1, "high": 2}}) == [
        ("hydra.sweeper.params.y", "y"),
        ("hydra.sweeper.search_space.+x", "+x"),
    ]


@pytest.mark.parametrize("params", [{"optim.lr": "interval(0,1)"}, {"optim": {"lr": 0.1}}, {"++optim.lr": 0.1}])
def test_key_in_both_is_refused(params):
    with pytest.raises(ConfigError, match=r"^hydra.sweeper.(params|search_space).optim.lr: .* sets the same key"):
        read(params, {"optim.lr": {"type": "float", "low": 0, "high": 1}})
