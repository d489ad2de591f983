"""The rule ``dominated``, on curves whose answer is known."""

from ax_mo.core.objectives import parse_goals
from ax_mo.early_stopping.curves import TrialCurves
from ax_mo.early_stopping.rules import why_undecidable
from ax_mo.trial.curve import Curve
from tests.early_stopping.judging import (
    DOMINATED,
    GOOD,
    TWO_CURVES,
    curve,
    rule_of,
    stops,
    stops_at,
    trial,
)  # fmt: skip


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
