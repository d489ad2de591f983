"""Which method finds the better front with the same number of trials, and what does a suggestion cost?

Ours, through the optimizer that a sweep uses, against other methods: the same problems, budgets, seeds and numbers of
trials in flight. Each study is a run in a process of its own with one thread; it is written to a file when it ends, and
not repeated while it is there. The tables are made from the file.

    python benchmarks/race.py --problems conditional nested --methods ours sobol tpe --results race.jsonl
    python benchmarks/race.py --claims --batch 1 4 --trials 80 --jobs 4 --results claims.jsonl
    python benchmarks/race.py --table --results claims.jsonl --figure race.svg
    python benchmarks/race.py --best-known --problems nested

The packages of other methods: pip install -e '.[race]'.
"""

import argparse
import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path

from race_best_known import best_hypervolume
from race_methods import METHODS, packages, session_maker, takes_part
from race_problems import PROBLEMS
from race_store import Run, RunKey, append_run, done, read_runs
from race_table import tables

# Settings are chosen on the first; what is claimed is measured on the second, which nobody may tune on.
TUNING_SEEDS = tuple(range(5))
CLAIM_SEEDS = tuple(range(100, 110))

_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_study(key: RunKey, n_trials: int, label: str) -> Run:
    """One study, with ``batch`` trials in flight of which a random one ends next; ``label`` is put after the method."""
    problem_name, method, batch, seed = key
    problem = PROBLEMS[problem_name]
    session = session_maker(method)(problem, seed, n_trials)
    finishes_next = random.Random(f"{seed} {batch}")
    in_flight, results, seconds = [], [], []
    untimed = 0.0
    for number in range(n_trials):
        before = time.process_time()
        point = session.ask(number)
        seconds.append(untimed + time.process_time() - before)
        untimed = 0.0
        in_flight.append((number, problem.evaluate(point)))
        ends = number + 1 >= batch
        while in_flight and (ends or number + 1 == n_trials):
            ended, metrics = in_flight.pop(finishes_next.randrange(len(in_flight)))
            results.append(metrics)
            before = time.process_time()
            session.tell(ended, metrics)
            untimed += time.process_time() - before
            ends = False
    return Run(
        problem=problem_name,
        method=method + label,
        batch=batch,
        seed=seed,
        hypervolume=tuple(float(f"{volume:.7g}") for volume in problem.hypervolumes(results)),
        seconds=tuple(round(value, 5) for value in seconds),
        versions={name: _version(name) for name in [*packages(method), "numpy"]},
        describe=_describe(),
    )


def race(keys: Sequence[RunKey], n_trials: int, label: str, jobs: int, results: Path) -> int:
    """Run the studies and write each when it ends; the number of those that failed."""
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    failed = 0
    # A process per study: what a library keeps between two studies must not decide the second.
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, context, logging.disable, (logging.WARNING,), max_tasks_per_child=1) as pool:
        running = {pool.submit(run_study, key, n_trials, label): key for key in keys}
        for count, future in enumerate(as_completed(running), start=1):
            name = " ".join(map(str, running[future]))
            try:
                run = future.result()
            except Exception as error:
                failed += 1
                print(f"{count}/{len(keys)}  {name}: FAILED, {type(error).__name__}: {error}", flush=True)
                continue
            append_run(results, run)
            share = run.hypervolume[-1] / PROBLEMS[run.problem].best_known
            print(f"{count}/{len(keys)}  {name}: {share:.3f}, {sum(run.seconds):.1f} CPU s", flush=True)
    return failed


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _describe() -> str:
    command = ["git", "describe", "--always", "--dirty", "--tags"]
    found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS), metavar="NAME")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), help=f"{', '.join(METHODS)}; ours:METHOD")
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seeds", nargs="+", type=int, default=list(TUNING_SEEDS))
    seeds.add_argument("--claims", action="store_true", help="the seeds that nothing is tuned on")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--batch", nargs="+", type=int, default=[1], help="trials in flight")
    parser.add_argument("--jobs", type=int, default=1, help="studies at once")
    parser.add_argument("--results", type=Path, default=Path("race.jsonl"))
    parser.add_argument("--again", action="store_true", help="also the runs that are in the results")
    parser.add_argument("--label", default="", help="put after the methods' names in the results, as in ours+LABEL")
    parser.add_argument("--table", action="store_true", help="only print the tables of the results")
    parser.add_argument(
        "--figure", type=Path, help="also draw the results, those of the first --batch, as .svg or .png"
    )
    parser.add_argument("--best-known", action="store_true", help="only search for the best fronts")
    parser.add_argument("--evaluations", type=int, default=1_000_000, help="of --best-known")
    given = parser.parse_args()
    if given.best_known:
        for name in given.problems:
            found = best_hypervolume(PROBLEMS[name], given.evaluations)
            print(f"{name}: {found!r}, {PROBLEMS[name].best_known!r} in the module", flush=True)
        return
    label = f"+{given.label}" if given.label else ""
    failed = 0
    if not given.table:
        for method in given.methods:
            session_maker(method)
        numbers = CLAIM_SEEDS if given.claims else given.seeds
        ended = set() if given.again else done(read_runs(given.results), given.trials)
        keys = [
            (problem, method, batch, seed)
            for batch in given.batch
            for seed in numbers
            for problem in given.problems
            for method in given.methods
            if takes_part(method, PROBLEMS[problem]) and (problem, method + label, batch, seed) not in ended
        ]
        failed = race(keys, given.trials, label, given.jobs, given.results)
    runs = read_runs(given.results)
    best_known = {name: problem.best_known for name, problem in PROBLEMS.items()}
    if runs:
        print("\n" + tables(runs, best_known))
    if runs and given.figure:
        from race_figure import save_figure  # matplotlib is of no use to a race without it

        save_figure(runs, best_known, given.batch[0], given.figure)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
