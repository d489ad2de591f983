"""One entry of ``params`` becomes a parameter, or an error that says what to write."""

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from ax_mo.errors import ConfigError
from ax_mo.search_space.entries import read_entries
from ax_mo.search_space.grammar import FixedOverride, parse_entry
from ax_mo.search_space.parameters import Choice, Parameter, Range

GROUPS = {"model": ["cnn", "mlp", "resnet"], "size": ["18", "50"]}


def entry(value: str, key: str = "x") -> Parameter | FixedOverride:
    return parse_entry(f"{key}={value}", f"hydra.sweeper.params.{key}", lambda group: GROUPS.get(group, []))


def values(parameter: Parameter | FixedOverride) -> list[Any]:
    assert isinstance(parameter, Choice)
    return [option.value for option in parameter.options]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("interval(-1.5, 1e-1)", Range("x", -1.5, 0.1)),
        ("interval(start=0, end=1)", Range("x", 0.0, 1.0)),
        ("int(interval(1, 5))", Range("x", 1, 5, integral=True)),
        ("tag(log, interval(1e-4, 1e-1))", Range("x", 1e-4, 1e-1, log=True)),
        ("tag(log, int(interval(16, 128)))", Range("x", 16, 128, integral=True, log=True)),
        ("int(tag(log, interval(16, 128)))", Range("x", 16, 128, integral=True, log=True)),
        ("range(5)", Range("x", 0, 4, integral=True)),
        ("range(10, 0, step=-1)", Range("x", 1, 10, integral=True)),
        ("range(0, 1000000000000)", Range("x", 0, 999999999999, integral=True)),
        ("tag(log, range(1, 10))", Range("x", 1, 9, integral=True, log=True)),
    ],
)
def test_number_between_two_bounds_is_a_range(value: str, expected: Range) -> None:
    assert entry(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("range(1, 10, step=3)", [1, 4, 7]),
        ("range(10, 0, step=-3)", [1, 4, 7, 10]),
        ("range(0.0, 0.5, step=0.1)", [0.0, 0.1, 0.2, 0.3, 0.4]),
        ("float(range(1, 4))", [1.0, 2.0, 3.0]),
        ("choice(64, 1, 0.5)", [0.5, 1, 64]),
    ],
)
def test_numbers_are_an_ordered_choice(value: str, expected: list[float]) -> None:
    parameter = entry(value)
    assert repr(values(parameter)) == repr(expected)
    assert isinstance(parameter, Choice) and parameter.ordered


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((value, ["a", "b"]) for value in ("choice(a, b)", "a, b", "shuffle(choice(a, b))", "choice('a', 'b', a)")),
        ("choice(true, false)", [True, False]),
        ("tag(categorical, choice(2, 1))", [2, 1]),
    ],
)
def test_other_values_are_a_choice_without_order(value: str, expected: list[Any]) -> None:
    parameter = entry(value)
    assert values(parameter) == expected
    assert isinstance(parameter, Choice) and not parameter.ordered and not parameter.is_group


def test_choice_keeps_one_and_true_and_one_as_float_apart() -> None:
    assert [repr(value) for value in values(entry("1,true,1.0"))] == ["1", "True", "1.0"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("interval(3, 1)", ": the lower bound 3.0 is not below the upper bound 1.0 in interval(3.0, 1.0)."),
        ("int(interval(0.2, 0.7))", "is not below the upper bound"),
        ("interval(nan, 1)", "is not below the upper bound"),
        ("tag(log, interval(-1, 1))", "a log scale needs a lower bound above 0, not -1.0"),
        ("tag(log, interval(1, inf))", "the bounds must be finite"),
        *((f"tag(foo, {v})", "the tag 'foo' means nothing") for v in ("interval(0, 1)", "range(5)", "choice(1, 2)")),
        ("range(1, 2)", "holds 1 value(s); a search needs at least two (the stop is exclusive)"),
        ("range(1, 5, step=0)", "holds 0 value(s)"),
        ("range(0.0, 1.0, step=1e-9)", "holds 1,000,000,000 values, too many to go through one by one"),
        ("tag(log, range(1.0, 4.0, step=0.5))", "write tag(log, interval(1.0, 3.5))"),
        ("tag(log, range(1, 10, step=2))", "write tag(log, int(interval(1, 9)))"),
        ("choice([1,2])", "holds 1 value(s); a search needs at least two. To fix it, write 'x: [1,2]'."),
        ("choice()", "the choice is empty; a search needs at least two values"),
        ("choice(a, null)", "null cannot stand in choice(...); write the values as a plain list"),
        ("tag(log, choice(1, 10))", "the tag 'log' means nothing for a choice; write tag(log, interval(low, high))"),
        ("glob(*)", "there is no such group"),
        ("tune.uniform(0, 1)", "'tune.uniform(...)' is not in Hydra's grammar; write interval(low, high), tag(log,"),
        *((v, f"'{v}' is not in Hydra's grammar (") for v in ("choice(a, b", "a=b=c)", "interval(0, 1, 2, 3)", "é")),
    ],
)
def test_is_refused_with_what_to_write(value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        entry(value)
    assert str(caught.value).startswith("hydra.sweeper.params.x: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# Config groups


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("choice(mlp, cnn)", ["mlp", "cnn"]),
        ("mlp,[]", ["mlp", []]),
        ("choice(mlp, [mlp,cnn])", ["mlp", ["mlp", "cnn"]]),
        ("glob(*, exclude=resnet)", ["cnn", "mlp"]),
    ],
)
def test_choice_over_a_group_is_of_its_options(value: str, expected: list[Any]) -> None:
    parameter = entry(value, "model")
    assert values(parameter) == expected
    assert isinstance(parameter, Choice) and parameter.is_group and not parameter.ordered


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("choice(mlp, resnt)", "has no option 'resnt'; it has: cnn, mlp, resnet. Did you mean 'resnet'?"),
        ("choice(mlp, [mlp,rnn])", "has no option 'rnn'"),
        ("mlp,null", "write [] to leave the group out"),
        ("null", "write [] to leave the group out"),
        ("glob(m*)", "'glob(m*)' holds 1 value(s); a search needs at least two. The group has: cnn, mlp, resnet."),
        ("interval(0, 1)", "is a config group; choose among its options, for example 'choice(cnn, mlp, resnet)'"),
        ("range(0, 3)", "is a config group"),
    ],
)
def test_options_that_a_group_has_not_are_refused(value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        entry(value, "model")
    assert message in str(caught.value)


def test_prefix_and_package_of_a_group_stay_in_its_key() -> None:
    parameter = parse_entry("+model@net=mlp,cnn", "+model@net", lambda group: GROUPS.get(group, []))
    assert parameter.key == "+model@net"
    assert isinstance(parameter, Choice) and parameter.is_group


@pytest.mark.parametrize("value", ["choice('18', '50')", "choice(18, 50)", "glob(*)"])
def test_options_that_look_like_numbers_stay_strings(value: str) -> None:
    parameter = entry(value, "size")
    assert isinstance(parameter, Choice)
    parser = OverridesParser.create()
    assert [parser.parse_override(f"size={o.text}").value() for o in parameter.options] == ["18", "50"]


# What is no search


@pytest.mark.parametrize("value", ["1", "abc", "[1,2]", "{a:1}", "null", "''", "", "'a,b'", "int(3)"])
def test_value_without_a_sweep_is_fixed(value: str) -> None:
    fixed = entry(value)
    assert isinstance(fixed, FixedOverride)
    assert (fixed.key, fixed.line) == ("x", f"x={value}")


def test_deletion_is_fixed_but_cannot_be_swept() -> None:
    fixed = parse_entry("~x=1", "~x", lambda _: [])
    assert isinstance(fixed, FixedOverride)
    assert (fixed.key, fixed.line) == ("~x", "~x=1")
    with pytest.raises(ConfigError, match=r"a deletion .* cannot be swept over"):
        parse_entry("~x=1,2", "~x", lambda _: [])


@pytest.mark.parametrize("key", ["hydra.job.name", "hydra/launcher", "+hydra.job.env_set.A"])
def test_hydras_own_settings_cannot_be_searched(key: str) -> None:
    with pytest.raises(ConfigError, match="Hydra's own settings cannot be searched"):
        entry("choice(a, b)", key)


# Entries of a YAML file


def fixed_lines(params: dict[str, Any]) -> list[str]:
    """The override lines of ``params`` that are fixed."""
    entries = read_entries(params, [], lambda _: []).all
    return [entry.content.line for entry in entries if isinstance(entry.content, FixedOverride)]


def test_nested_mappings_are_dotted_keys() -> None:
    assert fixed_lines({"optim": {"lr": 0.5, "deep": {"er": "a"}}, "seed": 3}) == [
        "optim.lr=0.5",
        "optim.deep.er=a",
        "seed=3",
    ]


@pytest.mark.parametrize(
    "value", [3, 1e-5, True, None, [1.5, None, True], ["a", "b c", "d,e", "1", "null", "é"], [["a"]], [{"a": "1"}]]
)
def test_yaml_value_becomes_an_override_of_the_same_value(value: Any) -> None:
    override = OverridesParser.create().parse_override(fixed_lines({"x": value})[0])
    assert not override.is_sweep_override()
    assert repr(override.value()) == repr(value)
