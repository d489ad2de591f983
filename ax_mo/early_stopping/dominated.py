"""The rule ``dominated``: several other trials are better in the objectives taken together."""

from collections.abc import Sequence
from dataclasses import dataclass

from ax_mo.core.objective import Objective
from ax_mo.core.objectives import Goals
from ax_mo.early_stopping.curves import TrialCurves
from ax_mo.early_stopping.rules import EarlyStopping, StoppingRule, StudyCurves, reached
from ax_mo.trial.curve import Curve


@dataclass(frozen=True)
class DominatedBy:
    """The trials that dominate another at a step."""

    step: int
    trials: tuple[int, ...]

    def __str__(self) -> str:
        """The earliest trials first: ``dominated at step 4 by trials 3, 7, 9 and 2 more``."""
        first = [str(number) for number in sorted(self.trials)]
        if len(first) > 3:
            first[3:] = [f"{len(first) - 3} more"]
        *most, last = first
        named = f"trials {', '.join(most)} and {last}" if most else f"trial {last}"
        return f"dominated at step {self.step} by {named}"


class Dominated(StoppingRule):
    """Bad is what ``k`` other trials dominate, in the spirit of Schmucker et al. 2021, "Multi-objective Asynchronous
    Successive Halving" (arXiv:2106.12639).

    Compared are the best values up to the step, in all objectives that have curves, and the constants of the others.
    The best value, since it is what a checkpoint keeps and one noisy point does not move it down. It also makes
    trials comparable that have not come as far, whether they were stopped or still run: what they have is the least
    that they would have at the step.
    """

    judges_now = True

    def __init__(self, settings: EarlyStopping, goals: Goals, *, k: int = 3) -> None:
        super().__init__(settings, goals)
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}.")
        self._k = k

    def judge(self, trial: TrialCurves, step: int, study: StudyCurves) -> DominatedBy | None:
        mine = self._vector(trial, step, study)
        dominators = [
            other.number
            for other in study.trials
            if other.number != trial.number
            and self._meets_constraints(other, study)
            and _beats(self._vector(other, step, study), mine)
        ]
        return DominatedBy(step, tuple(dominators)) if len(dominators) >= self._k else None

    def missing(self, study: StudyCurves) -> Sequence[Objective]:
        """Objectives without a curve of which no trial knows the value before its last step, or all."""
        late = [o for o in study.fixed if not any(self._in_time(o, trial, study) for trial in study.trials)]
        return late or super().missing(study)

    def _in_time(self, objective: Objective, trial: TrialCurves, study: StudyCurves) -> bool:
        """Whether an objective that has no curve was known before the trial's last step."""
        name = self.settings.curve(objective.name)
        if name not in study.once:
            return objective.name in trial.constants
        point, curves = trial.curves.get(name), self.curves_of(trial, study)
        return point is not None and bool(curves) and point.steps[0] < reached(curves)

    def _meets_constraints(self, trial: TrialCurves, study: StudyCurves) -> bool:
        """Whether the trial may be held against others: one that breaks a constraint is on no front."""
        known = {name: _final(trial, name, study) for constraint in self.goals.constraints for name in constraint.names}
        final = {name: value for name, value in known.items() if value is not None}
        return final.keys() == known.keys() and all(constraint.holds(final) for constraint in self.goals.constraints)

    def _vector(self, trial: TrialCurves, step: int, study: StudyCurves) -> list[float] | None:
        """The objectives at a step, larger is better; None when one of them is not known."""
        values: list[tuple[Objective, float | None]] = []
        for o in study.curved:
            curve = trial.curves.get(self.settings.curve(o.name))
            values.append((o, None if curve is None else _best(o, curve, step)))
        values += [(o, self._constant(trial, o, study)) for o in study.fixed]
        vector = [o.linear.gain(value) for o, value in values if value is not None]
        return vector if len(vector) == len(values) else None

    def _constant(self, trial: TrialCurves, objective: Objective, study: StudyCurves) -> float | None:
        """The value of an objective without a curve, from where a running trial has it: like is compared with like."""
        name = self.settings.curve(objective.name)
        if name in study.once:
            return _only_point(trial, name)
        return trial.constants.get(objective.name, trial.final.get(objective.name))


def _best(objective: Objective, curve: Curve, step: int) -> float | None:
    """The best value of any point up to the step; None before the first."""
    if objective.target is not None:
        return curve.nearest(step, objective.target)
    return curve.best(step, objective.maximize)


def _final(trial: TrialCurves, name: str, study: StudyCurves) -> float | None:
    """A metric's value that will not change any more; what the project reports itself wins over a built-in."""
    if name in trial.final:
        return trial.final[name]
    if name in study.once:
        return _only_point(trial, name)
    return None if name in trial.curves else trial.constants.get(name)


def _only_point(trial: TrialCurves, name: str) -> float | None:
    """The value of a metric that is reported once, if it has been."""
    curve = trial.curves.get(name)
    return None if curve is None else curve.values[0]


def _beats(a: list[float] | None, b: list[float] | None) -> bool:
    """At least as good in everything and better in something."""
    if a is None or b is None:
        return False
    return a != b and all(x >= y for x, y in zip(a, b, strict=True))
