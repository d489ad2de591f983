"""The states of jobs, asked for on a thread of their own: a cluster that takes its time holds up nobody."""

import threading
from collections.abc import Callable, Sequence

from ax_mo.runner.job import Job, JobState, Phase


class BackgroundStates:
    """Asks for the states of the jobs that are watched, every ``seconds``.

    ``changed`` is called on the thread whenever a state is another one.
    """

    def __init__(
        self, ask: Callable[[Sequence[Job]], Sequence[JobState]], seconds: float, changed: Callable[[], None]
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._changed = changed
        self._watched: Sequence[Job] = ()
        self._known: dict[str, JobState] = {}  # by handle
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, job: Job, state: JobState) -> None:
        """What is known of a job that was submitted or asked for this moment."""
        self._known[job.handle] = state

    def of(self, jobs: Sequence[Job]) -> list[JobState]:
        """As they were when they were last asked for, or as they were noted. They alone are asked for from now on."""
        self._watched = jobs
        if self._thread is None and jobs:
            self._thread = threading.Thread(target=self._watch, name="ax_mo-states", daemon=True)
            self._thread.start()
        return [self._known[job.handle] for job in jobs]

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(self._seconds):
            watched = self._watched
            try:
                states = self._ask(watched) if watched else ()
            except Exception as error:  # without this thread, no job would ever end
                states = [JobState(Phase.UNKNOWN, message=f"its state cannot be asked for: {error!r}")] * len(watched)
            news = {job.handle: state for job, state in zip(watched, states, strict=True)}
            is_new = any(self._known[handle] != state for handle, state in news.items())
            self._known |= news
            if is_new:
                self._changed()
