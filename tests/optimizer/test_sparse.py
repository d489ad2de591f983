"""The model of spaces in which few of many parameters matter, and the method that chooses it by their number."""

from typing import Any

import pytest
import torch

from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.core.trial import Trial
from ax_mo.optimizer.sparse import SparseGP
from ax_mo.search_space.parameters import Choice, Condition, Option, Range
from ax_mo.search_space.space import Point, SearchSpace
from tests.support.played import PlayedStudy
from tests.support.trials import make_trial

GOALS = parse_goals({"loss": "minimize", "size": "minimize"}, None, ["seconds <= 3"])


def space_of(count: int) -> SearchSpace:
    kinds = Choice("kind", tuple(Option(name, name) for name in ("a", "b", "c")))
    return SearchSpace((*(Range(f"x{index}", 0.0, 1.0) for index in range(count - 1)), kinds))


def metrics_at(point: Point) -> dict[str, float]:
    loss = (point["x3"] - 0.3) ** 2 + 0.1 * (point["kind"] == "a")
    return {"loss": loss, "size": point["x3"] + point["x1"], "seconds": 4 * point["x1"]}


def trials_in(space: SearchSpace, goals: Goals = GOALS, count: int = 16) -> list[Trial]:
    drawn = PlayedStudy(space, goals, method="random_search").play(count, metrics_at)
    return [make_trial(trial.number, point=trial.point, metrics=trial.metrics) for trial in drawn]


def models_of(space: SearchSpace, method: str, trials: list[Trial], goals: Goals = GOALS) -> Any:
    return PlayedStudy(space, goals, trials, method=method).optimizer.fit().generator.surrogate.model


@pytest.mark.parametrize(
    ("method", "count", "is_sparse"),
    [("auto", 29, False), ("auto", 30, True), ("fast", 30, False), ("quality", 5, True)],
)
def test_method_decides_the_model_and_auto_by_the_number_of_parameters(
    method: str, count: int, is_sparse: bool
) -> None:
    space = space_of(count)
    model = models_of(space, method, trials_in(space))
    assert all(isinstance(one, SparseGP) == is_sparse for one in getattr(model, "models", [model]))


def test_sparse_model_predicts_better_where_few_of_many_parameters_matter() -> None:
    goals = parse_goals({"size": "minimize"})
    space = space_of(40)
    trials = trials_in(space, goals, 24)
    others = torch.rand(64, 40, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    truth = torch.tensor([metrics_at({"x1": x[1].item(), "x3": x[3].item(), "kind": "b"})["size"] for x in others])

    def unexplained(method: str) -> float:
        """The share of the variance."""
        means = models_of(space, method, trials, goals).posterior(others).mean.detach()
        means = means.mean(0) if means.dim() == 3 else means  # over the ensemble
        return 1.0 - float(torch.corrcoef(torch.stack([means.squeeze(-1), truth]))[0, 1]) ** 2

    assert unexplained("saas") < 0.2 * unexplained("fast")


def test_sparse_model_suggests_again_what_it_suggested_with_trials_in_flight() -> None:
    space = space_of(10)
    trials = trials_in(space)
    first, second = (PlayedStudy(space, GOALS, trials, method="saas") for _ in range(2))
    points = []
    for study in (first, second):
        suggestions = [study.ask()]
        study.open(suggestions[0])
        suggestions.append(study.ask())
        assert [suggestion.generator for suggestion in suggestions] == ["model", "model"]
        points.append([suggestion.point for suggestion in suggestions])
    assert points[0] == points[1]
    assert points[0][0] != points[0][1]


@pytest.mark.parametrize("goals", [parse_goals({"loss": "minimize"}), GOALS])
def test_sparse_model_suggests_in_conditional_spaces(goals: Goals) -> None:
    kinds = Choice("kind", (Option("a", "a"), Option("b", "b")))
    when = (Condition("kind", ("a",)),)
    space = SearchSpace((kinds, Range("x1", 0.0, 1.0), Range("x3", 0.0, 1.0, when=when)))
    study = PlayedStudy(space, goals, method="saas")
    trials = study.play(9, lambda point: metrics_at({"x3": 1.0, **point}))
    assert [trial.generator for trial in trials[-3:]] == ["model"] * 3
