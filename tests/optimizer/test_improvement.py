"""What is expected of a new point, given draws at known ones: it is what many draws of the model have on average."""

import math
from typing import Any

import pytest
import torch
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning
from torch import Tensor

from ax_mo.core.objectives import parse_goals
from ax_mo.optimizer import acquisition
from ax_mo.optimizer.improvement import Cells, ExpectedImprovement, GivenDraws, HypervolumeImprovement, Normal
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
ONE = parse_goals({"loss": "minimize"})
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
        draws = GivenDraws(getattr(model, "models", [model]), known, drawn).draws(new.unsqueeze(-2))
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
    monkeypatch.setattr(acquisition, "_DRAWS", 64)
    function = last_searched(monkeypatch, goals, method)
    assert type(function) is kind
    X = points(32).unsqueeze(-2)
    with torch.no_grad():
        quick, slow = drawn_at(function, X, True), drawn_at(function, X, False)
    assert quick.shape == slow.shape and not torch.equal(quick, slow)
    assert torch.allclose(quick.mean(0), slow.mean(0), atol=0.1)
    assert torch.allclose(quick.std(0), slow.std(0), atol=0.3)


@pytest.mark.parametrize(
    ("goals", "method"),
    [
        (TWO, "fast"),
        pytest.param(TWO, "saas", marks=pytest.mark.long),
        (BOTH, "fast"),
        (CONSTRAINED, "fast"),
        (ONE, "fast"),
    ],
)
def test_expected_improvement_is_that_of_many_draws(monkeypatch: pytest.MonkeyPatch, goals: Any, method: str) -> None:
    monkeypatch.setattr(acquisition, "_DRAWS", DRAWS)
    function = last_searched(monkeypatch, goals, method)
    scattered = points(256).unsqueeze(-2)
    of_botorch = type(function).__mro__[2].forward
    with torch.no_grad():
        drawn, best = torch.cat([of_botorch(function, X) for X in scattered.split(32)]).topk(8)
    X = scattered[best].requires_grad_()
    assert torch.allclose(function(X).exp(), drawn.exp(), rtol=0.0, atol=0.25 * drawn.max().exp().item())
    (slopes,) = torch.autograd.grad(function(scattered.requires_grad_()).sum(), scattered)
    assert slopes.isfinite().all()


@pytest.mark.parametrize("means", [(2.5, 2.5), (0.5, 4.5), (-8.0, -12.0), (2.5, -30.0)])
def test_expected_volume_beyond_a_front_is_its_integral(means: tuple[float, float]) -> None:
    """Also where an improvement is one in more cases than anybody draws."""
    front = torch.tensor([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]], dtype=torch.double)
    boxes = FastNondominatedPartitioning(torch.zeros(2, dtype=torch.double), front)
    deviations = torch.tensor([0.7, 1.3], dtype=torch.double)
    new = Normal(torch.tensor(means, dtype=torch.double).view(1, 1, 2), deviations.view(1, 1, 2))
    exact = Cells(*(bounds.unsqueeze(0) for bounds in boxes.get_hypercell_bounds())).log_improvement(new).item()

    steps = torch.linspace(0.0, 12.0, 2401, dtype=torch.double)
    densities = [torch.distributions.Normal(m, d).log_prob(steps) for m, d in zip(means, deviations, strict=True)]
    stairs = [(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]
    x, y = torch.meshgrid(steps, steps, indexing="ij")
    # Of the rectangle up to the new point, what no point of the front covers.
    volume, before = torch.zeros_like(x), 0.0
    for at, height in [*stairs, (math.inf, 0.0)]:
        volume += (x.clamp_max(at) - before).clamp_min(0) * (y - height).clamp_min(0)
        before = at
    integral = (volume.log() + densities[0].unsqueeze(1) + densities[1]).view(-1).logsumexp(0)
    assert exact == pytest.approx(integral.item() + 2 * math.log(steps[1].item()), abs=0.02)


@pytest.mark.parametrize(
    ("goals", "is_exact"),
    [
        (parse_goals({"loss": {"goal": 0.1, "tolerance": 0.02}, "size": "minimize"}), False),
        (parse_goals({"loss": {"goal": 0.1, "tolerance": 0.02}}), False),
        (parse_goals({"loss": "maximize", "size": "minimize"}), True),
    ],
)
def test_new_point_is_drawn_where_an_objective_is_a_distance(
    monkeypatch: pytest.MonkeyPatch, goals: Any, is_exact: bool
) -> None:
    function = last_searched(monkeypatch, goals, "fast")
    X = points(8).unsqueeze(-2)
    with torch.no_grad():
        of_botorch = type(function).__mro__[2].forward(function, X)
        assert torch.equal(function(X), of_botorch) is not is_exact


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
    ours, _, botorchs = type(function).__mro__[:3]
    kind = ours if by_ours else botorchs
    if issubclass(kind, qLogNoisyExpectedHypervolumeImprovement):
        draws, _ = kind._compute_posterior_samples_and_concat_pending(function, X)
    else:
        draws, _ = kind._get_samples_and_objectives(function, X)
    return draws
