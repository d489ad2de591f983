"""Names of metrics in source text, and the objectives that are made of them."""

import ast
from pathlib import Path
from typing import Any

import pytest

from ax_mo.experiment_file.metric_names import logged_names, monitors, returned_names
from ax_mo.experiment_file.objectives import goal_of, propose_objectives
from ax_mo.experiment_file.sources import Source

MAIN = "@hydra.main(config_name='config')\ndef main(cfg):\n"
LIGHTNING = """
import lightning
class Net(lightning.LightningModule):
    def validation_step(self, batch, i):
        self.log("val/acc", 1.0, prog_bar=True)
        self.log_dict({"val/loss": 0.1, f"{stage}/f1": 0.2})
    def training_step(self, batch, i):
        self.log(name="train/loss", value=0.3)
"""


def sources(*texts: str) -> list[Source]:
    return [Source(Path(f"{number}.py"), ast.parse(text)) for number, text in enumerate(texts)]


def proposed(config: dict[str, Any], *texts: str) -> list[tuple[str, str]]:
    return [(one.name, one.goal) for one in propose_objectives(config, sources(*texts)).objectives]


def test_names_that_are_logged_as_literals_are_seen() -> None:
    text = LIGHTNING + "\nax_mo.report(epoch, recall=0.1)\nlog.info('not this')\n"
    assert logged_names(sources(text)) == ["val/acc", "val/loss", "train/loss", "recall"]


@pytest.mark.parametrize(
    ("body", "kind", "names"),
    [
        ("return {'acc': 1, 'loss': 2}", "mapping", ("acc", "loss")),
        ("return float(loss)", "number", ("loss",)),
        ("return val_acc.item()", "number", ("val_acc",)),
        ("return metrics['val_loss']", "number", ("val_loss",)),
        ("return abs(cfg.x - 1), net.size", "tuple", ("", "size")),
        ("result = {}\n    result['mape'] = 1\n    return result", "mapping", ("mape",)),
        ("metrics, _ = train(cfg)\n    return metrics", "mapping", ("val/loss", "size")),
        ("return dict(acc=1)", "mapping", ("acc",)),
        ("return {**train(cfg)[0], 'x': 1}", "mapping", ("x",)),
        ("if cfg.bad:\n        return None\n    return {'acc': 1}", "mapping", ("acc",)),
    ],
)
def test_what_a_task_returns_is_followed(body: str, kind: str, names: tuple[str, ...]) -> None:
    other = "def train(cfg):\n    def inner():\n        return 7\n    return {'val/loss': 1, 'size': 2}, {'cfg': cfg}\n"
    found = returned_names(sources(f"{MAIN}    {body}\n", other))
    assert found is not None and (found.kind, found.names) == (kind, names)


def test_function_that_calls_itself_ends() -> None:
    assert returned_names(sources(f"{MAIN}    return again(cfg)\ndef again(cfg):\n    return main(cfg)\n")) is not None


def test_text_and_nothing_are_no_metrics() -> None:
    for body in ("return f'done {x}'", "return None", "print(1)"):
        assert returned_names(sources(f"{MAIN}    {body}\n")) is None


def test_checkpoints_monitor_comes_first_and_lightning_counts_parameters() -> None:
    config = {
        "callbacks": {
            "stop": {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "monitor": "val/loss"},
            "checkpoint": {
                "_target_": "lightning.pytorch.callbacks.ModelCheckpoint",
                "monitor": "val/f1",
                "mode": "max",
            },
            "unset": {"_target_": "x.ModelCheckpoint", "monitor": "???"},
        }
    }
    assert list(monitors(config)) == [("ModelCheckpoint", "val/f1", "max"), ("EarlyStopping", "val/loss", "min")]
    assert proposed(config, LIGHTNING) == [("val/f1", "maximize"), ("num_params", "minimize")]
    assert proposed({}, LIGHTNING) == [("val/acc", "maximize"), ("num_params", "minimize")]


def test_returned_metrics_are_a_quality_and_a_cost() -> None:
    body = "return {'train_loss': 1, 'val_loss': 2, 'val_acc': 3, 'train_seconds': 4, 'num_params': 5}"
    assert proposed({}, f"{MAIN}    {body}\n") == [("val_acc", "maximize"), ("num_params", "minimize")]
    assert proposed({}, f"{MAIN}    return loss, latency\n") == [("loss", "minimize"), ("latency", "minimize")]
    assert proposed({}, f"{MAIN}    return reward\n") == [("reward", "maximize")]


def test_size_of_a_pytorch_model_is_there_once_it_is_reported() -> None:
    text = f"import torch\n{MAIN}    return val_loss\n"
    assert proposed({}, text) == [("val_loss", "minimize")]
    assert "ax_mo.report_model(model)" in propose_objectives({}, sources(text)).notes[0]
    told = text.replace("    return", "    ax_mo.report_model(net)\n    return")
    assert proposed({}, told) == [("val_loss", "minimize"), ("num_params", "minimize")]


def test_no_metric_at_all_is_said() -> None:
    assert propose_objectives({}, sources(f"{MAIN}    print(1)\n")).is_guess


@pytest.mark.parametrize(
    ("name", "goal"),
    [("val/acc_best", "maximize"), ("test_loss", "minimize"), ("mAP", "maximize"), ("rmse", "minimize")],
)  # fmt: skip
def test_goal_is_read_from_the_name(name: str, goal: str) -> None:
    assert goal_of(name) == goal
