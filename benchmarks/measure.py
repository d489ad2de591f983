"""What the benchmarks share: a trivial Hydra app, sweeps of it, clocks and the table at the end."""

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

TRIVIAL_APP = """\
import hydra


@hydra.main(version_base=None, config_path=None, config_name=None)
def main(cfg):
    x, y = float(cfg.get("x", 0)), float(cfg.get("y", 0))
    return {"loss": (x - 0.3) ** 2 + y, "size": (x + 0.4) ** 2 + (1 - y) ** 2}


if __name__ == "__main__":
    main()
"""

# For an app that wants to know, put before its ``if __name__ == "__main__"`` block: in the sweeper's own process (the
# one with -m) each suggestion of the optimizer's adds a line to the file. Trials do not come near it.
OPTIMIZER_CALLS = "optimizer_calls.jsonl"
TIME_THE_OPTIMIZER = f"""\
import json
import sys
import time


def timed(call, name):
    def wrapped(*arguments):
        began, wall, cpu = time.time(), time.perf_counter(), time.thread_time()
        result = call(*arguments)
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        entry = {{"call": name, "began": began, "wall": wall, "cpu": cpu, "by": getattr(result, "generator", "")}}
        with open("{OPTIMIZER_CALLS}", "a") as file:
            file.write(json.dumps(entry) + "\\n")
        return result

    return wrapped


if "-m" in sys.argv:
    from ax_mo.optimizer.ax import AxOptimizer

    AxOptimizer.ask = timed(AxOptimizer.ask, "ask")


"""

TRIVIAL_STUDY = (
    "-m",
    "hydra/sweeper=ax_mo",
    "hydra.sweeper.objectives={loss: minimize, size: minimize}",
    "+x=interval(0, 1)",
    "+y=interval(0, 1)",
)


@contextmanager
def app_in_a_temporary_directory(source: str = TRIVIAL_APP) -> Iterator[Path]:
    """A directory that holds ``train.py`` and is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="ax_mo-bench-") as name:
        directory = Path(name).resolve()
        (directory / "train.py").write_text(source)
        yield directory


def run(argv: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> float:
    """Wall seconds of a command whose output nobody wants; raises RuntimeError with that output where it fails."""
    started = time.perf_counter()
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}\nended with exit code {done.returncode}:\n{done.stdout[-4000:]}")
    return seconds


def python(*arguments: str) -> list[str]:
    """The argv of the interpreter that runs the benchmark."""
    return [sys.executable, *arguments]


def interleaved(commands: Mapping[str, Callable[[], float]], runs: int) -> dict[str, list[float]]:
    """The results of each command, run in turns (A, B, A, B), so that a slow minute of the machine hits all alike.

    The order turns round every time: who runs first in a pair is not always the same.
    """
    results: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(runs):
        order = list(commands) if number % 2 == 0 else list(commands)[::-1]
        for name in order:
            results[name].append(commands[name]())
    return results


def trials_of(sweep_dir: Path) -> list[dict[str, str]]:
    """The lines of ``trials.csv``, by number."""
    with open(sweep_dir / "trials.csv", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda line: int(line["trial"]))


@dataclass(frozen=True)
class OptimizerCall:
    """A suggestion, ``by`` the model where there is one; its first one rebuilds the study. In seconds."""

    call: str
    began: float
    wall: float
    cpu: float
    by: str


def optimizer_calls(directory: Path) -> list[OptimizerCall]:
    """What an app with TIME_THE_OPTIMIZER noted there; the notes are removed."""
    path = directory / OPTIMIZER_CALLS
    calls = [OptimizerCall(**json.loads(line)) for line in path.read_text().splitlines()]
    path.unlink()
    return calls


def seconds(moment: str) -> float:
    """Seconds since the epoch of an ISO 8601 moment."""
    return datetime.fromisoformat(moment).timestamp()


@dataclass(frozen=True)
class Row:
    """A line of the table. ``bar`` is the highest value that passes, in the same unit; None for information."""

    what: str
    value: float
    unit: str
    bar: float | None = None
    spread: Sequence[float] = ()
    """The single measurements, where there are some: their quartiles are shown."""


def median_row(what: str, values: Sequence[float], unit: str, bar: float | None = None) -> Row:
    return Row(what, statistics.median(values), unit, bar, values)


def added_row(what: str, by: Sequence[float], to: Sequence[float], unit: str, bar: float) -> Row:
    """The median difference within the pairs of two interleaved series: both of a pair saw the same machine."""
    return median_row(what, [one - other for one, other in zip(by, to, strict=True)], unit, bar)


def print_table(title: str, rows: Sequence[Row]) -> None:
    header = ["", "value", "quartiles", "bar", ""]
    cells = [header]
    for row in rows:
        verdict = "" if row.bar is None else ("ok" if row.value <= row.bar else "MISSED")
        bar = "" if row.bar is None else f"<= {_number(row.bar)} {row.unit}"
        cells.append([row.what, f"{_number(row.value)} {row.unit}", _quartiles(row.spread), bar, verdict])
    widths = [max(len(line[column]) for line in cells) for column in range(len(header))]
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{title}\n{os.cpu_count()} CPUs, load {load} (1, 5, 15 minutes)")
    for line in cells:
        first, *others = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join([first, *others]).rstrip())


def _quartiles(values: Sequence[float]) -> str:
    if len(values) < 2:
        return ""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{_number(low)} to {_number(high)} (n={len(values)})"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
