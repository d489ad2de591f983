"""The suggestion thread: owns the optimizer, so that computing the next point never holds up a worker."""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Protocol

from ax_mo.core.trial import Point, Suggestion, Trial
from ax_mo.trial.curve import CurvePoint

Samples = Sequence[Mapping[str, float]]
"""The metrics of each repeat of a trial, or of its only run."""
Curves = Mapping[int, Sequence[CurvePoint]]
"""Learning curves by trial."""


class Optimizer(Protocol):
    """What suggests points and learns from outcomes; on one thread, but for ``know`` and ``quasi_random``."""

    def know(self, trials: Sequence[Trial]) -> None: ...
    def start(self, trials: Sequence[Trial] = (), curves: Curves | None = None) -> None: ...
    def prepare(self) -> None: ...
    def ask(self) -> Suggestion: ...
    def assign(self, number: int, point: Point) -> None: ...
    def tell(self, number: int, samples: Samples, curve: Sequence[CurvePoint] = ()) -> None: ...
    def stop(self, number: int, samples: Samples, curve: Sequence[CurvePoint] = (), reason: str = "") -> None: ...
    def fail(self, number: int) -> None: ...
    def quasi_random(self) -> Suggestion: ...


class Asker:
    """Runs an optimizer's calls in the order they were made, on a thread of its own.

    An error in any other call is raised by the next ``ask``'s future.
    """

    def __init__(self, optimizer: Optimizer, on_ready: Callable[[], None] = lambda: None) -> None:
        self._optimizer = optimizer
        self._on_ready = on_ready
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._prepared = False
        # A daemon: a model that is still being fitted must not keep an interrupted program from ending.
        self._thread = threading.Thread(target=self._work, name="ax_mo-suggestions", daemon=True)
        self._thread.start()

    def start(self, trials: Sequence[Trial], curves: Curves | None = None) -> None:
        self._optimizer.know(trials)  # at once: a quasi-random point may be asked for while all else is restored
        self._post(lambda: self._optimizer.start(trials, curves))

    def prepare(self) -> None:
        """There is time for what the model's first suggestion would have to wait for."""
        if not self._prepared:
            self._prepared = True
            self._post(self._optimizer.prepare)

    def ask(self) -> "Future[Suggestion]":
        future: Future[Suggestion] = Future()

        def call() -> None:
            try:
                if self._error is not None:
                    raise self._error
                before = time.perf_counter()
                suggestion = self._optimizer.ask()
                future.set_result(replace(suggestion, seconds=time.perf_counter() - before))
            except BaseException as error:
                future.set_exception(error)
            self._on_ready()

        self._calls.put(call)
        return future

    def quasi_random(self) -> Suggestion:
        """A point at once, on the caller's thread."""
        return self._optimizer.quasi_random()

    def assign(self, number: int, point: Point) -> None:
        self._post(lambda: self._optimizer.assign(number, point))

    def tell(self, number: int, samples: Samples, curve: Sequence[CurvePoint] = ()) -> None:
        self._post(lambda: self._optimizer.tell(number, samples, curve))

    def stop(self, number: int, samples: Samples, curve: Sequence[CurvePoint] = (), reason: str = "") -> None:
        self._post(lambda: self._optimizer.stop(number, samples, curve, reason))

    def fail(self, number: int) -> None:
        self._post(lambda: self._optimizer.fail(number))

    def close(self, patience: float = 30.0) -> bool:
        """End the thread after what it is doing; false when that takes longer than ``patience`` seconds."""
        self._calls.put(None)
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _post(self, call: Callable[[], Any]) -> None:
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
