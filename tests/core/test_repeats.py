"""Several runs of one trial as one observation with its uncertainty."""

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ax_mo.core.repeats import Repeats, aggregate_repeats, deviation, means, standard_error, standard_errors
from ax_mo.core.trial import Status, Trial, TrialRun
from tests.support.trials import make_run

THREE = Repeats(3, "seed", 7)
TRIAL = make_run(
    4,
    status=Status.ASKED,
    point={"x": 0.5},
    overrides=("model=mlp", "x=0.5"),
    directory="sub/4",
    generator="model",
    position=9,
    asked="t0",
)


def runs_of(*statuses: Status, repeats: Repeats = THREE) -> list[TrialRun]:
    """The trial's runs; completed ones have the loss 10, 20, 30, ..., failed ones a reason each."""
    runs = Repeats(len(statuses), "seed", 7).runs(TRIAL)
    return [ended(run, status) for run, status in zip(runs, statuses, strict=True)]


def ended(run: TrialRun, status: Status) -> TrialRun:
    run = replace(run, status=status)
    if status is Status.COMPLETED:
        return replace(run, metrics={"loss": 10.0 * (run.repeat + 1)}, started=f"t{9 - run.repeat}", ended="t9")
    if status is Status.FAILED:
        reason = f"ValueError: {run.repeat}"
        return replace(run, reason=reason, error_fingerprint="ValueError: #", stderr_tail="last words", ended="t8")
    if status is Status.EARLY_STOPPED:
        return replace(run, reason="dominated", metrics={"loss": 70.0 + run.repeat}, ended="t8")
    return run


A, R, C, F, X = Status.ASKED, Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.CANCELLED
S = Status.EARLY_STOPPED


# From a trial to its runs


def test_runs_are_alike_but_for_seed_and_directory() -> None:
    runs = THREE.runs(TRIAL)
    assert [run.overrides for run in runs] == [("model=mlp", "x=0.5", f"seed={seed}") for seed in (7, 8, 9)]
    assert [run.directory for run in runs] == ["sub/4/0", "sub/4/1", "sub/4/2"]
    assert [run.key for run in runs] == [(4, 0), (4, 1), (4, 2)]
    assert [run.label for run in runs] == ["4 repeat 0", "4 repeat 1", "4 repeat 2"]
    assert [replace(run, repeat=None, overrides=TRIAL.overrides, directory="sub/4") for run in runs] == [TRIAL] * 3


def test_without_repeats_the_trial_is_its_only_run() -> None:
    assert Repeats().runs(TRIAL) == [TRIAL]
    assert aggregate_repeats([TRIAL]) is TRIAL
    assert Repeats().describe() == {}


def test_resume_compares_count_key_and_first_seed() -> None:
    others = [Repeats(4, "seed", 7), Repeats(3, "other", 7), Repeats(3, "seed", 8)]
    assert len({str(repeats.describe()) for repeats in (THREE, *others, Repeats())}) == 5


# From the runs back to the trial


@pytest.mark.parametrize("statuses", [[A], [A, A, A], [R, R], [X, X]])
def test_untouched_runs_are_the_trial_again(statuses: list[Status]) -> None:
    trial = aggregate_repeats(runs_of(*statuses))
    assert asdict(trial) == {
        field.name: getattr(replace(TRIAL, status=statuses[0]), field.name) for field in fields(Trial)
    }


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([C, C, C], C),
        ([C, C, F], C),
        ([C, F, F], F),
        ([F, F, F], F),
        ([C, F], C),  # not more than half
        ([C, C, F, F], C),
        ([C, F, F, F], F),
        ([C, C, F, F, F], F),
        ([F], F),
        ([C], C),
    ],
)
def test_trial_fails_when_more_than_half_of_its_repeats_fail(statuses: list[Status], expected: Status) -> None:
    assert aggregate_repeats(runs_of(*statuses)).status is expected


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([C, C, R], R),
        ([F, F, R], R),  # more than half, but the trial has not ended
        ([C, A, A], A),
        ([R, A, A], R),
        ([C, X, A], X),
        ([R, X, F], R),
        ([F, X, C], X),
    ],
)
def test_trial_goes_on_until_every_run_has_ended(statuses: list[Status], expected: Status) -> None:
    trial = aggregate_repeats(runs_of(*statuses))
    assert (trial.status, trial.metrics, trial.samples, trial.ended) == (expected, {}, (), None)
    assert not trial.status.ended


def test_completed_trial_has_mean_samples_and_times() -> None:
    trial = aggregate_repeats(runs_of(C, F, C))
    assert trial.metrics == {"loss": 20.0}
    assert trial.samples == ({"loss": 10.0}, {"loss": 30.0})
    assert trial.observations == trial.samples
    assert (trial.started, trial.ended) == ("t7", "t9")
    assert (trial.overrides, trial.directory) == (TRIAL.overrides, TRIAL.directory)
    assert (trial.reason, trial.stderr_tail) == ("1 of 3 repeats failed; the first: ValueError: 1", "")
    assert aggregate_repeats(runs_of(C, C)).reason is None


def test_failed_trial_says_how_many_failed_and_why_the_first_did() -> None:
    trial = aggregate_repeats(runs_of(C, F, F))
    assert trial.reason == "2 of 3 repeats failed; the first: ValueError: 1"
    assert (trial.error_fingerprint, trial.stderr_tail) == ("ValueError: #", "last words")
    assert (trial.metrics, trial.samples) == ({}, ())


@pytest.mark.parametrize("statuses", [(S, S, S), (S, F, S), (S,)])
def test_trial_of_which_a_run_was_stopped_early_was_stopped(statuses: tuple[Status, ...]) -> None:
    trial = aggregate_repeats(runs_of(*statuses))
    assert (trial.status, trial.reason) == (Status.EARLY_STOPPED, "dominated")
    stopped = [70.0 + repeat for repeat, status in enumerate(statuses) if status is S]
    assert trial.metrics == {"loss": sum(stopped) / len(stopped)}
    assert aggregate_repeats(runs_of(*statuses, R)).status is Status.RUNNING


def test_runs_that_completed_before_another_was_stopped_are_what_is_known_of_the_trial() -> None:
    trial = aggregate_repeats(runs_of(C, S, C))
    assert trial.status is Status.EARLY_STOPPED
    assert trial.samples == ({"loss": 10.0}, {"loss": 30.0})


def test_attempt_is_the_latest_of_any_run() -> None:
    runs = runs_of(C, C, C)
    runs[1] = replace(runs[1], attempt=3)
    assert aggregate_repeats(runs).attempt == 3


# Numbers


def test_mean_is_of_each_metric_that_all_have() -> None:
    assert means([{"a": 1.0, "b": 1.0}, {"a": 2.0}, {"a": 6.0, "c": 1.0}]) == {"a": 3.0}
    assert means([{"a": 1, "b": 2.5}]) == {"a": 1, "b": 2.5}


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 9))
def test_mean_of_one_value_is_that_value_exactly(value: float, count: int) -> None:
    assert means([{"a": value}] * count) == {"a": value}


def test_mean_keeps_small_values_next_to_large_ones() -> None:
    assert means([{"a": 1e16}, {"a": 1.0}, {"a": -1e16}]) == {"a": 1 / 3}


@pytest.mark.parametrize(
    ("values", "spread"),
    [([1.0, 3.0], math.sqrt(2)), ([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], math.sqrt(32 / 7)), ([5, 5, 5], 0.0)],
)
def test_standard_error_is_the_sample_deviation_over_the_root_of_the_count(values: list[float], spread: float) -> None:
    assert deviation(values) == pytest.approx(spread)
    assert standard_error(values) == pytest.approx(spread / math.sqrt(len(values)))


def test_standard_errors_are_those_of_repeated_trials() -> None:
    samples: tuple[Mapping[str, float], ...] = ({"a": 1.0, "b": 2.0}, {"a": 3.0})
    assert standard_errors(replace(TRIAL, samples=samples), ["a", "b", "c"]) == {"a": pytest.approx(1.0)}
    assert standard_errors(replace(TRIAL, metrics={"a": 1.0}), ["a"]) == {}
