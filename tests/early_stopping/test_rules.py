"""What all stopping rules share: when a trial is looked at, what is explained, what holds for any curves."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ax_mo.core.objectives import parse_goals
from ax_mo.early_stopping.curves import TrialCurves
from ax_mo.early_stopping.rules import StoppingRule, why_undecidable
from ax_mo.trial.curve import Curve
from tests.early_stopping.judging import (
    DOMINATED,
    GOOD,
    curve,
    rule_of,
    stops,
    stops_at,
    trial,
)  # fmt: skip

# Looks: min_steps, interval, patience

STEADY = [trial(number, (0.5,) * 20, 100, completed=True) for number in range(5)]


@pytest.mark.parametrize("rule", [{"rule": "dominated"}, {"rule": "all"}, {"rule": "percentile", "metric": "acc"}])
@pytest.mark.parametrize(
    ("care", "expected"),
    [
        ({}, 1),
        ({"min_steps": 4}, 4),
        ({"patience": 2}, 3),
        ({"min_steps": 4, "patience": 2}, 6),
        ({"min_steps": 2, "interval": 5, "patience": 1}, 7),
    ],
)
def test_bad_trial_is_stopped_as_soon_as_it_may_be(rule: Any, care: Any, expected: int) -> None:
    assert stops_at(rule_of(**rule, **care), (0.1,) * 20, STEADY) == expected


def test_steps_are_counted_as_reports_whatever_their_numbers() -> None:
    steps = tuple(range(0, 2000, 100))
    others = [TrialCurves(n, {"acc": Curve(steps, (0.5,) * 20)}, {"size": 1.0}, True) for n in range(5)]
    rule = rule_of(rule="dominated", min_steps=3)
    for reports, expected in ((2, []), (3, [10])):
        bad = TrialCurves(10, {"acc": Curve(steps[:reports], (0.1,) * reports)}, {"size": 9.0})
        assert list(stops(rule, [bad], others)) == expected


def test_one_bad_step_is_forgiven_with_patience() -> None:
    rule = rule_of(rule="percentile", metric="acc", patience=1)
    assert stops_at(rule, (0.6, 0.1, 0.6, 0.1, 0.6), STEADY) is None
    assert stops_at(rule, (0.6, 0.1, 0.1), STEADY) == 3


def test_between_two_looks_the_last_one_counts() -> None:
    rule = rule_of(rule="percentile", metric="acc", min_steps=2, interval=3)
    assert stops_at(rule, (0.6, 0.6, 0.1, 0.1, 0.6, 0.1, 0.1, 0.1), STEADY) == 8
    assert list(stops(rule, [trial(10, (0.1, 0.1, 0.9), 1)], STEADY)) == [10]


def test_reason_tells_since_when_the_trial_was_bad() -> None:
    decided = stops(rule_of(rule="dominated", patience=2), [trial(10, (0.1,) * 4, 900)], STEADY)
    assert decided == {10: "dominated at step 4 by trials 0, 1, 2 and 2 more, since step 2"}


# Objectives that are not known while a trial runs


def test_trial_whose_constant_is_not_known_yet_is_not_stopped() -> None:
    assert stops(DOMINATED, [TrialCurves(10, {"acc": curve(0.1, 0.1)})], GOOD) == {}


def test_objective_that_only_ended_trials_have_keeps_everything_running_and_says_so() -> None:
    goals = parse_goals({"acc": "maximize", "seconds": "minimize"})
    others = [TrialCurves(n, {"acc": curve(0.8, 0.9)}, {}, True, {"acc": 0.9, "seconds": 5.0}) for n in range(5)]
    rule = rule_of(goals, rule="dominated", min_trials=3)
    assert stops(rule, [TrialCurves(10, {"acc": curve(0.1, 0.1)})], others) == {}
    reason = why_undecidable(rule, others)
    assert reason is not None
    assert "no curve is reported for 'seconds', so nothing will be stopped" in reason
    assert reason.endswith("If 'seconds' is known early in a trial, report it with the first step.")
    early = TrialCurves(5, {"acc": curve(0.8, 0.9), "seconds": curve(5.0)}, {}, True, {"acc": 0.9, "seconds": 5.0})
    assert why_undecidable(rule, [early]) is None


def test_constant_of_a_completed_trial_may_be_among_its_final_metrics() -> None:
    adopted = [TrialCurves(g.number, g.curves, {}, True, g.final) for g in GOOD]
    assert list(stops(DOMINATED, [trial(10, (0.2, 0.3), 200)], adopted)) == [10]


def test_completed_trial_without_a_curve_is_not_compared() -> None:
    imported = [TrialCurves(-n, {}, {}, True, {"acc": 0.99, "size": 1.0}) for n in range(1, 7)]
    slow = [trial(number, (0.1, 0.1), 300, completed=True) for number in range(3)]
    assert stops(DOMINATED, [trial(10, (0.2, 0.3), 200)], [*imported, *slow]) == {}


@pytest.mark.parametrize("rule", ["dominated", "all"])
def test_metric_without_any_curve_is_explained(rule: str) -> None:
    rule = rule_of(rule=rule)
    silent = [TrialCurves(0, {}, {"size": 1.0}, True)]
    assert "no trial reports a learning curve" in str(why_undecidable(rule, silent))
    elsewhere = [TrialCurves(0, {"val_acc": curve(0.5)}, {"size": 1.0}, True)]
    reason = str(why_undecidable(rule, elsewhere))
    assert reason.startswith("hydra.sweeper.early_stopping.curves: ")
    assert "the curves are val_acc. Did you mean 'val_acc'?" in reason


def test_percentile_of_a_metric_that_nobody_reports_is_explained() -> None:
    rule = rule_of(rule="percentile", metric="val_loss", goal="minimize")
    reason = str(why_undecidable(rule, GOOD))
    assert reason.startswith("hydra.sweeper.early_stopping.metric: no curve is reported for 'val_loss'")
    assert "known early" not in reason


def test_only_constants_are_explained_too() -> None:
    goals = parse_goals({"size": "minimize"})
    reason = why_undecidable(rule_of(goals, rule="dominated"), GOOD)
    assert "no curve" in str(reason)


@pytest.mark.parametrize("rule", [DOMINATED, rule_of(rule="all"), rule_of(rule="percentile", metric="acc")])
def test_nothing_is_explained_where_trials_can_be_stopped_or_none_has_completed(rule: StoppingRule) -> None:
    assert why_undecidable(rule, GOOD) is None
    assert why_undecidable(rule, []) is None


# Properties

Study = tuple[list[TrialCurves], list[TrialCurves]]


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """Running trials, and others; values from a small grid, so that there are ties."""
    values = st.integers(0, 6).map(lambda value: value / 10)
    accs = st.lists(values, min_size=1, max_size=6)
    sizes = st.integers(1, 4).map(float)
    running = [trial(n, draw(accs), draw(sizes)) for n in range(100, 100 + draw(st.integers(1, 4)))]
    others = [trial(n, draw(accs), draw(sizes), draw(st.booleans())) for n in range(draw(st.integers(0, 8)))]
    return running, others


RULES = [
    rule_of(rule="dominated", k=1, min_trials=1),
    rule_of(rule="dominated", k=2, min_trials=1, patience=1),
    rule_of(rule="all", min_trials=2),
]


@given(studies(), st.integers(1, 4))
def test_trial_on_the_front_at_its_step_is_never_stopped(study: Study, interval: int) -> None:
    running, others = study
    decided = stops(rule_of(rule="dominated", k=1, min_trials=1, interval=interval), running, others)
    for one in running:
        step = one.curves["acc"].steps[-1]
        points = [(max(t.curves["acc"].values[:step]), -t.constants["size"]) for t in [*running, *others]]
        own = (max(one.curves["acc"].values), -one.constants["size"])
        if not any(a >= own[0] and b >= own[1] and (a, b) != own for a, b in points):
            assert one.number not in decided


@given(studies(), st.sampled_from(RULES), st.randoms())
def test_order_of_the_trials_does_not_matter(study: Study, rule: StoppingRule, order: random.Random) -> None:
    running, others = study
    shuffled = [order.sample(trials, len(trials)) for trials in study]
    assert stops(rule, *shuffled) == stops(rule, running, others)


@given(studies(), st.sampled_from(RULES))
def test_each_trial_is_decided_alone_wherever_the_others_stand(study: Study, rule: StoppingRule) -> None:
    """As after a resume that finds some of the running trials stopped."""
    running, others = study
    together = stops(rule, running, others)
    for one in running:
        rest = [other for other in running if other is not one]
        alone = stops(rule, [one], [*others, *rest])
        assert alone == {number: reason for number, reason in together.items() if number == one.number}
