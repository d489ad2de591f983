"""Which running trials are stopped: on curves whose answer is known, on random ones, and as Ax decides."""

import logging
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.early_stopping.curves import TrialCurves
from ax_mo.early_stopping.rules import StoppingRule, decide, why_undecidable
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


# dominated


def test_bad_trial_is_stopped_and_good_one_is_not() -> None:
    bad, good = trial(10, (0.2, 0.3), 200), trial(11, (0.6, 0.85), 200)
    assert stops(DOMINATED, [bad, good], GOOD) == {10: "dominated at step 2 by trials 0, 1, 2 and 3 more"}


def test_small_network_is_compared_with_networks_of_its_size() -> None:
    assert stops(DOMINATED, [trial(10, (0.1, 0.1), 50)], GOOD) == {}


def test_fewer_dominators_than_k_are_not_enough() -> None:
    between = trial(10, (0.2, 0.3), 101.5)
    assert stops(rule_of(rule="dominated", k=3, min_trials=3), [between], GOOD) == {}
    decided = stops(rule_of(rule="dominated", k=2, min_trials=3), [between], GOOD)
    assert decided == {10: "dominated at step 2 by trials 0 and 1"}


def test_single_dominator_is_named() -> None:
    decided = stops(rule_of(rule="dominated", k=1), [trial(10, (0.1,), 100)], GOOD)
    assert decided == {10: "dominated at step 1 by trial 0"}


def test_equal_trials_do_not_dominate_each_other() -> None:
    same = [trial(number, (0.5, 0.5), 100, completed=True) for number in range(6)]
    assert stops(DOMINATED, [trial(10, (0.5,), 100)], same) == {}


def test_others_count_with_what_they_had_at_the_step() -> None:
    late = [trial(number, (0.1, 0.1, 0.1, 0.99), 100, completed=True) for number in range(6)]
    assert stops(DOMINATED, [trial(10, (0.2, 0.2, 0.2), 200)], late) == {}


def test_trial_that_was_good_once_is_judged_by_its_best_step() -> None:
    assert stops(DOMINATED, [trial(10, (0.3, 0.95, 0.1), 200)], GOOD) == {}


def test_trial_that_has_not_come_as_far_counts_with_its_best_so_far() -> None:
    stopped = [trial(number, (0.7, 0.6), 100) for number in range(20, 23)]
    slow = [trial(number, (0.1, 0.1, 0.1), 300, completed=True) for number in range(3)]
    decided = stops(DOMINATED, [trial(10, (0.2, 0.3, 0.5), 200)], [*slow, *stopped])
    assert decided == {10: "dominated at step 3 by trials 20, 21 and 22"}


def test_other_running_trials_count_too() -> None:
    running = [trial(number, (0.6, 0.9), 100) for number in (11, 12, 13)]
    slow = [trial(number, (0.1, 0.1), 300, completed=True) for number in range(3)]
    assert list(stops(DOMINATED, [trial(10, (0.2, 0.3), 200), *running], slow)) == [10]


def test_nothing_is_stopped_before_enough_trials_have_completed() -> None:
    bad, stopped = trial(10, (0.2, 0.3), 200), trial(9, (0.5, 0.5), 100)
    assert stops(rule_of(rule="dominated"), [bad], [*GOOD[:4], stopped]) == {}
    assert list(stops(rule_of(rule="dominated"), [bad], GOOD)) == [10]


def test_trial_that_breaks_a_constraint_is_no_reason_to_stop_another() -> None:
    goals = parse_goals({"acc": "maximize", "size": "minimize"}, constraints=["seconds <= 60"])

    dominated = rule_of(goals, rule="dominated", min_trials=3)

    def timed(seconds: float | None) -> list[TrialCurves]:
        final = {} if seconds is None else {"seconds": seconds}
        return [TrialCurves(g.number, g.curves, g.constants, True, {**g.final, **final}) for g in GOOD]

    bad = trial(10, (0.2, 0.3), 200)
    assert stops(dominated, [bad], timed(90)) == {}
    assert stops(dominated, [bad], timed(None)) == {}
    assert list(stops(dominated, [bad], timed(30))) == [10]


TO_FIVE = parse_goals({"acc": "maximize"}, constraints=["size <= 5"])
DOMINATED_TO_FIVE = rule_of(TO_FIVE, rule="dominated", min_trials=3)


def in_millions(g: TrialCurves, known: float, **final: float) -> TrialCurves:
    """A trial of a project that calls the millions of parameters ``size``, which is the built-in's name for all."""
    return TrialCurves(g.number, g.curves, {"size": known * 1e6}, g.completed, final)


def test_projects_own_value_counts_for_a_constraint_before_the_built_in_one() -> None:
    others = [in_millions(g, 3.0, acc=0.9, size=3.0) for g in GOOD]
    bad = in_millions(trial(10, (0.2, 0.3), 0), 4.0)
    assert list(stops(DOMINATED_TO_FIVE, [bad], others)) == [10]
    too_large = [in_millions(g, 3.0, acc=0.9, size=6.0) for g in GOOD]
    assert stops(DOMINATED_TO_FIVE, [bad], too_large) == {}


def test_value_that_is_reported_once_counts_for_a_constraint_of_a_running_trial() -> None:
    def reporting(number: int, size: float) -> TrialCurves:
        curves = {"acc": curve(0.6, 0.9), "size": curve(size)}
        return TrialCurves(number, curves, {"size": size * 1e6})

    slow = [
        TrialCurves(n, {"acc": curve(0.1, 0.1), "size": curve(4.5)}, {"size": 4.5e6}, True, {"acc": 0.1, "size": 4.5})
        for n in range(3)
    ]
    bad = TrialCurves(10, {"acc": curve(0.2, 0.3), "size": curve(9.0)}, {"size": 9e6})
    assert list(stops(DOMINATED_TO_FIVE, [bad, *(reporting(n, 4.0) for n in (11, 12, 13))], slow)) == [10]
    assert stops(DOMINATED_TO_FIVE, [bad, *(reporting(n, 6.0) for n in (11, 12, 13))], slow) == {}


def test_several_curves_are_compared_together() -> None:
    def both(number: int, acc: Curve, loss: Curve, completed: bool = False) -> TrialCurves:
        return TrialCurves(number, {"acc": acc, "loss": loss}, completed=completed)

    rule = rule_of(TWO_CURVES, rule="dominated", min_trials=3)
    others = [both(number, curve(0.5, 0.8), curve(2.0, 1.0), completed=True) for number in range(3)]
    bad, good = both(10, curve(0.4, 0.7), curve(2.5, 1.5)), both(11, curve(0.4, 0.7), curve(1.5, 0.9))
    assert stops(rule, [bad, good], others) == {10: "dominated at step 2 by trials 0, 1, 2 and 1 more"}


def test_trial_in_the_middle_of_its_report_is_looked_at_where_it_has_reported_everything() -> None:
    rule = rule_of(TWO_CURVES, rule="dominated", min_trials=3)
    others = [
        TrialCurves(n, {"acc": curve(0.5, 0.8), "loss": curve(2.0, 0.5)}, completed=True) for n in range(3)
    ]  # fmt: skip
    halfway = TrialCurves(10, {"acc": curve(0.4, 0.7), "loss": curve(1.9)})
    assert stops(rule, [halfway], others) == {}
    first_seldom = TrialCurves(10, {"acc": Curve((1, 3), (0.4, 0.4)), "loss": curve(1.9, 1.8)})
    assert stops(rule, [first_seldom], others) == {}


def test_curve_of_another_name_than_the_objective_is_used() -> None:
    rule = rule_of(rule="dominated", min_trials=3, curves={"acc": "val/acc"})

    def renamed(progress: TrialCurves) -> TrialCurves:
        return TrialCurves(
            progress.number,
            {"val/acc": progress.curves["acc"]},
            progress.constants,
            progress.completed,
            progress.final,
        )

    assert list(stops(rule, [renamed(trial(10, (0.2, 0.3), 200))], [renamed(g) for g in GOOD])) == [10]


def test_trial_that_has_come_to_the_front_since_its_last_look_is_not_stopped() -> None:
    rule = rule_of(rule="dominated", interval=5)
    better = (0.1,) * 5 + (0.9, 0.95)
    assert stops(rule, [trial(10, better, 200)], GOOD) == {}
    assert stops(rule, [trial(10, (0.1,) * 7, 200)], GOOD) == {10: "dominated at step 7 by trials 0, 1, 2 and 2 more"}


def test_trial_with_fewer_dominators_than_k_since_its_last_look_is_not_stopped() -> None:
    better = trial(10, (0.1,) * 5 + (0.85,), 200)
    others = [*GOOD[:2], *(trial(number, (0.8,) * 6, 100, completed=True) for number in range(20, 23))]
    assert stops(rule_of(rule="dominated", interval=6, k=3), [better], others) == {}
    assert list(stops(rule_of(rule="dominated", interval=6, k=2), [better], others)) == [10]


# Objectives that are reported once


def once(g: TrialCurves, **points: tuple[int, float]) -> TrialCurves:
    """The trial with ``size`` not built in but reported, at one step, as other metrics are."""
    curves = {**g.curves, **{name: Curve((step,), (value,)) for name, (step, value) in points.items()}}
    return TrialCurves(g.number, curves, {}, g.completed, g.final)


def test_objective_that_is_reported_once_is_a_constant() -> None:
    others = [once(g, size=(0, 100.0)) for g in GOOD]
    patient = rule_of(rule="dominated", patience=1)
    bad, small = once(trial(10, (0.2, 0.3), 0), size=(0, 200.0)), once(trial(11, (0.2, 0.3), 0), size=(0, 50.0))
    assert stops(patient, [bad, small], others) == {
        10: "dominated at step 2 by trials 0, 1, 2 and 3 more, since step 1"
    }
    assert why_undecidable(patient, others) is None


def test_reported_constant_is_no_curve_of_the_rule_all() -> None:
    rule = rule_of(rule="all", patience=1)
    others = [once(g, size=(0, 100.0)) for g in GOOD]
    assert list(stops(rule, [once(trial(10, (0.1, 0.1), 0), size=(0, 1.0))], others)) == [10]
    assert why_undecidable(rule, others) is None


def test_reported_constant_is_waited_for_and_never_mixed_with_the_built_in_one() -> None:
    others = [once(g, size=(0, 3.0)) for g in GOOD]
    silent = trial(10, (0.2, 0.3), 2e6)
    assert stops(DOMINATED, [silent], others) == {}
    assert list(stops(DOMINATED, [once(silent, size=(0, 4.0))], others)) == [10]


def test_objective_that_is_reported_after_the_last_step_is_explained() -> None:
    goals = parse_goals({"val_acc": "maximize", "test_acc": "maximize"})
    rule = rule_of(goals, rule="dominated", patience=1)
    others = [TrialCurves(n, {"val_acc": curve(0.5, 0.8), "test_acc": curve(0.7, first=2)}, {}, True) for n in range(5)]
    assert stops(rule, [TrialCurves(10, {"val_acc": curve(0.1, 0.1)})], others) == {}
    assert why_undecidable(rule, others) == (
        "hydra.sweeper.early_stopping.curves: 'test_acc' is reported only at the end of a trial, so nothing will be "
        "stopped; the curves are val_acc. Did you mean 'val_acc'?"
    )


def test_metric_of_percentile_that_is_reported_once_is_explained() -> None:
    rule = rule_of(rule="percentile", metric="size")
    others = [once(g, size=(0, 100.0)) for g in GOOD]
    assert stops(rule, [once(trial(10, (0.1, 0.1), 0), size=(0, 900.0))], others) == {}
    reason = str(why_undecidable(rule, others))
    assert reason.startswith(
        "hydra.sweeper.early_stopping.metric: 'size' is reported only once, which is no curve, so nothing will be"
    )


def test_one_epoch_is_a_curve_of_one_point() -> None:
    others = [trial(number, (0.8,), 100, completed=True) for number in range(5)]
    assert list(stops(DOMINATED, [trial(10, (0.1,), 200)], others)) == [10]
    assert why_undecidable(DOMINATED, others) is None


def test_trials_that_are_too_short_to_be_stopped_are_explained() -> None:
    rule = rule_of(rule="dominated", min_steps=2, patience=1, interval=3)
    assert why_undecidable(rule, GOOD) == (
        "hydra.sweeper.early_stopping: a trial is stopped after 5 reports at the earliest (min_steps + patience * "
        "interval). Those that have completed made 3, and no such trial will be stopped."
    )
    long_enough = trial(5, (0.1,) * 5, 100, completed=True)
    assert why_undecidable(rule, [*GOOD, long_enough]) is None
    assert stops_at(rule, (0.1,) * 5, [trial(n, (0.5,) * 5, 100, completed=True) for n in range(5)]) == 5


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
    assert "no curve and no constant is reported for 'seconds', so nothing will be stopped" in reason


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


def test_only_constants_are_explained_too() -> None:
    goals = parse_goals({"size": "minimize"})
    reason = why_undecidable(rule_of(goals, rule="dominated"), GOOD)
    assert "no curve" in str(reason)


@pytest.mark.parametrize("rule", [DOMINATED, rule_of(rule="all"), rule_of(rule="percentile", metric="acc")])
def test_nothing_is_explained_where_trials_can_be_stopped_or_none_has_completed(rule: StoppingRule) -> None:
    assert why_undecidable(rule, GOOD) is None
    assert why_undecidable(rule, []) is None


# percentile


PERCENTILE = rule_of(rule="percentile", metric="acc")


def test_percentile_stops_the_worst_and_keeps_the_best() -> None:
    bad, good = trial(10, (0.2, 0.3), 1), trial(11, (0.6, 0.85), 900)
    assert stops(PERCENTILE, [bad, good], GOOD) == {10: "acc 0.3 at step 2 is below 0.8, percentile 50 of 7 trials"}


def test_percentile_of_a_metric_to_minimize_counts_from_the_other_end() -> None:
    rule = rule_of(TWO_CURVES, rule="percentile", metric="loss", percentile=25, min_trials=4)
    others = [TrialCurves(n, {"loss": curve(float(n))}, completed=True) for n in range(4)]
    decided = stops(rule, [TrialCurves(10, {"loss": curve(9.0)})], others)
    assert decided == {10: "loss 9 at step 1 is above 3, percentile 75 of 5 trials"}


def test_too_few_trials_at_the_step_are_no_percentile() -> None:
    short = [trial(number, (0.8,), 1, completed=True) for number in range(5)]
    assert stops(PERCENTILE, [trial(10, (0.1, 0.2), 1)], short) == {}


# all


ALL = rule_of(TWO_CURVES, rule="all")
CURVES = [
    TrialCurves(n, {"acc": curve(0.5, 0.8 + n / 100), "loss": curve(2.0, 1.0 - n / 100)}, completed=True)
    for n in range(5)
]


def test_all_stops_what_is_bad_in_every_curve() -> None:
    bad = TrialCurves(10, {"acc": curve(0.3, 0.4), "loss": curve(3.0, 2.0)})
    half = TrialCurves(11, {"acc": curve(0.3, 0.4), "loss": curve(1.0, 0.5)})
    good = TrialCurves(12, {"acc": curve(0.6, 0.9), "loss": curve(1.0, 0.5)})
    assert stops(ALL, [bad, half, good], CURVES) == {
        10: "acc 0.4 at step 2 is below 0.815, percentile 50 of 8 trials; "
        "loss 2 at step 2 is above 0.975, percentile 50 of 8 trials"
    }


def test_all_does_not_count_constants() -> None:
    rule = rule_of(rule="all")
    assert list(stops(rule, [trial(10, (0.1, 0.1), 1)], GOOD)) == [10]


def test_all_waits_for_a_curve_that_others_have() -> None:
    assert stops(ALL, [TrialCurves(10, {"acc": curve(0.1, 0.1)})], CURVES) == {}


# Looks: min_steps, interval, patience


def stops_at(rule: StoppingRule, accs: Sequence[float], others: Sequence[TrialCurves]) -> int | None:
    """After how many reports the trial is stopped."""
    for reports in range(1, len(accs) + 1):
        if stops(rule, [trial(10, accs[:reports], 900)], others):
            return reports
    return None


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


@given(studies(), st.sampled_from(RULES[:2]))
def test_one_more_dominated_trial_changes_nothing(study: Study, rule: StoppingRule) -> None:
    running, others = study
    worse = trial(50, (-1.0,) * 6, 99.0)
    assert stops(rule, running, [*others, worse]) == stops(rule, running, others)


@given(studies(), st.integers(1, 4))
def test_more_dominators_wanted_stops_no_more_trials(study: Study, k: int) -> None:
    fewer = rule_of(rule="dominated", k=k + 1, min_trials=1)
    more = rule_of(rule="dominated", k=k, min_trials=1)
    assert set(stops(fewer, *study)) <= set(stops(more, *study))


# As Ax decides


def ax_decides(
    rule: StoppingRule, percentile: float, running: Sequence[TrialCurves], others: Sequence[TrialCurves]
) -> set[int]:
    """What Ax's own strategy stops. Our steps count reports, Ax's are the values; its patience is a span of steps."""
    import pandas as pd
    from ax.core.arm import Arm
    from ax.core.data import Data
    from ax.core.experiment import Experiment
    from ax.core.map_metric import MapMetric
    from ax.core.parameter import ParameterType, RangeParameter
    from ax.core.search_space import SearchSpace
    from ax.early_stopping.strategies import PercentileEarlyStoppingStrategy

    settings = rule.settings
    (watched,) = rule.watched
    space = SearchSpace([RangeParameter("x", ParameterType.FLOAT, 0, 1000)])
    metric = MapMetric("m", lower_is_better=not watched.maximize)
    experiment = Experiment(name="curves", search_space=space, tracking_metrics=[metric])
    rows: list[dict[str, Any]] = []
    for index, progress in enumerate([*others, *running]):
        ax_trial = experiment.new_trial().add_arm(Arm({"x": float(index)}, name=f"{index}_0"))
        ax_trial.mark_running(no_runner_required=True)
        for step, value in zip(progress.curves["m"].steps, progress.curves["m"].values, strict=True):
            rows.append({
                "trial_index": index, "arm_name": f"{index}_0", "metric_name": "m", "metric_signature": "m",
                "mean": value, "sem": float("nan"), "step": float(step),
            })  # fmt: skip
    experiment.attach_data(Data(df=pd.DataFrame(rows)))
    for index, progress in enumerate(others):
        if progress.completed:
            experiment.trials[index].mark_completed()
        else:
            experiment.trials[index].mark_early_stopped()
    strategy = PercentileEarlyStoppingStrategy(
        metric_signatures=["m"],
        percentile_threshold=percentile,
        min_progression=settings.min_steps + settings.patience,
        min_curves=settings.min_trials,
        patience=settings.patience,
    )
    candidates = set(range(len(others), len(others) + len(running)))
    stopped = strategy.should_stop_trials_early(candidates, experiment)
    return {running[index - len(others)].number for index in stopped}


PERCENTILES = [10, 25, 33.3, 50, 75, 90]


def random_rule(rng: random.Random, percentile: float, **fixed: int) -> StoppingRule:
    choices = {
        "goal": rng.choice(["maximize", "minimize"]),
        "percentile": percentile,
        "min_steps": rng.randint(1, 3),
        "min_trials": rng.randint(1, 5),
        "patience": rng.randint(0, 2),
    }
    return rule_of(rule="percentile", metric="m", **{**choices, **fixed})


def random_trials(rng: random.Random, irregular: bool) -> Study:
    """Curves from a coarse grid of values, for ties, or from floats; every step reported, or only some."""

    def progress(number: int, completed: bool) -> TrialCurves:
        steps = list(range(1, rng.randint(2, 8)))
        if irregular:
            steps = sorted(rng.sample(steps, rng.randint(1, len(steps))))
        values = [rng.randint(0, 4) / 10 if coarse else rng.random() for _ in steps]
        return TrialCurves(number, {"m": Curve(tuple(steps), tuple(values))}, completed=completed)

    coarse = rng.random() < 0.5
    running = [progress(number, False) for number in range(100, 100 + rng.randint(1, 4))]
    return running, [progress(number, rng.random() < 0.8) for number in range(rng.randint(1, 10))]


@pytest.fixture
def quiet_ax() -> Any:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_percentile_decides_as_ax_does(quiet_ax: None) -> None:
    rng = random.Random(0)
    stopped = 0
    for _ in range(70):
        percentile = rng.choice(PERCENTILES)
        rule = random_rule(rng, percentile)
        running, others = random_trials(rng, irregular=False)
        ours = set(stops(rule, running, others))
        assert ours == ax_decides(rule, percentile, running, others), (rule.settings, running, others)
        stopped += len(ours)
    assert stopped > 10


def test_percentile_decides_as_ax_does_where_trials_report_at_different_steps(quiet_ax: None) -> None:
    rng = random.Random(1)
    stopped = 0
    for _ in range(70):
        percentile = rng.choice(PERCENTILES)
        rule = random_rule(rng, percentile, patience=0, min_steps=1)
        running, others = random_trials(rng, irregular=True)
        ours = set(stops(rule, running, others))
        assert ours == ax_decides(rule, percentile, running, others), (rule.settings, running, others)
        stopped += len(ours)
    assert stopped > 10
