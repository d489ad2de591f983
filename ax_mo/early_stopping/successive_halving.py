"""The rule ``successive_halving``: trials train in rungs of growing budgets, and the best of each rung train on.

Asynchronous, as ASHA (Li et al. 2020, arXiv:1810.05934): a free worker promotes a trial that is among the best of its
rung, the highest rung first, and otherwise begins a new one. Which are the best of several objectives is as in MO-ASHA
(Schmucker et al. 2021, arXiv:2106.12639): by non-dominated rank, and within a rank by an epsilon-net.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from ax_mo.core.budget import Budget
from ax_mo.core.objective import Objective
from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import gains
from ax_mo.core.trial import Status, Trial, TrialRun

RULE = "successive_halving"


@dataclass(frozen=True)
class SuccessiveHalving:
    """Its settings. Rungs are at ``min``, ``min * factor``, and so on, and the last one at ``max``."""

    rule: str
    budget_key: str
    """The key of the project's configuration that takes the budget, a whole number such as epochs."""
    max: int
    """The budget of a complete trial."""
    min: int = 1
    factor: int = 3
    """One of so many trials of a rung is promoted."""
    resume_key: str | None = None
    """The key that takes the path of the checkpoint to train on from; without it, each rung begins anew."""
    checkpoint: str | None = None
    """Where a run leaves its checkpoint: a glob in its directory, of which the newest file counts."""

    @property
    def budgets(self) -> tuple[int, ...]:
        """Of each rung, the smallest first."""
        budgets, budget = [], self.min
        while budget < self.max:
            budgets.append(budget)
            budget *= self.factor
        return (*budgets, self.max)

    def first_run(self, run: TrialRun) -> TrialRun:
        """What a trial is run as at first: that run at the lowest rung, in a directory of its own."""
        return self._at(run, 0, run.overrides, run.directory)

    def next_run(self, last: TrialRun) -> TrialRun:
        """The run after that one, which has ended, at the next rung."""
        fresh = TrialRun(
            number=last.number, status=Status.ASKED, point=last.point, overrides=last.overrides,
            directory=last.directory, generator=last.generator, position=last.position,
            suggestion_seconds=last.suggestion_seconds, asked=last.asked,
        )  # fmt: skip
        return self._at(fresh, (last.repeat or 0) + 1, last.overrides[:-1], directory_of_trial(last))

    def budget(self, rung: int) -> Budget:
        """That of a rung, by its place; -1 is the last."""
        return Budget(self.budget_key, self.budgets[rung], self.max, self.resume_key)

    def _at(self, run: TrialRun, rung: int, overrides: Sequence[str], directory: str) -> TrialRun:
        budget = self.budget(rung)
        directory, overrides = f"{directory}/{budget.value}", (*overrides, budget.override)
        return replace(run, repeat=rung, budget=budget, overrides=overrides, directory=directory)

    def describe(self) -> dict[str, str]:
        """What a resume compares."""
        return {"hydra.sweeper.early_stopping": f"{RULE} of {self.described}"}

    @property
    def described(self) -> str:
        """``trainer.max_epochs=1, 3, 9, 27``"""
        return f"{self.budget_key}={', '.join(map(str, self.budgets))}"

    def promotable(self, trials: Iterable[Trial], goals: Goals) -> Trial | None:
        """The trial to train on next, of all trials of the study; None where no rung has room for one more.

        ``goals`` are the study's as they have settled.
        """
        known = [trial for trial in trials if trial.rungs]
        settled = _settled(known, goals)
        for rung in reversed(range(len(self.budgets) - 1)):
            there = [trial for trial in known if len(trial.rungs) > rung]
            most = len(there) // self.factor
            if not any(len(trial.rungs) == rung + 1 and trial.is_paused for trial in there) or not most:
                continue
            for trial in best_first(_as_of(there, rung), goals, settled)[:most]:
                if len(trial.rungs) == rung + 1 and trial.is_paused:
                    return trial
        return None


def directory_of_trial(trial: Trial) -> str:
    """The directory that holds those of all rungs of a trial, relative to the sweep's."""
    return str(PurePosixPath(trial.directory).parent)


def best_first(trials: Sequence[Trial], goals: Goals, settled: Sequence[Objective] = ()) -> list[Trial]:
    """By non-dominated rank, and within a rank so that the first of it are spread over it.

    The order within a rank is a greedy epsilon-net: the best in the first objective, then always the one that is
    farthest from those before it, each objective in units of its range among these trials.

    Last come those that break a constraint, or miss the threshold of a ``settled`` objective, which does not change.
    """
    hopeless = [
        not goals.feasible(trial.metrics) or any(o.misses(trial.metrics[o.name]) for o in settled) for trial in trials
    ]
    kept = [trial for trial, is_hopeless in zip(trials, hopeless, strict=True) if not is_hopeless]
    last = [trial for trial, is_hopeless in zip(trials, hopeless, strict=True) if is_hopeless]
    return [*_by_rank(kept, goals), *_by_rank(last, goals)]


def _by_rank(trials: Sequence[Trial], goals: Goals) -> list[Trial]:
    import moocore
    import numpy as np

    if not trials:
        return []
    points = gains(trials, goals)
    spread = np.ptp(points, axis=0)
    scaled = points / np.where(spread > 0, spread, 1.0)
    ranks = moocore.pareto_rank(points, maximise=True)
    order = [index for rank in np.unique(ranks) for index in _epsilon_net(scaled, np.flatnonzero(ranks == rank))]
    return [trials[index] for index in order]


def _epsilon_net(points: Any, among: Any) -> list[int]:
    """``among``, indices of ``points`` (trials x objectives, more is better), in the order of the net."""
    import numpy as np

    chosen = [int(among[np.argmax(points[among, 0])])]
    distance = np.linalg.norm(points[among] - points[chosen[0]], axis=1)
    left = [index != chosen[0] for index in among]
    while any(left):
        farthest = int(np.argmax(np.where(left, distance, -1.0)))
        left[farthest] = False
        chosen.append(int(among[farthest]))
        distance = np.minimum(distance, np.linalg.norm(points[among] - points[chosen[-1]], axis=1))
    return chosen


def _settled(trials: Sequence[Trial], goals: Goals) -> list[Objective]:
    """The objectives that no trial has changed from one rung to the next, such as its number of parameters."""
    pairs = [pair for trial in trials for pair in pairwise(rung.metrics for rung in trial.rungs)]
    return [o for o in goals.objectives if pairs and all(a[o.name] == b[o.name] for a, b in pairs)]


def _as_of(trials: Sequence[Trial], rung: int) -> list[Trial]:
    """The trials with the metrics that they had at that rung, and all else as it is."""
    return [replace(trial, metrics=trial.rungs[rung].metrics) for trial in trials]
