"""``hydra.launcher.results_url``: the jobs of any scheduler, whose results come through a store."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ax_mo.errors import ConfigError
from ax_mo.runner.job import Job, JobSpec, JobState, Phase, SubmitLater, study_of
from ax_mo.runner.remote.remote_trial import RemoteJob
from ax_mo.runner.remote.trial_store import (
    Manifest,
    StoredObject,
    TrialStore,
    checksum,
    error_text,
    file_of,
    is_manifest,
)
from ax_mo.runner.scheduler import Scheduler
from ax_mo.trial.files import STOP, STORED_AS, write_atomically
from ax_mo.trial.untrusted import Unusable, read_text

_KEY = "hydra.launcher.results_url"
_GRACE = 60.0
"""Seconds after a job's end for which the store may not show that it has ended."""


@dataclass
class _Brought:
    """What is here of a job's files."""

    versions: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    asked_to_stop: bool = False
    manifest: Manifest | None = None
    ended: float | None = None
    """Since when its scheduler says that it has ended."""

    @property
    def missing(self) -> list[str]:
        """Files that are here otherwise than the trial has written them."""
        written = {} if self.manifest is None else self.manifest.files
        return [name for name, expected in written.items() if self.checksums.get(name) != expected]


class StoredScheduler(Scheduler):
    """``inner`` runs the jobs, of which ``url`` has the files. What the store does not say is unknown."""

    poll_seconds = 5.0

    def __init__(self, inner: Scheduler, url: str) -> None:
        super().__init__(inner.settings)
        self._inner = inner
        self._url = url
        self._sweep_dir = Path.cwd()
        self._opened: TrialStore | None = None
        self._brought: dict[str, _Brought] = {}
        self.has_queue = inner.has_queue

    @property
    def capacity(self) -> int | None:
        return self._inner.capacity

    @property
    def auto_n_jobs(self) -> int | None:
        return self._inner.auto_n_jobs

    @property
    def has_room(self) -> bool:
        return self._inner.has_room

    def has_room_for(self, spec: JobSpec) -> bool:
        return self._inner.has_room_for(spec)

    def check_arguments(self) -> None:
        self._inner.check_arguments()

    def check(self) -> None:
        """Raises ConfigError where the store cannot be written and read, or the scheduler takes no jobs."""
        try:
            self._store.check()
        except Exception as error:  # whatever the store's client raises
            hint = " For s3://: pip install 'hydra-ax-mo[s3]'." if isinstance(error, ImportError) else ""
            raise ConfigError(f"{_KEY}={self._url}: nothing can be kept there: {error_text(error)}.{hint}") from None
        self._inner.check()

    def check_program(self, argv: Sequence[str], cwd: Path, sweep_dir: Path) -> None:
        self._sweep_dir = sweep_dir
        self._inner.check_program(argv, cwd, sweep_dir)

    def request(self, spec: JobSpec) -> str:
        return self._inner.request(self._sent(spec))

    def submit(self, spec: JobSpec) -> str:
        try:
            self._store.put_job(RemoteJob.of(spec, self.settings, self._sweep_dir))
            write_atomically(spec.directory / STORED_AS, f"{spec.name}\n")
        except Exception as error:  # whatever the store's client raises
            raise SubmitLater(f"{_KEY}={self._url}: {error_text(error)}") from None
        return self._inner.submit(self._sent(spec))

    def find(self, name: str, directory: Path) -> str | None:
        return self._inner.find(name, directory)

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        states = self._inner.states(jobs)
        names = {job.directory: _name_of(job) for job in jobs}
        problems: dict[str, str] = {}
        try:
            self._bring({names[job.directory]: job.directory for job in jobs}, problems)
        except Exception as error:  # whatever the client of a store that is away raises
            problem = f"The store {self._url} does not answer: {error_text(error)}"
            problems = dict.fromkeys(names.values(), problem) | problems
        return [
            self._state(
                state,
                self._brought.setdefault(names[job.directory], _Brought()),
                problems.get(names[job.directory], ""),
            )
            for job, state in zip(jobs, states, strict=True)
        ]

    def cancel(self, jobs: Sequence[Job]) -> None:
        self._inner.cancel(jobs)

    def close(self) -> None:
        self._inner.close()

    @property
    def _store(self) -> TrialStore:
        if self._opened is None:
            self._opened = TrialStore(self._url)
        return self._opened

    def _sent(self, spec: JobSpec) -> JobSpec:
        """The job that runs the trial on its node."""
        argv = (spec.argv[0], "-m", "ax_mo.runner.remote.stored_trial", self._url, spec.name)
        return replace(spec, argv=argv, env={})

    def _bring(self, directories: dict[str, Path], problems: dict[str, str]) -> None:
        """What the store has of these jobs into their directories, and the requests to stop to the store.

        ``problems`` takes what keeps a job's files alone from coming.
        """
        for name, directory in directories.items():
            brought = self._brought.setdefault(name, _Brought())
            if not brought.asked_to_stop and (directory / STOP).exists():
                self._store.put_stop(name, (directory / STOP).read_bytes())
                brought.asked_to_stop = True
        studies = {study_of(name) for name in directories}
        for entry in sorted((entry for study in studies for entry in self._store.listed(study)), key=is_manifest):
            if entry.job in directories and entry.job not in problems:
                try:
                    self._bring_entry(entry, directories[entry.job])
                except Exception as error:  # of this object, or of the directory here
                    problems[entry.job] = f"{entry.name} of {entry.job} cannot be brought here: {error_text(error)}"

    def _bring_entry(self, entry: StoredObject, directory: Path) -> None:
        brought, file = self._brought[entry.job], file_of(entry)
        is_stale = file in brought.missing  # a store may show an old content for a while
        if brought.versions.get(entry.name) == entry.version and not is_stale:
            return
        if is_manifest(entry):
            brought.manifest = self._store.read_manifest(entry.job)
        elif file is not None:
            change = self._store.read_file(entry.job, file)
            change.write(directory)
            brought.checksums[file] = checksum(change.content)
        brought.versions[entry.name] = entry.version

    def _state(self, state: JobState, brought: _Brought, problem: str) -> JobState:
        """The job's state, of what its scheduler says and what the store has shown."""
        if brought.manifest is not None and not brought.missing:
            known = state if state.phase is Phase.ENDED else JobState(Phase.ENDED)
            return replace(known, exit_code=brought.manifest.exit_code)
        if state.phase is not Phase.ENDED:
            return state
        brought.ended = time.monotonic() if brought.ended is None else brought.ended
        if problem:
            return JobState(Phase.UNKNOWN, message=problem)
        if brought.missing:
            return JobState(
                Phase.UNKNOWN,
                message=f"The store {self._url} shows other files than the trial has written: {brought.missing[0]}",
            )
        return JobState(Phase.RUNNING) if time.monotonic() - brought.ended < _GRACE else state


def _name_of(job: Job) -> str:
    """The job's name, by which the store knows it; empty where nothing says so any more."""
    try:
        return read_text(job.directory / STORED_AS).strip()
    except (OSError, Unusable):
        return ""
