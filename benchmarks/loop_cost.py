"""What a trial costs outside itself: CPU time of the sweeper and of its helpers, early and late in one long study.

8 workers and 1,000 trials of 50 ms, two objectives of two parameters, random_search: there is no model, whose cost is
another matter. Each trial is a real process that the torchx launcher has started and that leaves a real result. It does
so before it imports Hydra, though: with ``--trial hydra`` it is a whole trial, which needs several times the CPU time
of the loop, so that 1,000 of them take minutes, and what the sweeper does once a second weighs more per trial.
With ``--ray`` they are tasks of a Ray cluster (``ray start --head --num-cpus=8``), and the process that speaks with it
is one of the helpers.

Measured from outside, in /proc: CPU time of the sweeper's process with its threads, and of those processes which it
starts for itself, such as the one that writes report.html. Where a window of trials begins and ends is told by the
moments in trials.csv. Bytes are those that the sweeper has handed to the kernel, and those that had to go to a disk:
SQLite's journal and pages are most of them.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import Path

from measure import (
    TRIVIAL_APP,
    TRIVIAL_STUDY,
    Row,
    app_in_a_temporary_directory,
    print_table,
    python,
    seconds,
    trials_of,
)

_BAR_MS = 15.0
_BAR_ON_RAY_MS = 30.0
_WINDOWS = ((0.01, 0.11), (0.45, 0.55), (0.9, 1.0), (0.01, 1.0))
"""Shares of the study's trials, in the order in which they end. A page of the report falls into some of them."""
_EVERY = 0.1
"""Seconds between two looks."""

_TICK = os.sysconf("SC_CLK_TCK")

_QUICK_TRIAL = """\
import os
import sys
import time
from datetime import datetime, timezone

now = lambda: datetime.now(timezone.utc).isoformat()
if "-m" not in sys.argv:
    began = now()
    given = dict(word.lstrip("+").split("=", 1) for word in sys.argv if "=" in word)
    x, y = float(given["x"]), float(given["y"])
    time.sleep(MEAN)
    values = {"loss": (x - 0.3) ** 2 + y, "size": (x + 0.4) ** 2 + (1 - y) ** 2}
    result = {"schema": 1, "trial": int(given["hydra.job.num"]), "attempt": 1, "status": "completed", "metrics": values}
    result |= {"started": began, "ended": now()}
    path = os.path.join(given["hydra.run.dir"].strip("'"), "result.json")
    with open(path + ".new", "w") as file:
        file.write(repr(result).replace("'", '"'))
    os.rename(path + ".new", path)
    sys.exit()

"""


@dataclass
class Samples:
    """CPU seconds that were used up to each of ``moments``, seconds since the epoch."""

    moments: list[float] = field(default_factory=list)
    sweeper: list[float] = field(default_factory=list)
    helpers: list[float] = field(default_factory=list)
    written: int = 0
    """Bytes that the sweeper has written, to files and pipes."""
    to_disk: int = 0

    def between(self, values: list[float], begin: float, end: float) -> float:
        """How many seconds were used between two moments."""
        return self._at(values, end) - self._at(values, begin)

    def _at(self, values: list[float], moment: float) -> float:
        after = min(max(bisect_left(self.moments, moment), 1), len(self.moments) - 1)
        begin, end = self.moments[after - 1], self.moments[after]
        share = (moment - begin) / (end - begin)
        return values[after - 1] + share * (values[after] - values[after - 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000, help="trials of the study (default: 1000)")
    parser.add_argument("--workers", type=int, default=8, help="trials at once (default: 8)")
    parser.add_argument("--seconds", type=float, default=0.05, help="how long a quick trial sleeps (default: 0.05)")
    parser.add_argument("--trial", choices=("quick", "hydra"), default="quick", help="what a trial is (default: quick)")
    parser.add_argument("--ray", metavar="ADDRESS", help="run the trials on this Ray cluster")
    options = parser.parse_args()
    quick = _QUICK_TRIAL.replace("MEAN", repr(options.seconds)) if options.trial == "quick" else ""
    with app_in_a_temporary_directory(quick + TRIVIAL_APP) as directory:
        sweep_dir = directory / "sweep"
        size = [f"hydra.sweeper.n_trials={options.trials}", f"hydra.sweeper.n_jobs={options.workers}"]
        on_ray = ["hydra.launcher.scheduler=ray", f"hydra.launcher.scheduler_args.address={options.ray}"]
        engine = on_ray if options.ray else ["hydra.launcher.scheduler=local_cwd"]
        how = ["hydra.sweeper.method=random_search", f"hydra.sweep.dir={sweep_dir}"]
        study = [*TRIVIAL_STUDY, *size, *engine, *how]
        samples = _run(python("train.py", *study), directory)
        ended = sorted(seconds(trial["ended"]) for trial in trials_of(sweep_dir))
    kind = f"{options.seconds:g} s" if options.trial == "quick" else "a trivial Hydra app"
    where = " on Ray" if options.ray else ""
    title = f"CPU time outside the trials: {options.trials} of {kind}{where}, {options.workers} workers, random_search"
    bar = _BAR_ON_RAY_MS if options.ray else _BAR_MS
    print_table(title, [*_cpu_rows(samples, ended, bar), *_other_rows(samples, ended)])


def _run(argv: list[str], directory: Path) -> Samples:
    """Run the sweep, and look at it as it goes."""
    with (directory / "output").open("w+") as output:
        process = subprocess.Popen(argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        samples, over = Samples(), threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, samples, over))
        watcher.start()
        code = process.wait()
        over.set()
        watcher.join()
        if code:
            output.seek(0)
            raise RuntimeError(f"the sweep ended with exit code {code}:\n{output.read()[-4000:]}")
    return samples


def _watch(pid: int, samples: Samples, over: threading.Event) -> None:
    helpers: dict[int, float] = {}
    while not over.wait(_EVERY):
        try:
            used = _cpu_seconds(pid)
            for child in _children(pid):
                if child in helpers or _is_helper(child):
                    helpers[child] = _cpu_seconds(child)
            counts = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
        except (OSError, ValueError, IndexError):  # a process that ends
            continue
        samples.moments.append(time.time())
        samples.sweeper.append(used)
        samples.helpers.append(sum(helpers.values()))
        samples.written, samples.to_disk = int(counts["wchar"]), int(counts["write_bytes"])


def _cpu_seconds(pid: int) -> float:
    """Of the process with all of its threads, without its children."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICK


def _children(pid: int) -> list[int]:
    lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for child in " ".join(lists).split()]


def _is_helper(pid: int) -> bool:
    """Whether the process is a part of the sweep, rather than a trial."""
    try:
        return b"\0-m\0ax_mo." in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _cpu_rows(samples: Samples, ended: list[float], bar: float) -> list[Row]:
    rows = []
    for shares in _WINDOWS:
        first, last = (round(share * len(ended)) for share in shares)
        begin, end = ended[first - 1], ended[last - 1]
        of_sweeper, of_helpers = (
            1e3 * samples.between(values, begin, end) / (last - first) for values in (samples.sweeper, samples.helpers)
        )
        rows += [
            Row(f"a trial, {first} to {last}", of_sweeper + of_helpers, "ms", bar),
            Row("  the sweeper", of_sweeper, "ms"),
            Row("  its helpers", of_helpers, "ms"),
        ]
    return rows


def _other_rows(samples: Samples, ended: list[float]) -> list[Row]:
    return [
        Row("trials a second", (len(ended) - 1) / (ended[-1] - ended[0]), ""),
        Row("written by the sweeper in all", samples.written / 1e6, "MB"),
        Row("  to disk", samples.to_disk / 1e6, "MB"),
    ]


if __name__ == "__main__":
    sys.exit(main())
