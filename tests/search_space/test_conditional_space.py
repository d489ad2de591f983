"""A conditional space as a value: its size, points and description."""

import pytest

from ax_mo.hydra_project.project import Project
from ax_mo.search_space.space import Outside, SearchSpace
from tests.search_space.networks import BLOCK, MODEL, PER_OPTION, space_of


def conditional(networks: Project) -> SearchSpace:
    params = {**MODEL, **BLOCK, "model.hidden1": "int(interval(1, 3))", "model.block.width": "1,2", "seed": "1,2"}
    return space_of(networks, {**params, "model.stages": 5})


def test_size_counts_each_combination_of_active_values_once(networks: Project) -> None:
    assert conditional(networks).size == 2 * (3 + 2 * (1 + 1 + 2))


def test_size_of_a_space_with_a_conditional_interval_is_none(networks: Project) -> None:
    space = space_of(networks, {**MODEL, "model.dropout": "interval(0, 1)"})
    assert space.size is None
    with pytest.raises(ValueError, match="not finite"):
        list(space.points())


def test_points_are_all_different_and_hold_active_values_only(networks: Project) -> None:
    space = conditional(networks)
    points = list(space.points())
    assert len({repr(point) for point in points}) == len(points) == space.size
    for point in points:
        assert point == space.restricted(point)
        assert space.outside(point) is None
        assert ("model.hidden1" in point) == (point["model"] == "mlp")
        assert ("model/block" in point) == (point["model"] != "mlp")
        assert ("model.block.width" in point) == (point.get("model/block") == "wide")


def test_outside_looks_at_active_values_only(networks: Project) -> None:
    space = conditional(networks)
    values = {"model": "mlp", "model.hidden1": 2, "seed": 1}
    assert space.outside(values) is None
    assert space.outside({**values, "model.block.width": 99, "model/block": "none"}) is None
    assert "model.hidden1=9 is above its upper bound 3" in str(space.outside({**values, "model.hidden1": 9}))
    assert "model.hidden1=2.5 is not a whole number" in str(space.outside({**values, "model.hidden1": 2.5}))
    assert space.outside({"model": "mlp", "seed": 1}) == Outside("it gives no value for model.hidden1", "model.hidden1")
    assert "model='rnn' is not among mlp, cnn, resnet" in str(space.outside({**values, "model": "rnn"}))
    assert space.outside({**values, "model": "cnn"}) == Outside("it gives no value for model/block", "model/block")


def test_restricted_leaves_what_is_active(networks: Project) -> None:
    values = {"model": "cnn", "model/block": "wide", "model.block.width": 2, "model.hidden1": 1, "seed": 2, "other": 3}
    space = conditional(networks)
    assert space.restricted(values) == {"model": "cnn", "model/block": "wide", "model.block.width": 2, "seed": 2}
    assert space.restricted({**values, "model": "mlp"}) == {"model": "mlp", "model.hidden1": 1, "seed": 2}


def test_description_says_when(networks: Project) -> None:
    assert conditional(networks).describe() == {
        "model": "choice(mlp, cnn, resnet)",
        "model/block": "choice(basic, bottleneck, wide) when model in (cnn, resnet)",
        "model.hidden1": "int(interval(1, 3)) when model=mlp",
        "model.block.width": "choice(1, 2) when model/block=wide",
        "seed": "choice(1, 2)",
        "model.stages (fixed) when model=resnet": "model.stages=5",
    }


def test_description_tells_parameters_of_the_same_key_apart(networks: Project) -> None:
    described = space_of(networks, PER_OPTION).describe()
    assert described["optim.lr"] == "interval(1.0, 2.0) when optim=adam"
    assert described["optim.lr when optim=sgd"] == "interval(3.0, 4.0) when optim=sgd"
