"""How long workers stand idle because of the sweep, while a real model suggests the points.

Trials sleep instead of training, so that they leave the machine to the sweeper and differ in length as trainings do:
lognormal, sigma 0.5, drawn by the trial's number, the same in every run. Two objectives of the six parameters of
``example_project/conf/experiment/nas.yaml``, with its thresholds; the default method, 4 workers.

A worker is busy from the moment its job has been submitted (``submitted`` in trials.csv, written after TorchX returned)
to the end of its process (written by the task as Python exits). It is idle otherwise. Measured is the time between the
first and the last submission: after the last there is nothing left to wait for, before the first there is no study.
Both ends of a job are seen a few milliseconds late or early such that busy time is lost: the figure errs upwards.

The sweeper's own process notes how long each suggestion took. Most of that is hidden: one is computed ahead.
"""

import argparse
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from measure import (
    TIME_THE_OPTIMIZER,
    OptimizerCall,
    Row,
    app_in_a_temporary_directory,
    median_row,
    optimizer_calls,
    print_table,
    python,
    run,
    seconds,
    trials_of,
)

_BAR_PERCENT = 3.0
_EXIT = "exit.json"

_APP = """\
import atexit
import json
import math
import os
import random
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

SIGMA = 0.5


def note_the_end(directory):
    (directory / "EXIT").write_text(json.dumps({"exit": time.time()}))


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    job = HydraConfig.get()
    atexit.register(note_the_end, Path(job.runtime.output_dir))
    mean = float(os.environ["AX_MO_BENCH_MEAN_SECONDS"])
    draw = random.Random(f"worker_idle {job.job.num}")
    time.sleep(draw.lognormvariate(math.log(mean) - SIGMA**2 / 2, SIGMA))
    h1, h2, lr = cfg.model.hidden1, cfg.model.hidden2, cfg.optim.lr
    steps = cfg.trainer.max_epochs * 1300 / cfg.data.batch_size
    fit = 1 - math.exp(-math.sqrt(h1 * h2) / 25)
    pace = math.exp(-((math.log10(lr) + 2.5) ** 2)) * (1 - math.exp(-steps / 40))
    accuracy = 0.1 + 0.88 * fit * pace * (1 - 0.4 * (cfg.model.dropout - 0.1) ** 2)
    return {"val_acc": accuracy + draw.gauss(0, 0.005), "num_params": 65 * h1 + (h1 + 1) * h2 + (h2 + 1) * 10}


if __name__ == "__main__":
    main()
""".replace("EXIT", _EXIT)

_CONFIG = """\
model: {hidden1: 64, hidden2: 64, dropout: 0.1}
optim: {lr: 0.001}
trainer: {max_epochs: 2}
data: {batch_size: 64}
hydra:
  sweeper:
    objectives:
      val_acc: {goal: maximize, threshold: 0.80}
      num_params: {goal: minimize, threshold: 10000}
    params:
      model.hidden1: tag(log, int(interval(16, 128)))
      model.hidden2: tag(log, int(interval(16, 128)))
      model.dropout: interval(0, 0.5)
      optim.lr: tag(log, interval(1e-4, 1e-2))
      trainer.max_epochs: range(1, 5)
      data.batch_size: choice(32, 64, 128, 256)
"""


@dataclass(frozen=True)
class Busy:
    """One job on its worker, in seconds since the epoch."""

    submitted: float
    exited: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mean", type=float, default=20.0, help="mean length of a trial in seconds (default: 20)")
    parser.add_argument("--trials", type=int, default=40, help="trials of the study (default: 40)")
    parser.add_argument("--workers", type=int, default=4, help="trials at once (default: 4)")
    options = parser.parse_args()
    with app_in_a_temporary_directory(TIME_THE_OPTIMIZER + _APP) as directory:
        (directory / "conf").mkdir()
        (directory / "conf" / "config.yaml").write_text("defaults:\n  - override hydra/sweeper: ax_mo\n" + _CONFIG)
        sweep_dir = directory / "sweep"
        settings = [f"hydra.sweeper.n_trials={options.trials}", f"hydra.sweeper.n_jobs={options.workers}"]
        arguments = ["-m", *settings, f"hydra.sweep.dir={sweep_dir}"]
        run(python("train.py", *arguments), directory, {"AX_MO_BENCH_MEAN_SECONDS": repr(options.mean)})
        jobs = _jobs(sweep_dir)
        suggestions = [call for call in optimizer_calls(directory) if call.by]
    title = f"{options.trials} trials of {options.mean:g} s on average, {options.workers} workers, default method"
    print_table(title, [*_idle_rows(jobs, options.workers), *_suggestion_rows(suggestions)])


def _jobs(sweep_dir: Path) -> list[Busy]:
    """All jobs in the order they were submitted."""
    jobs = []
    for trial in trials_of(sweep_dir):
        if trial["status"] != "completed":
            raise SystemExit(f"Trial {trial['trial']} {trial['status']}: {trial['reason']}")
        exited = json.loads((sweep_dir / trial["dir"] / _EXIT).read_text())["exit"]
        jobs.append(Busy(seconds(trial["submitted"]), exited))
    return sorted(jobs, key=lambda job: job.submitted)


def _idle_rows(jobs: list[Busy], workers: int) -> list[Row]:
    first, last = jobs[0].submitted, jobs[-1].submitted
    window = last - first
    busy = sum(max(0.0, min(job.exited, last) - job.submitted) for job in jobs)
    idle = workers * window - busy
    # The job that is submitted as number k + workers takes the place of the one that ended as number k.
    exits = sorted(job.exited for job in jobs)
    waits = [job.submitted - exited for job, exited in zip(jobs[workers:], exits, strict=False)]
    return [
        Row("workers idle", 100 * idle / (workers * window), "%", _BAR_PERCENT),
        Row("  worker-seconds idle", idle, "s"),
        Row(f"  of {workers} x first to last submission", workers * window, "s"),
        Row("  until all workers first had a job", jobs[workers - 1].submitted - first, "s"),
        median_row("a worker's wait between two jobs, median", waits, "s"),
        Row("  longest", max(waits), "s"),
    ]


def _suggestion_rows(suggestions: list[OptimizerCall]) -> list[Row]:
    rows = []
    for generator in dict.fromkeys(call.by for call in suggestions):
        calls = [call for call in suggestions if call.by == generator]
        rows += [
            median_row(f"a suggestion by {generator}, median of {len(calls)}", [call.wall for call in calls], "s"),
            Row("  longest", max(call.wall for call in calls), "s"),
            Row("  CPU time, median", statistics.median(call.cpu for call in calls), "s"),
        ]
    return rows


if __name__ == "__main__":
    sys.exit(main())
