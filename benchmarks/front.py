"""How long do the front and the hypervolume of many trials take?

Each trial is on the front, which is the hardest case. What the first front of a process takes besides is the import of
moocore and NumPy.

    python benchmarks/front.py [--trials 1000] [--runs 20]
"""

import argparse
import math
import random
import time

from measure import Row, median_row, print_table

from ax_mo.core.objective import Objective
from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import hypervolume, pareto_front, reference_point
from ax_mo.core.trial import Status, Trial


def on_a_sphere(count: int, objectives: int) -> tuple[list[Trial], Goals]:
    draw = random.Random(count)
    goals = Goals(tuple(Objective(f"metric{index}", maximize=True, threshold=0.0) for index in range(objectives)))
    trials = []
    for number in range(count):
        point = [abs(draw.gauss(0, 1)) for _ in goals.names]
        metrics = {name: value / math.hypot(*point) for name, value in zip(goals.names, point, strict=True)}
        trials.append(
            Trial(number=number, status=Status.COMPLETED, point={}, overrides=(), directory="", metrics=metrics)
        )
    return trials, goals


def seconds(trials: list[Trial], goals: Goals) -> float:
    began = time.perf_counter()
    hypervolume(pareto_front(trials, goals), goals, reference_point(trials, goals))
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()
    rows = [Row("the first front of a process", 1000 * seconds(*on_a_sphere(2, 2)), "ms")]
    for objectives in (2, 3, 4):
        study = on_a_sphere(given.trials, objectives)
        times = [1000 * seconds(*study) for _ in range(given.runs)]
        rows.append(median_row(f"{objectives} objectives", times, "ms", 20.0 if objectives == 3 else None))
    print_table(f"Front and hypervolume of {given.trials} trials", rows)


if __name__ == "__main__":
    main()
