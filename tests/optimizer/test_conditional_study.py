"""The optimizer on a space in which parameters come and go with options."""

from ax_mo.core.objectives import parse_goals
from ax_mo.search_space.parameters import Choice, Condition, Option, Range
from ax_mo.search_space.space import SearchSpace
from tests.support.played import PlayedStudy

MLP, CNN = (Condition("model", ("mlp",)),), (Condition("model", ("cnn",)),)
SPACE = SearchSpace(
    (
        Choice("model", (Option("mlp", "mlp"), Option("cnn", "cnn")), is_group=True),
        Range("hidden", 16, 128, integral=True, log=True, when=MLP),
        Range("channels", 4, 32, integral=True, when=CNN),
        Range("lr", 1e-4, 1e-1, log=True),
    )
)
GOALS = parse_goals({"loss": "minimize", "size": "minimize"})


def metrics_at(point):
    size = point.get("hidden", point.get("channels", 1))
    return {"loss": 1 / size + point["lr"], "size": float(size)}


def test_resumed_study_suggests_what_the_uninterrupted_one_would():
    trials = PlayedStudy(SPACE, GOALS, seed=3).play(6, metrics_at)
    assert trials[-1].generator == "model"
    assert all(SPACE.outside(trial.point) is None for trial in trials)
    assert all(SPACE.restricted(trial.point) == trial.point for trial in trials)
    assert PlayedStudy(SPACE, GOALS, trials[:5], seed=3).ask().point == trials[5].point
