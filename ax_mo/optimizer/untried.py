"""The points of a study that nobody has tried yet: which comes next, and quasi-random ones without Ax or torch."""

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice

from ax_mo.core.linear import LinearConstraint
from ax_mo.core.trial import SOBOL_ERROR, Point, Suggestion, Trial
from ax_mo.errors import StudyStopped
from ax_mo.optimizer.protocol import NoSuggestion
from ax_mo.search_space.sample import QuasiRandomPoints, every_point
from ax_mo.search_space.space import PointIdentity, SearchSpace

# A space of so few points is gone through one by one when nothing new is found otherwise.
_FEW_POINTS = 10_000

# An optimizer that keeps suggesting what was tried already has converged; quasi-random points are then worth more.
_MOST_REPEATS = 3

# How many quasi-random points may be ones that were asked before; a larger space holds so many others.
_MOST_KNOWN = 1_000

# The same in a space of few points.
_FEW_DRAWS = 200


class SpaceExhausted(Exception):
    """Every point of a finite space that meets its constraints has been asked."""


class NoNewPoint(StudyStopped):
    """No point was found that has not been asked, though there may be some; ``constraints`` leave too little room."""

    def __init__(self, constraints: Sequence[LinearConstraint]) -> None:
        self.constraints = tuple(constraints)
        texts = " and ".join(f"'{constraint.text}'" for constraint in constraints)
        super().__init__(
            f"hydra.sweeper.param_constraints: no new point was found that meets {texts}, which leave too little of "
            "the space for a search."
        )


class UntriedPoints:
    """Gives each point of ``space`` at most once, on any thread; ``first`` are the initial trials.

    ``seed`` fixes the quasi-random sequence, and ``mark_tried`` brings it to where a study had left it.
    """

    def __init__(self, space: SearchSpace, seed: int, first: Iterable[Suggestion] = ()) -> None:
        self._space = space
        self._seed = seed
        self._first = list(first)
        self._lock = threading.RLock()
        self._tried: set[PointIdentity] = set()
        self.position = 0  # of the quasi-random sequence, where the trials that are known had left it
        self._sequence: QuasiRandomPoints | None = None
        self._sequences = 0  # how many have been begun
        self._size = space.size
        self._left: dict[PointIdentity, Point] | None = None  # of a space of few points
        if self._size is not None and (self._size <= _FEW_POINTS or space.constraints):
            every = every_point(space, _FEW_POINTS)
            self._left = None if every is None else {space.identity(point): point for point in every}

    def mark_tried(self, trials: Iterable[Trial]) -> None:
        """Nobody gets the points of these again; the sequence goes on after the last of them that came from it."""
        for trial in trials:
            self.position = max(self.position, trial.position)
            self.take(trial.point)

    def take(self, point: Point) -> bool:
        """Reserve the point; False where it was taken already."""
        key = self._space.identity(point)
        with self._lock:
            if key in self._tried:
                return False
            self._tried.add(key)
            if self._left is not None:
                self._left.pop(key, None)
            return True

    @property
    def exhausted(self) -> bool:
        """Whether all points of the space have been tried."""
        if self._left is not None:
            return not self._left
        return self._size is not None and len(self._tried) >= self._size

    def next(self, ask: Callable[[], Suggestion | None]) -> Suggestion:
        """An initial trial, or what ``ask`` suggests, or a quasi-random point where that is None or no news.

        Raises SpaceExhausted or NoNewPoint, as ``quasi_random``.
        """
        if self.exhausted:
            raise SpaceExhausted
        while self._first:
            first = self._first.pop(0)
            if self.take(first.point):
                return first
        try:
            for _ in range(_MOST_REPEATS):
                suggestion = ask()
                if suggestion is None:
                    break
                if self.take(suggestion.point):
                    return suggestion
        except NoSuggestion:
            return replace(self.quasi_random(), generator=SOBOL_ERROR)
        if not self._tried:
            center = self._space.point_at([0.5] * len(self._space.parameters))
            if self._space.meets_constraints(center) and self.take(center):
                return Suggestion(center, "center")
        return self.quasi_random()

    def quasi_random(self) -> Suggestion:
        """Raises SpaceExhausted, or NoNewPoint where the constraints leave nothing that can be found."""
        with self._lock:
            if self.exhausted:
                raise SpaceExhausted
            if self._sequence is None:
                self._sequence = QuasiRandomPoints(self._space, self._seed + self._sequences, self.position)
                self._sequences += 1
            # Where all that is left is known, it need not be found by chance.
            most = _MOST_KNOWN if self._left is None else 0 if self._space.constraints else _FEW_DRAWS
            for point in islice(self._sequence, most):
                if self.take(point):
                    return Suggestion(point, "sobol", self._sequence.position)
            if self._left is not None:
                left = random.Random(f"{self._seed} {len(self._left)}").choice(list(self._left.values()))
                self.take(left)
                return Suggestion(left, "sobol", self._sequence.position)
            self._sequence = None  # it may have ended; another one goes elsewhere
        raise NoNewPoint(self._space.constraints)
