"""What are epochs worth? The example's search at 27 epochs, as it is, with ``dominated`` and with successive halving.

All searches may train the same number of epochs, those of ``--trials`` whole trainings: whatever ends after that does
not count. An epoch is a point of a run's learning curve, so that a trial which trains on from its checkpoint pays for
what it adds. The hypervolume is that of the trials with all 27 epochs, against the example's thresholds, in
val_acc x decades of num_params, when a quarter, half and all of the epochs were trained.

    python benchmarks/multi_fidelity.py [--seeds 5] [--trials 12] [--arms dominated ...] [--results FILE]

``--results`` keeps each search that was run, as a line of JSON, and goes on where it was stopped.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import Row, print_table, python, run, trials_of

from ax_mo.core.objectives import parse_goals
from ax_mo.core.pareto import hypervolume, pareto_front
from ax_mo.core.trial import Status, Trial

_TRAIN = Path(__file__).resolve().parents[1] / "example_project" / "train.py"
_OBJECTIVES = {
    "val_acc": {"goal": "maximize", "threshold": 0.80},
    "num_params": {"goal": "minimize", "threshold": 10000},
}
_EPOCHS = 27
_SHARES = (0.25, 0.5, 1.0)
_WHOLE = ("+experiment=nas", f"trainer.max_epochs={_EPOCHS}")
_ARMS = {
    # Its overrides, and how many trials mostly take the epochs of one whole training each; more are begun if need be.
    "none": (_WHOLE, 1.0),
    "dominated": ((*_WHOLE, "hydra.sweeper.early_stopping={rule: dominated}"), 1.6),
    "successive_halving": (("+experiment=rungs", f"hydra.sweeper.early_stopping.max={_EPOCHS}"), 3.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="searches of each kind (default: 5)")
    parser.add_argument("--trials", type=int, default=12, help="whole trainings that the epochs are for (default: 12)")
    parser.add_argument("--arms", nargs="*", default=list(_ARMS), choices=list(_ARMS))
    parser.add_argument("--results", type=Path, help="a file of the searches that were run")
    options = parser.parse_args()
    known = _read(options.results)
    for seed in range(options.seeds):
        for arm in options.arms if seed % 2 == 0 else options.arms[::-1]:
            if (arm, seed, options.trials) not in known:
                found = {"arm": arm, "seed": seed, "trials": options.trials, **_search(arm, options.trials, seed)}
                known[arm, seed, options.trials] = found
                print(json.dumps(found), flush=True)
                if options.results:
                    with options.results.open("a") as file:
                        file.write(json.dumps(found) + "\n")
    rows: list[Row] = []
    for arm in options.arms:
        searches = [known[arm, seed, options.trials] for seed in range(options.seeds)]
        for index, share in enumerate(_SHARES):
            volumes = [search["hypervolume"][index] for search in searches]
            rows.append(
                Row(f"{arm}: hypervolume after {share:.0%} of the epochs", statistics.mean(volumes), "", None, volumes)
            )
        for name in ("begun", "complete", "epochs", "wall"):
            values = [float(search[name]) for search in searches]
            rows.append(Row(f"{arm}: {name}", statistics.mean(values), "", None, values))
    print_table(f"{options.trials * _EPOCHS} epochs, means", rows)


def _read(path: Path | None) -> dict[tuple[str, int, int], dict[str, Any]]:
    lines = path.read_text().splitlines() if path is not None and path.exists() else []
    return {(found["arm"], found["seed"], found["trials"]): found for found in map(json.loads, lines)}


def _search(arm: str, trials: int, seed: int) -> dict[str, Any]:
    overrides, enough = _ARMS[arm]
    with tempfile.TemporaryDirectory(prefix="ax_mo-bench-") as name:
        sweep_dir = Path(name).resolve() / "sweep"
        argv = [
            str(_TRAIN), "-m", *overrides, f"hydra.sweep.dir={sweep_dir}", f"hydra.sweeper.seed={seed}",
            "hydra.sweeper.report=false",
        ]  # fmt: skip
        begun, wall, epochs = round(trials * enough), 0.0, [0]
        while sum(epochs) < trials * _EPOCHS:
            wall += run(python(*argv, f"hydra.sweeper.n_trials={begun}"), Path(name))
            lines = sorted(trials_of(sweep_dir), key=lambda line: line["ended"])
            epochs = [len((sweep_dir / line["dir"] / "curve.jsonl").read_text().splitlines()) for line in lines]
            begun += trials
    return {
        "hypervolume": [_hypervolume(lines, epochs, share * trials * _EPOCHS) for share in _SHARES],
        "begun": len({line["trial"] for line in lines}),
        "complete": sum(line["status"] == "completed" for line in lines),
        "epochs": sum(epochs),
        "wall": wall,
    }


def _hypervolume(lines: Sequence[dict[str, str]], epochs: Sequence[int], most: float) -> float:
    """Of the complete trials that had ended when no more than ``most`` epochs were trained; ``lines`` by their end."""
    trials: list[Trial] = []
    trained = 0
    for line, of_run in zip(lines, epochs, strict=True):
        trained += of_run
        if trained <= most and line["status"] == "completed":
            metrics = {name: float(line[f"metrics.{name}"]) for name in _OBJECTIVES}
            point = {"point": {}, "overrides": (), "directory": ""}
            trials.append(Trial(number=int(line["trial"]), status=Status.COMPLETED, metrics=metrics, **point))
    goals = parse_goals(_OBJECTIVES, None, ()).settled(trials)
    return hypervolume(pareto_front(trials, goals), goals, {o.name: o.threshold for o in goals.objectives})


if __name__ == "__main__":
    sys.exit(main())
