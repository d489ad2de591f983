"""The scale of an objective: whether it is logarithmic, and where values are on it."""

import statistics
from typing import Any

import pytest

from ax_mo.core.objective import Scale
from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.core.pareto import hypervolume, hypervolumes_so_far, pareto_front
from ax_mo.core.repeats import standard_error
from ax_mo.core.trial import Status, Trial
from ax_mo.errors import ConfigError
from tests.support.trials import make_trial


def trials_of(name: str, *values: float, first: int = 0) -> list[Trial]:
    return [make_trial(number, metrics={name: value}) for number, value in enumerate(values, start=first)]


def scale_of(objectives: dict[str, Any], trials: list[Trial]) -> Scale:
    return parse_goals(objectives).settled(trials).objectives[0].scale


# Which scale


@pytest.mark.parametrize("name", ["num_params", "num_params_total", "fit_seconds", "peak_cuda_memory_mb"])
def test_a_cost_has_a_log_scale_from_the_start(name: str) -> None:
    assert scale_of({name: "minimize"}, []) is Scale.LOG
    assert scale_of({name: {"goal": "minimize", "scale": "linear"}}, []) is Scale.LINEAR


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ((1, 20, 100), Scale.LOG),
        ((1, 20, 99), Scale.LINEAR),
        ((0.01, 1.0), Scale.LOG),
        ((-1, 100), Scale.LINEAR),
        ((1, 2, 3, 4, 5, 500), Scale.LOG),
        ((1, 500, 3, 4, 5, 0), Scale.LINEAR),
        ((), Scale.LINEAR),
    ],
)
def test_values_that_span_two_decades_make_a_log_scale(values: Any, scale: Scale) -> None:
    assert scale_of({"loss": "minimize"}, trials_of("loss", *values)) is scale


def test_what_is_maximized_has_a_log_scale_where_it_is_asked_for_alone() -> None:
    trials = trials_of("acc", 0.001, 0.9)
    assert scale_of({"acc": "maximize"}, trials) is Scale.LINEAR
    assert scale_of({"acc": {"goal": "maximize", "scale": "log"}}, trials) is Scale.LOG


@pytest.mark.parametrize("asked", ["log", "auto"])
@pytest.mark.parametrize("status", [Status.COMPLETED, Status.EARLY_STOPPED, Status.IMPORTED])
def test_no_scale_is_logarithmic_where_a_value_is_not_above_zero(asked: str, status: Status) -> None:
    objectives = {"num_params": {"goal": "minimize", "scale": asked}}
    trials = [*trials_of("num_params", 5, 7), make_trial(2, status=status, metrics={"num_params": 0.0})]
    assert scale_of(objectives, trials) is Scale.LINEAR
    assert scale_of(objectives, trials[:2]) is Scale.LOG


def test_a_scale_that_is_settled_stays() -> None:
    goals = parse_goals({"loss": "minimize"})
    settled = goals.settled(trials_of("loss", 1, 1000))
    assert settled.settled(trials_of("loss", 3, 4)) == settled
    assert goals.settled(trials_of("loss", 3, 4)).settled(trials_of("loss", 1, 1000)).objectives[0].scale == "linear"


def test_what_is_no_scale_is_told_with_what_to_write() -> None:
    with pytest.raises(ConfigError, match=r"objectives\.loss\.scale: 'Log' is no scale; write log, linear or auto\."):
        parse_goals({"loss": {"goal": "minimize", "scale": "Log"}})
    with pytest.raises(ConfigError, match=r"objectives\.loss\.threshold: 0 is not on a log scale; .*scale: linear"):
        parse_goals({"loss": {"goal": "minimize", "scale": "log", "threshold": 0}})
    assert scale_of({"num_params": {"goal": "minimize", "threshold": 0}}, []) is Scale.LINEAR


def test_objectives_are_read_back_as_they_were_written() -> None:
    goals = parse_goals({"loss": {"goal": "minimize", "threshold": 2, "scale": "log"}, "acc": "maximize"})
    assert parse_goals(goals.as_json()) == goals
    assert [o.described for o in goals.objectives] == ["minimize, threshold 2, log scale", "maximize"]


# Where values are


def test_repeats_have_the_mean_of_their_values_and_its_error_by_the_delta_method() -> None:
    values = [900.0, 1000.0, 1400.0]
    mean = statistics.fmean(values)
    places = [Scale.LOG.position(value, mean) for value in values]
    assert Scale.LOG.value_at(statistics.fmean(places)) == pytest.approx(mean)
    error = standard_error(places)
    assert error is not None
    assert Scale.LOG.error_at(Scale.LOG.position(mean), error) == pytest.approx(standard_error(values))


def test_hypervolume_is_in_decades_and_the_front_is_that_of_the_values() -> None:
    goals = parse_goals({
        "acc": {"goal": "maximize", "threshold": 0.5},
        "num_params": {"goal": "minimize", "threshold": 1e6},
    })  # fmt: skip
    reference = {"acc": 0.5, "num_params": 1e6}
    trials = [make_trial(n, metrics={"acc": a, "num_params": p}) for n, (a, p) in enumerate([(0.7, 1e3), (0.9, 1e5)])]
    settled = goals.settled(trials)
    assert hypervolume(trials, settled, reference) == pytest.approx(0.2 * 3 + 0.2 * 1)
    assert hypervolumes_so_far(trials, settled, reference) == pytest.approx([0.6, 0.8])
    assert hypervolume(trials, goals, reference) == pytest.approx(0.2 * 999_000 + 0.2 * 900_000)


def test_values_with_the_same_logarithm_are_told_apart_on_the_front() -> None:
    trials = trials_of("num_params", 1e16, 1e16 + 2)
    goals: Goals = parse_goals({"num_params": "minimize"}).settled(trials)
    assert Scale.LOG.position(1e16) == Scale.LOG.position(1e16 + 2)
    assert [trial.number for trial in pareto_front(trials, goals)] == [0]
