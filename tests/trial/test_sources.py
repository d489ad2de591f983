"""One set of metrics from everything that a trial said."""

import math
from typing import Any

import pytest

from ax_mo.trial.metrics import MetricError, by_name
from ax_mo.trial.sources import Merged, Said, merge

TWO = ["acc", "size"]


def missing(said: Said, required: list[str] = TWO) -> str:
    with pytest.raises(MetricError) as caught:
        merge(said, required)
    return str(caught.value)


def test_first_source_of_a_name_wins() -> None:
    everything = {
        "reported": {"a": 1, "b": 1},
        "lightning": {"a": 2, "b": 2, "c": 2},
        "named": dict.fromkeys("abcd", (3.0, "csv")),
        "costs": dict.fromkeys("abcde", 4),
        "curve": dict.fromkeys("abcdef", 5),
    }
    merged = merge(Said(by_name({"a": 0}, ["a"]), **everything), ["a"])
    assert merged.metrics == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4}
    assert merged.sources == {"a": "returned", "b": "reported", "c": "lightning", "d": "csv", "e": "built-in"}


def test_own_metric_wins_over_a_built_in_cost() -> None:
    said = Said(by_name({"num_params": 1}, TWO), costs={"num_params": 2, "fit_seconds": 3})
    assert merge(said, []).metrics == {"num_params": 1, "fit_seconds": 3}
    assert merge(Said(lightning={"num_params": 1}, costs={"num_params": 2}), []).sources == {"num_params": "lightning"}


@pytest.mark.parametrize(("value", "unnamed"), [(0.5, 0.5), (None, None), ("best.ckpt", None), ((1, 2, 3), None)])
def test_return_value_without_names_is_no_error_where_the_others_have_all(value: Any, unnamed: float | None) -> None:
    merged = merge(Said(by_name(value, TWO), lightning={"acc": 0.9}, costs={"size": 7}), TWO)
    assert merged == Merged({"acc": 0.9, "size": 7}, {"acc": "lightning", "size": "built-in"}, unnamed)


def test_tuple_of_the_right_length_goes_by_position() -> None:
    assert merge(Said(by_name((0.9, 7), TWO), lightning={"acc": 0.1}), TWO).metrics == {"acc": 0.9, "size": 7}


def test_tuple_of_other_things_than_numbers_gives_way() -> None:
    merged = merge(Said(by_name(({"acc": 1}, object()), TWO), lightning={"acc": 0.9, "size": 7}), TWO)
    assert merged.sources == dict.fromkeys(TWO, "lightning")


def test_one_number_is_the_only_objective_whatever_lightning_has() -> None:
    said = Said(by_name(0.5, ["val/acc_best"]), lightning={"val/acc_best": 0.4})
    merged = merge(said, ["val/acc_best"])
    assert (merged.metrics, merged.sources) == ({"val/acc_best": 0.5}, {"val/acc_best": "returned"})


def test_nan_does_not_give_way() -> None:
    said = Said(by_name({"acc": math.nan}, TWO), lightning={"acc": 0.9, "size": 1})
    assert missing(said) == "the metric 'acc' is not finite: nan"
    assert merge(said, ["size"]).metrics == {"size": 1}


def test_final_value_of_lightning_that_is_not_finite_fails_the_trial() -> None:
    assert missing(Said(lightning={"acc": math.inf, "size": 1})) == "the metric 'acc' is not finite: inf"


def test_missing_metric_lists_all_names_of_all_sources_and_the_closest() -> None:
    said = Said(
        by_name({"loss": 1}, TWO),
        reported={"lr": 1},
        lightning={"val/accuracy": 0.9, "val/loss": 1},
        named={"speed": (1, "tensorboard")},
        costs={"num_params": 7},
        unread={"csv": ["epoch", "step"]},
    )
    assert missing(said, ["val/acc"]) == (
        "the metric 'val/acc' appeared nowhere; seen were returned: loss; reported: lr; "
        "Lightning: val/accuracy, val/loss; tensorboard: speed; built-in: num_params; csv: epoch, step. "
        "Did you mean 'val/accuracy'?"
    )


def test_missing_metric_says_that_the_files_it_should_be_in_are_not_there() -> None:
    message = missing(Said(by_name({"size": 1}, TWO), unread={"csv": []}))
    assert message == (
        "the metric 'acc' was not returned; returned were: size. "
        "There is no metrics.csv with metrics below the trial's directory."
    )


@pytest.mark.parametrize(("name", "seen"), [("acc", "val/accuracy"), ("val/acc_best", "acc"), ("num_params", "params")])
def test_name_that_is_part_of_another_is_close_to_it(name: str, seen: str) -> None:
    message = missing(Said(by_name({"unlike": 1}, [name]), lightning={seen: 1, "zzz": 1}), [name])
    assert message.endswith(f"Did you mean '{seen}'?")


def test_missing_metric_says_what_was_returned_without_a_name() -> None:
    assert missing(Said(by_name(0.5, TWO), costs={"size": 7})) == (
        "the metric 'acc' appeared nowhere (the task returned one number for 2 objectives (acc, size)); "
        "seen were built-in: size."
    )
    assert "(the task returned nothing); seen were" in missing(Said(by_name(None, TWO), costs={"size": 7}))


def test_nothing_at_all_says_what_to_do() -> None:
    message = missing(Said(by_name(None, TWO)))
    assert message.startswith("the task returned nothing; return a dict with acc, size")
    assert "ax_mo.report" in message and "self.log" in message


def test_stopped_trial_has_what_there_is() -> None:
    said = Said(by_name(None, TWO), costs={"size": 7}, curve={"acc": 0.4, "size": 0})
    merged = merge(said, [*TWO, "other"], stopped=True)
    assert merged == Merged({"size": 7, "acc": 0.4}, {"size": "built-in", "acc": "curve"})
    assert merge(Said(lightning={"acc": math.nan}, curve={"acc": 0.4}), TWO, stopped=True).metrics == {"acc": 0.4}
