"""``hydra.sweeper.metrics``."""

from typing import Any

import pytest
from omegaconf import OmegaConf

from ax_mo.errors import ConfigError
from ax_mo.trial.metric_sources import MetricSource, Origin, Take, parse_metric_sources


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("returned", MetricSource(Origin.RETURNED, "")),
        ({"source": "returned", "key": 1}, MetricSource(Origin.RETURNED, "1")),
        ({"source": "returned", "key": "test.acc"}, MetricSource(Origin.RETURNED, "test.acc")),
        ({"source": "config", "key": "a * b"}, MetricSource(Origin.CONFIG, "a * b")),
        ("csv", MetricSource(Origin.CSV, "loss", path="**/metrics.csv")),
        (
            {"source": "csv", "column": "x", "path": "./logs//*.csv", "step_column": "epoch", "take": "min"},
            MetricSource(Origin.CSV, "x", Take.MIN, "logs/*.csv", "epoch"),
        ),
        (
            {"source": "csv", "column": 2, "step_column": 0, "header": False},
            MetricSource(Origin.CSV, 2, path="**/metrics.csv", step=0, header=False),
        ),
        (
            {"source": "jsonl", "path": "log.jsonl", "step_key": "step"},
            MetricSource(Origin.JSONL, "loss", path="log.jsonl", step="step"),
        ),
        ({"source": "log", "pattern": "a(b)"}, MetricSource(Origin.LOG, "a(b)", path="*.log")),
    ],
)
def test_each_source_has_settings_of_its_own(entry: Any, expected: MetricSource) -> None:
    assert parse_metric_sources({"loss": entry}) == {"loss": expected}


def test_tag_is_the_name_and_take_the_last_unless_said_otherwise() -> None:
    raw = {
        "val_acc": {"source": "tensorboard", "tag": "val/acc", "take": "max"},
        "loss": {"source": "csv"},
        "val/loss": "curve",
    }
    expected = {
        "val_acc": MetricSource(Origin.TENSORBOARD, "val/acc", Take.MAX),
        "loss": MetricSource(Origin.CSV, "loss", Take.LAST, "**/metrics.csv"),
        "val/loss": MetricSource(Origin.CURVE, "val/loss", Take.LAST),
    }
    assert parse_metric_sources(raw) == expected
    assert parse_metric_sources(OmegaConf.create(raw)) == expected
    assert parse_metric_sources(None) == parse_metric_sources({}) == {}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (["a"], "hydra.sweeper.metrics: ['a'] is not a mapping; write for example\n  metrics:"),
        ({"a": 3}, "hydra.sweeper.metrics.a: 3 is not a mapping; write {source: csv, column: ..., take: last}."),
        (
            {"a": {}},
            "hydra.sweeper.metrics.a.source is missing: choose one of returned, config, csv, json, jsonl, yaml, log, "
            "tensorboard, curve, lightning.",
        ),
        (
            {"a": {"source": "tensorbord"}},
            "hydra.sweeper.metrics.a.source: 'tensorbord' is not known; choose one of returned, config, csv, json, "
            "jsonl, yaml, log, tensorboard, curve, lightning. Did you mean 'tensorboard'?",
        ),
        (
            {"val_acc": {"source": "csv", "take": "best"}},
            "hydra.sweeper.metrics.val_acc.take: 'best' is not known; choose one of last, min, max.",
        ),
        ({"a": {"source": "curve", "tag": 3}}, "hydra.sweeper.metrics.a.tag: 3 is not the name of a metric."),
        (
            {"a": {"source": "csv", "colunm": "x"}},
            "hydra.sweeper.metrics.a.colunm: there is no such key for 'source: csv'; choose from source, column, path, "
            "step_column, header, take. Did you mean 'column'?",
        ),
        (
            {"a": {"source": "curve", "path": "x"}},
            "hydra.sweeper.metrics.a.path: there is no such key for 'source: curve'; choose from source, tag, take.",
        ),
        (
            {"a": {"source": "returned", "take": "max"}},
            "hydra.sweeper.metrics.a.take: there is no such key for 'source: returned'; choose from source, key.",
        ),
        (
            {"a": {"source": "csv", "column": 1}},
            "hydra.sweeper.metrics.a.column: 1 is not the name of a column. A file without names has numbers for them, "
            "with 'header: false'.",
        ),
        (
            {"a": {"source": "csv", "header": False}},
            "hydra.sweeper.metrics.a.column: is missing: with 'header: false' the first column is 0, the second 1.",
        ),
        (
            {"a": {"source": "csv", "header": False, "column": 1, "step_column": "epoch"}},
            "hydra.sweeper.metrics.a.step_column: 'epoch' is not the number of a column: with 'header: false' the",
        ),
        ({"a": {"source": "csv", "header": "no"}}, "hydra.sweeper.metrics.a.header: 'no' is neither true nor false."),
        (
            {"a": {"source": "json", "key": "acc"}},
            "hydra.sweeper.metrics.a.path is missing: name the file in the trial's directory, such as 'results.json'.",
        ),
        ({"a": {"source": "yaml", "path": 3}}, "hydra.sweeper.metrics.a.path: 3 is not the name of a file."),
        *(
            (
                {"a": {"source": "json", "path": path}},
                f"hydra.sweeper.metrics.a.path: '{path}' leads out of the trial's directory. Write a path in it, such",
            )
            for path in ("/data/results.json", "../results.json", "logs/../../results.json", "~/results.json")
        ),
        ({"a": {"source": "log"}}, "hydra.sweeper.metrics.a.pattern is missing: write a regular expression with the"),
        (
            {"a": {"source": "log", "pattern": "loss: (.*"}},
            "hydra.sweeper.metrics.a.pattern: 'loss: (.*' is no regular",
        ),
        (
            {"a": {"source": "log", "pattern": "loss: .*"}},
            "hydra.sweeper.metrics.a.pattern: 'loss: .*' has 0 pairs of parentheses: put the number, and nothing else, "
            r"in one, for example 'loss: ([-\d.e]+)'",
        ),
        ({"a": {"source": "log", "pattern": "(a)(b)"}}, "hydra.sweeper.metrics.a.pattern: '(a)(b)' has 2 pairs"),
        ({"a": {"source": "config"}}, "hydra.sweeper.metrics.a.key is missing: name a value of the config, such as"),
        (
            {"a": {"source": "config", "key": 64}},
            "hydra.sweeper.metrics.a.key: 64 is a number, and no key of the config. Write the key itself: what ${...}",
        ),
        (
            {"a": {"source": "config", "key": "${model.width}"}},
            "hydra.sweeper.metrics.a.key: write '${model.width}' without ${ and }: keys stand for their values here.",
        ),
    ],
)
def test_mistake_is_one_message_that_names_the_key(raw: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_metric_sources(raw)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("take", "value"), [(Take.LAST, 2), (Take.MIN, 1), (Take.MAX, 3)])
def test_take(take: Take, value: float) -> None:
    assert take.of([1, 3, 2]) == value
