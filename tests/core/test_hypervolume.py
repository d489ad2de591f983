"""Our hypervolume against BoTorch's."""

import random

import pytest

from ax_mo.core.hypervolume import dominated_volume, volumes_so_far


@pytest.mark.parametrize("dimensions", [2, 3, 4, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 10, 40])
def test_volume_is_that_of_botorch(dimensions: int, count: int) -> None:
    import torch
    from botorch.utils.multi_objective.hypervolume import Hypervolume
    from botorch.utils.multi_objective.pareto import is_non_dominated

    draw = random.Random(f"{dimensions} {count}")
    points = [tuple(draw.choice([draw.random(), 0.5]) for _ in range(dimensions)) for _ in range(count)]
    reference = (0.2,) * dimensions
    expected = 0.0
    if points:
        tensor = torch.tensor(points, dtype=torch.double)
        front = tensor[is_non_dominated(tensor)]
        expected = Hypervolume(torch.tensor(reference, dtype=torch.double)).compute(front)
    assert dominated_volume(points, reference) == pytest.approx(expected, rel=1e-12)
    assert (volumes_so_far(points, reference) or [0.0])[-1] == pytest.approx(expected, rel=1e-12)


def test_one_objective_is_how_far_the_best_is_past_the_reference() -> None:
    assert dominated_volume([(3.0,), (5.0,), (-1.0,)], (1.0,)) == 4.0
    assert dominated_volume([(0.0,)], (1.0,)) == 0.0


def test_large_front_of_four_objectives_takes_moments() -> None:
    import time

    draw = random.Random(0)
    points = [tuple(draw.gauss(0, 1) for _ in range(4)) for _ in range(100)]
    front = [tuple(value / sum(v * v for v in point) ** 0.5 + 1 for value in point) for point in points]
    started = time.process_time()
    assert dominated_volume(front, (0.0,) * 4) > 0
    assert time.process_time() - started < 10


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_volume_after_each_point_is_that_of_the_points_so_far(dimensions: int) -> None:
    draw = random.Random(dimensions)
    points = [tuple(draw.choice([draw.random(), 0.5]) for _ in range(dimensions)) for _ in range(30)]
    found = volumes_so_far(points, (0.2,) * dimensions)
    assert found == pytest.approx(
        [dominated_volume(points[: n + 1], (0.2,) * dimensions) for n in range(30)], rel=1e-12
    )


def test_thousand_trials_of_three_objectives_take_moments() -> None:
    import time

    draw = random.Random(0)
    points = [tuple(draw.gauss(0, 1) for _ in range(3)) for _ in range(1000)]
    started = time.process_time()
    assert dominated_volume(points, (-4.0,) * 3) > 0
    assert time.process_time() - started < 0.2
