"""What running trials are at, read from their learning curves; at most once a second."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ax_mo.core.trial import Key, Status, TrialRun, Value, seconds_between
from ax_mo.terminal.progress import Running
from ax_mo.terminal.text import short
from ax_mo.trial.curve import CurveReader
from ax_mo.trial.files import CURVE
from ax_mo.trial.result import now

_MISSING = object()


def _age(run: TrialRun) -> float:
    """For how many seconds the run has been running, by the clocks of whoever noted it and of this machine."""
    return max(0.0, seconds_between(run.started, now())) if run.started else 0.0


class RunningTrials:
    """Reads the curves of running trials every so many seconds.

    ``directory`` gives the place of a run's files; ``own`` is the project's own configuration as a point.
    """

    def __init__(self, directory: Callable[[TrialRun], Path], own: Mapping[str, Value], every: float = 1.0) -> None:
        self._directory = directory
        self._own = own
        self._every = every
        self._curves: dict[tuple[Key, int], CurveReader] = {}
        self._since: dict[tuple[Key, int], float] = {}
        self._looked_at = float("-inf")
        self._last: tuple[Running, ...] = ()

    def look(self, runs: Iterable[TrialRun]) -> tuple[Running, ...]:
        """Those of the runs that are running, the oldest first."""
        moment = time.monotonic()
        if moment - self._looked_at >= self._every:
            self._looked_at = moment
            running = [run for run in runs if run.status is Status.RUNNING]
            current = {(run.key, run.attempt) for run in running}
            self._curves = {key: reader for key, reader in self._curves.items() if key in current}
            self._last = tuple(self._running(run, moment) for run in running)
        return self._last

    def _running(self, run: TrialRun, moment: float) -> Running:
        key = (run.key, run.attempt)
        reader = self._curves.setdefault(key, CurveReader(self._directory(run) / CURVE))
        reader.new_points()
        if run.is_pending:
            return Running(run.label, self._changed(run), is_pending=True)
        seconds = moment - self._since.setdefault(key, moment - _age(run))
        return Running(run.label, self._changed(run), reader.last(), reader.step, seconds)

    def _changed(self, run: TrialRun) -> list[str]:
        return [f"{key}={short(v)}" for key, v in run.point.items() if self._own.get(key, _MISSING) != v]
