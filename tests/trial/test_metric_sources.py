"""``hydra.sweeper.metrics``."""

from typing import Any

import pytest
from omegaconf import OmegaConf

from ax_mo.errors import ConfigError
from ax_mo.trial.metric_sources import MetricSource, Origin, Take, parse_metric_sources


def test_tag_is_the_name_and_take_the_last_unless_said_otherwise() -> None:
    raw = {
        "val_acc": {"source": "tensorboard", "tag": "val/acc", "take": "max"},
        "loss": {"source": "csv"},
        "val/loss": "curve",
    }
    expected = {
        "val_acc": MetricSource(Origin.TENSORBOARD, "val/acc", Take.MAX),
        "loss": MetricSource(Origin.CSV, "loss", Take.LAST),
        "val/loss": MetricSource(Origin.CURVE, "val/loss", Take.LAST),
    }
    assert parse_metric_sources(raw) == expected
    assert parse_metric_sources(OmegaConf.create(raw)) == expected
    assert parse_metric_sources(None) == parse_metric_sources({}) == {}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (["a"], "hydra.sweeper.metrics: ['a'] is not a mapping; write for example\n  metrics:"),
        ({"a": 3}, "hydra.sweeper.metrics.a: 3 is not a mapping; write {source: csv, tag: ..., take: last}."),
        ({"a": {}}, "hydra.sweeper.metrics.a.source is missing: choose one of tensorboard, csv, curve, lightning."),
        (
            {"a": {"source": "tensorbord"}},
            "hydra.sweeper.metrics.a.source: 'tensorbord' is not known; choose one of tensorboard, csv, curve, "
            "lightning. Did you mean 'tensorboard'?",
        ),
        (
            {"val_acc": {"source": "csv", "take": "best"}},
            "hydra.sweeper.metrics.val_acc.take: 'best' is not known; choose one of last, min, max.",
        ),
        ({"a": {"source": "csv", "tag": 3}}, "hydra.sweeper.metrics.a.tag: 3 is not the name of a metric."),
        (
            {"a": {"source": "csv", "tags": "x"}},
            "hydra.sweeper.metrics.a.tags: there is no such key; choose from source, tag, take. Did you mean 'tag'?",
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
