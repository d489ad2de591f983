"""Which keys of a configuration are proposed for a search, and with which values."""

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from ax_mo.experiment_file.ranges import proposals


def values(config: dict[str, Any]) -> dict[str, str]:
    return {key: one.values for key, one in proposals(config).items()}


@pytest.mark.parametrize(
    ("key", "own", "expected"),
    [
        ("lr", 0.003, "tag(log, interval(0.0003, 0.03))"),
        ("learning_rate", 0.5, "tag(log, interval(0.05, 1))"),
        ("backbone_lr", 1e-5, "tag(log, interval(1e-06, 0.0001))"),
        ("weight_decay", 0.01, "tag(log, interval(0.0001, 0.1))"),
        ("weight_decay", 0.0, "interval(0, 0.01)"),
        ("momentum", 0.9, "interval(0.5, 0.99)"),
        ("dropout", 0.1, "interval(0, 0.5)"),
        ("attention_dropout", 0.6, "interval(0, 0.9)"),
        ("batch_size", 64, "choice(32, 64, 128)"),
        ("num_layers", 3, "int(interval(1, 6))"),
        ("depth", 1, "int(interval(1, 3))"),
        ("hidden1", 64, "tag(log, int(interval(16, 128)))"),
        ("lin1_size", 64, "tag(log, int(interval(16, 128)))"),
        ("hidden_sizes", [64, 32], "choice([32, 16], [64, 32], [128, 64])"),
    ],
)
def test_values_lie_around_the_projects_own(key: str, own: Any, expected: str) -> None:
    assert values({"model": {key: own}}) == {f"model.{key}": expected}
    (override,) = OverridesParser.create().parse_overrides([f"model.{key}={expected}"])
    assert override.is_sweep_override()


def test_what_is_no_question_of_tuning_stays_as_it_is() -> None:
    config = {
        "seed": 1, "lr": None, "min_lr": 1e-6, "eval_batch_size": 512, "channels": 3, "input_size": 784,
        "num_classes": 10, "dropout": True, "momentum": "high", "hidden": "${width}", "a b": {"lr": 0.1},
        "a.b": {"lr": 0.1}, 1: {"lr": 0.1},
        "callbacks": {"swa": {"lr": 0.1}}, "logger": {"batch_size": 32},
    }  # fmt: skip
    assert values(config) == {}


def test_width_that_is_split_among_heads_stays_a_multiple_of_them() -> None:
    assert values({"net": {"d_model": 64, "num_heads": 8}}) == {"net.d_model": "choice(32, 64, 128)"}
    assert values({"net": {"d_model": 12, "nhead": 4}}) == {"net.d_model": "choice(12, 24)"}
