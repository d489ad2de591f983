"""The suggestion thread: an optimizer on a thread of its own, so that computing a point never holds up a worker."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from importlib import import_module

from ax_mo.core.trial import Point, Suggestion, Trial
from ax_mo.optimizer.protocol import Optimizer
from ax_mo.optimizer.untried import UntriedPoints


class AsyncOptimizer:
    """Makes an optimizer's calls, in their order, on another thread, and suggests no point twice.

    What ``restore``, ``tell`` or ``prepare`` has raised is raised by the future of the next ``ask``. ``on_ready`` is
    called on the other thread whenever the future of an ``ask`` is done.
    """

    def __init__(
        self, optimizer: Optimizer, points: UntriedPoints, on_ready: Callable[[], None] = lambda: None
    ) -> None:
        self._optimizer = optimizer
        self._points = points
        self._on_ready = on_ready
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._prepared = False
        # Whole before there is another thread: of two that import NumPy at once, one may see it by half.
        import_module("numpy")
        # A daemon: a model that is still being fitted must not keep an interrupted program from ending.
        self._thread = threading.Thread(target=self._work, name="ax_mo-suggestions", daemon=True)
        self._thread.start()

    def restore(self, trials: Sequence[Trial]) -> None:
        """Take over a study with these trials; called once, before all else."""
        self._points.mark_tried(trials)  # at once: a point may be asked for while the optimizer restores them
        self._post(lambda: self._optimizer.restore(trials))

    def ask(self) -> "Future[Suggestion]":
        """The next suggestion. The future raises SpaceExhausted, NoNewPoint, or what any call has raised."""
        future: Future[Suggestion] = Future()

        def call() -> None:
            try:
                if self._error is not None:
                    raise self._error
                before = time.perf_counter()
                suggestion = self._points.next(self._optimizer.ask)
                future.set_result(replace(suggestion, seconds=time.perf_counter() - before))
            except BaseException as error:
                future.set_exception(error)
            self._on_ready()

        self._calls.put(call)
        return future

    def quasi_random(self) -> Suggestion:
        """A point at once, on the caller's thread, also while ``ask`` runs. Raises SpaceExhausted or NoNewPoint."""
        return self._points.quasi_random()

    def take(self, point: Point) -> bool:
        """Reserve a point that somebody else has chosen; False where it was suggested already."""
        return self._points.take(point)

    def tell(self, trial: Trial) -> None:
        """A trial is about to run, whoever suggested it, or has ended."""
        self._post(lambda: self._optimizer.tell(trial))

    def prepare(self) -> None:
        """All workers are busy: let the optimizer import now, once, what its first suggestion would wait for."""
        if not self._prepared:
            self._prepared = True
            self._post(getattr(self._optimizer, "prepare", lambda: None))

    def close(self, patience: float = 30.0) -> bool:
        """End the thread after the calls that were made; False where that takes more than ``patience`` seconds."""
        self._calls.put(None)
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _post(self, call: Callable[[], None]) -> None:
        def guarded() -> None:
            if self._error is None:
                try:
                    call()
                except BaseException as error:
                    self._error = error

        self._calls.put(guarded)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
