"""What a task function returned becomes named finite numbers."""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from ax_mo.trial.metric_sources.precedence import Candidates, choose_metrics
from ax_mo.trial.metric_sources.returned import by_name
from ax_mo.trial.metric_sources.source import MetricError

TWO = ["acc", "size"]


def metrics_from(value: Any, objectives: list[str], required: list[str]) -> dict[str, float]:
    return choose_metrics(Candidates(by_name(value, objectives)), required).metrics


def message_of(value: Any, objectives: list[str] = TWO, required: list[str] | None = None) -> str:
    with pytest.raises(MetricError) as caught:
        metrics_from(value, objectives, objectives if required is None else required)
    return str(caught.value)


def test_dict_is_taken_by_name_with_its_extra_metrics() -> None:
    value = {"size": 100, "acc": 0.9, "epochs": 3}
    assert metrics_from(value, TWO, TWO) == {"size": 100, "acc": 0.9, "epochs": 3}


def test_omegaconf_dict_is_a_dict() -> None:
    assert metrics_from(OmegaConf.create({"acc": 0.9, "size": 1}), TWO, TWO) == {"acc": 0.9, "size": 1}


@pytest.mark.parametrize("value", [(0.9, 100), [0.9, 100]])
def test_tuple_and_list_are_in_the_order_of_the_objectives(value: Any) -> None:
    assert metrics_from(value, TWO, TWO) == {"acc": 0.9, "size": 100}


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.5), torch.tensor(0.5), Decimal("0.5")])
def test_one_number_is_the_only_objective(value: Any) -> None:
    assert metrics_from(value, ["acc"], ["acc"]) == {"acc": float(value)}


@pytest.mark.parametrize(
    "bad", [math.nan, math.inf, -math.inf, np.float32("nan"), torch.tensor(float("inf"))], ids=repr
)
def test_required_metric_must_be_finite(bad: Any) -> None:
    message = message_of({"acc": bad, "size": 1})
    assert message.startswith("the metric 'acc' is not finite: ")


@pytest.mark.parametrize("bad", ["0.9", None, [0.9, 0.8], torch.tensor([1.0, 2.0])], ids=repr)
def test_required_metric_must_be_a_number(bad: Any) -> None:
    message = message_of({"acc": bad, "size": 1})
    assert message.startswith("the metric 'acc' is not a number: ")


def test_bad_value_of_a_tuple_is_named_by_its_objective() -> None:
    assert message_of((0.9, math.nan)) == "the metric 'size' is not finite: nan"


def test_long_value_is_cut_in_the_message() -> None:
    assert len(message_of({"acc": "x" * 10_000, "size": 1})) < 300


def test_constrained_metric_is_required_as_the_objectives_are() -> None:
    assert "'seconds' is not finite" in message_of({"acc": 1, "seconds": math.inf}, ["acc"], ["acc", "seconds"])
    assert "'seconds' was not returned" in message_of({"acc": 1}, ["acc"], ["acc", "seconds"])


def test_extra_entries_that_are_no_finite_numbers_are_left_out() -> None:
    value = {"acc": 1, "size": 2, "name": "run", "curve": [1, 2], "bad": math.nan, "none": None, 7: 3}
    assert metrics_from(value, TWO, TWO) == {"acc": 1, "size": 2, "7": 3}


def test_missing_metric_lists_what_was_returned_and_the_closest() -> None:
    message = message_of({"accuracy": 0.9, "size": 1, "loss": 2}, ["acc", "size"])
    assert message.startswith("the metric 'acc' was not returned; returned were: accuracy, size, loss.")
    assert message.endswith("Did you mean 'accuracy'?")


def test_missing_metric_of_an_empty_dict_lists_none() -> None:
    assert message_of({}) == "the metric 'acc' was not returned; returned were: none."


@pytest.mark.parametrize("value", [(1,), (1, 2, 3), []])
def test_wrong_number_of_values_names_the_objectives(value: Any) -> None:
    assert message_of(value).startswith(f"the task returned {len(value)} values for 2 objectives (acc, size)\n")


def test_one_number_for_two_objectives_says_all_that_can_be_done() -> None:
    first, *more = message_of(0.5).splitlines()
    assert first == "the task returned one number for 2 objectives (acc, size)"
    assert more == [
        "Return a dict with acc, size, log them by Lightning's self.log, or call ax_mo.report(step, ...).",
        "Or name them under hydra.sweeper.metrics: acc: {source: returned} for the number, "
        "size: {source: config, key: model.width} for a value or expression of the config, and csv, json, jsonl, yaml, "
        "tensorboard or log for what the task writes or prints.",
        "Every trial has trial_seconds and peak_memory_mb by itself, and num_params after ax_mo.report_model(model).",
    ]


def test_nothing_returned_says_what_to_return() -> None:
    message = message_of(None)
    assert message.startswith("the task returned nothing\nReturn a dict with acc, size, ")
    assert "source: returned" not in message


@pytest.mark.parametrize(
    ("value", "kind"), [("0.9", "str"), (torch.tensor([1.0, 2.0]), "Tensor"), (object(), "object")]
)
def test_value_that_is_no_number_is_named_with_its_type(value: Any, kind: str) -> None:
    assert message_of(value, ["acc"]).startswith(f"the task returned {kind} ")


# BUG: math.isfinite raises OverflowError, which Hydra turns into a warning: no result is recorded at all.
def test_integer_too_large_for_a_float_is_not_finite() -> None:
    assert "the metric 'acc' is not finite" in message_of({"acc": 10**400, "size": 1})
