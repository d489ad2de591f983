"""When more trials hardly move the front."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.core.trial import Outcome, Status, Trial
from ax_mo.sweep.limits import GainLimit, hypervolume_gain
from ax_mo.sweep.spec import StopWhen
from tests.support.trials import make_trial
from tests.sweep.running import running, study_of

WITH_THRESHOLDS = parse_goals(
    {"acc": {"goal": "maximize", "threshold": 0.0}, "size": {"goal": "minimize", "threshold": 100}}
)
WITHOUT = parse_goals({"acc": "maximize", "size": "minimize"})
SINGLE = parse_goals({"acc": {"goal": "maximize", "threshold": 0.5}})


def trials_of(*points: tuple[float, float], status: Status = Status.COMPLETED) -> list[Trial]:
    return [
        make_trial(number, status=status, metrics={"acc": acc, "size": size})
        for number, (acc, size) in enumerate(points)
    ]


def gain(trials: list[Trial], over_trials: int, goals: Goals = WITH_THRESHOLDS) -> float | None:
    imported = [trial for trial in trials if trial.status is Status.IMPORTED]
    return hypervolume_gain(imported, [trial for trial in trials if trial not in imported], over_trials, goals)


def test_gain_is_the_share_by_which_the_last_trials_enlarged_the_hypervolume() -> None:
    trials = trials_of((0.5, 50), (0.4, 60), (0.6, 50))  # 0.5 * 50, nothing, 0.6 * 50
    assert gain(trials, 1) == pytest.approx(0.2)
    assert gain(trials, 2) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("last", "most", "reason"),
    [
        (0.502, 0.01, "the last 2 trials have enlarged the hypervolume by 0.4 % (stop_when: at most 1 %)"),
        (0.6, 0.01, None),
        (0.5, 0.0, "the last 2 trials have enlarged the hypervolume by 0 % (stop_when: at most 0 %)"),
        (0.501, 0.0, None),
    ],
)
def test_study_ends_when_the_gain_is_small_and_says_why(
    tmp_path: Path, last: float, most: float, reason: str | None
) -> None:
    runs = [running(number=n) for n in range(3)]
    study = study_of(tmp_path, *runs, goals=WITH_THRESHOLDS)
    limit = GainLimit(StopWhen(most, 2))
    limit.started(study)
    for run, acc in zip(runs, (0.5, 0.4, last), strict=True):
        trial = study.finish(run.key, Outcome({"acc": acc, "size": 50}))
        assert trial is not None and study.stop_reason is None
        limit.ended(study, trial)
    assert (study.stop_reason and str(study.stop_reason)) == reason


@pytest.mark.parametrize("count", [0, 1, 2])
def test_study_goes_on_until_there_are_trials_before_the_last_ones(count: int) -> None:
    assert gain(trials_of(*[(0.5, 50.0)] * count), 2) is None


def test_study_that_has_nothing_past_the_thresholds_goes_on() -> None:
    assert gain(trials_of(*[(0.5, 200.0)] * 30), 15) is None


def test_first_trial_past_the_thresholds_is_no_reason_to_end() -> None:
    assert gain(trials_of((0.5, 200), (0.5, 90)), 1) is None


def test_both_hypervolumes_have_the_reference_point_of_now() -> None:
    """Without thresholds a new worst trial moves it, which is no gain."""
    before = [(0.5, 50.0), (0.9, 90.0), (0.1, 95.0)]
    assert gain(trials_of(*before, (0.0, 1000.0)), 1, WITHOUT) == pytest.approx(0.0)
    present = 0.5 * 150 + 0.4 * 110  # what there was, from (0.0, 200) and not from (0.1, 95)
    share = gain(trials_of(*before, (0.0, 200.0), (0.6, 50.0)), 2, WITHOUT)
    assert share == pytest.approx((0.6 * 150 + 0.3 * 110) / present - 1.0)


def test_trial_that_was_stopped_early_counts_as_one_without_gain() -> None:
    stopped = make_trial(9, status=Status.FAILED)  # no metrics of its own on the front
    trials = [*trials_of((0.5, 50)), stopped, stopped]
    assert gain(trials, 2) == 0.0


def test_trials_of_earlier_studies_are_there_from_the_start() -> None:
    imported = trials_of((0.5, 50), (0.4, 50), status=Status.IMPORTED)
    assert gain(imported, 1) is None
    assert gain([*imported, *trials_of((0.6, 50))], 1) == pytest.approx(0.2)
    assert gain([*trials_of((0.6, 50)), *imported], 1) == pytest.approx(0.2)


def test_gain_of_a_single_objective_is_that_past_the_reference() -> None:
    trials = [make_trial(n, metrics={"acc": acc}) for n, acc in enumerate((0.6, 0.4, 0.62))]
    assert gain(trials, 1, SINGLE) == pytest.approx(0.2)


def test_trial_that_breaks_a_constraint_is_no_gain() -> None:
    goals = Goals(
        WITH_THRESHOLDS.objectives, parse_goals({"a": "maximize"}, constraints=["acc + size <= 60"]).constraints
    )
    assert gain(trials_of((0.5, 50), (0.9, 80)), 1, goals) == pytest.approx(0.0)


# A busy machine is no reason to fail.
@settings(deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, 9).map(float), st.integers(0, 9).map(float)), min_size=1, max_size=12),
    st.integers(1, 6),
)
def test_gain_is_never_negative(points: list[tuple[float, float]], over_trials: int) -> None:
    share = gain(trials_of(*points), over_trials, WITHOUT)
    assert share is None or share >= -1e-9
