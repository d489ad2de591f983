"""``hydra.launcher.scheduler=local_warm``: jobs of this machine that are forked from a process with their libraries."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ax_mo.runner.job import Job, JobSpec, JobState, Phase
from ax_mo.runner.local.end_watch import EndWatch
from ax_mo.runner.local.fork_client import (
    ForkedProcess,
    ForkServer,
    PythonCommand,
    ServerState,
    python_command,
    read_report,
)
from ax_mo.runner.local.local_scheduler import Child, LocalScheduler
from ax_mo.runner.settings import LOCAL, WARM, LauncherSettings
from ax_mo.trial.files import IMPORTS, remove

log = logging.getLogger(__name__)

_WAITS = 60.0
"""Seconds for which new jobs wait for the server, which imports no more than each of them would."""


@dataclass(frozen=True)
class _Asked:
    """A job that will say what it has imported, and what it was started with."""

    command: PythonCommand
    cwd: Path
    env: Mapping[str, str]


class WarmScheduler(LocalScheduler):
    """Starts jobs as LocalScheduler does, until one has ended and has said what it has imported; forks the later ones.

    Where that cannot be right it says so, once, and goes on starting them.
    """

    def __init__(self, settings: LauncherSettings) -> None:
        super().__init__(replace(settings, scheduler=LOCAL))  # whose jobs they are, however they were begun
        self._wanted = settings.scheduler == WARM
        self._server: ForkServer | None = None
        self._since = 0.0
        self._asked: dict[Path, _Asked] = {}
        self._first: tuple[_Asked, Mapping[str, Any]] | None = None
        """A job that has ended, and what it has imported."""
        self._refused: set[str] = set()
        self._cold = _why_cold(self.settings)

    @property
    def has_room(self) -> bool:
        return super().has_room and not self._waits

    @property
    def _waits(self) -> bool:
        imports = self._server is not None and self._server.poll() is ServerState.IMPORTING
        return imports and time.monotonic() - self._since < _WAITS

    def has_room_for(self, spec: JobSpec) -> bool:
        if self._server is None and self._first is not None:  # not before: a study's last trial needs no server
            asked, report = self._first
            self._since = time.monotonic()
            self._server = ForkServer(asked.command.options, asked.cwd, asked.env, report)
        return not self._waits and super().has_room_for(spec)

    def remark(self, argv: Sequence[str], cwd: Path) -> str:
        command = python_command(argv, cwd)
        cold = self._cold or (command if isinstance(command, str) else "")
        if cold:
            return f"each trial starts a Python of its own: {cold}"
        return (
            "trials are forked from a process that has imported the libraries that the first one imports, unless that "
            f"proves impossible; with hydra.launcher.scheduler={LOCAL}, each starts a Python of its own"
        )

    def close(self) -> None:
        super().close()
        if self._server is not None and self._server.state is not ServerState.OVER:
            self._server.close()

    def _fork(self, spec: JobSpec, env: Mapping[str, str]) -> ForkedProcess | None:
        command = self._cold or python_command(spec.argv, spec.cwd)
        if isinstance(command, str):
            self._refuse(command)
            return None
        if self._server is None:
            (spec.directory / IMPORTS).touch()
            self._asked[spec.directory] = _Asked(command, spec.cwd, env)
            return None
        if self._server.poll() is ServerState.OVER:
            self._cold = self._server.refusal
            self._refuse(self._cold)
        if self._server.state is not ServerState.READY:
            return None
        if cold := self._server.why_not(command, spec.cwd, env):
            self._refuse(cold)
            return None
        forked: ForkedProcess | None = self._server.fork(spec.directory, spec.argv, command, env)
        return forked

    def _end_descriptor(self, child: Child) -> int:
        return os.dup(child.fileno()) if isinstance(child, ForkedProcess) else super()._end_descriptor(child)

    def _refuse(self, why: str) -> None:
        if why not in self._refused:
            self._refused.add(why)
            log.log(logging.WARNING if self._wanted else logging.INFO, "Trials are started, not forked: %s.", why)

    def _state(self, job: Job) -> JobState:
        child: Any = self._children.get(job.handle)
        if isinstance(child, ForkedProcess) and child.poll() is None and child.is_lost:
            self._process(job)
            del self._children[job.handle]
            self._watched.add(job.directory)
        state = super()._state(job)
        if state.phase is Phase.ENDED:
            asked = self._asked.pop(job.directory, None)
            if asked is not None and self._first is None and state.exit_code == 0:
                report = read_report(job.directory)  # one that fails may not have come to its imports
                self._first = None if report is None else (asked, report)
            with suppress(OSError):  # it may have made something else of its directory
                remove(job.directory / IMPORTS)
        return state


def _why_cold(settings: LauncherSettings) -> str:
    if not EndWatch.is_possible():
        return "this system is not Linux, or has no descriptors of processes"
    if settings.python:
        return "hydra.launcher.python names another interpreter"
    if settings.component:
        return "hydra.launcher.component makes the jobs"
    if settings.nproc_per_node > 1:
        return "each trial is several processes"
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return "the sweep was started by torchrun"
    return ""
