"""``hydra.sweeper.metrics``."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from ax_mo.errors import ConfigError
from ax_mo.trial.metric_sources.settings import SOURCES, parse_metric_sources
from ax_mo.trial.metric_sources.source import MetricSource, NotFound, TrialOutput

SETTINGS = {"csv": "column, path, step_column, header, tag, take", "returned": "key", "config": "key"}


@pytest.mark.parametrize("kind", SOURCES.names)
def test_each_source_has_settings_of_its_own(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no such key for 'source: {kind}'; choose from source, ") as caught:
        parse_metric_sources({"loss": {"source": kind, "wrong": 1}})
    assert SETTINGS.get(kind, "take.") in str(caught.value)


def test_source_alone_means_the_metric_of_that_name_and_the_last_value(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("loss,acc\n3,1\n1,2\n2,3\n")
    trial = TrialOutput(tmp_path)
    assert parse_metric_sources(OmegaConf.create({"loss": "csv"}))["loss"].value(trial) == 2
    raw = {"loss": {"source": "csv", "take": "min"}, "x": {"source": "csv", "column": "loss", "take": "max"}}
    assert [setting.value(trial) for setting in parse_metric_sources(raw).values()] == [1, 3]
    assert parse_metric_sources(None) == parse_metric_sources({}) == {}


def test_source_of_a_package_says_what_is_wrong_in_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ini(MetricSource):
        def __init__(self, metric: str, *, section: str, path: str = "*.ini") -> None:
            if not path.endswith(".ini"):
                raise ValueError(f"path: '{path}' is no INI file.")

        def values(self, trial: TrialOutput) -> list[float]:
            return []

    monkeypatch.setattr(SOURCES, "load", lambda *_: Ini)
    for entry, message in (
        ({}, "section is missing: 'source: ini' needs it."),
        ({"section": "a", "path": "a.txt"}, "path: 'a.txt' is no INI file."),
    ):
        with pytest.raises(ConfigError) as caught:
            parse_metric_sources({"acc": {"source": "ini", **entry}})
        assert str(caught.value) == f"hydra.sweeper.metrics.acc.{message}"
    with pytest.raises(ConfigError, match="'source: ini' does not take this: AttributeError: 'int' object has no"):
        parse_metric_sources({"acc": {"source": "ini", "section": "a", "path": 3}})
    (setting,) = parse_metric_sources({"acc": {"source": "ini", "section": "a"}}).values()
    assert setting.value(TrialOutput(Path())) == NotFound("value", "", "'source: ini'", "there is none")


def test_entry_point_that_leads_to_something_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SOURCES, "load", lambda *_: len)
    with pytest.raises(
        ConfigError, match=r"^hydra\.sweeper\.metrics\.a\.source: 'x' is <built-in function len>, and no"
    ):
        parse_metric_sources({"a": "x"})


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
            "hydra.sweeper.metrics.a.source: 'tensorbord' is not known; there are returned, config, csv, json, "
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
            "step_column, header, tag, take. Did you mean 'column'?",
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
