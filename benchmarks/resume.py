"""How soon a resumed study is at work: from the command to its first submitted trial, against importing Ax.

Ax alone takes seconds to import and no resume can be quicker; the rest is ours: reading 48 trials, rebuilding the
experiment, fitting the model to them and submitting its first suggestion. The study is made once (random_search, in
process, so that it is there quickly) and put back before every resume. The resume is what a user would type, with the
torchx launcher and method=fast; it must answer with a point of the model, or the run does not count.

Resumes take turns with ``python -c "import ax.api.client"``.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

from measure import (
    TIME_THE_OPTIMIZER,
    TRIVIAL_APP,
    TRIVIAL_STUDY,
    OptimizerCall,
    added_row,
    app_in_a_temporary_directory,
    interleaved,
    median_row,
    optimizer_calls,
    print_table,
    python,
    run,
    seconds,
    trials_of,
)

_BAR_SECONDS = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=48, help="trials of the study to resume (default: 48)")
    parser.add_argument("--runs", type=int, default=7, help="resumes (default: 7)")
    options = parser.parse_args()
    calls: list[OptimizerCall] = []
    with app_in_a_temporary_directory(TIME_THE_OPTIMIZER + TRIVIAL_APP) as directory:
        sweep_dir, kept = directory / "sweep", directory / "kept"
        made = ["hydra/launcher=basic", "hydra.sweeper.method=random_search"]
        run(_study(options.trials, sweep_dir, *made), directory)
        sweep_dir.rename(kept)
        optimizer_calls(directory)

        def resume() -> float:
            shutil.rmtree(sweep_dir, ignore_errors=True)
            shutil.copytree(kept, sweep_dir)
            began = time.time()
            run(_study(options.trials + 1, sweep_dir, "hydra.sweeper.method=fast"), directory)
            calls.extend(optimizer_calls(directory))
            return seconds(_first_new(sweep_dir, options.trials)["submitted"]) - began

        def import_ax() -> float:
            return run(python("-c", "import ax.api.client"), directory)

        commands = {"import": import_ax, "resume": resume}
        interleaved(commands, 1)  # compiles, and fills the page cache
        calls.clear()
        times = interleaved(commands, options.runs)
    rows = [
        median_row("command to first submitted trial", times["resume"], "s"),
        median_row("  of which: import Ax, rebuild the study, a suggestion", [c.wall for c in calls], "s"),
        median_row('python -c "import ax.api.client"', times["import"], "s"),
        added_row("what the resume adds", times["resume"], times["import"], "s", _BAR_SECONDS),
    ]
    print_table(f"Resume of a study of {options.trials} trials, method=fast", rows)


def _study(n_trials: int, sweep_dir: Path, *settings: str) -> list[str]:
    size = [f"hydra.sweeper.n_trials={n_trials}", "hydra.sweeper.n_jobs=4", "hydra.sweeper.seed=1"]
    return python("train.py", *TRIVIAL_STUDY, *size, *settings, f"hydra.sweep.dir={sweep_dir}")


def _first_new(sweep_dir: Path, number: int) -> dict[str, str]:
    trial = trials_of(sweep_dir)[number]
    if trial["generator"] != "model":
        raise SystemExit(f"The resumed study suggested trial {number} by '{trial['generator']}', not by its model.")
    return trial


if __name__ == "__main__":
    sys.exit(main())
