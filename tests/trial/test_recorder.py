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
from ax_mo.trial.metric_sources.tables import CsvColumn
from ax_mo.trial.recorder import ResultRecorder

TRIAL: dict[str, Any] = {"schema": 1, "trial": 7, "attempt": 2, "objectives": ["acc"], "required": ["acc", "seconds"]}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in current.RANKS:
        monkeypatch.delenv(name, raising=False)


def record(directory: Path, value: Any, work: Callable[[], None] = lambda: None) -> dict[str, Any] | None:
    """The result of a job that does its ``work`` and returns, or raises, ``value``."""
    config = OmegaConf.create({"hydra": {"runtime": {"output_dir": str(directory)}}})
    failed = isinstance(value, BaseException)
    job_return = JobReturn(status=JobStatus.FAILED if failed else JobStatus.COMPLETED)
    job_return.return_value = value
    recorder = ResultRecorder()
    recorder.on_job_start(config=config)
    work()
    recorder.on_job_end(config=config, job_return=job_return)
    return without_built_in(read_json(directory / RESULT))


def without_built_in(result: dict[str, Any] | None) -> dict[str, Any] | None:
    """The result without the costs that every trial has, and that no two have alike."""
    for name in ("trial_seconds", "peak_memory_mb"):
        for group in ("metrics", "sources"):
            (result or {}).get(group, {}).pop(name, None)
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

    assert record(running, {"seconds": 3}, work) is None
    result = without_built_in(read_json(trial / "moved" / RESULT))
    assert result is not None and result["stopped"] == "bad"
    assert result["metrics"] == {"acc": 0.9, "seconds": 3}
    assert not running.exists()


def test_trial_that_runs_once_more_meanwhile_gets_no_result_of_its_earlier_attempt(trial: Path) -> None:
    assert record(trial, {"acc": 0.9, "seconds": 3}, lambda: write_json(trial / SPEC, TRIAL | {"attempt": 3})) is None


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
    assert names(trial) == [HEARTBEAT, RESULT, SPEC]


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
        ({"acc": 1}, "the metric 'seconds' appeared nowhere; seen were returned: acc."),
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


@pytest.mark.parametrize("name", current.RANKS)
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
    for name in current.RANKS:
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
        result = without_built_in(read_json(tmp_path / name / RESULT))
        assert result is not None and result["metrics"] == {"acc": 1, name: 1}
    assert names(tmp_path / "none") == []


def test_trial_that_has_its_result_keeps_it_and_its_curve(trial: Path, caplog: pytest.LogCaptureFixture) -> None:
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
    assert result is not None
    assert result["metrics"].get("acc") == recorded
    steps = [json.loads(line)["step"] for line in (trial / CURVE).read_text().splitlines()]
    assert steps == ([5] if recorded is None else [0])
    assert (trial / LIGHTNING).exists() == (recorded is None)


def test_job_that_slurm_queued_again_keeps_a_result_that_is_none_of_a_failure(
    trial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record(trial, {"acc": 0.9, "seconds": 3})
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert record(trial, {"acc": 0.1, "seconds": 9}) == first


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
    assert result is not None
    assert (result["attempt"], result["metrics"]["acc"]) == (3, 0.1)


def test_job_after_one_that_left_by_sys_exit_is_its_own(tmp_path: Path) -> None:
    current.enter(tmp_path / "gone")  # Hydra 1.3 calls no on_job_end then
    seen: list[Path | None] = []
    record(tmp_path, None, lambda: seen.append(current.directory()))
    assert seen == [None]


@pytest.mark.parametrize("name", current.RANKS)
def test_other_ranks_know_their_trial(trial: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    seen: list[Path | None] = []
    record(trial, None, lambda: seen.append(current.directory()))
    assert seen == [trial]
    assert current.directory() is None


def lightning(trial: Path) -> None:
    record = {"costs": {"num_params": 7}, "metrics": {"val/acc": 0.9, "bad": "nan"}, "fits": 1, "started": 1}
    write_json(trial / LIGHTNING, record)


def ask(trial: Path, *objectives: str, **metrics: Any) -> None:
    write_json(trial / SPEC, {**TRIAL, "objectives": objectives, "required": objectives, "metrics": metrics})


def test_project_that_returns_one_number_has_two_objectives(trial: Path) -> None:
    ask(trial, "val/acc", "num_params")
    result = record(trial, 0.5, lambda: lightning(trial))
    assert result is not None
    assert result["status"] == "completed"
    assert result["metrics"] == {"val/acc": 0.9, "num_params": 7}
    assert result["sources"] == {"val/acc": "lightning", "num_params": "built-in"}
    assert result["value"] == 0.5


def test_last_finite_values_of_report_are_metrics_and_what_was_dropped_is_counted(trial: Path) -> None:
    ask(trial, "acc", "loss")

    def work() -> None:
        for step, loss in enumerate([3.0, 2.0, float("nan")]):
            ax_mo.report(step, acc=step / 10, loss=loss)
        ax_mo.report(1, acc=0.9)

    result = record(trial, None, work)
    assert result is not None
    assert result["metrics"] == {"acc": 0.2, "loss": 2.0}
    assert result["sources"] == {"acc": "reported", "loss": "reported"}
    assert result["dropped"] == 2
    assert "value" not in result


def test_nothing_dropped_is_not_mentioned(trial: Path) -> None:
    ask(trial, "acc")
    result = record(trial, 0.5, lambda: ax_mo.report(0, loss=1))
    assert result is not None and "dropped" not in result and "stopped" not in result


def test_final_nan_of_lightning_fails_the_trial(trial: Path) -> None:
    ask(trial, "bad")
    result = record(trial, None, lambda: lightning(trial))
    assert result is not None and result["status"] == "failed"
    assert result["error"]["message"] == "the metric 'bad' is not finite: nan"
    assert "sources" not in result


def test_missing_metric_lists_what_was_seen(trial: Path) -> None:
    ask(trial, "val/acc_best", "num_params")
    result = record(trial, 0.5, lambda: lightning(trial))
    assert result is not None
    assert result["error"]["message"].endswith(
        "seen were Lightning: val/acc, bad; built-in: num_params. Did you mean 'val/acc'?"
    )


@pytest.mark.parametrize(("take", "value"), [("last", 0.5), ("min", 0.25), ("max", 0.75)])
def test_metric_can_be_taken_from_the_curve_or_a_file(trial: Path, take: str, value: float) -> None:
    ask(
        trial, "curve", "csv",
        curve={"source": "curve", "tag": "val/acc", "take": take},
        csv={"source": "csv", "tag": "val/acc", "take": take},
    )  # fmt: skip

    def work() -> None:
        (trial / "metrics.csv").write_text("val/acc\n0.25\n0.75\n0.5\n")
        for step, accuracy in enumerate([0.25, 0.75, 0.5]):
            ax_mo.report(step, {"val/acc": accuracy})

    result = record(trial, None, work)
    assert result is not None
    assert result["metrics"] == {"curve": value, "csv": value, "val/acc": 0.5}
    assert result["sources"] == {"curve": "curve", "csv": "csv", "val/acc": "reported"}


def test_final_metric_of_lightning_can_have_another_name(trial: Path) -> None:
    ask(trial, "acc", acc={"source": "lightning", "tag": "val/acc"})
    result = record(trial, None, lambda: lightning(trial))
    assert result is not None and result["metrics"]["acc"] == 0.9 and result["sources"]["acc"] == "lightning"


def test_tag_that_is_nowhere_is_missed_with_the_names_of_the_file(trial: Path) -> None:
    ask(trial, "acc", acc={"source": "csv", "tag": "val/akk"})
    result = record(trial, None, lambda: (trial / "metrics.csv").write_text("val/acc,epoch\n1,0\n") and None)
    assert result is not None
    assert result["error"]["message"] == (
        "the metric 'acc': looked for the column 'val/akk' in '**/metrics.csv' of the trial's directory; "
        "metrics.csv has the columns val/acc, epoch. Did you mean 'val/acc'?"
    )


def test_entry_whose_name_is_taken_says_that_it_is_not_used(trial: Path, caplog: pytest.LogCaptureFixture) -> None:
    ask(trial, "val/acc", **{"val/acc": {"source": "csv", "take": "max"}})
    result = record(trial, None, lambda: ax_mo.report(0, {"val/acc": 0.5}))
    assert result is not None and result["sources"]["val/acc"] == "reported"
    assert "hydra.sweeper.metrics.val/acc is not used: the metric of that name is reported." in caplog.text


def test_what_is_named_wins_over_lightnings_metric_of_that_name(trial: Path) -> None:
    ask(trial, "val/acc", **{"val/acc": {"source": "curve", "tag": "acc", "take": "max"}})

    def work() -> None:
        lightning(trial)
        for step, accuracy in enumerate([0.25, 0.75, 0.5]):
            ax_mo.report(step, acc=accuracy)

    result = record(trial, None, work)
    assert result is not None
    assert (result["metrics"]["val/acc"], result["sources"]["val/acc"]) == (0.75, "curve")


def test_number_that_replaces_nothing_is_told_first_and_kept_with_both_values(
    trial: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ask(trial, "val/acc")

    def work() -> None:
        lightning(trial)
        ax_mo.report(1, loss=1)
        ax_mo.report(1, loss=1)

    result = record(trial, 0.5, work)
    assert result is not None and result["metrics"]["val/acc"] == 0.9
    (difference,) = result["differences"]
    assert difference == {"metric": "val/acc", "used": 0.9, "source": "lightning", "returned": 0.5}
    first, *_ = [entry.getMessage() for entry in caplog.records]
    assert first.startswith("the task returned 0.5 for 'val/acc', which is 0.9 (Lightning)")
    outcome = outcome_of(trial, TRIAL["trial"], TRIAL["attempt"], JobState(Phase.ENDED, 0))
    assert outcome.differences == (ReturnedDifference("val/acc", 0.9, "lightning", 0.5),)
    (trial / RESULT).unlink()
    result = record(trial, 0.9, work)
    assert result is not None and "differences" not in result


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory", "wandb/temporary")

    monkeypatch.setattr(CsvColumn, "values", look)


@pytest.mark.usefixtures("unreadable")
def test_file_that_cannot_be_read_is_no_matter_where_it_is_not_needed(
    trial: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_json(trial / SPEC, {**TRIAL, "metrics": {"extra": {"source": "csv"}, "lr": {"source": "csv"}}})
    result = record(trial, {"acc": 0.9, "seconds": 3})
    assert result is not None
    assert (result["status"], result["metrics"]) == ("completed", {"acc": 0.9, "seconds": 3})
    assert [entry.getMessage() for entry in caplog.records] == [
        f"hydra.sweeper.metrics.{name}: 'source: csv' cannot be read: "
        "[Errno 2] No such file or directory: 'wandb/temporary'"
        for name in ("extra", "lr")
    ]


@pytest.mark.usefixtures("unreadable")
def test_file_that_cannot_be_read_fails_the_trial_whose_objective_is_in_it(trial: Path) -> None:
    ask(trial, "acc", acc={"source": "csv"}, extra={"source": "csv"})
    result = record(trial, None, lambda: lightning(trial))
    assert result is not None and result["status"] == "failed"
    assert result["error"]["type"] == "MetricError"
    assert result["error"]["message"].startswith(
        "hydra.sweeper.metrics.acc: 'source: csv' cannot be read: FileNotFound"
    )


@pytest.mark.usefixtures("unreadable")
def test_file_that_cannot_be_read_is_no_matter_to_a_trial_that_was_stopped(trial: Path) -> None:
    ask(trial, "best", best={"source": "csv", "tag": "acc", "take": "max"})

    def work() -> None:
        stop(trial)
        ax_mo.should_stop()

    result = record(trial, None, work)
    assert result is not None
    assert (result["status"], result["metrics"], result["stopped"]) == (
        "completed",
        {"acc": 0.4},
        "dominated by 3 trials",
    )


@pytest.mark.parametrize("spec", [TRIAL, {"schema": 1, "trial": 7, "attempt": 2}], ids=["ax_mo", "other sweeper"])
def test_value_that_cannot_be_recorded_is_a_failure_with_its_reason(trial: Path, spec: dict[str, Any]) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise KeyError("shape")

    write_json(trial / SPEC, spec)
    result = record(trial, Odd())
    assert result is not None and result["status"] == "failed"
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
    assert result is not None
    assert result["status"] == "completed"
    assert result["stopped"] == "dominated by 3 trials"
    assert result["metrics"]["acc"] == 0.4
    failed = isinstance(value, Exception)
    assert (result["error"] is not None and result["error"]["type"] == "RuntimeError") == failed


def test_last_values_of_lightnings_curve_stand_in_for_the_final_ones(trial: Path) -> None:
    ask(trial, "val/acc")

    def work() -> None:
        point = {"step": 0, "time": 1, "metrics": {"val/acc": 0.3}, "fit": 1}
        (trial / "curve.jsonl").write_text(json.dumps(point) + "\n")
        write_json(trial / STOP, {"reason": "bad"})
        ax_mo.should_stop()

    result = record(trial, ValueError("killed"), work)
    assert result is not None
    assert (result["metrics"], result["sources"]) == ({"val/acc": 0.3}, {"val/acc": "curve"})


@pytest.mark.parametrize("value", [None, RuntimeError("out of memory")])
def test_trial_that_never_looked_was_not_stopped(trial: Path, value: Any) -> None:
    ask(trial, "acc", "size")
    result = record(trial, value, lambda: stop(trial))
    assert result is not None
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
        (ValueError("x" * 5_000_000), "x" * 9999 + "…"),
        (type("Er\nror", (Exception,), {})("x"), "x"),
        (ExceptionGroup("group", [Mute() for _ in range(3)]), "group (3 sub-exceptions)"),
    ],
    ids=["raises", "surrogate", "NUL", "5 MB", "name", "group"],
)
def test_exception_of_any_kind_is_a_result_of_bounded_size(trial: Path, error: Exception, message: str) -> None:
    result = record(trial, error)
    assert result is not None and result["status"] == "failed"
    assert result["error"]["message"] == message
    assert (trial / RESULT).stat().st_size < 100_000
    found = outcome_of(trial, TRIAL["trial"], TRIAL["attempt"], JobState(Phase.ENDED, 1))
    assert found.reason is not None and found.reason.startswith(result["error"]["type"])


def test_long_message_does_not_hide_where_it_was_raised(trial: Path) -> None:
    def raise_it() -> None:
        raise ValueError("x" * 5_000_000)

    try:
        raise_it()
    except ValueError as error:
        result = record(trial, error)
    assert result is not None and "in raise_it" in result["error"]["traceback"]


def test_names_of_metrics_are_as_tables_take_them(trial: Path) -> None:
    result = record(trial, {"acc": 0.9, "seconds": 3, "a\0b\ud800\n": 1})
    assert result is not None
    assert result["metrics"] == {"acc": 0.9, "seconds": 3, "a\ufffdb\ufffd\ufffd": 1}


def test_of_too_many_metrics_those_count_that_the_study_needs(trial: Path, caplog: pytest.LogCaptureFixture) -> None:
    result = record(trial, {"acc": 0.9, "seconds": 3, **{f"metric {n} {'x' * 100}": n for n in range(10_000)}})
    assert result is not None and result["status"] == "completed"
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
    assert result is not None and result["status"] == "completed"
    assert "value" not in result


@pytest.mark.parametrize("value", [1e200, -1e101, 10**200])
def test_number_that_no_model_learns_from_is_missing_only_where_it_is_needed(trial: Path, value: float) -> None:
    result = record(trial, {"acc": value, "seconds": 3})
    assert result is not None and result["status"] == "failed"
    assert result["error"]["message"] == f"the metric 'acc' is beyond 1e+100: {value!r:.200}"
    (trial / RESULT).unlink()
    result = record(trial, {"acc": 0.9, "seconds": 3, "more": value})
    assert result is not None and result["metrics"] == {"acc": 0.9, "seconds": 3}


# Costs that every trial has


def test_every_trial_has_its_time_and_its_memory(trial: Path) -> None:
    ask(trial, "trial_seconds", "peak_memory_mb")
    record(trial, None, lambda: time.sleep(0.05))
    result = read_json(trial / RESULT)
    assert result is not None and result["status"] == "completed"
    assert 0.05 <= result["metrics"]["trial_seconds"] < 60
    assert result["metrics"]["peak_memory_mb"] > 10
    assert result["sources"] == {"trial_seconds": "built-in", "peak_memory_mb": "built-in"}


def test_what_was_printed_is_in_the_log_when_it_is_looked_for(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(trial, "acc", acc={"source": "log", "pattern": r"acc (\S+)"})
    with (trial / "stdout.log").open("w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        result = record(trial, None, lambda: print("acc 0.25\nacc 0.5"))
    assert result is not None and (result["metrics"], result["sources"]) == ({"acc": 0.5}, {"acc": "log"})


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
