"""Config groups that stand at a list of options, such as callbacks and loggers. Hydra notes nowhere what they stand at.

BUG: they were taken for groups that are not there, and the advice to write "+group" made another run of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ax_mo.errors import ConfigError
from ax_mo.hydra_project.project import Project, without_hydra
from ax_mo.search_space.build import build_space
from ax_mo.search_space.start import config_point, initial_points
from tests.search_space.networks import built, message_of, space_of, when

FILES = {
    "conf/config.yaml": "defaults: [{model: a}, {cb: [x]}, _self_]\nlr: 0.5\n",
    "conf/cb/x.yaml": "x: 1.0\n",
    "conf/cb/y.yaml": "y: 1.0\n",
    "conf/cb/z.yaml": "z: 1.0\n",
    "conf/model/a.yaml": "defaults: []\na: 1\n",
    "conf/model/b.yaml": "defaults: [{log: [x]}]\nb: 1\n",
    "conf/model/c.yaml": "defaults: [{log: x}]\nc: 1\n",
    "conf/model/log/x.yaml": "x: 1.0\n",
    "conf/model/log/y.yaml": "y: 1.0\n",
}
LR = {"lr": "interval(0, 1)"}


@pytest.fixture(scope="module")
def project(make_shared_project: Callable[[dict[str, str]], Project]) -> Project:
    return make_shared_project(FILES)


@pytest.mark.parametrize(
    ("entry", "value", "cb"),
    [
        ("choice([x], [y])", ["y"], {"y": 1.0}),
        ("choice([x], [x, y])", ["x", "y"], {"x": 1.0, "y": 1.0}),
        ("choice(x, y)", "y", {"y": 1.0}),
        ("choice(x, [y, z])", ["y", "z"], {"y": 1.0, "z": 1.0}),
    ],
)
def test_chosen_options_take_the_place_of_the_projects_list(
    project: Project, entry: str, value: Any, cb: Mapping[str, float]
) -> None:
    space = space_of(project, {"cb": entry})
    assert without_hydra(project.compose(space.overrides({"cb": value}))).cb == cb


def test_key_exists_under_the_lists_that_bring_it(project: Project) -> None:
    params = {"cb": "choice([y], [x], [x, y])", "cb.x": "interval(0, 1)", "cb.y": "interval(0, 1)"}
    space = space_of(project, params)
    assert (when(space, "cb.x"), when(space, "cb.y")) == ("cb in ([x], [x,y])", "cb in ([y], [x,y])")


def test_projects_own_list_that_is_not_searched_gives_no_key(project: Project) -> None:
    params = {"cb": "choice([y], [z])", "cb.x": "interval(0, 1)"}
    assert "has the key 'cb.x' with cb=x only, and no trial has that" in message_of(project, params)


def test_group_is_there_under_the_options_that_bring_it_as_a_list_or_not(project: Project) -> None:
    params = {"model": "choice(a, b, c)", "model/log": "choice([x], [y])", "model.log.x": "interval(0, 1)"}
    space = space_of(project, params)
    assert when(space, "model/log") == "model in (b, c)"
    assert when(space, "model.log.x") == "model/log=[x]"


@pytest.mark.parametrize("argument", ["cb=[y]", "cb=choice([y])"])
def test_list_is_fixed(project: Project, argument: str) -> None:
    space = space_of(project, {**LR, "cb.y": "interval(0, 1)"}, [argument])
    assert space.keys == ("lr", "cb.y")
    assert without_hydra(project.compose(space.fixed)).cb == {"y": 1.0}


def test_list_is_fixed_where_it_is(project: Project) -> None:
    space = space_of(project, {"model": "choice(a, b, c)", "model/log": "[y]", "model.log.y": "interval(0, 1)"})
    assert [(c.line, c.when[0].texts) for c in space.conditional] == [("model/log=[y]", ("b", "c"))]


def test_group_that_no_defaults_list_has_is_still_to_be_added(make_project: Callable[..., Project]) -> None:
    project = make_project({"conf/config.yaml": "lr: 0.5\n", "conf/cb/x.yaml": "x: 1\n", "conf/cb/y.yaml": "y: 1\n"})
    message = message_of(project, {"cb": "choice([x], [y])"})
    assert "no defaults list has the config group 'cb'" in message
    assert message.endswith("To add it, write '+cb'.")
    with pytest.raises(ConfigError, match="no defaults list has the config group 'cb'"):
        build_space(LR, ["cb=choice([x])"], (), project)


def test_starting_points_have_the_projects_own_list(project: Project) -> None:
    space = space_of(project, {**LR, "cb": "choice([y], [x])", "cb.x": "interval(0, 1)"})
    assert config_point(space, project) == ({"lr": 0.5, "cb": ["x"], "cb.x": 1.0}, "")
    points = initial_points(space, [{"lr": 0.25}, {"cb": ["y"]}], project)
    assert points == [{"lr": 0.25, "cb": ["x"], "cb.x": 1.0}, {"lr": 0.5, "cb": ["y"]}]


def test_projects_own_list_outside_of_the_space_is_no_point(project: Project) -> None:
    space = space_of(project, {"cb": "choice([y], [z])"})
    assert config_point(space, project) == (None, "it gives no value for cb")


@pytest.mark.parametrize(
    ("params", "hints"),
    [
        (
            {"model": ["a", "b"]},
            [
                "hydra.sweeper.params.model: [a,b] is one value, a list, the same in every trial. To search among its "
                "elements, write choice(a, b)."
            ],
        ),
        (
            {"model.a": [32, 64]},
            [
                "hydra.sweeper.params.model.a: [32,64] is one value, a list, the same in every trial. To search among "
                "its elements, write choice(32, 64)."
            ],
        ),
        ({"cb": ["y", "z"]}, []),  # a group that stands at a list
        ({"layers": [1, 2]}, []),  # the project's own value is a list
        ({"nothing": [1, 2]}, []),
    ],
)
def test_list_in_place_of_one_value_may_be_meant_as_a_choice(
    make_project: Callable[..., Project], params: Mapping[str, Any], hints: list[str]
) -> None:
    files = {**FILES, "conf/config.yaml": FILES["conf/config.yaml"] + "layers: [3]\nnothing: null\n"}
    assert list(built(make_project(files), {**LR, **params}).hints) == hints
