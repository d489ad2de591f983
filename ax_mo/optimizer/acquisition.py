"""Which point the model proposes: the acquisition function, and the search for its highest value.

The acquisition function is Ax's choice for the goals: the expected improvement, of the hypervolume where there are
several objectives. Its highest value is searched in the space as it is, options as options; Ax's own way relaxes them,
and on mixed spaces spent most of a suggestion's time on starting points.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from ax.exceptions.core import SearchSpaceExhausted
from ax.generators.torch.botorch_modular.acquisition import Acquisition
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.generation.gen import gen_candidates_scipy
from botorch.optim.optimize_mixed import round_discrete_dims
from botorch.optim.parameter_constraints import evaluate_feasibility
from botorch.sampling.normal import SobolQMCNormalSampler
from botorch.utils.sampling import HitAndRunPolytopeSampler, draw_sobol_samples, sparse_to_dense_constraints
from torch import Tensor

from ax_mo.optimizer.ax_experiment import is_difference
from ax_mo.optimizer.compat import objective_count, outcomes_of
from ax_mo.optimizer.improvement import ExpectedImprovement, HypervolumeImprovement
from ax_mo.optimizer.target import fold

# Draws of the values at known points, each of which has a front of its own, and how many there are where a new point is
# drawn as well, for which BoTorch has 128. ``improvement`` says when that is.
_DRAWS = 8
_DRAWS_OF_NEW = 32

# With so many objectives, a front has so many boxes that what remains of one is left out below a share of the whole
# (``alpha`` of BoTorch's NondominatedPartitioning). On CarSideImpact (4) a suggestion took 100 s without that at 80
# trials; BoTorch's way for many objectives, qLogNParEGO, had a hypervolume of .69 at 40 trials, this .87.
_MANY_OBJECTIVES = 4
_COARSE = 0.01

_PRIME = 7919

# How hard the search is: points to begin with, all over the space and near the best ones; of these, the ones that are
# climbed from; how often at most, and with how many steps each time. Four times the scattered points, three rounds and
# 20 steps find values higher by .01 (logarithm), for 1.7 times the time: benchmarks/README.md.
_SCATTERED = 128
_NEARBY = 256
_STARTS = 4
_ROUNDS = 2
_STEPS = 12

_AT_ONCE = 64  # points evaluated together; more do not fit into a processor's cache

# A numerical parameter of more values than these is searched as if it were continuous, and rounded.
_FEW_VALUES = 20

_OURS = {
    qLogNoisyExpectedHypervolumeImprovement: HypervolumeImprovement,
    qLogNoisyExpectedImprovement: ExpectedImprovement,
}

Constraint = tuple[Tensor, Tensor, float]
"""BoTorch's: columns, coefficients and the least value of their weighted sum."""


class StudyAcquisition(Acquisition):  # type: ignore[misc]
    """Ax's acquisition with ``search`` in place of BoTorch's optimizers.

    Each suggestion has a seed of its own, from that of Ax's client and the number of points so far: Ax 1.3.1 would
    have all suggestions of a study go by the same random numbers.
    """

    def _construct_botorch_acquisition(
        self, botorch_acqf_class: type, botorch_acqf_options: dict[str, Any], model: Any
    ) -> Any:
        points = sum(len(some) for some in (self.X_observed, self.X_pending) if some is not None)
        torch.manual_seed((torch.initial_seed() + _PRIME * points) % 2**63)
        options = dict(botorch_acqf_options)
        is_of_volume = issubclass(botorch_acqf_class, qLogNoisyExpectedHypervolumeImprovement)
        if is_of_volume and objective_count(self) >= _MANY_OBJECTIVES:
            options["alpha"] = _COARSE
        kind = _OURS.get(botorch_acqf_class, botorch_acqf_class)

        def made(draws: int) -> Any:
            sampler = SobolQMCNormalSampler(torch.Size([draws]), seed=int(torch.randint(2**31, ())))
            return super(StudyAcquisition, self)._construct_botorch_acquisition(
                kind, {**options, "sampler": sampler}, model
            )

        function = made(_DRAWS)
        return made(_DRAWS_OF_NEW) if getattr(function, "draws_new_points", True) else function

    def get_botorch_objective_and_transform(
        self, botorch_acqf_class: type, model: Any, objective_weights: Tensor, **known: Any
    ) -> tuple[Any, Any]:
        """Ax's, and of objectives with a target their distance from it."""
        found = super().get_botorch_objective_and_transform(
            botorch_acqf_class=botorch_acqf_class, model=model, objective_weights=objective_weights, **known
        )
        columns = [place for place, outcome in enumerate(outcomes_of(self)) if is_difference(outcome)]
        return (fold(found[0], objective_weights, columns), None) if columns else found

    def optimize(
        self,
        n: int,
        search_space_digest: Any,
        inequality_constraints: list[Constraint] | None = None,
        **_: Any,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One point, ``1 x d``, its value, and a weight of 1.

        Raises SearchSpaceExhausted where none meets the constraints.
        """
        digest = search_space_digest
        domain = Domain(
            torch.tensor(digest.bounds, dtype=torch.double).T,
            {c: torch.tensor(sorted(v), dtype=torch.double) for c, v in digest.discrete_choices.items()},
            frozenset(digest.categorical_features),
            inequality_constraints or (),
        )
        known = [points for points in (self.X_observed, self.X_pending) if points is not None]
        tried = torch.cat(known) if known else domain.bounds[:0]
        around = getattr(self.acqf, "X_baseline", None)
        point, value = search(self.acqf, domain, tried if around is None else around)
        return point.unsqueeze(0), value.reshape(1), torch.ones(1, dtype=torch.double)


@dataclass(frozen=True)
class Domain:
    """Where to search: ``bounds`` are ``2 x d``; ``values`` those of discrete columns, in order."""

    bounds: Tensor
    values: Mapping[int, Tensor]
    unordered: frozenset[int]
    constraints: Sequence[Constraint]

    @property
    def width(self) -> Tensor:
        """How wide each column is, ``d``."""
        return self.bounds[1] - self.bounds[0]

    @property
    def continuous(self) -> list[int]:
        """The columns that are searched by gradient."""
        return [c for c in range(self.bounds.shape[-1]) if c not in self.stepped]

    @property
    def stepped(self) -> list[int]:
        """The columns whose values are tried one by one."""
        return [c for c, values in self.values.items() if c in self.unordered or len(values) <= _FEW_VALUES]

    def round(self, points: Tensor) -> Tensor:
        """The points, ``n x d``, with each discrete column at the nearest of its values."""
        return round_discrete_dims(points, self.values)

    def holds(self, points: Tensor) -> Tensor:
        """Of ``n x d`` points, whether each meets the constraints, ``n``."""
        if not self.constraints:
            return torch.ones(len(points), dtype=torch.bool)
        return evaluate_feasibility(points.unsqueeze(-2), inequality_constraints=list(self.constraints))

    def scattered(self, count: int) -> Tensor:
        """At most so many points from all of the domain."""
        if not self.constraints:
            return self.round(draw_sobol_samples(self.bounds, count, 1).squeeze(-2))
        matrix, least = sparse_to_dense_constraints(self.bounds.shape[-1], list(self.constraints))
        sampler = HitAndRunPolytopeSampler(inequality_constraints=(-matrix, -least), bounds=self.bounds)
        points = self.round(sampler.draw(count))
        return points[self.holds(points)]

    def nearby(self, points: Tensor, count: int) -> Tensor:
        """At most so many points that differ in some columns from one of these, by little or by much."""
        base = points[torch.randint(len(points), (count,))]
        d = base.shape[-1]
        changed = torch.rand(count, d) < torch.rand(count, 1).clamp_min(1.5 / d)
        reach = 10.0 ** (-0.5 - torch.rand(count, 1, dtype=torch.double))
        other = base + self.width * reach * torch.randn(count, d, dtype=torch.double)
        anywhere = draw_sobol_samples(self.bounds, count, 1).squeeze(-2)
        other[:, self.stepped] = anywhere[:, self.stepped]
        moved = self.round(torch.where(changed, other.clamp(self.bounds[0], self.bounds[1]), base))
        return moved[self.holds(moved)]

    def neighbours(self, point: Tensor) -> Tensor:
        """The points, ``n x d``, at another option or the next value in one discrete column."""
        found = [point.unsqueeze(0)[:0]]
        for column, values in self.values.items():
            at = int((values - point[column]).abs().argmin())
            others = [i for i in range(len(values)) if i != at and (column in self.unordered or abs(i - at) == 1)]
            moved = point.repeat(len(others), 1)
            moved[:, column] = values[others]
            found.append(moved)
        neighbours = torch.cat(found)
        return neighbours[self.holds(neighbours)]


def search(acquisition: Any, domain: Domain, around: Tensor) -> tuple[Tensor, Tensor]:
    """The best point found, ``d``, and its value: from points all over and near ``around``, the best are climbed from.

    The climb alternates between gradient steps in the continuous columns and the best step in a discrete one.
    """

    def values(points: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([acquisition(part.unsqueeze(-2)) for part in points.split(_AT_ONCE)])

    candidates = [domain.scattered(_SCATTERED)]
    if len(around):
        candidates.append(domain.nearby(around, _NEARBY))
    points = torch.cat(candidates)
    if not len(points):
        raise SearchSpaceExhausted("no point meets the constraints")
    heights = values(points)
    best = heights.topk(min(_STARTS, len(points))).indices
    points, heights = points[best], heights[best]
    for _ in range(_ROUNDS):
        before = heights.clone()  # which are replaced in place
        if domain.continuous:
            climbed = domain.round(_climbed(acquisition, domain, points))
            reached = torch.where(domain.holds(climbed), values(climbed), -math.inf)
            better = reached > heights
            points = torch.where(better.unsqueeze(-1), climbed, points)
            heights = torch.where(better, reached, heights)
        beside = [domain.neighbours(point) for point in points]
        if sum(map(len, beside)):
            reached = values(torch.cat(beside)).split([len(part) for part in beside])
            for i, (others, theirs) in enumerate(zip(beside, reached, strict=True)):
                if len(others) and theirs.max() > heights[i]:
                    points[i], heights[i] = others[theirs.argmax()], theirs.max()
        if not (heights > before + 1e-6).any():
            break
    return points[heights.argmax()], heights.max()


def _climbed(acquisition: Any, domain: Domain, points: Tensor) -> Tensor:
    # A climb that ends on a flat stretch is of use as far as it came. BoTorch 0.18.1 warns of it past all filters.
    with warnings.catch_warnings(record=True):
        climbed, _ = gen_candidates_scipy(
            points.unsqueeze(-2),
            acquisition,
            lower_bounds=domain.bounds[0],
            upper_bounds=domain.bounds[1],
            inequality_constraints=list(domain.constraints) or None,
            fixed_features={c: points[:, c].unsqueeze(-1) for c in domain.stepped} or None,
            options={"maxiter": _STEPS, "max_optimization_problem_aggregation_size": 1},
        )
    return climbed.squeeze(-2).detach()
