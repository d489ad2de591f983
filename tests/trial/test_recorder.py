"""The callback that records what a trial's task returned."""

import functools
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

import ax_mo
from ax_mo.runner.job import JobState, Phase
from ax_mo.runner.outcome import outcome_of
from ax_mo.trial import current
from ax_mo.trial.files import CURVE, HEARTBEAT, LIGHTNING, RESULT, SPEC, STDERR, STOP, read_json, write_json
from ax_mo.trial.metric_sources.differences import ReturnedDifference
from ax_mo.trial.recorder import ResultRecorder

TRIAL: dict[str, Any] = {"schema": 1, "trial": 7, "attempt": 2, "objectives": ["acc"], "required": ["acc", "seconds"]}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in current.RANKS:
        monkeypatch.delenv(name, raising=False)


def record(directory: Path, value: Any, work: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """The result of a job that does its ``work`` and returns, or raises, ``value``; empty where it leaves none."""
    config = OmegaConf.create({"hydra": {"runtime": {"output_dir": str(directory)}}})
    failed = isinstance(value, BaseException)
    job_return = JobReturn(status=JobStatus.FAILED if failed else JobStatus.COMPLETED)
    job_return.return_value = value
    recorder = ResultRecorder()
    recorder.on_job_start(config=config)
    work()
    recorder.on_job_end(config=config, job_return=job_return)
    return read(directory)


def read(directory: Path) -> dict[str, Any]:
    """The result without the costs that every trial has, and that no two have alike."""
    result = read_json(directory / RESULT) or {}
    for name in ("trial_seconds", "peak_memory_mb"):
        for group in ("metrics", "sources"):
            result.get(group, {}).pop(name, None)
    return result


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    write_json(tmp_path / SPEC, TRIAL)
    return tmp_path


def test_trial_whose_directory_is_moved_while_it_runs_is_recorded_where_that_is_now(trial: Path) -> None:
    running = trial / "running"
    running.mkdir()
    (trial / SPEC).rename(running / SPEC)

    def work() -> None:
        ax_mo.report(1, acc=0.5)
        running.rename(trial / "moved")
        ax_mo.report(2, acc=0.9)
        write_json(trial / "moved" / STOP, {"reason": "bad"})
        assert ax_mo.should_stop()

    assert record(running, {"seconds": 3}, work) == {}
    result = read(trial / "moved")
    assert result["stopped"] == "bad"
    assert result["metrics"] == {"acc": 0.9, "seconds": 3}
    assert not running.exists()


def test_trial_that_runs_once_more_meanwhile_gets_no_result_of_its_earlier_attempt(trial: Path) -> None:
    assert record(trial, {"acc": 0.9, "seconds": 3}, lambda: write_json(trial / SPEC, TRIAL | {"attempt": 3})) == {}


def test_completed_trial_is_recorded_with_its_number_attempt_and_metrics(trial: Path) -> None:
    result = record(trial, {"acc": 0.9, "seconds": 3, "extra": 1, "note": "x"})
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
    assert names(trial) == [HEARTBEAT, RESULT, SPEC]


def test_exception_is_recorded_with_type_message_and_traceback(trial: Path) -> None:
    def deep() -> None:
        raise RuntimeError(f"out of luck {'x' * 5_000_000}") from KeyError("first")

    try:
        deep()
    except RuntimeError as error:
        result = record(trial, error)
    assert (result["status"], result["metrics"], result["error"]["type"]) == ("failed", {}, "RuntimeError")
    assert result["error"]["message"].startswith("out of luck xxx")
    for part in ("in deep", "RuntimeError: out of luck", "KeyError: 'first'"):
        assert part in result["error"]["traceback"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"acc": float("nan"), "seconds": 1}, "the metric 'acc' is not finite: nan"),
        ({"acc": 1}, "the metric 'seconds' appeared nowhere; seen were returned: acc."),
        (None, "the task returned nothing"),
    ],
)
def test_unusable_metrics_fail_the_trial_and_are_named(trial: Path, value: Any, message: str) -> None:
    result = record(trial, value)
    assert result["status"] == "failed"
    assert result["metrics"] == {}
    assert result["error"]["type"] == "MetricError"
    assert result["error"]["message"].startswith(message)


def test_other_ranks_know_their_trial_and_write_nothing(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    seen: list[Path | None] = []
    assert record(trial, {"acc": 1, "seconds": 1}, lambda: seen.append(current.directory())) == {}
    assert (seen, names(trial), current.directory()) == ([trial], [SPEC], None)


def test_run_that_is_no_trial_is_left_alone(tmp_path: Path) -> None:
    assert record(tmp_path, {"acc": 1}) == {}
    assert names(tmp_path) == []


def test_job_of_another_sweeper_keeps_its_value(tmp_path: Path) -> None:
    write_json(tmp_path / SPEC, {"schema": 1, "trial": 0, "attempt": 1})
    result = record(tmp_path, {"a": (1, float("inf")), "b": "text"})
    assert result["status"] == "completed"
    assert result["value"] == {"a": [1, "inf"], "b": "text"}


def test_jobs_of_one_process_do_not_see_each_others_trial(tmp_path: Path) -> None:
    seen: list[Path | None] = []
    for name in ("a", "b", "none"):
        (tmp_path / name).mkdir()
        if name != "none":
            write_json(tmp_path / name / SPEC, {**TRIAL, "required": ["acc"]})

        def work(name: str = name) -> None:
            seen.append(current.directory())
            ax_mo.report(0, {name: 1})

        record(tmp_path / name, {"acc": 1}, work)
        assert current.DIRECTORY not in os.environ
    assert seen == [tmp_path / "a", tmp_path / "b", None]
    for name in ("a", "b"):
        result = read(tmp_path / name)
        assert result["metrics"] == {"acc": 1, name: 1}
    assert names(tmp_path / "none") == []


def test_trial_that_has_its_result_keeps_it_and_its_curve(
    trial: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    first = record(trial, {"acc": 0.9, "seconds": 3}, lambda: ax_mo.report(0, {"acc": 0.5}))
    before = {path.name: path.read_bytes() for path in trial.iterdir()}
    assert record(trial, {"acc": 0.1, "seconds": 9}, lambda: ax_mo.report(0, {"acc": 0.1})) == first
    assert {path.name: path.read_bytes() for path in trial.iterdir()} == before
    assert "not recorded" in caplog.text


@pytest.mark.parametrize(("count", "recorded"), [("1", 0.9), ("0", None), (None, None)])
def test_job_that_slurm_queued_again_does_not_keep_the_failure_of_its_preemption(
    trial: Path, monkeypatch: pytest.MonkeyPatch, count: str | None, recorded: float | None
) -> None:
    monkeypatch.delenv("SLURM_RESTART_COUNT", raising=False)
    write_json(trial / LIGHTNING, {"fits": 1})
    record(trial, RuntimeError("a worker was ended by SIGTERM"), lambda: ax_mo.report(5, {"acc": 0.5}))
    if count is not None:
        monkeypatch.setenv("SLURM_RESTART_COUNT", count)
    result = record(trial, {"acc": 0.9, "seconds": 3}, lambda: ax_mo.report(0, {"loss": 0.1}))
    assert result["metrics"].get("acc") == recorded
    steps = [json.loads(line)["step"] for line in (trial / CURVE).read_text().splitlines()]
    assert steps == ([5] if recorded is None else [0])
    assert (trial / LIGHTNING).exists() == (recorded is None)


def test_failure_before_slurm_queued_the_job_again_is_removed_by_rank_zero_alone(
    trial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = record(trial, RuntimeError("a worker was ended by SIGTERM"))
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    monkeypatch.setenv("SLURM_PROCID", "1")
    seen: list[Path | None] = []
    assert record(trial, {"acc": 0.9, "seconds": 3}, lambda: seen.append(current.directory())) == failed
    assert seen == [trial]


def test_next_attempt_is_recorded_beside_the_result_of_another(trial: Path) -> None:
    record(trial, {"acc": 0.9, "seconds": 3})
    write_json(trial / SPEC, {**TRIAL, "attempt": 3})
    result = record(trial, {"acc": 0.1, "seconds": 9})
    assert (result["attempt"], result["metrics"]["acc"]) == (3, 0.1)


def test_job_after_one_that_left_by_sys_exit_is_its_own(tmp_path: Path) -> None:
    current.enter(tmp_path / "gone")  # Hydra 1.3 calls no on_job_end then
    seen: list[Path | None] = []
    record(tmp_path, None, lambda: seen.append(current.directory()))
    assert seen == [None]


def ask(trial: Path, *objectives: str, **metrics: Any) -> None:
    write_json(trial / SPEC, {**TRIAL, "objectives": objectives, "required": objectives, "metrics": metrics})


def test_last_finite_values_of_report_are_metrics_and_what_was_dropped_is_counted(trial: Path) -> None:
    ask(trial, "acc", "loss")

    def work() -> None:
        for step, loss in enumerate([3.0, 2.0, float("nan")]):
            ax_mo.report(step, acc=step / 10, loss=loss)
        ax_mo.report(1, acc=0.9)

    result = record(trial, 0.25, work)
    assert result["metrics"] == {"acc": 0.2, "loss": 2.0}
    assert result["sources"] == {"acc": "reported", "loss": "reported"}
    assert result["dropped"] == 2
    assert result["value"] == 0.25


def test_number_that_replaces_nothing_is_told_first_and_kept_with_both_values(
    trial: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ask(trial, "val/acc")

    def work() -> None:
        write_json(trial / LIGHTNING, {"metrics": {"val/acc": 0.9}})
        ax_mo.report(1, loss=1)
        ax_mo.report(1, loss=1)

    result = record(trial, 0.5, work)
    assert result["metrics"]["val/acc"] == 0.9
    (difference,) = result["differences"]
    assert difference == {"metric": "val/acc", "used": 0.9, "source": "lightning", "returned": 0.5}
    first, *_ = [entry.getMessage() for entry in caplog.records]
    assert first.startswith("the task returned 0.5 for 'val/acc', which is 0.9 (Lightning)")
    outcome = outcome_of(trial, TRIAL["trial"], TRIAL["attempt"], JobState(Phase.ENDED, 0))
    assert outcome.differences == (ReturnedDifference("val/acc", 0.9, "lightning", 0.5),)
    (trial / RESULT).unlink()
    (trial / CURVE).unlink()
    result = record(trial, 0.9, lambda: ax_mo.report(0, loss=1))
    assert result.keys().isdisjoint({"differences", "dropped", "stopped"})


@pytest.mark.parametrize("spec", [TRIAL, {"schema": 1, "trial": 7, "attempt": 2}], ids=["ax_mo", "other sweeper"])
def test_value_that_cannot_be_recorded_is_a_failure_with_its_reason(trial: Path, spec: dict[str, Any]) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise KeyError("shape")

    write_json(trial / SPEC, spec)
    result = record(trial, Odd())
    assert result["status"] == "failed"
    assert result["error"]["type"] == "KeyError"
    assert result["error"]["message"] == "what the task gave cannot be recorded: 'shape'"
    assert "__repr__" in result["error"]["traceback"]


def stop(trial: Path) -> None:
    ax_mo.report(0, acc=0.3)
    ax_mo.report(1, acc=0.4)
    write_json(trial / STOP, {"reason": "dominated by 3 trials"})


@pytest.mark.parametrize("value", [None, {"loss": 1.0}, RuntimeError("no checkpoint")])
def test_trial_that_was_stopped_is_completed_with_what_it_has(trial: Path, value: Any) -> None:
    ask(trial, "acc", "size")

    def work() -> None:
        stop(trial)
        assert ax_mo.should_stop()

    result = record(trial, value, work)
    assert result["status"] == "completed"
    assert result["stopped"] == "dominated by 3 trials"
    assert result["metrics"]["acc"] == 0.4
    failed = isinstance(value, Exception)
    assert (result["error"] is not None and result["error"]["type"] == "RuntimeError") == failed


@pytest.mark.parametrize("value", [None, RuntimeError("out of memory")])
def test_trial_that_never_looked_was_not_stopped(trial: Path, value: Any) -> None:
    ask(trial, "acc", "size")
    result = record(trial, value, lambda: stop(trial))
    assert result["status"] == "failed"
    assert "stopped" not in result


class Mute(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Mute(), "(its message cannot be shown: RuntimeError)"),
        (ValueError("half \ud800 of a pair"), "half \ufffd of a pair"),
        (ValueError("a\0b"), "a\ufffdb"),
        (type("Er\nror", (Exception,), {})("x"), "x"),
        (ExceptionGroup("group", [Mute() for _ in range(3)]), "group (3 sub-exceptions)"),
    ],
    ids=["raises", "surrogate", "NUL", "name", "group"],
)
def test_exception_of_any_kind_is_a_result_of_bounded_size(trial: Path, error: Exception, message: str) -> None:
    result = record(trial, error)
    assert result["status"] == "failed"
    assert result["error"]["message"] == message
    assert (trial / RESULT).stat().st_size < 100_000
    found = outcome_of(trial, TRIAL["trial"], TRIAL["attempt"], JobState(Phase.ENDED, 1))
    assert found.reason is not None and found.reason.startswith(result["error"]["type"])


def test_names_of_metrics_are_as_tables_take_them(trial: Path) -> None:
    result = record(trial, {"acc": 0.9, "seconds": 3, "a\0b\ud800\n": 1})
    assert result["metrics"] == {"acc": 0.9, "seconds": 3, "a\ufffdb\ufffd\ufffd": 1}


def test_of_too_many_metrics_those_count_that_the_study_needs(trial: Path, caplog: pytest.LogCaptureFixture) -> None:
    result = record(trial, {"acc": 0.9, "seconds": 3, **{f"metric {n} {'x' * 100}": n for n in range(10_000)}})
    assert result["status"] == "completed"
    assert result["metrics"] == {"acc": 0.9, "seconds": 3}
    assert "too much to be recorded" in caplog.text
    assert outcome_of(trial, TRIAL["trial"], TRIAL["attempt"], JobState(Phase.ENDED, 0)).completed


@pytest.mark.parametrize(
    "value",
    [list(range(300_000)), functools.reduce(lambda inner, _: [inner], range(200), 0), 1 << 10_000_000],
    ids=["long", "deep", "large number"],
)
def test_value_that_is_too_much_is_left_out_for_another_sweeper(trial: Path, value: Any) -> None:
    write_json(trial / SPEC, {"schema": 1, "trial": 7, "attempt": 2})
    result = record(trial, value)
    assert result["status"] == "completed"
    assert "value" not in result


# Costs that every trial has


def test_every_trial_has_its_time_and_its_memory(trial: Path) -> None:
    ask(trial, "trial_seconds", "peak_memory_mb")
    record(trial, None, lambda: time.sleep(0.05))
    result = read_json(trial / RESULT)
    assert result["status"] == "completed"
    assert 0.05 <= result["metrics"]["trial_seconds"] < 60
    assert result["metrics"]["peak_memory_mb"] > 10
    assert result["sources"] == {"trial_seconds": "built-in", "peak_memory_mb": "built-in"}


def test_what_was_printed_is_in_the_log_when_it_is_looked_for(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(trial, "acc", acc={"source": "log", "pattern": r"acc (\S+)"})
    with (trial / "stdout.log").open("w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        result = record(trial, None, lambda: print("acc 0.25\nacc 0.5"))
    assert (result["metrics"], result["sources"]) == ({"acc": 0.5}, {"acc": "log"})


def test_missing_metric_is_told_without_what_was_on_stderr(trial: Path) -> None:
    (trial / STDERR).write_text("a warning of some library\n")
    ask(trial, "acc", "size")
    record(trial, 0.5)
    outcome = outcome_of(trial, TRIAL["trial"], TRIAL["attempt"], JobState(Phase.ENDED, 0))
    assert outcome.reason == "the task returned one number for 2 objectives (acc, size)"
    assert outcome.stderr_tail.splitlines()[0].startswith("Return a dict with acc, size")
    assert "warning" not in outcome.stderr_tail
    (trial / RESULT).unlink()
    record(trial, RuntimeError("diverged"))
    assert "warning" in outcome_of(trial, TRIAL["trial"], TRIAL["attempt"], JobState(Phase.ENDED, 1)).stderr_tail
