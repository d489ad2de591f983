"""How far a study is and how it ended, as values for a screen."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import best_per_objective, hypervolume, pareto_front, reference_point
from ax_mo.core.trial import Status, Trial, TrialRun


@dataclass(frozen=True)
class Running:
    """A running trial: what is unlike the project's own configuration, and what it has reported last."""

    label: str
    changed: Sequence[str] = ()
    """``key=value`` of the searched parameters, for people; may hold anything that a value may."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    step: int | None = None
    seconds: float = 0.0
    """Since its job began."""
    is_pending: bool = False
    """Whether its job has not begun."""


@dataclass(frozen=True)
class StudyProgress:
    """How far a study is. ``best`` holds value and trial number per objective.

    ``best_falls_short``: no trial meets every threshold, and so those of ``best`` do not either.
    """

    n_trials: int
    completed: int
    failed: int
    running: int
    stopped: int = 0
    front: int = 0
    hypervolume: float | None = None
    best: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    workers: int | None = None
    """How many could run at once."""
    trials: Sequence[Running] = ()
    """Those that run, where the screen shows them."""
    best_falls_short: bool = False
    pending: int = 0
    """Of those running, how many wait for their turn."""
    is_paused: bool = False
    """Whether nothing new is started, as its user wants it."""
    uncounted: int = 0
    """Of the failed ones, those that one broken environment has failed: they are none of the ``n_trials``."""

    @property
    def ended(self) -> int:
        """How many of the ``n_trials`` have ended."""
        return self.completed + self.failed + self.stopped - self.uncounted


class ProgressTracker:
    """How far a study is; what takes long is worked out once for each trial that ends."""

    def __init__(self) -> None:
        self._known = -1
        self._front = 0
        self._hypervolume: float | None = None
        self._best: dict[str, tuple[float, int]] = {}
        self._falls_short = False

    def of(
        self,
        trials: Iterable[Trial],
        running: Sequence[TrialRun],
        goals: Goals,
        uncounted: int,
        n_trials: int,
        workers: int | None,
    ) -> StudyProgress:
        """``running`` are the runs that have a job; ``uncounted`` and ``workers`` are as in StudyProgress."""
        ordered = sorted(trials, key=lambda trial: trial.number)
        known = sum(trial.status.has_metrics for trial in ordered)
        if known and known != self._known:
            self._look(ordered, goals)
            self._known = known
        counts = Counter(trial.status for trial in ordered)
        return StudyProgress(
            n_trials=n_trials,
            completed=counts[Status.COMPLETED],
            failed=counts[Status.FAILED],
            uncounted=uncounted,
            stopped=counts[Status.EARLY_STOPPED],
            running=len(running),
            pending=sum(run.is_pending for run in running),
            front=self._front,
            hypervolume=self._hypervolume,
            best=self._best,
            best_falls_short=self._falls_short,
            workers=workers,
        )

    def _look(self, trials: Sequence[Trial], goals: Goals) -> None:
        front = pareto_front(trials, goals)
        self._front, self._hypervolume = len(front), hypervolume(front, goals, reference_point(trials, goals))
        best = best_per_objective(trials, goals)
        self._best = {name: (trial.metrics[name], trial.number) for name, trial in best.items()}
        self._falls_short = any(not goals.meets_thresholds(trial.metrics) for trial in best.values())


@dataclass(frozen=True)
class Conclusion:
    """What is said at the end."""

    headline: str
    goals: Goals
    keys: Sequence[str]
    front: Sequence[Trial]
    known: int
    """How many trials have a result, imported ones among them."""
    hypervolume: float | None
    own: Trial | None
    """The trial of the project's own configuration."""
    place: str
    next: Sequence[tuple[str, str]]
    """What can be done now: what a command is for, and the command."""
    none_feasible: str | None = None
    """What to say where no trial meets all constraints, so that there is no front."""
    in_place_of_model: str | None = None
    """What to say where trials ran other points than the model's, which was late or failed."""
