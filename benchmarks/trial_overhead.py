"""What the sweep adds to a trial: its turn in the sweep against its own ``command.sh`` run by hand.

With one worker, trials follow each other without a gap that is not the sweep's own. The time from one trial's ``asked``
to the next one's is therefore exactly one turn, wherever in the turn that moment lies: the suggestion, composing,
writing the trial's files, TorchX, the process itself, noticing that it ended, reading its result, rewriting the files
of the sweep. Nothing is left out but the start and the end of the whole sweep. (The difference between the walls of a
long and a short sweep says the same, but as a single number that carries the noise of importing Ax twice.)

Suggestions are random_search: what a model takes to suggest is a matter of the model, and hidden from the workers where
``worker_idle.py`` says so. With ``--method fast`` it would be counted here. The app does nothing, so that Python and
Hydra starting up are all there is to the run by hand.

Sweeps and runs by hand take turns: a sweep, then each of its commands, then the next sweep.
"""

import argparse
import shlex
import statistics
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from measure import (
    TRIVIAL_STUDY,
    Row,
    app_in_a_temporary_directory,
    median_row,
    print_table,
    python,
    run,
    seconds,
    trials_of,
)

_BAR_MS = 200.0
_RECORDER = "++hydra.callbacks.ax_mo."


@dataclass
class Times:
    """Milliseconds, one entry a trial."""

    turn: list[float] = field(default_factory=list)
    by_hand: list[float] = field(default_factory=list)
    unrecorded: list[float] = field(default_factory=list)
    asked_to_submitted: list[float] = field(default_factory=list)
    submitted_to_started: list[float] = field(default_factory=list)
    ended_to_next_asked: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20, help="trials of each kind (default: 20)")
    parser.add_argument("--rounds", type=int, default=4, help="sweeps they are spread over (default: 4)")
    parser.add_argument("--method", default="random_search", help="hydra.sweeper.method (default: random_search)")
    options = parser.parse_args()
    each = max(1, round(options.trials / options.rounds))
    times = Times()
    with app_in_a_temporary_directory() as directory:
        for number in range(options.rounds):
            sweep_dir = directory / f"sweep{number}"
            _sweep(directory, sweep_dir, each + 1, options.method)
            _take_turns(sweep_dir, times)
            _take_by_hand(directory, sweep_dir, each, times)
    print_table(f"One trial of a trivial app, method={options.method}, one worker", _rows(times))


def _sweep(directory: Path, sweep_dir: Path, n_trials: int, method: str) -> None:
    settings = [f"hydra.sweeper.n_trials={n_trials}", "hydra.sweeper.n_jobs=1", f"hydra.sweeper.method={method}"]
    run(python("train.py", *TRIVIAL_STUDY, *settings, f"hydra.sweep.dir={sweep_dir}"), directory)


def _take_turns(sweep_dir: Path, times: Times) -> None:
    trials = trials_of(sweep_dir)
    for trial, following in pairwise(trials):
        asked, submitted, started, ended = (seconds(trial[name]) for name in ("asked", "submitted", "started", "ended"))
        next_asked = seconds(following["asked"])
        times.turn.append(1e3 * (next_asked - asked))
        times.asked_to_submitted.append(1e3 * (submitted - asked))
        times.submitted_to_started.append(1e3 * (started - submitted))
        times.ended_to_next_asked.append(1e3 * (next_asked - ended))


def _take_by_hand(directory: Path, sweep_dir: Path, count: int, times: Times) -> None:
    """The same trials again; also as the user would have run them, without the callback that records the result."""
    for number in range(count):
        script = sweep_dir / str(number) / "command.sh"
        line = script.read_text().splitlines()[-1].removeprefix("exec ")
        plain = [word for word in shlex.split(line) if not word.startswith(_RECORDER)]
        times.by_hand.append(1e3 * run(["/bin/sh", str(script)], directory))
        times.unrecorded.append(1e3 * run(plain, directory))


def _rows(times: Times) -> list[Row]:
    overhead = statistics.median(times.turn) - statistics.median(times.by_hand)
    return [
        median_row("a turn in the sweep", times.turn, "ms"),
        median_row("  asked -> submitted", times.asked_to_submitted, "ms"),
        median_row("  submitted -> task starts", times.submitted_to_started, "ms"),
        median_row("  task ends -> next asked", times.ended_to_next_asked, "ms"),
        median_row("its command.sh by hand", times.by_hand, "ms"),
        Row("what the sweep adds", overhead, "ms", _BAR_MS),
        median_row("by hand, without the recorder", times.unrecorded, "ms"),
    ]


if __name__ == "__main__":
    sys.exit(main())
