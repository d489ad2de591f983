"""A study of the suite: how its sweeper is started, in a process of its own or forked from the fork server."""

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.fork_server import FAULTS, Forked, fork
from tests.support.sweeps import ROOT, Finished, environment

TASK = ROOT / "tests" / "apps" / "chaos" / "task.py"
MARK = "AX_MO_CHAOS_MARK"


@dataclass(frozen=True)
class Sweeper:
    """A forked one, whose output is in a file."""

    process: Forked
    output: Path

    def finish(self, timeout: float = 120) -> Finished:
        return Finished(self.process.wait(timeout), self.output.read_text(errors="replace"))

    def kill(self) -> None:
        self.process.kill()


@dataclass
class Study:
    """``mark`` is in the environment of all its processes, by which those that were left behind are found."""

    directory: Path
    n_trials: int = 2
    n_jobs: int = 1
    overrides: tuple[str, ...] = ("hydra.sweeper.method=random_search",)
    environment: Mapping[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    outputs: int = 0

    @property
    def sweep_dir(self) -> Path:
        return self.directory / "sweep"

    @property
    def journal(self) -> Path:
        return self.directory / "journal"

    def steps(self, of_trial: bool = False) -> Path:
        """Where an injected fault counts the steps of the process it was meant for."""
        return self.directory / ("steps of a trial" if of_trial else "steps")

    def argv(self, *more: str) -> list[str]:
        return [
            str(TASK), "-m", "hydra/sweeper=ax_mo", "hydra.sweeper.objectives={loss: minimize, size: minimize}",
            f"hydra.sweep.dir={self.sweep_dir}", "x=interval(0,1)", "y=interval(0,1)", "hydra.sweeper.seed=7",
            f"hydra.sweeper.n_trials={self.n_trials}", f"hydra.sweeper.n_jobs={self.n_jobs}",
            f"journal={self.journal}", *self.overrides, *more,
        ]  # fmt: skip

    def env(self, **extra: str) -> dict[str, str]:
        return environment(**{"AX_MO_REPORT": "0", MARK: self.mark, **self.environment, **extra})

    def fork(
        self, *more: str, fault: Mapping[str, Any] | None = None, descriptors: int | None = None, **extra: str
    ) -> "Sweeper":
        self.outputs += 1
        output = self.directory / f"output-{self.outputs}"
        fault = None if fault is None else {"log": str(self.steps()), **fault}
        given = {"fault": fault, "descriptors": descriptors}
        return Sweeper(fork(self.argv(*more), self.directory, self.env(**extra), output, **given), output)

    def resume(self, *more: str) -> Finished:
        """Sweep on, undisturbed, to the end."""
        ended = self.fork(*more).finish()
        assert ended.returncode == 0, ended.output
        return ended

    def start(self, *more: str, output: Any = subprocess.PIPE, **extra: str) -> "subprocess.Popen[str]":
        """As a user does."""
        return subprocess.Popen(
            [sys.executable, *self.argv(*more)], cwd=self.directory, env=self.env(**extra), text=True,
            stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def pids(self) -> list[int]:
        """Of the study's processes; zombies have no environment to know them by."""
        wanted = f"{MARK}={self.mark}".encode()
        found: list[int] = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            try:
                if wanted in environ.read_bytes():
                    found.append(int(environ.parent.name))
            except OSError:
                continue
        return found

    def processes(self) -> list[str]:
        """The command lines of the study's processes."""
        found: list[str] = []
        for pid in self.pids():
            with contextlib.suppress(OSError):
                found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def fault_of_a_trial(self, fault: Mapping[str, Any]) -> dict[str, str]:
        """The environment in which the process of trial 0 suffers the fault."""
        path = os.pathsep.join(filter(None, [str(FAULTS), os.environ.get("PYTHONPATH")]))
        told = {"trial": 0, "log": str(self.steps(of_trial=True)), **fault}
        return {"PYTHONPATH": path, "AX_MO_CHAOS": json.dumps(told)}

    def taken_steps(self, of_trial: bool = False) -> list[str]:
        steps = self.steps(of_trial)
        return steps.read_text().splitlines() if steps.exists() else []
