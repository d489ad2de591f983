"""A trial's learning curve: lines of JSON that its process appends, and the one reader of them.

A line is ``{"step": int, "time": seconds since the trial's start, "metrics": {name: number}}``, and a line of
Lightning's has the number of its fit in the process as well: ``"fit": 1``.

What counts, for each metric by itself (``report()`` and Lightning may record different metrics in different steps):

- Steps rise. A step that goes back or repeats is dropped and counted; so is a value that is no finite number.
- A later fit begins the curve again: K folds or a warm-up are several fits, and mixing their curves would compare
  epoch 3 of one with epoch 4 of another. The last fit's curve wins, as its final metrics do; once a fit has been
  completed, ``read_curve`` leaves out what later ones have reported that were not.
- What ``report()`` said wins over Lightning's curve of the same name.
- A torn last line is ignored until it is whole. A line of more than 1 MiB is dropped and counted. What comes after the
  file's first 64 MiB is not read.
"""

import json
import math
import os
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeGuard

from ax_mo.trial.files import CURVE, LIGHTNING, read_json
from ax_mo.trial.untrusted import Unusable, measured, open_regular, parse_json, storable_name

MOST_BYTES_OF_CURVE = 64 * 2**20
"""Of a curve's file."""
_LONGEST_LINE = 2**20
_LARGEST_STEP = 2**53
"""Up to which a float is exact."""


@dataclass(frozen=True)
class CurvePoint:
    """Finite metrics at a step. ``fit`` is the number of Lightning's fit in the process, None for ``report()``.

    For any metric, a point of a later fit (or of ``report()`` after Lightning's) replaces the curve so far.
    """

    step: int
    time: float
    metrics: dict[str, float]
    fit: int | None = None

    @property
    def order(self) -> float:
        """Of two curves of one metric, the one with the higher order counts."""
        return math.inf if self.fit is None else self.fit


@dataclass(frozen=True)
class Curve:
    """One metric over the steps of one trial: at least one point, rising steps, finite values.

    The lists grow at their ends while the trial runs.
    """

    steps: list[int]
    values: list[float]
    _highest: list[float] = field(default_factory=list, init=False, repr=False, compare=False)
    _lowest: list[float] = field(default_factory=list, init=False, repr=False, compare=False)

    def at(self, step: int) -> float | None:
        """The value at ``step``, on a straight line between the points around it; None before the first and after the
        last point. As in Ax's ``align_partial_results``, so that trials that report at different steps compare.
        """
        index = bisect_right(self.steps, step) - 1
        if index < 0 or step > self.steps[-1]:
            return None
        left, value = self.steps[index], self.values[index]
        if left == step:
            return value
        return value + (self.values[index + 1] - value) * (step - left) / (self.steps[index + 1] - left)

    def best(self, step: int, maximize: bool) -> float | None:
        """The best value of any point up to ``step``; None before the first point."""
        index = bisect_right(self.steps, step) - 1
        if index < 0:
            return None
        best, better = (self._highest, max) if maximize else (self._lowest, min)
        for at in range(len(best), index + 1):  # what has come since the last question
            value = self.values[at]
            best.append(better(best[-1], value) if best else value)
        return best[index]

    def nearest(self, step: int, target: float) -> float | None:
        """The value of any point up to ``step`` that is nearest to ``target``; None before the first point."""
        values = self.values[: bisect_right(self.steps, step)]
        return min(values, key=lambda value: abs(value - target), default=None)


@dataclass(frozen=True)
class LearningCurve:
    """The points that count, in the order they came, and how many points or values were dropped."""

    points: tuple[CurvePoint, ...]
    curves: dict[str, Curve]
    dropped: int

    @property
    def reported(self) -> set[str]:
        """The metrics whose curves are those of ``report()``; the others' are Lightning's."""
        return {name for point in self.points if point.fit is None for name in point.metrics}

    def last(self) -> dict[str, float]:
        """Each metric's last value."""
        return {name: curve.values[-1] for name, curve in self.curves.items()}


def append(path: Path, step: int, time: float, metrics: Mapping[str, Any], fit: int | None = None) -> None:
    """Add one point; numbers that are not finite are written as their text. Not synced to disk: it costs too much."""
    values = {name: value if math.isfinite(value) else str(value) for name, value in metrics.items()}
    line: dict[str, Any] = {"step": step, "time": round(time, 3), "metrics": values}
    if fit is not None:
        line["fit"] = fit
    text = (json.dumps(line, allow_nan=False) + "\n").encode()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":  # a writer died in the middle of its line
            text = b"\n" + text
        os.write(descriptor, text)
    finally:
        os.close(descriptor)


class CurveReader:
    """Follows a curve's file while it grows. What it costs depends on what is new, not on what was read before.

    ``curves`` are the metrics', without what later fits have replaced; a curve grows at its end, and a later fit begins
    another. ``step`` is that of the last point, None before the first. ``dropped`` counts the lines and the
    single values that are not part of the curve. Fits after ``last_fit`` are left out.
    """

    def __init__(self, path: Path, last_fit: float = math.inf) -> None:
        self._path = path
        self._last_fit = last_fit
        self._forget()

    def _forget(self) -> None:
        self.dropped = 0
        self.step: int | None = None
        self.curves: dict[str, Curve] = {}
        self.orders: dict[str, float] = {}
        """The order of the points that each metric's curve has."""
        self._offset = 0

    def new_points(self) -> list[CurvePoint]:
        """The points that were appended since the last call; reads no byte twice."""
        return [point for line in self._new_lines() if (point := self._add(line)) is not None]

    def last(self) -> dict[str, float]:
        """Each metric's last value."""
        return {name: curve.values[-1] for name, curve in self.curves.items()}

    def _new_lines(self) -> list[bytes]:
        """The lines that were completed since the last call."""
        try:
            with open_regular(self._path) as file:
                if os.fstat(file.fileno()).st_size < self._offset:  # another attempt has begun the file again
                    self._forget()
                file.seek(self._offset)
                lines = file.read(MOST_BYTES_OF_CURVE - self._offset).splitlines(keepends=True)
        except (OSError, Unusable):
            return []
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()  # torn
        self._offset += sum(map(len, lines))
        return lines

    def _add(self, line: bytes) -> CurvePoint | None:
        """Take a line into the curves; the point without what does not count, None for one that has nothing else."""
        if not line.strip():
            return None
        parsed = _parse(line) if len(line) <= _LONGEST_LINE else None
        if parsed is None:
            self.dropped += 1
            return None
        point, unusable = parsed
        if point.fit is not None and point.fit > self._last_fit:
            return None
        self.dropped += unusable
        kept: dict[str, float] = {}
        for name, value in point.metrics.items():
            order = self.orders.get(name, -math.inf)
            if point.order > order:
                self.curves.pop(name, None)  # the order of the names is that of their curves' first points
                self.curves[name] = Curve([], [])
                self.orders[name] = point.order
            elif point.order < order:  # of an earlier fit
                continue
            elif point.step <= self.curves[name].steps[-1]:
                self.dropped += 1
                continue
            self.curves[name].steps.append(point.step)
            self.curves[name].values.append(value)
            kept[name] = value
        if not kept:
            return None
        self.step = point.step
        return replace(point, metrics=kept)


def read_curve(directory: Path) -> LearningCurve:
    """The whole curve of the trial in ``directory``; empty where there is none."""
    last = (read_json(directory / LIGHTNING) or {}).get("last")
    reader = CurveReader(directory / CURVE, last if _is_integer(last) else math.inf)
    points = [
        replace(point, metrics=metrics)
        for point in reader.new_points()
        if (metrics := {name: of for name, of in point.metrics.items() if point.order == reader.orders[name]})
    ]
    return LearningCurve(tuple(points), reader.curves, reader.dropped)


def _parse(line: bytes) -> tuple[CurvePoint, int] | None:
    """The point and how many of its values are no finite numbers; None for a line that is no point."""
    try:
        entry = parse_json(line)
    except Unusable:
        return None
    if not isinstance(entry, dict):
        return None
    step, time, metrics, fit = (entry.get(name) for name in ("step", "time", "metrics", "fit"))
    if not _is_integer(step) or not isinstance(metrics, dict) or not (fit is None or _is_integer(fit)):
        return None
    numbers = ((storable_name(name), measured(value)) for name, value in metrics.items())
    values = {name: number for name, number in numbers if number is not None}
    return CurvePoint(step, float(measured(time) or 0.0), values, fit), len(metrics) - len(values)


def _is_integer(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST_STEP
