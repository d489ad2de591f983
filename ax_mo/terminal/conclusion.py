"""How a study ended, as values for a screen."""

from collections.abc import Sequence
from dataclasses import dataclass

from ax_mo.core.objectives import Goals
from ax_mo.core.trial import Trial


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
