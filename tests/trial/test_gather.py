"""What a trial said, gathered from its return value and its files."""

import json
from pathlib import Path
from typing import Any

import pytest

import ax_mo
from ax_mo.trial import current, gather, logged
from ax_mo.trial.curve import read_curve
from ax_mo.trial.files import CURVE, LIGHTNING, SPEC, write_json

CSV = "val/acc,lr\n0.25,0.1\n0.75,0.1\n0.5,0.2\n"


def spec(directory: Path, **metrics: Any) -> dict[str, Any]:
    content = {"trial": 0, "attempt": 1, "objectives": ["acc"], "required": ["acc", "size"], "metrics": metrics}
    write_json(directory / SPEC, content)
    return content


def curve(directory: Path, *accuracies: float) -> None:
    points = [{"step": s, "time": 1, "metrics": {"val/acc": a}, "fit": 1} for s, a in enumerate(accuracies)]
    (directory / CURVE).write_text("".join(json.dumps(point) + "\n" for point in points))


def test_files_of_one_kind_are_read_once_for_all_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    columns = logged._columns
    monkeypatch.setattr(logged, "_columns", lambda path: read.append(path) or columns(path))
    content = spec(
        tmp_path,
        best={"source": "csv", "tag": "val/acc", "take": "max"},
        last={"source": "csv", "tag": "val/acc"},
        lr={"source": "csv"},
        none={"source": "csv"},
    )
    (tmp_path / "metrics.csv").write_text(CSV)
    said = gather.gather({}, content, tmp_path, read_curve(tmp_path))
    assert said.named == {"best": (0.75, "csv"), "last": (0.5, "csv"), "lr": (0.2, "csv")}
    assert said.unread == {"csv": ["val/acc", "lr"]}
    assert read == [tmp_path / "metrics.csv"]


def test_partial_metrics_are_from_all_sources(tmp_path: Path) -> None:
    spec(tmp_path, best={"source": "curve", "tag": "val/acc", "take": "max"}, lr={"source": "csv"})
    curve(tmp_path, 0.25, 0.75, 0.5)
    write_json(tmp_path / LIGHTNING, {"costs": {"num_params": 4, "num_params_total": 6}, "metrics": {}})
    (tmp_path / "metrics.csv").write_text(CSV)
    assert gather.partial_metrics(tmp_path) == {
        "best": 0.75,
        "lr": 0.2,
        "num_params": 4,
        "num_params_total": 6,
        "val/acc": 0.5,
    }


def test_partial_metrics_are_those_that_a_stopped_trial_would_have(tmp_path: Path) -> None:
    spec(tmp_path)
    curve(tmp_path, 0.25, 0.5)
    current.enter(tmp_path)
    ax_mo.report(0, {"val/acc": 0.9, "loss": float("nan")})
    current.leave()
    write_json(tmp_path / LIGHTNING, {"costs": {}, "metrics": {"val/acc": 0.6, "val/f1": 0.7, "bad": "nan"}})
    assert gather.partial_metrics(tmp_path) == {"val/acc": 0.9, "val/f1": 0.7}


@pytest.mark.parametrize("damage", [SPEC, LIGHTNING, CURVE, "metrics.csv"])
@pytest.mark.parametrize("text", ["", "[1]", '{"costs": 3}', "\0\n"])
def test_partial_metrics_are_without_what_cannot_be_read(tmp_path: Path, damage: str, text: str) -> None:
    spec(tmp_path, lr={"source": "csv"})
    curve(tmp_path, 0.5)
    write_json(tmp_path / LIGHTNING, {"costs": {"num_params": 4}, "metrics": {}})
    (tmp_path / "metrics.csv").write_text(CSV)
    (tmp_path / damage).write_text(text)
    left = {SPEC: "lr", LIGHTNING: "num_params", CURVE: "val/acc", "metrics.csv": "lr"}[damage]
    whole = {"lr": 0.2, "num_params": 4, "val/acc": 0.5}
    assert gather.partial_metrics(tmp_path) == {name: value for name, value in whole.items() if name != left}


def test_partial_metrics_of_a_directory_that_is_gone_are_none(tmp_path: Path) -> None:
    assert gather.partial_metrics(tmp_path / "gone") == {}


def test_partial_metrics_of_another_kind_of_trial_are_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spec(tmp_path, acc={"source": "mlflow"})
    curve(tmp_path, 0.5)
    assert gather.partial_metrics(tmp_path) == {}
    assert "'mlflow' is not known" in caplog.text
