"""The points that a study tries next, without letting a worker wait for the model."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from ax_mo.core.stop_reason import StopKind, StopReason
from ax_mo.core.trial import SOBOL_TIMEOUT, USER, Point, Status, Suggestion, Trial
from ax_mo.errors import AxMoError, StudyStopped
from ax_mo.optimizer.async_optimizer import AsyncOptimizer
from ax_mo.optimizer.untried import NoNewPoint, SpaceExhausted
from ax_mo.search_space.space import PointIdentity
from ax_mo.sweep.study import Study

_RECENT = 20


class Suggestions:
    """Asks ``optimizer`` for points as ``study`` has room for them.

    With ``prefetch`` points are computed ahead while all workers are busy, so that a free worker starts at once: one,
    and more where several workers become free in the time that a point takes. A worker that has waited
    ``suggestion_timeout`` seconds for the model takes a quasi-random point instead, unless ``next`` ``waits``: for a
    runner of whose jobs none can run meanwhile.
    """

    def __init__(self, optimizer: AsyncOptimizer, study: Study, notice: Callable[[str], None], waits: bool) -> None:
        settings = study.spec.settings
        self._optimizer = optimizer
        self._study = study
        self._notice = notice
        self._waits = waits
        self._timeout = settings.suggestion_timeout
        self._prefetch = settings.prefetch
        self._enqueued: deque[Suggestion] = deque()
        self._asked: deque[Future[Suggestion]] = deque()
        self._waiting_since: float | None = None
        self._took = 0.0  # seconds, the last suggestion
        self._begun: dict[int, float] = {}
        self._lengths: deque[float] = deque(maxlen=_RECENT)  # seconds, of trials that have ended lately

    def next(self) -> Suggestion | None:
        """The next suggestion if it is there, and None otherwise, with one asked for, or where the study has no room.

        Raises StudyStopped when the optimizer failed in a way that no other point would mend.
        """
        if not self._study.remaining_trials:  # also where one is on its way: quasi-random points took its place
            return None
        while self._enqueued:
            enqueued = self._enqueued.popleft()
            if self._optimizer.take(enqueued.point):
                return enqueued
        if not self._asked:
            self._asked.append(self._optimizer.ask())
            self._waiting_since = time.monotonic()
        if not (self._asked[0].done() or self._waits):
            return self._instead_of_waiting()
        asked = self._asked.popleft()
        self._waiting_since = None
        try:
            suggestion = asked.result()
            self._took = suggestion.seconds or 0.0
            return suggestion
        except SpaceExhausted:
            self._study.exhausted = True
        except NoNewPoint as error:
            if not self._study.trials:
                raise
            self._study.stop_reason = StopReason(StopKind.EXHAUSTED, str(error))  # what runs is no worse for it
        except AxMoError:
            raise
        except Exception as error:
            raise StudyStopped(f"The optimizer failed: {type(error).__name__}: {error}") from error
        return None

    def ask_ahead(self) -> None:
        """All workers are busy: let the next suggestions be computed meanwhile."""
        self._waiting_since = None
        if self._waits or self._study.has_runs or not self._study.remaining_trials:
            return
        left = self._study.remaining_trials - len(self._enqueued)
        while self._prefetches and len(self._asked) < min(self._ahead, left):
            self._asked.append(self._optimizer.ask())
        self._optimizer.prepare()

    def tell(self, trial: Trial) -> None:
        """A trial is about to run, or has ended."""
        if trial.status is Status.ASKED:
            self._begun[trial.number] = time.monotonic()
        elif (begun := self._begun.pop(trial.number, None)) is not None:
            self._lengths.append(time.monotonic() - begun)
        self._optimizer.tell(trial)

    def enqueue(self, point: Point) -> None:
        """Have the point tried next, after those enqueued before, unless it has been suggested by then."""
        self._enqueued.append(Suggestion(point, USER))

    def remove(self, point: PointIdentity) -> None:
        """Leave a point that was enqueued."""
        identity = self._study.spec.plan.space.identity
        self._enqueued = deque(one for one in self._enqueued if identity(one.point) != point)

    @property
    def has_users_point(self) -> bool:
        """Whether a point that a user has enqueued comes next: no run waits for a worker, and the study has room."""
        return bool(self._enqueued) and not self._study.has_runs and self._study.remaining_trials > 0

    @property
    def _n_jobs(self) -> int:
        n_jobs: int = self._study.spec.settings.n_jobs
        return n_jobs

    @property
    def _prefetches(self) -> bool:
        return self._n_jobs > 1 if self._prefetch is None else self._prefetch

    @property
    def _ahead(self) -> int:
        """How many points are to be there, or on their way, when a worker becomes free."""
        if not self._lengths:
            return 1
        become_free = self._n_jobs * self._took * len(self._lengths) / max(sum(self._lengths), 1e-3)
        return min(self._n_jobs, 1 + round(become_free))

    def _instead_of_waiting(self) -> Suggestion | None:
        """A quasi-random point, once the worker has waited for long enough."""
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()
        if time.monotonic() - self._waiting_since < self._timeout:
            return None
        self._waiting_since = time.monotonic()
        try:
            instead = self._optimizer.quasi_random()
        except (SpaceExhausted, NoNewPoint):
            return None
        self._notice(f"The model has needed more than {self._timeout:g} s; a quasi-random point runs meanwhile.")
        return replace(instead, generator=SOBOL_TIMEOUT)
