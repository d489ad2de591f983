"""What the ledger makes of runs that were asked to stop, cancelled, or left behind; no job runs here."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ax_mo.core.failures import FailurePolicy
from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Outcome, Status, TrialRun
from ax_mo.early_stopping.monitor import CurveWatch
from ax_mo.early_stopping.settings import parse_early_stopping
from ax_mo.errors import StudyStopped
from ax_mo.runner.job import JobState, Phase
from ax_mo.sweep.ledger import Ledger
from ax_mo.sweep.resume import Resumption
from ax_mo.trial.curve import append
from ax_mo.trial.files import CURVE, LIGHTNING, RESULT, SPEC, STOP
from ax_mo.trial.metric_sources.differences import ReturnedDifference

GOALS = parse_goals({"acc": "maximize"})
WHY = "dominated at step 3 by trial 0"
ENDED = JobState(Phase.ENDED)


class Recording:
    """In the place of the store, the optimizer, the files and the screen: accepts anything, and keeps what it was."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self.calls.append(name)


class Rows(Recording):
    def __init__(self, runs: Sequence[TrialRun]) -> None:
        super().__init__()
        self._runs = list(runs)

    def runs(self) -> list[TrialRun]:
        return self._runs


def running(**changes: Any) -> TrialRun:
    return TrialRun(**{"number": 1, "status": Status.RUNNING, "point": {}, "overrides": (), "directory": "1",
                    "handle": "job", **changes})  # fmt: skip


def ledger_of(directory: Path, *runs: TrialRun, grace_seconds: float = 0.0, **settings: Any) -> Ledger:
    for run in runs:
        (directory / run.directory).mkdir(parents=True)
    stopping = parse_early_stopping({"rule": "all", "grace_seconds": grace_seconds}, GOALS)
    assert stopping is not None
    watch = CurveWatch(stopping, GOALS, lambda run: directory / run.directory, 0.0)
    anything: Any = Recording()
    store: Any = Rows(runs)
    given: dict[str, Any] = {
        "space": anything, "goals": GOALS, "project": anything, "program": None, "store": store, "optimizer": anything,
        "files": anything, "screen": anything, "sweep_dir": directory, "n_trials": 2, "failures": FailurePolicy(1.0),
        "watch": watch, **settings,
    }  # fmt: skip
    return Ledger(**given)


def leave_result(directory: Path, run: TrialRun, status: str) -> None:
    error = None if status == "completed" else {"type": "RuntimeError", "message": "a worker exited unexpectedly"}
    metrics = {"acc": 0.5} if status == "completed" else {}
    content = {"schema": 1, "trial": run.number, "attempt": run.attempt, "status": status, "metrics": metrics,
               "error": error, "started": None, "ended": "2026-01-01T00:01:00+00:00"}  # fmt: skip
    (directory / run.directory / RESULT).write_text(json.dumps(content))


def leave_curve(directory: Path, run: TrialRun, *values: float) -> None:
    for step, value in enumerate(values):
        append(directory / run.directory / CURVE, step, 0.0, {"acc": value})


# What the task returns and is not used


def test_number_that_replaces_nothing_is_told_once_a_study(tmp_path: Path) -> None:
    runs = [running(number=number, directory=str(number)) for number in range(3)]
    ledger = ledger_of(tmp_path, *runs)
    notices: list[str] = []
    ledger.screen.notice = notices.append  # type: ignore[method-assign]
    loss, acc = ReturnedDifference("loss", 0.5, "lightning", 0.9), ReturnedDifference("acc", 0.25, "csv", 7.0)
    for run, found in zip(runs, [(loss,), (loss,), (loss, acc)], strict=True):
        ledger.finish(run.key, Outcome({"acc": 0.25}, differences=found))
    first, second = notices
    assert first.startswith("trial 0: the task returned 0.9 for 'loss', which is 0.5 (Lightning)")
    assert second.startswith("trial 2: the task returned 7 for 'acc', which is 0.25 (csv)") and "loss" not in second


# Metrics of the configuration


class Project:
    """Composes what the overrides say, or nothing at all."""

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        if "broken" in overrides:
            raise HydraException("no such option")
        hydra = {"job": {}, "overrides": {"task": list(overrides)}}
        return OmegaConf.create({"width": int(overrides[0]), "hydra": hydra})


@pytest.mark.parametrize(("override", "known"), [("7", {"n": 14}), ("broken", {})])
def test_trial_that_runs_again_has_its_metrics_of_the_configuration(
    tmp_path: Path, override: str, known: dict[str, float]
) -> None:
    run = running(status=Status.CANCELLED, overrides=(override,))
    metrics = {"n": {"source": "config", "key": "2 * width"}}
    ledger = ledger_of(tmp_path, run, project=Project(), metrics=metrics)
    ledger.again(run)
    assert json.loads((tmp_path / "1" / SPEC).read_text())["config"] == known


# Cancelled by the user


@pytest.mark.parametrize(
    ("result", "status"),
    [(None, Status.CANCELLED), ("failed", Status.CANCELLED), ("completed", Status.COMPLETED)],
)
def test_cancelled_run_counts_as_ended_only_if_it_had_completed(
    tmp_path: Path, result: str | None, status: Status
) -> None:
    run = running()
    ledger = ledger_of(tmp_path, run)
    if result is not None:
        leave_result(tmp_path, run, result)
    ledger.cancel(run.key)
    assert ledger.runs[run.key].status is status


@pytest.mark.parametrize("result", [None, "failed"])
def test_cancelled_run_that_had_been_asked_to_stop_is_stopped_early(tmp_path: Path, result: str | None) -> None:
    run = running(reason=WHY)
    ledger = ledger_of(tmp_path, run)
    leave_curve(tmp_path, run, 0.1, 0.2)
    if result is not None:
        leave_result(tmp_path, run, result)
    ledger.cancel(run.key)
    ended = ledger.runs[run.key]
    assert (ended.status, ended.reason, ended.metrics) == (Status.EARLY_STOPPED, WHY, {"acc": 0.2})


# Cancelled since it did not stop


def test_run_that_fails_of_being_ended_after_its_grace_is_stopped_early(tmp_path: Path) -> None:
    run = running(reason=WHY)
    ledger = ledger_of(tmp_path, run)
    leave_curve(tmp_path, run, 0.1)
    leave_result(tmp_path, run, "failed")
    assert ledger.outcome(run.key, ENDED, cancelled=True).status is Status.EARLY_STOPPED
    assert ledger.outcome(run.key, ENDED).status is Status.FAILED


@pytest.mark.parametrize(
    ("record", "overdue"),
    [(None, True), ({"fits": 0, "started": 1}, True), ({"fits": 1, "started": 1}, False)],
)
def test_run_whose_fit_is_complete_may_take_its_time(
    tmp_path: Path, record: dict[str, int] | None, overdue: bool
) -> None:
    run = running(reason=WHY)
    ledger = ledger_of(tmp_path, run)
    ledger.ask_again(run)
    os.utime(tmp_path / "1" / STOP, (1.0, 1.0))
    if record is not None:
        (tmp_path / "1" / LIGHTNING).write_text(json.dumps(record))
    assert ledger.overdue(run.key) is overdue


# What an earlier sweeper left


def test_request_that_was_recorded_and_never_written_is_written_again(tmp_path: Path) -> None:
    run = running(reason=WHY)
    ledger = ledger_of(tmp_path, run)
    ledger.ask_again(run)
    assert json.loads((tmp_path / "1" / STOP).read_text()) == {"reason": WHY}


def test_request_that_is_there_keeps_its_time(tmp_path: Path) -> None:
    run = running(reason=WHY)
    ledger = ledger_of(tmp_path, run)
    ledger.ask_again(run)
    before = (tmp_path / "1" / STOP).stat().st_mtime_ns
    ledger.ask_again(run)
    assert (tmp_path / "1" / STOP).stat().st_mtime_ns == before


def test_run_that_nobody_asked_is_not_asked_again(tmp_path: Path) -> None:
    run = running()
    ledger_of(tmp_path, run).ask_again(run)
    assert not (tmp_path / "1" / STOP).exists()


@pytest.mark.parametrize(
    ("run", "result", "started", "found", "status"),
    [
        (running(), "completed", True, Resumption.ENDED, Status.COMPLETED),
        (running(), "failed", True, Resumption.ENDED, Status.FAILED),
        (running(), None, True, Resumption.AFTER_DEATH, Status.RUNNING),
        (running(lost_attempts=1), None, True, Resumption.ENDED, Status.FAILED),
        (running(reason=WHY), None, True, Resumption.ENDED, Status.EARLY_STOPPED),
        (running(status=Status.ASKED), None, False, Resumption.AGAIN, Status.ASKED),
        (running(), "completed", False, Resumption.ENDED, Status.COMPLETED),
        (running(status=Status.CANCELLED, reason="cancelled"), None, True, Resumption.AGAIN, Status.CANCELLED),
        (running(status=Status.CANCELLED, reason="cancelled"), "failed", True, Resumption.AGAIN, Status.CANCELLED),
        (running(status=Status.CANCELLED, reason="cancelled"), "completed", True, Resumption.ENDED, Status.COMPLETED),
    ],
)
def test_run_that_was_left_behind_ends_or_runs_again(
    tmp_path: Path, run: TrialRun, result: str | None, started: bool, found: Resumption, status: Status
) -> None:
    ledger = ledger_of(tmp_path, run)
    if result is not None:
        leave_result(tmp_path, run, result)
    assert ledger.settle(run, ENDED, started) is found
    assert ledger.runs[run.key].status is status


# Repeats


def test_stopped_repeat_asks_the_others_to_stop_and_completed_ones_are_the_data(tmp_path: Path) -> None:
    first, second = (running(repeat=n, directory=f"1/{n}") for n in (0, 1))
    ledger = ledger_of(tmp_path, first, second)
    ledger.repeats = type(ledger.repeats)(2, "seed", 0)
    ledger.finish(first.key, Outcome({"acc": 0.9}))
    ledger.finish(second.key, Outcome({"acc": 0.2}, WHY, stopped=True))
    trial = ledger.trials[1]
    assert (trial.status, trial.metrics) == (Status.EARLY_STOPPED, {"acc": 0.9})


# The end of the time


def test_time_that_is_up_closes_the_study(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, running())
    ledger.close_when_enough(3599.0, 1.0)
    assert ledger.closed is None and ledger.room == 1
    ledger.close_when_enough(3600.0, 1.0)
    assert ledger.closed == "timeout_hours=1 are over" and ledger.room == 0


# Failures


def test_nothing_is_started_while_running_trials_may_outweigh_the_failures(tmp_path: Path) -> None:
    runs = [running(number=number, directory=str(number)) for number in range(4)]
    ledger = ledger_of(tmp_path, *runs)
    ledger.failures, ledger.n_trials = FailurePolicy(0.9), 20
    for run in runs[:3]:
        ledger.finish(run.key, Outcome({}, "CUDA error", "CUDA error"))
    ledger.check_failures(running=1)
    assert ledger.room == 0
    ledger.finish(runs[3].key, Outcome({"acc": 0.5}))
    ledger.check_failures(running=0)
    assert ledger.room == 20 - 1, "the three that failed alike do not count"


def test_study_ends_when_no_running_trial_has_outweighed_the_failures(tmp_path: Path) -> None:
    runs = [running(number=number, directory=str(number)) for number in range(3)]
    ledger = ledger_of(tmp_path, *runs)
    ledger.failures = FailurePolicy(0.9)
    for run in runs:
        ledger.finish(run.key, Outcome({}, "CUDA error", "CUDA error"))
    with pytest.raises(StudyStopped, match="The first 3 trials failed with the same error: CUDA error"):
        ledger.check_failures(running=0)


# Told to the user


def test_screen_is_told_of_failures_that_it_has_shown_before_and_of_no_others(tmp_path: Path) -> None:
    def failed(why: str) -> Outcome:
        return Outcome({}, why, why)

    before = TrialRun(
        number=9,
        status=Status.FAILED,
        point={},
        overrides=(),
        directory="9",
        reason="KeyError: 9",
        error_fingerprint="KeyError: #",
    )
    ledger = ledger_of(tmp_path, before, *(running(number=n, directory=str(n)) for n in range(4)))
    told: list[tuple[int, int | None]] = []
    ledger.screen = Recording()  # type: ignore[assignment]
    ledger.screen.ended = lambda trial, _, alike: told.append((trial.number, alike and alike.number))  # type: ignore
    for number, why in enumerate(("KeyError: 1", "OSError: 1", "KeyError: 2", "OSError: 2")):
        ledger.finish((number, None), failed(why))
    assert told == [(0, None), (1, None), (2, 0), (3, 1)]
