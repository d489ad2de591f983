"""Draws at a new point given those at known ones: they are the model's, and BoTorch's functions of them theirs."""

from typing import Any

import pytest
import torch
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from torch import Tensor

from ax_mo.core.objectives import parse_goals
from ax_mo.optimizer import acquisition
from ax_mo.optimizer.draws import ConditionalDraws, ExpectedImprovement, HypervolumeImprovement
from ax_mo.search_space.parameters import Choice, Option, Range
from ax_mo.search_space.space import Point, SearchSpace
from tests.support.played import PlayedStudy
from tests.support.trials import make_trial

SPACE = SearchSpace(
    (
        Range("x", 0.0, 1.0),
        Range("y", 0.0, 1.0),
        Choice("kind", tuple(Option(name, name) for name in ("a", "b", "c"))),
    )
)
TWO = parse_goals({"loss": "minimize", "size": "minimize"})
CONSTRAINED = parse_goals({"loss": "minimize"}, None, ["size <= 1"])
BOTH = parse_goals({"loss": {"goal": "minimize", "threshold": 1.0}, "size": "minimize"}, None, ["cost <= 1.5"])
DRAWS = 1024


def metrics_at(point: Point) -> dict[str, float]:
    loss = (point["x"] - 0.3) ** 2 + 0.1 * (point["kind"] == "a")
    return {"loss": loss, "size": 1 + point["y"] - point["x"], "cost": 1 + point["x"]}


def played(method: str, goals: Any = TWO, repeats: int = 1) -> PlayedStudy:
    trials = PlayedStudy(SPACE, goals, method="random_search").play(12, metrics_at)
    samples = [
        tuple({name: value + 0.02 * repeat for name, value in trial.metrics.items()} for repeat in range(repeats))
        for trial in trials
    ]
    known = [
        make_trial(trial.number, point=trial.point, metrics=trial.metrics, samples=some if repeats > 1 else ())
        for trial, some in zip(trials, samples, strict=True)
    ]
    return PlayedStudy(SPACE, goals, known, method=method)


def points(count: int) -> Tensor:
    drawn = torch.rand(count, 3, dtype=torch.double, generator=torch.Generator().manual_seed(count))
    drawn[:, 2] = (drawn[:, 2] * 3).floor() / 2
    return drawn


@pytest.mark.parametrize(("method", "repeats"), [("fast", 1), ("fast", 2), ("saas", 1)])
def test_draws_have_the_joint_distribution_of_the_model(method: str, repeats: int) -> None:
    model = played(method, repeats=repeats).optimizer.fit().generator.surrogate.model
    known, new = points(4), points(6)
    torch.manual_seed(0)
    with torch.no_grad():
        drawn = model.posterior(known).rsample(torch.Size([DRAWS]))
        draws = ConditionalDraws(getattr(model, "models", [model]), known, drawn)(new.unsqueeze(-2))
        for index, point in enumerate(new):
            of_all = model.posterior(torch.cat([known, point.unsqueeze(0)]))
            expected = of_all.rsample(torch.Size([DRAWS]))
            got = torch.cat([drawn, draws[:, index]], -2)
            assert torch.allclose(got.mean(0), expected.mean(0), atol=0.1)
            assert torch.allclose(moments(got), moments(expected), atol=0.12)


def moments(draws: Tensor) -> Tensor:
    """The covariances of the points, of each metric and model."""
    centred = (draws - draws.mean(0)).movedim(0, -1).transpose(-3, -2)  # ... x m x n x S
    return centred @ centred.transpose(-1, -2) / draws.shape[0]


@pytest.mark.parametrize(
    ("goals", "method", "kind"),
    [
        (TWO, "fast", HypervolumeImprovement),
        (TWO, "saas", HypervolumeImprovement),
        (CONSTRAINED, "fast", ExpectedImprovement),
    ],
)
def test_acquisition_function_has_the_draws_of_botorchs_own(
    monkeypatch: pytest.MonkeyPatch, goals: Any, method: str, kind: type
) -> None:
    function = last_searched(monkeypatch, goals, method)
    assert type(function) is kind
    X = points(32).unsqueeze(-2)
    with torch.no_grad():
        quick, slow = drawn_at(function, X, True), drawn_at(function, X, False)
    assert quick.shape == slow.shape and not torch.equal(quick, slow)
    assert torch.allclose(quick.mean(0), slow.mean(0), atol=0.1)
    assert torch.allclose(quick.std(0), slow.std(0), atol=0.3)


@pytest.mark.parametrize(("goals", "method"), [(TWO, "fast"), (TWO, "saas"), (BOTH, "fast")])
def test_improvement_of_the_hypervolume_has_botorchs_values_for_the_same_draws(
    monkeypatch: pytest.MonkeyPatch, goals: Any, method: str
) -> None:
    function = last_searched(monkeypatch, goals, method)
    assert (function.constraints is None) is (goals is TWO)
    X = points(32).unsqueeze(-2).requires_grad_()
    samples, _ = function._compute_posterior_samples_and_concat_pending(X)
    quick = function._compute_log_qehvi(samples, X)
    slow = super(HypervolumeImprovement, function)._compute_log_qehvi(samples, X)
    assert torch.allclose(quick, slow, rtol=1e-9)
    slopes = [torch.autograd.grad(values.sum(), X, retain_graph=True)[0] for values in (quick, slow)]
    assert torch.allclose(*slopes, rtol=1e-6)


def last_searched(monkeypatch: pytest.MonkeyPatch, goals: Any, method: str) -> Any:
    """The acquisition function of a suggestion, with a trial in flight."""
    searched: list[Any] = []
    search = acquisition.search

    def recording(function: Any, *given: Any) -> Any:
        searched.append(function)
        return search(function, *given)

    monkeypatch.setattr(acquisition, "search", recording)
    study = played(method, goals)
    study.open(study.ask())
    study.ask()
    return searched[-1]


def drawn_at(function: Any, X: Tensor, by_ours: bool) -> Tensor:
    draws: Tensor
    ours, botorchs = type(function).__mro__[:2]
    kind = ours if by_ours else botorchs
    if issubclass(kind, qLogNoisyExpectedHypervolumeImprovement):
        draws, _ = kind._compute_posterior_samples_and_concat_pending(function, X)
    else:
        draws, _ = kind._get_samples_and_objectives(function, X)
    return draws
