"""The callback that records what a trial's task returned."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from ax_mo.trial.files import RESULT, SPEC, read_json, write_json
from ax_mo.trial.recorder import ResultRecorder

RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK")
TRIAL = {"schema": 1, "trial": 7, "attempt": 2, "objectives": ["acc"], "required": ["acc", "seconds"]}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RANKS:
        monkeypatch.delenv(name, raising=False)


def record(directory: Path, value: Any) -> dict[str, Any] | None:
    config = OmegaConf.create({"hydra": {"runtime": {"output_dir": str(directory)}}})
    failed = isinstance(value, BaseException)
    job_return = JobReturn(status=JobStatus.FAILED if failed else JobStatus.COMPLETED)
    job_return.return_value = value
    recorder = ResultRecorder()
    recorder.on_job_start(config=config)
    recorder.on_job_end(config=config, job_return=job_return)
    return read_json(directory / RESULT)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    write_json(tmp_path / SPEC, TRIAL)
    return tmp_path


def test_completed_trial_is_recorded_with_its_number_attempt_and_metrics(trial: Path) -> None:
    result = record(trial, {"acc": 0.9, "seconds": 3, "extra": 1, "note": "x"})
    assert result is not None
    started, ended = datetime.fromisoformat(result.pop("started")), datetime.fromisoformat(result.pop("ended"))
    assert started <= ended
    assert started.tzinfo is not None
    assert result == {
        "schema": 1,
        "trial": 7,
        "attempt": 2,
        "status": "completed",
        "metrics": {"acc": 0.9, "seconds": 3, "extra": 1},
        "error": None,
        "sources": {"acc": "returned", "seconds": "returned", "extra": "returned"},
    }
    assert names(trial) == [RESULT, SPEC]


def test_exception_is_recorded_with_type_message_and_traceback(trial: Path) -> None:
    def deep() -> None:
        raise RuntimeError("out of luck")

    try:
        deep()
    except RuntimeError as error:
        result = record(trial, error)
    assert result is not None
    assert result["status"] == "failed"
    assert result["metrics"] == {}
    assert result["error"]["type"] == "RuntimeError"
    assert result["error"]["message"] == "out of luck"
    assert "in deep" in result["error"]["traceback"]
    assert result["error"]["traceback"].endswith("RuntimeError: out of luck\n")


def test_traceback_shows_the_cause(trial: Path) -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as cause:
            raise ValueError("second") from cause
    except ValueError as error:
        result = record(trial, error)
    assert result is not None
    assert "KeyError: 'first'" in result["error"]["traceback"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"acc": float("nan"), "seconds": 1}, "the metric 'acc' is not finite: nan"),
        ({"acc": 1}, "the metric 'seconds' was not returned; returned were: acc."),
        (None, "the task returned nothing"),
    ],
)
def test_unusable_metrics_fail_the_trial_and_are_named(trial: Path, value: Any, message: str) -> None:
    result = record(trial, value)
    assert result is not None
    assert result["status"] == "failed"
    assert result["metrics"] == {}
    assert result["error"]["type"] == "MetricError"
    assert result["error"]["message"].startswith(message)


@pytest.mark.parametrize("name", RANKS)
def test_other_ranks_write_nothing(trial: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    assert record(trial, {"acc": 1, "seconds": 1}) is None
    assert names(trial) == [SPEC]


def test_first_process_of_another_node_writes_nothing(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("RANK", "8")
    assert record(trial, {"acc": 1, "seconds": 1}) is None


@pytest.mark.parametrize("value", ["0", "", "none", "-1"])
def test_rank_zero_writes(trial: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for name in RANKS:
        monkeypatch.setenv(name, value)
    assert record(trial, {"acc": 1, "seconds": 1}) is not None


def test_run_that_is_no_trial_is_left_alone(tmp_path: Path) -> None:
    assert record(tmp_path, {"acc": 1}) is None
    assert names(tmp_path) == []


def test_job_of_another_sweeper_keeps_its_value(tmp_path: Path) -> None:
    write_json(tmp_path / SPEC, {"schema": 1, "trial": 0, "attempt": 1})
    result = record(tmp_path, {"a": (1, float("inf")), "b": "text"})
    assert result is not None
    assert result["status"] == "completed"
    assert result["value"] == {"a": [1, "inf"], "b": "text"}


# BUG: UnicodeEncodeError in write_json, which Hydra turns into a warning: the reason of the failure is lost.
def test_message_that_utf8_cannot_encode_is_recorded(trial: Path) -> None:
    result = record(trial, FileNotFoundError("no such file: \udcff.csv"))
    assert result is not None
    assert result["error"]["type"] == "FileNotFoundError"
