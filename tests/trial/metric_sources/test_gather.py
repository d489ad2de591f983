"""What a trial said, gathered from its return value and its files."""

import json
from pathlib import Path
from typing import Any

import pytest

import ax_mo
from ax_mo.trial import current
from ax_mo.trial.files import CURVE, LIGHTNING, SPEC, write_json
from ax_mo.trial.metric_sources import files, tables
from ax_mo.trial.metric_sources.gather import gather, partial_metrics, trial_output
from ax_mo.trial.metric_sources.precedence import choose_metrics
from ax_mo.trial.metric_sources.source import MetricError

CSV = "val/acc,lr\n0.25,0.1\n0.75,0.1\n0.5,0.2\n"


def spec(directory: Path, **metrics: Any) -> dict[str, Any]:
    content = {"trial": 0, "attempt": 1, "objectives": ["acc"], "required": ["acc", "size"], "metrics": metrics}
    write_json(directory / SPEC, content)
    return content


def curve(directory: Path, *accuracies: float) -> None:
    points = [{"step": s, "time": 1, "metrics": {"val/acc": a}, "fit": 1} for s, a in enumerate(accuracies)]
    (directory / CURVE).write_text("".join(json.dumps(point) + "\n" for point in points))


def test_file_is_read_once_for_all_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    table = tables.CsvColumn.read
    monkeypatch.setattr(tables.CsvColumn, "read", lambda self, path, *a: read.append(path) or table(self, path, *a))
    content = spec(
        tmp_path,
        best={"source": "csv", "tag": "val/acc", "take": "max"},
        last={"source": "csv", "tag": "val/acc"},
        lr={"source": "csv"},
        none={"source": "csv"},
    )
    (tmp_path / "metrics.csv").write_text(CSV)
    said = gather(trial_output(tmp_path, content, {}))
    assert said.named == {"best": (0.75, "csv"), "last": (0.5, "csv"), "lr": (0.2, "csv")}
    assert said.not_found["none"].instead == "metrics.csv has the columns val/acc, lr"
    assert read == [tmp_path / "metrics.csv"]


NUMBERS = {"error": {"source": "returned"}}


@pytest.mark.parametrize(
    ("value", "metrics", "named"),
    [
        (0.25, NUMBERS, {"error": 0.25}),
        ((0.25, 7), {"error": {"source": "returned", "key": 0}, "n": {"source": "returned", "key": 1}},
         {"error": 0.25, "n": 7}),
        ({"test": {"error": 0.25}}, {"error": {"source": "returned", "key": "test.error"}}, {"error": 0.25}),
        ({"error": 0.25, "n": 7}, NUMBERS, {"error": 0.25}),
    ],
)  # fmt: skip
def test_returned_numbers_have_the_names_that_they_are_given(
    tmp_path: Path, value: Any, metrics: dict[str, Any], named: dict[str, float]
) -> None:
    content = spec(tmp_path, **metrics)
    said = gather(trial_output(tmp_path, content, value))
    assert said.named == {name: (number, "returned") for name, number in named.items()}
    assert (said.returned.by_position, said.returned.problem) == ({}, None)


@pytest.mark.parametrize("value", [0.25, [0.25, 7.0], {"acc": 0.25, "size": 7}])
def test_what_a_notice_advises_makes_what_is_returned_count(tmp_path: Path, value: Any) -> None:
    content = {"objectives": ["acc", "size"] if isinstance(value, list | dict) else ["acc"], "metrics": {}}
    write_json(tmp_path / LIGHTNING, {"metrics": {"acc": 0.5, "size": 7}})
    merged = choose_metrics(gather(trial_output(tmp_path, content, value)), ["acc"])
    assert (merged.metrics["acc"], len(merged.differences)) == (0.5, 1)
    content["metrics"] = {"acc": "returned"}
    merged = choose_metrics(gather(trial_output(tmp_path, content, value)), ["acc", "size"])
    assert (merged.metrics["acc"], merged.metrics["size"], merged.differences) == (0.25, 7, ())


@pytest.mark.parametrize(
    ("value", "key", "text"),
    [
        (None, None, "looked for a number in what the task returned; it is nothing."),
        ("0.5", None, "looked for a number in what the task returned; it is '0.5'."),
        (
            (1, 2),
            None,
            "looked for a number in what the task returned; it has 2 values, of which 'key: 0' is the first.",
        ),
        (
            (1, 2),
            2,
            "looked for the key '2' in what the task returned; it has 2 values, of which 'key: 0' is the first.",
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
    tmp_path: Path, value: Any, key: Any, text: str
) -> None:
    content = spec(tmp_path, acc={"source": "returned", "key": key})
    with pytest.raises(MetricError) as caught:
        choose_metrics(gather(trial_output(tmp_path, content, value)), ["acc"])
    assert str(caught.value) == f"the metric 'acc': {text}"


def test_curve_and_lightning_tell_which_names_they_have(tmp_path: Path) -> None:
    content = spec(tmp_path, acc={"source": "curve", "tag": "val/ac"}, loss="lightning", size="tensorboard")
    curve(tmp_path, 0.5)
    missed = gather(trial_output(tmp_path, content, {})).not_found
    assert [(m.noun, m.tag, m.where, m.instead) for m in missed.values()] == [
        ("name", "val/ac", "the curve", "there are val/acc"),
        ("name", "loss", "what Lightning logged", "there are val/acc"),
        ("name", "size", "the event files below the trial's directory", files.what_is_there(tmp_path, "x")),
    ]


def test_metrics_of_the_configuration_are_there_before_the_trial_has_run(tmp_path: Path) -> None:
    write_json(tmp_path / SPEC, {**spec(tmp_path, n={"source": "config", "key": "width"}), "config": {"n": 64}})
    assert partial_metrics(tmp_path) == {"n": 64}


def test_size_that_was_reported_counts_before_the_one_that_lightning_has_counted(tmp_path: Path) -> None:
    spec(tmp_path)
    record = {"costs": {"num_params": 4, "fit_seconds": 3}, "model": {"num_params": 5, "num_params_total": 6}}
    write_json(tmp_path / LIGHTNING, record)
    assert partial_metrics(tmp_path) == {"num_params": 5, "num_params_total": 6, "fit_seconds": 3}


def test_partial_metrics_are_from_all_sources(tmp_path: Path) -> None:
    spec(tmp_path, best={"source": "curve", "tag": "val/acc", "take": "max"}, lr={"source": "csv"})
    curve(tmp_path, 0.25, 0.75, 0.5)
    write_json(tmp_path / LIGHTNING, {"costs": {"num_params": 4, "num_params_total": 6}, "metrics": {}})
    (tmp_path / "metrics.csv").write_text(CSV)
    assert partial_metrics(tmp_path) == {
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
    assert partial_metrics(tmp_path) == {"val/acc": 0.9, "val/f1": 0.7}


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
    assert partial_metrics(tmp_path) == {name: value for name, value in whole.items() if name != left}


def test_partial_metrics_of_a_directory_that_is_gone_are_none(tmp_path: Path) -> None:
    assert partial_metrics(tmp_path / "gone") == {}


def test_partial_metrics_of_another_kind_of_trial_are_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spec(tmp_path, acc={"source": "mlflow"})
    curve(tmp_path, 0.5)
    assert partial_metrics(tmp_path) == {}
    assert "'mlflow' is not known" in caplog.text
