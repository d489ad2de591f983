"""How soon a trial is at work: forked from a process that has its libraries (local_warm) against started (local_cwd).

A job's script imports PyTorch, PyTorch Lightning and Hydra, and notes when it has. From its submission to that moment,
wall and CPU time are taken of jobs of both kinds in turns. A forked job's CPU time includes what the process that forks
spends on it. ``--example N`` runs the whole example study, of 48 trials, N times each way as well.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from measure import Row, app_in_a_temporary_directory, interleaved, median_row, print_table, python, run

from ax_mo.core.process import identity
from ax_mo.runner.job import Job, JobSpec, Phase
from ax_mo.runner.scheduler import Scheduler, open_scheduler
from ax_mo.runner.settings import LauncherSettings

_EXAMPLE = Path(__file__).resolve().parents[1] / "example_project" / "train.py"
_BAR_START = 15.0
_BAR_EXAMPLE = 60.0

_SCRIPT = """\
import hydra
import pytorch_lightning
import torch
import json, sys, time
from pathlib import Path
from ax_mo.trial.imports import report_imports

at_work = {"wall": time.time(), "cpu": time.process_time()}
print(json.dumps(at_work), flush=True)
report_imports(Path(sys.argv[1]), None)

time.sleep(float(sys.argv[2]))
"""


class Jobs:
    """Jobs of one kind, one at a time."""

    def __init__(self, scheduler: str, directory: Path) -> None:
        self.scheduler: Scheduler = open_scheduler(LauncherSettings(scheduler=scheduler))
        self.directory = directory
        self.walls: list[float] = []
        self.cpus: list[float] = []
        self.memory = 0.0

    def run(self, seconds: float = 0.2) -> float:
        """Milliseconds until the job is at work."""
        directory = self.directory / f"{self.scheduler.settings.scheduler}-{time.monotonic_ns()}"
        directory.mkdir()
        argv = (sys.executable, "train.py", str(directory), str(seconds))
        before, began = self._of_server(), time.time()
        job = Job(self.scheduler.submit(JobSpec("job", argv, directory, self.directory)), directory)
        while self.scheduler.states([job])[0].phase is not Phase.ENDED:
            self._note_server(job)
            time.sleep(0.02)
        noted = json.loads((directory / "stdout.log").read_text())
        self.walls.append(1e3 * (noted["wall"] - began))
        self.cpus.append(1e3 * (noted["cpu"] + self._of_server() - before))
        return self.walls[-1]

    def warm_up(self) -> None:
        """A job of which it is known afterwards what jobs import, and one that shows who forks them."""
        self.run()
        while not self.scheduler.has_room:
            time.sleep(0.1)
        self.run()
        self.walls, self.cpus = [], []

    def _note_server(self, job: Job) -> None:
        process = identity(job.directory)
        if process is not None and (parent := psutil.Process(process.pid).parent()) is not None:
            self.server = None if parent.pid == psutil.Process().pid else parent
            self.memory = 0.0 if self.server is None else self.server.memory_full_info().uss / 2**20

    server: psutil.Process | None = None

    def _of_server(self) -> float:
        """CPU seconds of the process that forks."""
        if self.server is None:
            return 0.0
        times = self.server.cpu_times()
        return float(times.user + times.system)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=10, help="jobs of each kind (default: 10)")
    parser.add_argument("--example", type=int, default=0, help="studies of the example of each kind (default: 0)")
    options = parser.parse_args()
    with app_in_a_temporary_directory(_SCRIPT) as directory:
        kinds = {name: Jobs(name, directory) for name in ("local_cwd", "local_warm")}
        for jobs in kinds.values():
            jobs.warm_up()
        interleaved({name: jobs.run for name, jobs in kinds.items()}, options.jobs)
        for jobs in kinds.values():
            jobs.scheduler.close()
        print_table("From submission to a script that has imported torch, Lightning and Hydra", _rows(kinds))
        for number in range(options.example):
            _example(directory / f"example{number}")


def _rows(kinds: dict[str, Jobs]) -> list[Row]:
    started, forked = kinds["local_cwd"], kinds["local_warm"]
    return [
        median_row("started, wall", started.walls, "ms"),
        median_row("forked, wall", forked.walls, "ms"),
        _share("  of that", forked.walls, started.walls, _BAR_START),
        median_row("started, CPU", started.cpus, "ms"),
        median_row("forked, CPU", forked.cpus, "ms"),
        _share("  of that", forked.cpus, started.cpus, _BAR_START),
        Row("memory of the process that forks", forked.memory, "MB"),
    ]


def _share(what: str, of: list[float], base: list[float], bar: float) -> Row:
    return Row(what, 100 * statistics.median(of) / statistics.median(base), "%", bar)


def _example(directory: Path) -> None:
    cpus: dict[str, list[float]] = {"local_cwd": [], "auto": []}

    def study(scheduler: str) -> Callable[[], float]:
        def measured() -> float:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            settings = [f"hydra.launcher.scheduler={scheduler}", "hydra.sweeper.seed=1"]
            wall = run(
                python(str(_EXAMPLE), "-m", "+experiment=nas", *settings, f"hydra.sweep.dir={directory}-{scheduler}"),
                directory.parent,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpus[scheduler].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            return wall

        return measured

    walls = interleaved({name: study(name) for name in cpus}, 1)
    rows = []
    for what, times in (("wall", walls), ("CPU", cpus)):
        rows += [
            median_row(f"started, {what}", times["local_cwd"], "s"),
            median_row(f"forked, {what}", times["auto"], "s"),
        ]
        rows.append(_share("  of that", times["auto"], times["local_cwd"], _BAR_EXAMPLE))
    print_table("The example's study of 48 trials", rows)


if __name__ == "__main__":
    sys.exit(main())
