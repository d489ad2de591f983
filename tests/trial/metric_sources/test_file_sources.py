"""Metrics in the files that tasks write by themselves, and what is told where they are not."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ax_mo.hydra_project.job_directory import prepare_directory
from ax_mo.trial.files import SPEC, write_json
from ax_mo.trial.metric_sources.settings import parse_metric_sources
from ax_mo.trial.metric_sources.source import NotFound, TrialOutput

CHDIR = " (what a task writes where it was started is there with hydra.job.chdir=true)"


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    write_json(tmp_path / SPEC, {})
    os.utime(tmp_path / SPEC, (1000, 1000))
    return tmp_path


def write(path: Path, text: str | bytes, when: float = 2000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (when, when))


def look(trial: Path, source: str, name: str = "acc", **settings: Any) -> list[float] | NotFound:
    return parse_metric_sources({name: {"source": source, **settings}})[name].source.values(TrialOutput(trial))


def instead(trial: Path, source: str, **settings: Any) -> str:
    found = look(trial, source, **settings)
    assert isinstance(found, NotFound)
    return found.instead


# Tables


def test_columns_of_lightnings_csv_logger_have_gaps(trial: Path) -> None:
    text = "epoch,step,train/loss,val/acc\n0,9,2.5,\n0,9,,0.5\n1,19,1.5,\n1,19,,nan\n2,29,,0.75\n"
    write(trial / "csv" / "version_0" / "metrics.csv", text)
    assert look(trial, "csv", column="val/acc") == [0.5, 0.75]
    assert look(trial, "csv", tag="train/loss") == [2.5, 1.5]


def test_newest_file_counts_for_the_metrics_that_it_has(trial: Path) -> None:
    write(trial / "version_1" / "metrics.csv", "a,b\n1,1\n", when=3000)
    write(trial / "version_0" / "metrics.csv", "a,c\n2,2\n", when=4000)
    assert [look(trial, "csv", column=column) for column in "abc"] == [[2], [1], [2]]


@pytest.mark.parametrize(
    ("glob", "value"),
    [
        ("out/scores.csv", 1),
        ("out/*.csv", 1),
        ("*/scores.csv", 1),
        ("**/deep/*.csv", 2),
        ("scores.csv", 3),
        ("out/**", 2),
    ],
)
def test_path_is_a_glob_in_the_trials_directory(trial: Path, glob: str, value: float) -> None:
    for number, name in enumerate(
        ["out/scores.csv", "out/deep/scores.csv", "scores.csv", ".hidden/scores.csv"], start=1
    ):
        write(trial / name, f"acc\n{number}\n", when=2000 + number)
    assert look(trial, "csv", path=glob) == [value]


def test_steps_put_rows_in_order(trial: Path) -> None:
    write(trial / "metrics.csv", "epoch,acc\n2,0.75\n0,0.25\n,9\n1,\n1,0.5\n2,0.875\n")
    assert look(trial, "csv", step_column="epoch") == [0.25, 0.5, 0.75, 0.875]
    assert look(trial, "csv") == [0.75, 0.25, 9, 0.5, 0.875]


def test_table_without_a_header_has_numbers_for_columns(trial: Path) -> None:
    write(trial / "log.csv", "1,0.5\n0,0.25,7\nx\n")
    options = {"path": "log.csv", "header": False}
    assert look(trial, "csv", column=1, **options) == [0.5, 0.25]
    assert look(trial, "csv", column=1, step_column=0, **options) == [0.25, 0.5]
    assert look(trial, "csv", column=2, **options) == [7]
    assert instead(trial, "csv", column=3, **options) == "log.csv has the columns 0, 1, 2"


def test_damaged_table_is_read_as_far_as_it_goes(trial: Path) -> None:
    write(trial / "metrics.csv", "\ufeffa, b\n1,x\n2\n3,4,5\n\n6,")
    assert look(trial, "csv", column="a") == [1, 2, 3, 6]
    assert look(trial, "csv", column="b") == [4]


def test_table_that_has_not_the_column_tells_which_it_has(trial: Path) -> None:
    write(trial / "logs" / "metrics.csv", "epoch,val/acc\n0,x\n")
    assert look(trial, "csv", column="val/akk") == NotFound(
        "column", "val/akk", "'**/metrics.csv' of the trial's directory",
        "logs/metrics.csv has the columns epoch, val/acc", ("epoch", "val/acc"),
    )  # fmt: skip
    assert instead(trial, "csv", column="val/acc") == "what logs/metrics.csv has there is no number"
    assert instead(trial, "csv", column="epoch", step_column="step") == (
        "logs/metrics.csv has the columns epoch, val/acc, and no 'step'"
    )


# JSON and YAML


@pytest.mark.parametrize(
    ("content", "key", "values"),
    [
        ({"acc": 0.5}, "acc", [0.5]),
        ({"acc": "5e-1", "bad": float("nan")}, "acc", [0.5]),
        ({"test": {"acc": [0.25, 0.5]}}, "test.acc", [0.25, 0.5]),
        ({"runs": [{"acc": 1}, {"acc": 2}]}, "runs.1.acc", [2]),
        ({"runs": [{"acc": 1}, {"acc": 2}]}, "runs.-1.acc", [2]),
        ({"test.acc": 0.5, "test": {"acc": 1}}, "test.acc", [0.5]),
        ({"a.b": {"c": 1}}, "a.b.c", [1]),
        ([{"acc": 1}, {}, {"acc": 2}], "acc", [1, 2]),
        ([{"acc": 1}, {"acc": 2}], "0.acc", [1]),
    ],
)
@pytest.mark.parametrize("source", ["json", "yaml"])
def test_dotted_keys_lead_to_numbers(trial: Path, source: str, content: Any, key: str, values: list[float]) -> None:
    write(trial / "results", json.dumps(content).replace("NaN", ".nan" if source == "yaml" else "NaN"))
    assert look(trial, source, path="results", key=key) == values


def test_yaml_as_people_write_it_is_read(trial: Path) -> None:
    write(trial / "results.yaml", "test:\n  acc: 1e-3\n  0: 7\n")
    assert look(trial, "yaml", path="*.yaml", key="test.acc") == [0.001]
    assert look(trial, "yaml", path="*.yaml", key="test.0") == [7]


def test_document_that_has_not_the_key_tells_which_it_has(trial: Path) -> None:
    write(trial / "r.json", json.dumps({"test": {"acc": 0.5, "curve": [1, 2]}, "name": "x"}))
    missed = look(trial, "json", path="r.json", key="test.akk")
    assert isinstance(missed, NotFound)
    assert (missed.noun, missed.instead) == ("key", "r.json has the keys test.acc, test.curve, name")
    assert missed.names == ("test.acc", "test.curve", "name")
    assert instead(trial, "json", path="r.json", key="name") == "what r.json has there is no number"
    assert instead(trial, "json", path="r.json", key="test") == "what r.json has there is no number"


@pytest.mark.parametrize("source", ["json", "yaml", "jsonl"])
@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'"text"', b"&a [*a]", b"a: {b: *c}"])
def test_document_of_whatever_kind_is_no_crash(trial: Path, source: str, text: bytes) -> None:
    write(trial / "r", text)
    assert instead(trial, source, path="r").startswith("r ")


def test_document_that_is_too_large_is_not_read(trial: Path) -> None:
    write(trial / "r", b" " * (2**20 + 1))
    assert instead(trial, "yaml", path="r") == "r is larger than 1024 KiB"


def test_lines_of_json_are_in_their_order_or_that_of_their_steps(trial: Path) -> None:
    rows = [{"step": 2, "val": {"acc": 0.75}}, {"step": 1, "val": {"acc": 0.5}}, {"step": 3, "loss": 1}]
    write(trial / "log.jsonl", "".join(json.dumps(row) + "\n" for row in rows) + '{"step": 4, "va')
    assert look(trial, "jsonl", path="*.jsonl", key="val.acc") == [0.75, 0.5]
    assert look(trial, "jsonl", path="*.jsonl", key="val.acc", step_key="step") == [0.5, 0.75]
    assert instead(trial, "jsonl", path="*.jsonl", key="acc") == "log.jsonl has the keys step, val.acc, loss"
    assert instead(trial, "jsonl", path="*.jsonl", key="loss", step_key="epoch") == (
        "log.jsonl has the keys step, val.acc, loss, and no 'epoch'"
    )


# Logs


def test_last_match_of_a_log_counts(trial: Path) -> None:
    write(trial / "stdout.log", "acc=0.25\n\x1b[1macc=\x1b[32m0.5\x1b[0m loss=1e-3\r acc=0.75\rloss=nan\n")
    assert look(trial, "log", pattern=r"acc=([\d.]+)") == [0.25, 0.5, 0.75]
    assert look(trial, "log", pattern=r"loss=(\S+)") == [0.001]


def test_log_of_an_earlier_attempt_does_not_count(tmp_path: Path) -> None:
    def attempt(text: str) -> list[float] | NotFound:
        prepare_directory(tmp_path, {}, (), tmp_path, "Trial 0")
        with (tmp_path / "stdout.log").open("a") as file:
            file.write(text)
        return look(tmp_path, "log", pattern=r"acc=(\S+)")

    assert attempt("acc=0.9\n") == [0.9]
    missed = attempt("started again\n")
    assert isinstance(missed, NotFound) and missed.instead == "no line of stdout.log matches"
    assert attempt("acc=0.5\n") == [0.5]


def test_log_without_a_match_tells_so(trial: Path) -> None:
    assert instead(trial, "log", pattern="(.)") == "what a task prints is kept with hydra/launcher=torchx alone"
    write(trial / "stdout.log", "loss 1\n")
    write(trial / "train.log", "", when=3000)
    missed = look(trial, "log", pattern=r"acc=(\S+)")
    assert isinstance(missed, NotFound) and (missed.noun, missed.tag) == ("pattern", r"acc=(\S+)")
    assert missed.instead == "no line of train.log matches; no line of stdout.log matches"
    assert instead(trial, "log", pattern="(l.ss)") == (
        "no line of train.log matches; what matches in stdout.log is no number but 'loss'"
    )


# What is not there


def test_file_that_is_not_there_tells_what_is_like_it(trial: Path) -> None:
    assert instead(trial, "json", path="results.json") == f"there is no file at all{CHDIR}"
    write(trial / "notes.txt", "")
    assert instead(trial, "json", path="results.json") == f"there is no such file; the directory has notes.txt{CHDIR}"
    write(trial / "out" / "results.json", "{}")
    write(trial / "other.json", "{}")
    listed = "out/results.json, other.json, notes.txt"
    assert instead(trial, "json", path="results.json") == f"there is no such file; the directory has {listed}{CHDIR}"


def test_file_of_an_earlier_attempt_is_not_looked_at_and_is_told(trial: Path) -> None:
    write(trial / "metrics.csv", "acc\n1\n", when=900)
    assert instead(trial, "csv") == "there is metrics.csv, which no run of this attempt has written"


@pytest.mark.parametrize("source", ["json", "jsonl", "yaml"])
def test_files_of_ours_are_no_metrics(trial: Path, source: str) -> None:
    for name in ("trial.json", "result.json", "curve.jsonl", "lightning.json"):
        write(trial / name, '{"acc": 1}')
    assert instead(trial, source, path="*.json*") == f"there is no file at all{CHDIR}"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("source", ["csv", "json", "jsonl", "yaml", "log"])
def test_pipe_or_link_is_not_opened(trial: Path, source: str) -> None:
    os.mkfifo(trial / "pipe")
    (trial / "zero").symlink_to("/dev/zero")
    (trial / "link").symlink_to(trial / SPEC)
    (trial / "folder").mkdir()
    settings = {"pattern": "(1)"} if source == "log" else {}
    for name in ("pipe", "zero", "link", "folder"):
        assert isinstance(look(trial, source, path=name, **settings), NotFound)


def test_directory_that_vanishes_meanwhile_hides_no_other(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(trial / "csv" / "metrics.csv", "acc\n1\n")
    (trial / "wandb" / "temporary").mkdir(parents=True)
    scandir = os.scandir

    def late(path: Any) -> Any:
        if str(path).endswith("temporary"):
            Path(path).rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", late)
    assert look(trial, "csv") == [1]
    assert not (trial / "wandb" / "temporary").exists()
