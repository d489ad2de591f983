"""A trial on a node that shares no disk with the sweep: its command in a directory there, its files on their way."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ax_mo.core.process import groups_below, recorded
from ax_mo.runner.cluster.containers import MountedPlace, Mounts
from ax_mo.runner.job import JobSpec
from ax_mo.runner.remote.changed_files import RETURNED, Change, ChangedFiles
from ax_mo.runner.settings import LauncherSettings
from ax_mo.trial.files import SPEC

_KILLED_AFTER = 5.0

_GUARDIAN = (
    'read -r _; kill -s TERM -- "-$1" 2>/dev/null || exit 0; n=0; '
    'while [ "$n" -lt 350 ] && kill -s 0 -- "-$1" 2>/dev/null; do sleep 0.1; n=$((n + 1)); done; '
    'kill -s KILL -- "-$1" 2>/dev/null'
)
"""Ends a process group once the process that holds its standard input has ended, in whatever way. ``kill -TERM --`` is
an error of Debian's shell. torchrun takes 30 s to kill processes that do not end at SIGTERM."""


@dataclass(frozen=True)
class RemoteJob:
    """A trial as it is sent. Paths are the sweep's, and are those of the node there."""

    name: str
    argv: tuple[str, ...]
    directory: str
    sweep_dir: str
    cwd: str
    python: str
    """The interpreter there; empty for the one that looks after the trial."""
    env: Mapping[str, str]
    files: Sequence[Change]
    """What the trial's directory holds at first."""
    fetch: Sequence[str]
    """Patterns of files that come back besides those of every trial."""
    grace_seconds: float

    @staticmethod
    def of(spec: JobSpec, settings: LauncherSettings, sweep_dir: Path) -> "RemoteJob":
        """The job of a sweep in ``sweep_dir``."""
        files = [Change(name, path.read_bytes()) for name in (SPEC,) if (path := spec.directory / name).exists()]
        return RemoteJob(
            spec.name, spec.argv, str(spec.directory), str(sweep_dir), str(spec.cwd), settings.python,
            {**settings.env, **spec.env}, files, tuple(settings.fetch), settings.grace_seconds,
        )  # fmt: skip


@dataclass(frozen=True)
class Orders:
    """What the sweep wants of a trial that runs."""

    files: Sequence[Change] = ()
    cancel: bool = False


@dataclass(frozen=True)
class Ended:
    """The exit code of a trial, and its ``directory`` on its node, which is in ``scratch``."""

    exit_code: int
    scratch: str
    directory: Path


def run_remote(job: RemoteJob, report: Callable[[Sequence[Change]], Orders], every: float, appends: bool) -> Ended:
    """Run the command in a process group of its own until it ends; ``report`` what changes in its directory.

    ``appends``: whether of files that grow the new part is enough. Raises whatever ``report`` raises, after the command
    was ended.
    """
    scratch = tempfile.mkdtemp(prefix=f"{job.name}-")
    try:
        return _run(job, scratch, ChangedFiles(_directory_there(job, scratch), appends=appends), report, every)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _run(
    job: RemoteJob, scratch: str, files: ChangedFiles, report: Callable[[Sequence[Change]], Orders], every: float
) -> Ended:
    there, directory = _places(job, scratch), _directory_there(job, scratch)
    directory.mkdir(parents=True, exist_ok=True)
    for change in job.files:
        change.write(directory)
    argv = [job.python or sys.executable, *map(there.there, job.argv[1:])]
    env = {name: there.there(value) for name, value in job.env.items()}
    with _Group(recorded(tuple(argv), directory), {**os.environ, **env}) as group:
        while (code := group.poll()) is None:
            orders = report(list(files.changes()))
            for change in orders.files:
                change.write(directory)
            if orders.cancel:
                group.end(job.grace_seconds)
            group.wait(every)
    while changes := list(files.changes()):
        report(changes)
    return Ended(code, scratch, directory)


def _directory_there(job: RemoteJob, scratch: str) -> Path:
    return Path(_places(job, scratch).there(job.directory))


def left_files(directory: Path, patterns: Sequence[str]) -> list[str]:
    """Files that match the patterns and are not returned anyway, relative to the directory."""
    found = {path for pattern in patterns for path in directory.rglob(pattern) if path.is_file()}
    found -= {path for pattern in RETURNED for path in directory.glob(pattern)}
    return sorted(path.relative_to(directory).as_posix() for path in found)


def _places(job: RemoteJob, scratch: str) -> Mounts:
    places = [MountedPlace(job.sweep_dir, scratch, True), MountedPlace(job.cwd, str(Path.cwd()), False)]
    return Mounts((), tuple(sorted(places, key=lambda place: -len(place.here))))


class _Group:
    """A command with a process group of its own, of which nothing is left when this is."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(argv, env=dict(env), stdin=subprocess.DEVNULL, start_new_session=True)
        self._guardian = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDIAN, "ax_mo", str(self._process.pid)],
            stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> "_Group":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._guardian.stdin is not None
        self._guardian.stdin.close()
        self._process.wait()
        self._guardian.wait()

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def end(self, grace_seconds: float) -> None:
        """SIGTERM to the group, and SIGKILL when its first process has not ended after that time."""
        group = self._process.pid
        below = groups_below({group})  # torchrun's processes, to which it passes SIGTERM on
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)
        self.wait(grace_seconds)
        for one in (group, *below):
            with suppress(ProcessLookupError):
                os.killpg(one, signal.SIGKILL)
        self.wait(_KILLED_AFTER)
