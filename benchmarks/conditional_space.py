"""Does the search gain from knowing what depends on what? The same study on a conditional space, and flattened.

An analytic stand-in for architecture search: three kinds of networks and two optimizers, each with parameters of its
own; accuracy against the logarithm of the network's size. Flattened, as other sweepers have it, every parameter is
always searched, and those of the options that were not chosen make no difference. Prints the hypervolume after 20,
30 and 40 trials, seed by seed, and the means.

    python benchmarks/conditional_space.py [--seeds 5] [--trials 40]
"""

import argparse
import logging
import math
import statistics
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

from ax_mo.core.objectives import parse_goals
from ax_mo.core.pareto import hypervolume, pareto_front, reference_point
from ax_mo.core.trial import Status, Trial
from ax_mo.optimizer.ax import AxOptimizer
from ax_mo.optimizer.untried import UntriedPoints
from ax_mo.search_space.parameters import Choice, Condition, Option, Parameter, Range
from ax_mo.search_space.space import SearchSpace

GOALS = parse_goals(
    {
        "accuracy": {"goal": "maximize", "threshold": 0.6},
        "log_size": {"goal": "minimize", "threshold": 4.8},
    }
)


def group(key: str, *options: str) -> Choice:
    return Choice(key, tuple(Option(option, option) for option in options), is_group=True)


def under(key: str, option: str) -> tuple[Condition, ...]:
    return (Condition(key, (option,)),)


PARAMETERS: tuple[Parameter, ...] = (
    group("model", "mlp", "cnn", "linear"),
    Range("mlp.hidden1", 16, 512, integral=True, log=True, when=under("model", "mlp")),
    Range("mlp.hidden2", 16, 512, integral=True, log=True, when=under("model", "mlp")),
    Range("mlp.dropout", 0.0, 0.5, when=under("model", "mlp")),
    Range("cnn.channels", 4, 64, integral=True, log=True, when=under("model", "cnn")),
    Range("cnn.kernel", 1, 7, integral=True, when=under("model", "cnn")),
    Range("cnn.depth", 1, 6, integral=True, when=under("model", "cnn")),
    Range("linear.l2", 1e-6, 1.0, log=True, when=under("model", "linear")),
    group("optim", "adam", "sgd"),
    Range("adam.lr", 1e-4, 1e-1, log=True, when=under("optim", "adam")),
    Range("adam.beta", 0.5, 0.999, when=under("optim", "adam")),
    Range("sgd.lr", 1e-3, 1.0, log=True, when=under("optim", "sgd")),
    Range("sgd.momentum", 0.0, 0.99, when=under("optim", "sgd")),
)
SPACES = {
    "conditional": SearchSpace(PARAMETERS),
    "flattened": SearchSpace(tuple(replace(parameter, when=()) for parameter in PARAMETERS)),
}


def near(x: float, best: float, width: float) -> float:
    return math.exp(-(((x - best) / width) ** 2))


def task(point: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of one training run that never was."""
    if point["model"] == "mlp":
        size = 64 * point["mlp.hidden1"] + point["mlp.hidden1"] * point["mlp.hidden2"] + 10 * point["mlp.hidden2"]
        best = 0.62 + 0.30 * (1 - math.exp(-size / 6000)) * (0.7 + 0.3 * near(point["mlp.dropout"], 0.15, 0.2))
    elif point["model"] == "cnn":
        channels, area = point["cnn.channels"], point["cnn.kernel"] ** 2
        size = area * channels * (1 + channels * (point["cnn.depth"] - 1)) + 160 * channels
        shape = (0.6 + 0.4 * near(point["cnn.kernel"], 3, 1.5)) * (0.8 + 0.2 * near(point["cnn.depth"], 3, 2))
        best = 0.60 + 0.38 * (1 - math.exp(-size / 9000)) * shape
    else:
        size = 650
        best = 0.70 + 0.10 * near(math.log10(point["linear.l2"]), -3, 1.5)
    if point["optim"] == "adam":
        fit = near(math.log10(point["adam.lr"]), -2.5, 0.8) * (0.85 + 0.15 * near(point["adam.beta"], 0.9, 0.15))
    else:
        step = math.log10(point["sgd.lr"] / (1 - point["sgd.momentum"]))
        fit = near(step, -0.3, 0.8) * (0.9 + 0.1 * near(point["sgd.momentum"], 0.9, 0.3))
    return {"accuracy": 0.1 + (best - 0.1) * (0.35 + 0.65 * fit), "log_size": math.log10(size)}


def study(name: str, seed: int, n_trials: int) -> list[float]:
    """The hypervolume after each trial of one study, one trial at a time."""
    optimizer, points = AxOptimizer(SPACES[name], GOALS, seed), UntriedPoints(SPACES[name], seed)
    logging.disable(logging.WARNING)
    trials: list[Trial] = []
    volumes: list[float] = []
    for number in range(n_trials):
        point = points.next(optimizer.ask).point
        metrics = task(point)
        trials.append(
            Trial(
                number=number,
                status=Status.COMPLETED,
                point=point,
                overrides=(),
                directory=str(number),
                metrics=metrics,
            )
        )
        optimizer.tell(trials[-1])
        volumes.append(hypervolume(pareto_front(trials, GOALS), GOALS, reference_point(trials, GOALS)))
    return volumes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    after = [count for count in (20, 30, 40) if count <= given.trials]
    print("space        seed  " + "  ".join(f"after {count}" for count in after))
    with ProcessPoolExecutor(given.jobs) as pool:
        running = {
            (name, seed): pool.submit(study, name, seed, given.trials) for seed in range(given.seeds) for name in SPACES
        }
        found = {name: [] for name in SPACES}
        for (name, seed), future in running.items():
            volumes = [future.result()[count - 1] for count in after]
            found[name].append(volumes)
            print(f"{name:11}  {seed:4}  " + "  ".join(f"{volume:8.4f}" for volume in volumes), flush=True)
    for name, rows in found.items():
        print(f"{name:11}  mean  " + "  ".join(f"{statistics.mean(column):8.4f}" for column in zip(*rows, strict=True)))


if __name__ == "__main__":
    main()
