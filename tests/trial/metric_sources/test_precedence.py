"""A trial's metrics, chosen from all that it gave."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from ax_mo.trial.curve import append
from ax_mo.trial.files import CURVE, LIGHTNING, SPEC, write_json
from ax_mo.trial.metric_sources.differences import ReturnedDifference, describe_differences
from ax_mo.trial.metric_sources.files import what_is_there
from ax_mo.trial.metric_sources.precedence import ChosenMetrics, choose_metrics, partial_metrics
from ax_mo.trial.metric_sources.rows import CsvColumn
from ax_mo.trial.metric_sources.source import MetricError, TrialOutput
from ax_mo.trial.numbers import as_json

TWO = ["acc", "size"]
COSTS = {"trial_seconds": 3.0, "peak_memory_mb": 70.0}


class Given:
    """A trial's directory, and what its task returned."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(
        self,
        returned: Any = None,
        objectives: Sequence[str] = TWO,
        *,
        reported: Mapping[str, float] | None = None,
        logged: Mapping[str, float] | None = None,
        lightning: Mapping[str, float] | None = None,
        costs: Mapping[str, float] | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> TrialOutput:
        """``logged`` are last values of Lightning's curve, ``lightning`` its final ones."""
        spec = {"trial": 0, "attempt": 1, "objectives": objectives, "required": objectives, "metrics": metrics or {}}
        write_json(self.directory / SPEC, spec)
        os.utime(self.directory / SPEC, (1000, 1000))
        (self.directory / CURVE).unlink(missing_ok=True)
        for values, fit in ((reported, None), (logged, 1)):
            if values:
                append(self.directory / CURVE, 0, 1.0, values, fit)
        write_json(self.directory / LIGHTNING, {"metrics": as_json(lightning or {}), "costs": costs or {}})
        return TrialOutput(self.directory, spec, returned)


@pytest.fixture
def given(tmp_path: Path) -> Given:
    return Given(tmp_path)


def missing(trial: TrialOutput, required: Sequence[str] = TWO, **options: Any) -> str:
    with pytest.raises(MetricError) as caught:
        choose_metrics(trial, required, **options)
    return str(caught.value)


# Which source counts


def test_first_source_of_a_name_wins(given: Given) -> None:
    (given.directory / "metrics.csv").write_text("a,b\n1,1\n")
    everything: dict[str, Any] = {
        "reported": dict.fromkeys("a", 0),
        "metrics": dict.fromkeys("ab", "csv"),
        "logged": dict.fromkeys("abcdefghi", 5),
        "lightning": dict.fromkeys("abc", 2),
        "costs": dict.fromkeys("abcdefgh", 4),
    }
    trial = given(dict.fromkeys("abcdefg", 3), ["a"], **everything)
    chosen = choose_metrics(trial, ["a"])
    assert chosen.metrics == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 3, "f": 3, "g": 3, "h": 4}
    assert chosen.sources == {
        "a": "reported", "b": "csv", "c": "lightning", **dict.fromkeys("defg", "returned"), "h": "built-in",
    }  # fmt: skip
    assert choose_metrics(trial, stopped=True).sources == chosen.sources | {"i": "curve"}
    by_position = choose_metrics(given((6, 7), ["h", "i"], **everything))
    assert (by_position.metrics["h"], by_position.metrics["i"]) == (4, 7)


@pytest.mark.parametrize("value", [0.5, None, "best.ckpt", (1, 2, 3)])
def test_return_value_without_names_is_no_error_where_the_others_have_all(given: Given, value: Any) -> None:
    chosen = choose_metrics(given(value, lightning={"acc": 0.9}, costs={"size": 7}), TWO)
    assert chosen == ChosenMetrics({"acc": 0.9, "size": 7}, {"acc": "lightning", "size": "built-in"})


@pytest.mark.parametrize(
    ("value", "objectives"), [((0.9, 7), TWO), ([0.9, Decimal(7)], TWO), (np.float32(7), ["size"])], ids=str
)
def test_number_goes_by_position_where_nothing_has_a_name(given: Given, value: Any, objectives: list[str]) -> None:
    chosen = choose_metrics(given(value, objectives, lightning={"acc": 0.9}), objectives)
    assert chosen == ChosenMetrics({"acc": 0.9, "size": 7}, {"acc": "lightning", "size": "returned"})


def test_tuple_in_another_order_than_the_objectives_is_caught(given: Given) -> None:
    chosen = choose_metrics(given([7, 0.9], lightning={"acc": 0.9}, costs={"size": 7}), TWO)
    assert chosen.metrics == {"acc": 0.9, "size": 7}
    assert chosen.differences == (
        ReturnedDifference("acc", 0.9, "lightning", 7),
        ReturnedDifference("size", 7, "built-in", 0.9),
    )
    assert describe_differences(chosen.differences) == (
        "the task returned 7 for 'acc', which is 0.9 (Lightning), and 0.9 for 'size', which is 7 (built in); "
        "those are used. If what it returns is meant, write 'acc: {source: returned}' under hydra.sweeper.metrics"
    )


def test_what_is_no_number_gives_way_and_nan_does_not(given: Given) -> None:
    chosen = choose_metrics(given(({"acc": 1}, object()), lightning={"acc": 0.9, "size": 7}), TWO)
    assert chosen.sources == dict.fromkeys(TWO, "lightning")
    trial = given({"acc": 0.9, "size": 1}, lightning={"acc": math.nan})
    assert missing(trial) == "the metric 'acc' is not finite: nan"
    assert choose_metrics(trial, ["size"]).metrics == {"size": 1}


@pytest.mark.parametrize("value", [0.875, math.nan])
@pytest.mark.parametrize("source", ["reported", "lightning", "built-in"])
def test_number_without_a_name_never_replaces_one_that_has_it(given: Given, source: str, value: float) -> None:
    named: dict[str, Any] = {{"built-in": "costs"}.get(source, source): {"val/loss": 0.25}}
    chosen = choose_metrics(given(value, ["val/loss"], **named), ["val/loss"])
    assert (chosen.metrics, chosen.sources) == ({"val/loss": 0.25}, {"val/loss": source})
    (difference,) = chosen.differences
    assert (difference.used, difference.source) == (0.25, source)
    assert difference.returned == pytest.approx(value, nan_ok=True)


def test_returned_dict_that_says_otherwise_is_a_difference_in_what_is_required(given: Given) -> None:
    trial = given({"acc": 0.5, "loss": 2}, lightning={"acc": 0.9, "loss": 1, "size": 1})
    assert choose_metrics(trial, TWO).differences == (ReturnedDifference("acc", 0.9, "lightning", 0.5),)


def test_stopped_trial_has_what_there_is_and_no_differences(given: Given) -> None:
    chosen = choose_metrics(given(costs={"size": 7}, logged={"acc": 0.4}), [*TWO, "other"], stopped=True)
    assert chosen == ChosenMetrics({"size": 7, "acc": 0.4}, {"size": "built-in", "acc": "curve"})
    trial = given(0.5, ["acc"], lightning={"acc": math.nan}, logged={"acc": 0.4})
    assert choose_metrics(trial, ["acc"], stopped=True).metrics == {"acc": 0.4}


# What is returned


@pytest.mark.parametrize(
    ("value", "metrics"),
    [
        ({"size": 100, "acc": 0.9, "epochs": 3, 7: 3}, {"size": 100, "acc": 0.9, "epochs": 3, "7": 3}),
        ({"acc": 1, "size": 2, "name": "run", "curve": [1, 2], "bad": math.nan, "none": None}, {"acc": 1, "size": 2}),
        (OmegaConf.create({"acc": 0.9, "size": 1}), {"acc": 0.9, "size": 1}),
    ],
    ids=["dict", "more than numbers", "OmegaConf"],
)
def test_returned_dict_goes_by_name(given: Given, value: Any, metrics: dict[str, float]) -> None:
    assert choose_metrics(given(value), TWO).metrics == metrics


@pytest.mark.parametrize(
    ("value", "metrics", "named"),
    [
        (0.25, {"error": "returned"}, {"error": 0.25}),
        ((0.25, 7), {"error": {"source": "returned", "key": 0}, "n": {"source": "returned", "key": 1}},
         {"error": 0.25, "n": 7}),
        ({"test": {"error": 0.25}}, {"error": {"source": "returned", "key": "test.error"}}, {"error": 0.25}),
    ],
)  # fmt: skip
def test_returned_numbers_have_the_names_that_they_are_given(
    given: Given, value: Any, metrics: dict[str, Any], named: dict[str, float]
) -> None:
    assert choose_metrics(given(value, metrics=metrics)).metrics == named


@pytest.mark.parametrize("value", [0.25, [0.25, 7.0], {"acc": 0.25, "size": 7}])
def test_what_a_notice_advises_makes_what_is_returned_count(given: Given, value: Any) -> None:
    objectives = ["acc"] if isinstance(value, float) else TWO
    for metrics, used, differences in (({}, 0.5, 1), ({"acc": "returned"}, 0.25, 0)):
        trial = given(value, objectives, lightning={"acc": 0.5, "size": 7}, metrics=metrics)
        chosen = choose_metrics(trial, TWO)
        assert (chosen.metrics, len(chosen.differences)) == ({"acc": used, "size": 7}, differences)


def test_entry_whose_name_is_taken_says_that_it_is_not_used(given: Given, caplog: pytest.LogCaptureFixture) -> None:
    trial = given(reported={"val/acc": 0.5}, metrics={"val/acc": "csv"})
    assert choose_metrics(trial).sources == {"val/acc": "reported"}
    assert "hydra.sweeper.metrics.val/acc is not used: the metric of that name is reported." in caplog.text


# What is missing


def test_file_that_cannot_be_read_matters_where_it_is_needed(
    given: Given, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def look(*_: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory", "wandb/temporary")

    monkeypatch.setattr(CsvColumn, "values", look)
    trial = given({"acc": 0.9, "size": 3}, metrics={"extra": "csv", "lr": "csv"})
    for needed, stopped in ((TWO, False), ([*TWO, "lr"], True)):
        assert choose_metrics(trial, needed, stopped).metrics == {"acc": 0.9, "size": 3}
        assert [entry.getMessage() for entry in caplog.records] == [
            f"hydra.sweeper.metrics.{name}: 'source: csv' cannot be read: "
            "[Errno 2] No such file or directory: 'wandb/temporary'"
            for name in ("extra", "lr")
        ]
        caplog.clear()
    message = missing(trial, ["lr"])
    assert message.startswith("hydra.sweeper.metrics.lr: 'source: csv' cannot be read: FileNotFound")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (math.nan, "not finite: nan"),
        (np.float32("-inf"), "not finite: "),
        (10**400, "not finite: 1000"),
        (-1e101, "beyond 1e+100: -1e+101"),
        ("x" * 10_000, f"not a number: '{'x' * 199}"),
        (None, "not a number: None"),
        (torch.tensor([1.0, 2.0]), "not a number: tensor"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_required_metric_must_be_a_finite_number(given: Given, value: Any, problem: str) -> None:
    for returned in ({"acc": 1, "size": value}, (1, value)):
        assert missing(given(returned)).startswith(f"the metric 'size' is {problem}")


def test_constrained_metric_is_required_as_the_objectives_are(given: Given) -> None:
    trial = given({"accuracy": 0.9, "loss": 2}, ["accuracy"])
    assert missing(trial, ["accuracy", "acc"]) == (
        "the metric 'acc' appeared nowhere; seen were returned: accuracy, loss. Did you mean 'accuracy'?"
    )
    assert missing(trial, ["trial_second"], built_in=COSTS).endswith("Did you mean 'trial_seconds'?")
    assert missing(given({})) == "the metric 'acc' appeared nowhere; seen were none."


def test_missing_metric_lists_all_names_of_all_sources_and_the_closest(given: Given) -> None:
    trial = given(
        {"loss": 1},
        reported={"lr": 1},
        lightning={"val/accuracy": 0.9, "val/loss": 1},
        metrics={"speed": {"source": "curve", "tag": "lr"}},
        costs={"num_params": 7},
    )
    assert missing(trial, ["val/acc"], built_in=COSTS) == (
        "the metric 'val/acc' appeared nowhere; seen were reported: lr; curve: speed; "
        "lightning: val/accuracy, val/loss; returned: loss; built-in: num_params. Did you mean 'val/accuracy'?"
    )


def test_missing_metric_begins_with_what_was_looked_for_where_and_what_was_there(given: Given) -> None:
    (given.directory / "a.csv").write_text("acc,x\n1,2\n")
    metrics = {"acc": {"source": "csv", "path": "*.csv", "column": "val/acc"}}
    assert missing(given(0.5, lightning={"size": 1}, metrics=metrics)) == (
        "the metric 'acc': looked for the column 'val/acc' in '*.csv' of the trial's directory; "
        "a.csv has the columns acc, x. Did you mean 'acc'?"
    )


@pytest.mark.parametrize(
    ("value", "key", "text"),
    [
        (None, None, "looked for a number in what the task returned; it is nothing."),
        ("0.5", None, "looked for a number in what the task returned; it is '0.5'."),
        (
            (1, 2, 3),
            5,
            "looked for the key '5' in what the task returned; it has 3 values, of which 'key: 0' is the first.",
        ),
        (
            {"test": {"err": 1}},
            "test.error",
            "looked for the key 'test.error' in what the task returned; it has the keys test.err. "
            "Did you mean 'test.err'?",
        ),
    ],
)
def test_number_that_is_not_among_the_returned_is_told_with_what_is(
    given: Given, value: Any, key: Any, text: str
) -> None:
    trial = given(value, metrics={"acc": {"source": "returned", "key": key}})
    assert missing(trial) == f"the metric 'acc': {text}"


def test_curve_lightning_and_tensorboard_tell_which_names_they_have(given: Given, tmp_path: Path) -> None:
    files = what_is_there(tmp_path, "x")
    for metric, text in (
        ({"source": "curve", "tag": "val/ac"}, "'val/ac' in the curve; there are val/acc. Did you mean 'val/acc'?"),
        ("lightning", "'acc' in what Lightning logged; there are val/acc. Did you mean 'val/acc'?"),
        ("tensorboard", f"'acc' in the event files below the trial's directory; {files}."),
    ):
        trial = given(logged={"val/acc": 0.5}, metrics={"acc": metric})
        assert missing(trial) == f"the metric 'acc': looked for the name {text}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("num_params", "report_model(model)"), ("peak_cuda_memory_mb", "a GPU"), ("fit_seconds", "trial_seconds")],
)
def test_cost_that_is_not_there_says_who_has_it(given: Given, name: str, hint: str) -> None:
    assert hint in missing(given({"acc": 1}, [name]), [name])


@pytest.mark.parametrize(("name", "seen"), [("acc", "val/accuracy"), ("val/acc_best", "acc"), ("num_params", "params")])
def test_name_that_is_part_of_another_is_close_to_it(given: Given, name: str, seen: str) -> None:
    assert f" Did you mean '{seen}'?" in missing(given({"unlike": 1}, [name], lightning={seen: 1, "zzz": 1}), [name])


def test_missing_metric_says_what_was_returned_without_a_name(given: Given) -> None:
    assert missing(given(0.5, costs={"size": 7})) == (
        "the metric 'acc' appeared nowhere (the task returned one number for 2 objectives (acc, size)); "
        "seen were built-in: size."
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "the task returned nothing"),
        ((1,), "the task returned 1 values for 2 objectives (acc, size)"),
        ([], "the task returned 0 values for 2 objectives (acc, size)"),
        ("0.9", "the task returned str '0.9', not numbers"),
        (torch.tensor([1.0, 2.0]), "the task returned Tensor tensor([1., 2.]), not numbers"),
    ],
    ids=str,
)
def test_nothing_at_all_says_what_to_do(given: Given, value: Any, problem: str) -> None:
    first, second, *_ = missing(given(value), built_in=COSTS).splitlines()
    assert first == problem
    assert second.startswith("Return a dict with acc, size, log them by Lightning's self.log, or call ax_mo.report(")


def test_one_number_for_two_objectives_says_all_that_can_be_done(given: Given) -> None:
    first, *more = missing(given(0.5)).splitlines()
    assert first == "the task returned one number for 2 objectives (acc, size)"
    assert more == [
        "Return a dict with acc, size, log them by Lightning's self.log, or call ax_mo.report(step, ...).",
        "Or name them under hydra.sweeper.metrics: acc: {source: returned} for the number, "
        "size: {source: config, key: model.width} for a value or expression of the config, and csv, json, jsonl, yaml, "
        "tensorboard or log for what the task writes or prints.",
        "Every trial has trial_seconds and peak_memory_mb by itself, and num_params after ax_mo.report_model(model).",
    ]


# Of a trial that left no result


def test_partial_metrics_are_those_that_a_stopped_trial_would_have(given: Given) -> None:
    (given.directory / "metrics.csv").write_text("val/acc,lr\n0.25,0.1\n0.75,0.1\n0.5,0.2\n")
    metrics = {"best": {"source": "csv", "column": "val/acc", "take": "max"}, "lr": "csv"}
    given(
        metrics=metrics,
        reported={"val/acc": 0.9, "loss": math.nan},
        logged={"val/acc": 0.25},
        lightning={"val/acc": 0.6, "val/f1": 0.7, "bad": math.nan},
        costs={"num_params": 4},
    )
    assert partial_metrics(given.directory) == {"val/acc": 0.9, "best": 0.75, "lr": 0.2, "val/f1": 0.7, "num_params": 4}


def test_metrics_of_the_configuration_are_there_before_the_trial_has_run(tmp_path: Path) -> None:
    metrics = {"n": {"source": "config", "key": "width"}}
    write_json(tmp_path / SPEC, {"objectives": ["n"], "metrics": metrics, "config": {"n": 64}})
    assert partial_metrics(tmp_path) == {"n": 64}


@pytest.mark.parametrize("damage", [SPEC, LIGHTNING, CURVE, "metrics.csv"])
@pytest.mark.parametrize("text", ["", "[1]", '{"costs": 3}', "\0\n"])
def test_partial_metrics_are_without_what_cannot_be_read(given: Given, damage: str, text: str) -> None:
    given(metrics={"lr": "csv"}, logged={"val/acc": 0.5}, costs={"num_params": 4})
    (given.directory / "metrics.csv").write_text("lr\n0.2\n")
    (given.directory / damage).write_text(text)
    left = {SPEC: "lr", LIGHTNING: "num_params", CURVE: "val/acc", "metrics.csv": "lr"}[damage]
    whole = {"lr": 0.2, "num_params": 4, "val/acc": 0.5}
    assert partial_metrics(given.directory) == {name: value for name, value in whole.items() if name != left}


def test_partial_metrics_of_what_is_gone_or_of_another_kind_are_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert partial_metrics(tmp_path / "gone") == {}
    (tmp_path / SPEC).write_text(json.dumps({"metrics": {"acc": "mlflow"}}))
    assert partial_metrics(tmp_path) == {}
    assert "'mlflow' is not known" in caplog.text
