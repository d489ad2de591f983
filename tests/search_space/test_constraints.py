"""Constraints over what is searched and what is fixed. BUG: what the command line fixed was refused as unknown."""

from collections.abc import Callable

import pytest

from ax_mo.hydra_project.project import Project
from ax_mo.search_space.parameters import Range
from tests.search_space.networks import built, message_of, parameter

FILES = {
    "conf/config.yaml": "defaults: [{model: a}, _self_]\nn: 3\nx: 1.0\ny: 1.0\nk: 2\nname: run\n",
    "conf/model/a.yaml": "a: 1\n",
    "conf/model/b.yaml": "b: 1\n",
}
PARAMS = {
    "n": "int(interval(1, 9))",
    "x": "tag(log, interval(1.0, 9.0))",
    "y": "interval(0.0, 10.0)",
    "k": "int(interval(1, 9))",
    "name": "a,b",
}


@pytest.fixture(scope="module")
def project(make_shared_project: Callable[[dict[str, str]], Project]) -> Project:
    return make_shared_project(FILES)


def test_number_that_is_fixed_moves_the_bound(project: Project) -> None:
    for fixed in ({}, {"n": 3}):
        space = built(project, {**PARAMS, **fixed}, [] if fixed else ["n=3"], ["2*n + k - y <= 10"]).space
        (constraint,) = space.constraints
        assert (constraint.terms, constraint.bound) == ((("k", 1.0), ("y", -1.0)), 4.0)
        assert constraint.text == "2*n + k - y <= 10"


@pytest.mark.parametrize(
    ("argument", "text", "expected"),
    [
        ("n=3", "n <= y", Range("y", 3.0, 10.0)),
        ("n=3", "y <= 2*n", Range("y", 0.0, 6.0)),
        ("n=3", "n <= x", Range("x", 3.0, 9.0, log=True)),  # of which a log scale allows no constraint
        ("y=2.5", "y <= k", Range("k", 3, 9, integral=True)),
        ("y=2.5", "k <= y", Range("k", 1, 2, integral=True)),
        ("++y=0.3", "k <= 10*y", Range("k", 1, 3, integral=True)),
        ("n=3", "y <= 5*n", Range("y", 0.0, 10.0)),
    ],
)
def test_constraint_of_which_one_parameter_is_left_is_a_bound_of_it(
    project: Project, argument: str, text: str, expected: Range
) -> None:
    found = built(project, PARAMS, [argument], [text])
    left = parameter(found.space, expected.key)
    assert (left, found.space.constraints) == (expected, ())
    assert isinstance(left, Range) and type(left.low) is type(left.high) is (int if left.integral else float)


def test_bound_that_was_moved_is_said(project: Project) -> None:
    moved, unmoved = (built(project, PARAMS, ["n=3"], [text]).hints for text in ("n <= y", "y <= 5*n"))
    assert "y is searched in interval(3.0, 10.0), since 'n <= y' with n=3." in moved
    assert not any("since" in hint for hint in unmoved)


def test_constraint_over_fixed_numbers_alone_is_dropped_where_it_holds(project: Project) -> None:
    assert built(project, PARAMS, ["n=3", "k=4"], ["n <= k"]).space.constraints == ()
    assert message_of(project, PARAMS, ["n=5", "k=4"], ["n <= k"]) == (
        "hydra.sweeper.param_constraints: 'n <= k' does not hold with n=5 and k=4."
    )


@pytest.mark.parametrize(
    ("argument", "text", "reason"),
    [
        ("n=12", "n <= y", "no point meets 'n <= y' with n=12: y is 0 to 10."),
        ("n=9", "n <= k", "'n <= k' with n=9 leaves k nothing but 9; fix it, too: k=9."),
        ("n=abc", "n <= k", "'n' in 'n <= k' is fixed, n=abc, which is no number."),
        ("n=true", "n <= k", "'n' in 'n <= k' is fixed, n=true, which is no number."),
        (
            "n=3,5",
            "n <= y",
            "'n' in 'n <= y' is a choice, because the command line gives n=3,5; only numbers between two bounds "
            "(interval, range) can be constrained.",
        ),
    ],
)
def test_fixed_value_that_leaves_nothing_is_refused_with_it(
    project: Project, argument: str, text: str, reason: str
) -> None:
    assert message_of(project, PARAMS, [argument], [text]) == f"hydra.sweeper.param_constraints: {reason}"


def test_number_that_is_fixed_under_an_option_only_is_refused(project: Project) -> None:
    params = {"model": {"a": {"n": 3}, "b": {}}, "y": "interval(0, 10)"}
    assert "'n' in 'n <= y' is only given when model=a" in message_of(project, params, (), ["n <= y"])
