"""The rules ``percentile`` and ``all``: on curves whose answer is known, and as Ax decides."""

import logging
import random
from collections.abc import Sequence
from typing import Any

import pytest

from ax_mo.early_stopping.curves import TrialCurves
from ax_mo.early_stopping.rules import StoppingRule
from ax_mo.trial.curve import Curve
from tests.early_stopping.judging import (
    GOOD,
    TWO_CURVES,
    curve,
    rule_of,
    stops,
    trial,
)  # fmt: skip

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


# As Ax decides

Study = tuple[list[TrialCurves], list[TrialCurves]]


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


@pytest.mark.parametrize(
    ("irregular", "fixed"),
    [(False, {}), (True, {"patience": 0, "min_steps": 1})],
    ids=["every step is reported", "trials report at different steps"],
)
def test_percentile_decides_as_ax_does(quiet_ax: None, irregular: bool, fixed: dict[str, int]) -> None:
    rng = random.Random(int(irregular))
    stopped = 0
    for _ in range(30):
        percentile = rng.choice(PERCENTILES)
        rule = random_rule(rng, percentile, **fixed)
        running, others = random_trials(rng, irregular)
        ours = set(stops(rule, running, others))
        assert ours == ax_decides(rule, percentile, running, others), (rule.settings, running, others)
        stopped += len(ours)
    assert stopped > 5
