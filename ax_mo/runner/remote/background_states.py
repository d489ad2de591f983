"""The states of jobs, asked for on a thread of their own: a cluster that takes its time holds up nobody."""

import threading
from collections.abc import Callable, Sequence

from ax_mo.runner.job import Job, JobState, Phase


class BackgroundStates:
    """Asks for the states of the jobs that are watched, every ``seconds``.

    ``changed`` is called on the thread whenever a state is another one.
    """

    def __init__(
        self, ask: Callable[[Sequence[Job]], dict[str, JobState]], seconds: float, changed: Callable[[], None]
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._changed = changed
        self._watched: dict[str, Job] = {}  # by handle, as are all states
        self._known: dict[str, JobState] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def submitted(self, job: Job) -> None:
        """The job waits; it is asked for from now on."""
        self._known[job.handle] = JobState(Phase.PENDING)
        self._watched[job.handle] = job

    def of(self, jobs: Sequence[Job]) -> list[JobState]:
        """As they were when they were last asked for; those that are new are asked for now."""
        new = [job for job in jobs if job.handle not in self._known]
        if new:
            self._known |= self._ask(new)
            self._watched.update((job.handle, job) for job in new)
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="ax_mo-states", daemon=True)
            self._thread.start()
        states = [self._known[job.handle] for job in jobs]
        for job, state in zip(jobs, states, strict=True):
            if state.phase is Phase.ENDED:
                self._watched.pop(job.handle, None)
        return states

    def close(self) -> None:
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(self._seconds):
            watched = list(self._watched.values())  # before what is known: what is watched is known by then
            before = dict(self._known)
            watched = [job for job in watched if before[job.handle].phase is not Phase.ENDED]
            try:
                states = self._ask(watched) if watched else {}
            except Exception as error:  # without this thread, no job would ever end
                silent = JobState(Phase.UNKNOWN, message=f"its state cannot be asked for: {error!r}")
                states = {job.handle: silent for job in watched}
            self._known |= states
            if any(before[handle] != state for handle, state in states.items()):
                self._changed()
