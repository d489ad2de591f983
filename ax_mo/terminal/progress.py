"""How far a study is and how it ended, as values for a screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Trial


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
