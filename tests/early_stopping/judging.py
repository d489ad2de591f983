"""Trials by their curves, in one line each, and what a stopping rule decides on them."""

from collections.abc import Sequence
from typing import Any

from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.early_stopping.curves import TrialCurves
from ax_mo.early_stopping.rules import StoppingRule, decide
from ax_mo.early_stopping.settings import parse_early_stopping
from ax_mo.trial.curve import Curve

GOALS = parse_goals({"acc": "maximize", "size": "minimize"})
TWO_CURVES = parse_goals({"acc": "maximize", "loss": "minimize"})


def rule_of(goals: Goals = GOALS, **raw: Any) -> StoppingRule:
    rule = parse_early_stopping({"patience": 0, **raw}, goals)
    assert rule is not None
    return rule


def stops(rule: StoppingRule, running: Sequence[TrialCurves], others: Sequence[TrialCurves]) -> dict[int, str]:
    """The trials to stop, each with the reason that people read."""
    return {decision.trial: str(decision) for decision in decide(rule, running, others)}


DOMINATED = rule_of(rule="dominated", min_trials=3)


def curve(*values: float, first: int = 1) -> Curve:
    return Curve(tuple(range(first, first + len(values))), values)


def trial(number: int, accs: Sequence[float], size: float, completed: bool = False) -> TrialCurves:
    final = {"acc": accs[-1], "size": size} if completed else {}
    return TrialCurves(number, {"acc": curve(*accs)}, {"size": size}, completed, final)


GOOD = [trial(number, (0.5 + number / 100, 0.8, 0.9), 100.0 + number, completed=True) for number in range(5)]


def stops_at(rule: StoppingRule, accs: Sequence[float], others: Sequence[TrialCurves]) -> int | None:
    """After how many reports a trial with this curve is stopped."""
    for reports in range(1, len(accs) + 1):
        if stops(rule, [trial(10, accs[:reports], 900)], others):
            return reports
    return None
