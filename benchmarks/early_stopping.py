"""What does early stopping save, and what does it cost? The example's search at 12 epochs, with and without it.

The same number of trials with ``rule: dominated`` and its defaults, and without early stopping; seed by seed, in turns.
An epoch is a point of a trial's learning curve. The hypervolume is that of the completed trials against the example's
thresholds: what was stopped early is on no front.

    python benchmarks/early_stopping.py [--seeds 5] [--trials 48] [--set k=4 ...]
"""

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measure import Row, median_row, print_table, python, run, seconds, trials_of

from ax_mo.core.objectives import parse_goals
from ax_mo.core.pareto import hypervolume, pareto_front, reference_point
from ax_mo.core.trial import Status, Trial

_TRAIN = Path(__file__).resolve().parents[1] / "example_project" / "train.py"
_GOALS = parse_goals(
    {"val_acc": {"goal": "maximize", "threshold": 0.80}, "num_params": {"goal": "minimize", "threshold": 10000}}
)
_EPOCHS = 12
_FEWER_PERCENT, _LOSS_PERCENT = 25.0, 1.0


@dataclass(frozen=True)
class Search:
    """How one search went. ``trial_seconds`` is the median over completed trials, from start to end."""

    epochs: int
    stopped: int
    hypervolume: float
    wall: float
    trial_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="searches of each kind (default: 5)")
    parser.add_argument("--trials", type=int, default=48, help="trials of a search (default: 48)")
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value", help="settings of early_stopping")
    options = parser.parse_args()
    rule = ", ".join(["rule: dominated", *(setting.replace("=", ": ") for setting in options.set)])
    arms = {"without": "", "dominated": f"hydra.sweeper.early_stopping={{{rule}}}"}
    found: dict[str, list[Search]] = {arm: [] for arm in arms}
    for seed in range(options.seeds):
        for arm in list(arms) if seed % 2 == 0 else list(arms)[::-1]:
            search = _search(options.trials, seed, arms[arm])
            found[arm].append(search)
            print(f"seed {seed}, {arm:9}: {search}", flush=True)
    without, stopping = found["without"], found["dominated"]
    pairs = list(zip(without, stopping, strict=True))
    fewer = [100.0 * (1 - b.epochs / a.epochs) for a, b in pairs]
    lost = [100.0 * (1 - b.hypervolume / a.hypervolume) for a, b in pairs]
    slower = [100.0 * (b.trial_seconds / a.trial_seconds - 1) for a, b in pairs]
    mean_lost = 100.0 * (
        1 - statistics.mean(b.hypervolume for b in stopping) / statistics.mean(a.hypervolume for a in without)
    )
    rows = [
        Row(
            f"epochs not trained, mean (wanted: at least {_FEWER_PERCENT:g} %)",
            statistics.mean(fewer),
            "%",
            None,
            fewer,
        ),
        Row("hypervolume lost, of the means", mean_lost, "%", _LOSS_PERCENT, lost),
        median_row("trials stopped early", [b.stopped for b in stopping], ""),
        median_row("a completed trial takes longer by", slower, "%"),
        median_row("wall time of the search saved", [100.0 * (1 - b.wall / a.wall) for a, b in pairs], "%"),
    ]
    print_table(f"{options.trials} trials of at most {_EPOCHS} epochs, {{{rule}}}", rows)


def _search(n_trials: int, seed: int, early_stopping: str) -> Search:
    with tempfile.TemporaryDirectory(prefix="ax_mo-bench-") as name:
        sweep_dir = Path(name).resolve() / "sweep"
        argv = [
            str(_TRAIN), "-m", "+experiment=nas", f"trainer.max_epochs={_EPOCHS}", f"hydra.sweep.dir={sweep_dir}",
            f"hydra.sweeper.n_trials={n_trials}", f"hydra.sweeper.seed={seed}", *filter(None, [early_stopping]),
        ]  # fmt: skip
        wall = run(python(*argv), Path(name))
        lines = trials_of(sweep_dir)
        curves = [sweep_dir / line["dir"] / "curve.jsonl" for line in lines]
        epochs = sum(len(curve.read_text().splitlines()) for curve in curves)
    completed = [line for line in lines if line["status"] == "completed"]
    trials = [
        Trial(
            number=int(line["trial"]),
            status=Status.COMPLETED,
            point={},
            overrides=(),
            directory="",
            metrics={name: float(line[f"metrics.{name}"]) for name in _GOALS.names},
        )
        for line in completed
    ]
    volume = hypervolume(pareto_front(trials, _GOALS), _GOALS, reference_point(trials, _GOALS))
    took = statistics.median(seconds(line["ended"]) - seconds(line["started"]) for line in completed)
    stopped = sum(line["status"] == "early_stopped" for line in lines)
    return Search(epochs, stopped, volume, wall, took)


if __name__ == "__main__":
    sys.exit(main())
