"""Where the model is asked for a slice or a contour."""

from dataclasses import replace
from pathlib import Path

import pytest

from ax_mo.core.linear import LinearConstraint
from ax_mo.errors import AxMoError
from ax_mo.optimizer.grid import active_together, predicted_grid
from ax_mo.search_space.parameters import Choice, Condition, Option, Range
from ax_mo.search_space.space import SearchSpace
from tests.support.predictions import KnownModel
from tests.support.studies import CONDITIONAL, FLAT, metrics_of, record, study, trial

NOWHERE = Path("/nowhere")


def known(space=CONDITIONAL, count=18):
    return KnownModel(study(NOWHERE, count, space=space))


def test_other_parameters_are_as_in_the_trial():
    model = known(FLAT)
    grid = predicted_grid(model, ["width"], like=3)
    (of,) = [trial for trial in model.record.trials if trial.number == 3]
    assert grid.base is of and (grid.axes[0].values[0], grid.axes[0].values[-1]) == (16, 128)
    for width, found in zip(grid.axes[0].values, grid.predictions, strict=True):
        assert found["val_acc"][0] == metrics_of({**of.point, "width": width})["val_acc"]


def test_nothing_is_predicted_where_a_parameter_is_inactive():
    grid = predicted_grid(known(), ["model", "width"])
    model, width = grid.axes
    assert model.values == ("mlp", "cnn") and "width" in grid.base.point
    count = len(width.values)
    assert all(grid.predictions[:count]) and not any(grid.predictions[count:])
    (across,) = predicted_grid(known(), ["channels"]).axes
    assert across.values == tuple(range(4, 33)), "each of a few whole numbers"


def test_what_another_option_brings_is_as_in_the_next_best_trial():
    """Of the base, an MLP, nobody knows the channels."""
    grid = predicted_grid(known(), ["model"], like=next(t.number for t in known().record.trials if "width" in t.point))
    assert all(grid.predictions)


def test_parameters_that_are_never_active_together_are_told():
    assert not active_together(known().record, ["width", "channels"])
    with pytest.raises(AxMoError, match="No trial has both width and channels"):
        predicted_grid(known(), ["width", "channels"])
    mlp = next(trial for trial in known().record.trials if "width" in trial.point)
    with pytest.raises(AxMoError, match=f"channels is inactive in trial {mlp.label}; take another trial"):
        predicted_grid(known(), ["channels"], like=mlp.number)


def test_key_with_other_bounds_under_another_option_has_one_axis():
    optim = Choice("optim", (Option("adam", "adam"), Option("sgd", "sgd")), is_group=True)
    space = SearchSpace((
        *(replace(p, when=()) for p in FLAT.parameters if p.key != "optim.lr"),
        optim,
        Range("optim.lr", 1e-4, 1e-2, log=True, when=(Condition("optim", ("adam",)),)),
        Range("optim.lr", 1e-2, 1.0, log=True, when=(Condition("optim", ("sgd",)),)),
    ))  # fmt: skip
    rest = {"model": "mlp", "width": 20, "act": "relu"}
    points = [{**rest, "optim": "adam", "optim.lr": 0.001}, {**rest, "optim": "sgd", "optim.lr": 0.1}]
    model = KnownModel(record(NOWHERE, [trial(n, point, space) for n, point in enumerate(points)], space=space))
    grid = predicted_grid(model, ["optim.lr", "optim"])
    assert grid.axes[0].values[0] == pytest.approx(1e-4) and grid.axes[0].values[-1] == pytest.approx(1.0)
    there = [[found is not None for found in grid.predictions[place::2]] for place in range(2)]
    low, high = ([value for value, has in zip(grid.axes[0].values, row, strict=True) if has] for row in there)
    assert max(low) <= 0.0101 and min(high) >= 0.0099 and len(low) + len(high) >= len(grid.axes[0].values)
    (alone,) = predicted_grid(model, ["optim.lr"], like=0).axes
    assert alone.values[-1] == pytest.approx(1e-2), "those of its own option"


def test_points_beyond_a_constraint_are_not_predicted():
    space = replace(FLAT, constraints=(LinearConstraint((("width", 1.0), ("optim.lr", 1000.0)), 100.0, "a"),))
    grid = predicted_grid(known(space), ["width", "optim.lr"])
    assert any(grid.predictions) and not grid.predictions[-1]
