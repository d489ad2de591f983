"""Real sweeps in real processes: a toy task, its command line, and what it leaves behind."""

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.fork_server import Forked, fork
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "tests" / "apps"
BUILT_IN = ("trial_seconds", "peak_memory_mb")
"""Costs that every trial has, and that no two runs have alike."""


def without_built_in(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if name not in BUILT_IN}


@dataclass
class Finished:
    returncode: int
    output: str


class Sweep:
    """A toy project of its own, and the directory its sweep writes to."""

    def __init__(self, tmp_path: Path) -> None:
        self.project = tmp_path / "project"
        shutil.copytree(APPS / "toy", self.project)
        self.dir = tmp_path / "sweep"
        self.tmp_path = tmp_path
        self.script = self.project / "toy.py"
        self.gate = tmp_path / "gate"
        """Trials that are run with :attr:`held` end when this file is there."""
        self.held = f"until={self.gate}"
        self.objectives = "{loss: minimize, size: minimize}"
        self.forked = True
        """By the fork server; otherwise as a user starts them, where that is what is tested."""

    def argv(self, *overrides: str) -> list[str]:
        return [
            sys.executable, str(self.script), "-m", "hydra/sweeper=ax_mo",
            f"hydra.sweeper.objectives={self.objectives}", f"hydra.sweep.dir={self.dir}", *overrides,
        ]  # fmt: skip

    def run(
        self,
        *overrides: str,
        argv: Sequence[str] | None = None,
        cwd: Path | None = None,
        timeout: float = 300,
        env: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run the sweep, or ``argv``, to its end."""
        return run(argv or self.argv(*overrides), cwd or self.tmp_path, timeout, env, self.forked)

    def start(self, *overrides: str) -> "Forked | subprocess.Popen[str]":
        return start(self.argv(*overrides), self.tmp_path, environment(), self.forked)

    def run_and_release(self, words: str, *overrides: str) -> Finished:
        """Run the sweep, and let the trials that are held go on as soon as it has printed ``words``."""
        process = self.start(*overrides)
        lines = []
        for line in process.stdout or ():
            lines.append(line)
            if words in line:
                self.gate.touch()
        return Finished(process.wait(), "".join(lines))

    def trials(self) -> list[dict[str, str]]:
        with (self.dir / "trials.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def solutions(self) -> list[dict[str, Any]]:
        loaded = yaml.safe_load((self.dir / "optimization_results.yaml").read_text())
        assert loaded["name"] == "ax_mo"
        return loaded["solutions"]

    def database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.dir / "study.db")

    def rows(self, query: str = "select number, status from ax_mo_trial") -> list[tuple[Any, ...]]:
        """What the database says, which may not be there or not be ready yet."""
        try:
            with sqlite3.connect(f"file:{self.dir / 'study.db'}?mode=ro", uri=True) as connection:
                return connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []

    def under_way(self, jobs: int) -> bool:
        """Whether so many jobs run and the sweeper has noted each: a job may begin before it is noted."""
        noted = self.rows("select directory from ax_mo_trial where status = 'running' and handle is not null")
        return len(noted) == jobs and all((self.dir / directory / ".pid").exists() for (directory,) in noted)

    def result(self, trial: int | str) -> dict[str, Any]:
        return json.loads((self.dir / str(trial) / "result.json").read_text())


def assert_same_trials(there: Sweep, here: Sweep, besides: Sequence[str] = ()) -> None:
    """What both sweeps know of their trials, and what these have left, ``besides`` files of the engine's own."""
    told = ("trial", "status", "reason", "attempt", "params.x", "params.mode", "metrics.loss")
    ours, theirs = ([{name: trial[name] for name in told} for trial in sweep.trials()] for sweep in (there, here))
    assert ours == theirs
    of_the_engine = {".pid", ".heartbeat", *besides}
    for trial in there.trials():
        left, expected = (
            {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()} - of_the_engine
            for place in (there.dir / trial["dir"], here.dir / trial["dir"])
        )
        assert left == expected


def assert_trial_can_be_stopped(sweep: Sweep, *options: str) -> None:
    """A trial ends early that somebody asks to stop, as soon as its curve is here."""
    shutil.copytree(APPS / "curves", sweep.project, dirs_exist_ok=True)
    sweep.script, sweep.objectives = sweep.project / "task.py", "{acc: maximize}"
    running = sweep.start(
        "quality=interval(0.1,0.9)", "steps=10000", "seconds=0.02", "hydra.sweeper.n_trials=1", *options
    )
    wait_until((sweep.dir / "0" / "curve.jsonl").exists)
    assert run([sys.executable, "-m", "ax_mo", "stop", str(sweep.dir), "0"], sweep.tmp_path).returncode == 0
    output, _ = running.communicate(timeout=100)
    assert running.returncode == 0, output
    (trial,) = sweep.trials()
    assert trial["status"] == "early_stopped" and trial["reason"].startswith("asked by ")
    assert 0 < int(trial["metrics.steps"]) < 10000


class Live:
    """Overrides of a study of three trials: one ends when ``first`` is there, one when the gate is, and one at once."""

    def __init__(self, sweep: Sweep) -> None:
        self.first, self.journal = sweep.tmp_path / "first", sweep.tmp_path / "journal"
        trials = f"[{{until: {self.first}, x: 0.1}}, {{until: {sweep.gate}, x: 0.2}}, {{until: '', x: 0.3}}]"
        self.options = (
            "x=interval(0,1)", f"until=choice({self.first},{sweep.gate},'')", f"hydra.sweeper.initial_trials={trials}",
            "hydra.sweeper.n_jobs=2", "hydra.sweeper.start_from_config=false", "hydra.sweeper.n_trials=3",
            "hydra.sweeper.method=random_search", f"journal={self.journal}",
        )  # fmt: skip

    def ran(self) -> Counter[str]:
        return Counter(self.journal.read_text().split())


def environment(**extra: str) -> dict[str, str]:
    # Hydra 1.4 warns every app that names version_base, and 1.3 every app that does not.
    quiet = {"PYTHONWARNINGS": "ignore:The version_base parameter is deprecated"}
    return {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **quiet, **extra}


def start(argv: Sequence[str], cwd: Path, env: Mapping[str, str], forked: bool) -> "Forked | subprocess.Popen[str]":
    """Start a program in a session of its own; ``forked`` is a wish: not all can be."""
    if forked and argv[0] == sys.executable and (argv[1] == "-m" or not argv[1].startswith("-")):
        return fork(argv[1:], cwd, env)
    return subprocess.Popen(
        list(argv), cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        env=dict(env), start_new_session=True,
    )  # fmt: skip


def run(
    argv: Sequence[str],
    cwd: Path,
    timeout: float = 300,
    env: Mapping[str, str] | None = None,
    forked: bool = True,
) -> Finished:
    """Run a program to its end, by the fork server if it may; what it prints, on whichever stream, is its output."""
    process = start(argv, cwd, environment(**(env or {})), forked)
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Finished(process.wait(), output)
