"""What Lightning's Trainers leave behind in a trial, without a line in the project."""

import logging
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import ax_mo
from ax_mo.early_stopping.checkpoints import newest_checkpoint
from ax_mo.trial import current, lightning_callback
from ax_mo.trial.costs import recorded_costs
from ax_mo.trial.curve import LearningCurve, read_curve
from ax_mo.trial.files import CURVE, LIGHTNING, STOP, STOPPED, read_json, write_json
from ax_mo.trial.metric_sources.rows import CsvColumn
from ax_mo.trial.metric_sources.source import TrialOutput
from tests.support.curves import values

from .lightning_task import FLAVOURS, fit, loader, module, trainer

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in current.RANKS:
        monkeypatch.delenv(name, raising=False)
    current.enter(tmp_path)
    yield tmp_path
    current.leave()


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="ax_mo")
    return caplog


def record(trial: Path) -> dict[str, Any]:
    found = read_json(trial / LIGHTNING)
    assert found is not None
    return found


def steps(curve: LearningCurve, name: str = "val/acc") -> list[int]:
    return curve.curves[name].steps


def ours(made: Any) -> list[Any]:
    return [callback for callback in made.callbacks if type(callback).__module__ == lightning_callback.__name__]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_curve_metrics_and_costs_are_recorded(trial: Path, flavour: str) -> None:
    fit(trial, flavour=flavour)
    curve = read_curve(trial)
    assert curve.dropped == 0
    assert values(curve, "val/acc") == pytest.approx({0: 0.5, 1: 0.6, 2: 0.7})
    assert steps(curve, "train/loss") == [0, 1, 2]
    assert all(point.time >= 0 for point in curve.points)
    found = record(trial)
    assert found["fits"] == 1
    assert found["metrics"]["val/acc"] == pytest.approx(0.7)
    assert found["costs"].keys() == {"num_params", "num_params_total", "fit_seconds"}
    assert (found["costs"]["num_params"], found["costs"]["num_params_total"]) == (4, 6)
    assert 0 < found["costs"]["fit_seconds"] < 60


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_trainer_outside_a_trial_gets_no_callback(tmp_path: Path, flavour: str) -> None:
    assert current.DIRECTORY not in os.environ
    assert ours(trainer(tmp_path, flavour)) == []


def test_train_metrics_of_a_point_are_those_of_its_epoch(trial: Path) -> None:
    def on_train_epoch_end(self: Any) -> None:
        self.log("late", float(self.current_epoch))

    fit(trial, module(on_train_epoch_end=on_train_epoch_end))
    assert values(read_curve(trial), "late") == {0: 0.0, 1: 1.0, 2: 2.0}


@pytest.mark.parametrize(
    "options", [{"validates": False}, {"val_dataloader": lambda _: []}], ids=["no step", "no data"]
)
def test_project_without_validation_has_a_point_for_each_train_epoch(trial: Path, options: dict[str, Any]) -> None:
    trainer(trial, max_epochs=3).fit(module(**options), loader())
    assert steps(read_curve(trial), "train/loss") == [0, 1, 2]


def test_epochs_without_a_validation_have_no_point(trial: Path) -> None:
    fit(trial, max_epochs=4, check_val_every_n_epoch=2)
    assert steps(read_curve(trial)) == [1, 3]


@pytest.mark.parametrize(
    "options", [{"val_check_interval": 0.5}, {"val_check_interval": 2, "check_val_every_n_epoch": None}]
)
def test_fit_that_validates_more_than_once_an_epoch_counts_validations(trial: Path, options: dict[str, Any]) -> None:
    fit(trial, max_epochs=2, **options)
    assert steps(read_curve(trial)) == [0, 1, 2, 3]


def test_test_and_validate_add_to_the_metrics_of_fit(trial: Path) -> None:
    task = module()
    made = fit(trial, task)
    made.test(task, loader(), verbose=False)
    assert record(trial)["metrics"].keys() == {"val/acc", "train/loss", "test/acc"}
    trainer(trial).validate(module(logs=lambda _: {"again": 1.0}), loader(), verbose=False)
    assert record(trial)["metrics"].keys() == {"val/acc", "train/loss", "test/acc", "again"}
    assert record(trial)["metrics"]["val/acc"] == pytest.approx(0.7)
    assert steps(read_curve(trial)) == [0, 1, 2]


def test_metric_of_the_fit_is_not_that_of_the_test_by_the_same_name(trial: Path) -> None:
    def test_step(self: Any, batch: Any, batch_idx: int) -> None:
        self.log_dict({"val/acc": 0.01, "test/acc": 0.5})

    task = module(test_step=test_step)
    fit(trial, task).test(task, loader(), verbose=False)
    metrics = record(trial)["metrics"]
    assert (metrics["val/acc"], metrics["test/acc"]) == (pytest.approx(0.7), pytest.approx(0.5))


@pytest.mark.parametrize("stage", ["validate", "test"])
def test_trial_that_fits_nothing_has_its_costs_too(trial: Path, stage: str) -> None:
    getattr(trainer(trial), stage)(module(), loader(), verbose=False)
    costs = record(trial)["costs"]
    assert (costs["num_params"], costs["num_params_total"]) == (4, 6)
    assert "fit_seconds" not in costs


def test_last_completed_fit_wins_and_the_log_says_so(trial: Path, messages: pytest.LogCaptureFixture) -> None:
    fit(trial)
    assert "fits" not in messages.text
    fit(trial, module(logs=lambda epoch: {"val/acc": 0.1}), max_epochs=2)
    assert record(trial)["fits"] == 2
    assert record(trial)["metrics"]["val/acc"] == pytest.approx(0.1)
    assert "2 fits have been completed in this trial: the last one's metrics count.\n" in messages.text
    curve = read_curve(trial)
    assert values(curve, "val/acc") == pytest.approx({0: 0.1, 1: 0.1})
    assert curve.dropped == 0


def test_metric_that_the_last_fit_did_not_log_stays_and_the_log_names_it(
    trial: Path, messages: pytest.LogCaptureFixture
) -> None:
    task = module(logs=lambda epoch: {"val/acc": 0.4, "pretrained/loss": 2.0})
    fit(trial, task, max_epochs=1).test(task, loader(), verbose=False)
    assert "From before it" not in messages.text
    fit(trial, module(logs=lambda epoch: {"val/acc": 0.9}), max_epochs=1)
    metrics = record(trial)["metrics"]
    expected = {"val/acc": 0.9, "pretrained/loss": 2.0, "test/acc": 0.25}
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    assert "count. From before it are still: pretrained/loss, test/acc.\n" in messages.text
    assert read_curve(trial).last().keys() >= {"val/acc", "pretrained/loss"}  # of the curves each counts by itself, too


def test_fit_that_raises_does_not_win(trial: Path) -> None:
    fit(trial)
    before = record(trial)

    def on_train_epoch_start(self: Any) -> None:
        if self.current_epoch == 1:
            raise RuntimeError("out of memory")

    larger = module(logs=lambda epoch: {"val/acc": 0.1}, on_train_epoch_start=on_train_epoch_start)
    larger.more = torch.nn.Linear(10, 10)
    with pytest.raises(RuntimeError, match="out of memory"):
        fit(trial, larger)
    assert record(trial) == {**before, "started": 2}
    assert values(read_curve(trial), "val/acc") == pytest.approx({0: 0.5, 1: 0.6, 2: 0.7})


def test_costs_are_known_while_the_fit_runs(trial: Path) -> None:
    seen: list[Any] = []
    fit(trial, module(on_train_start=lambda self: seen.append(record(trial))), max_epochs=1)
    assert seen == [
        {"costs": {"num_params": 4, "num_params_total": 6}, "metrics": {}, "fitted": [], "fits": 0, "started": 1}
    ]


def test_parameters_without_a_shape_count_when_they_have_one(trial: Path) -> None:
    seen: list[Any] = []

    def on_fit_start(self: Any) -> None:
        seen.append(record(trial)["costs"]["num_params"])
        self.lazy(torch.zeros(1, 3))

    task = module(on_fit_start=on_fit_start, on_train_start=lambda self: None)
    task.lazy = torch.nn.LazyLinear(2)
    fit(trial, task, max_epochs=1)
    assert seen == [4]
    assert record(trial)["costs"]["num_params"] == 4 + 2 * 3 + 2


def test_metric_that_is_not_finite_is_kept_as_text_and_dropped_from_the_curve(trial: Path) -> None:
    logs = {0: 0.5, 1: float("nan"), 2: float("inf")}
    fit(trial, module(logs=lambda epoch: {"val/acc": logs[epoch], "fine": 1.0}))
    assert record(trial)["metrics"]["val/acc"] == "inf"
    curve = read_curve(trial)
    assert (steps(curve), steps(curve, "fine"), curve.dropped) == ([0], [0, 1, 2], 2)


def test_own_early_stopping_keeps_working(trial: Path) -> None:
    from lightning.pytorch.callbacks import EarlyStopping

    stopping = EarlyStopping("val/acc", mode="max", patience=1)
    fit(trial, module(logs=lambda epoch: {"val/acc": 0.5}), max_epochs=10, callbacks=[stopping])
    assert steps(read_curve(trial)) == [0, 1]
    assert record(trial)["fits"] == 1
    assert not (trial / STOPPED).exists()


@pytest.mark.parametrize(
    ("options", "validates"), [({}, True), ({}, False), ({"min_epochs": 5}, True), ({"min_steps": 100}, True)]
)
def test_fit_ends_at_the_end_of_the_epoch_in_which_a_stop_is_asked_for(
    trial: Path, messages: pytest.LogCaptureFixture, options: dict[str, Any], validates: bool
) -> None:
    def on_train_epoch_start(self: Any) -> None:
        if self.current_epoch == 1:
            write_json(trial / STOP, {"reason": "dominated by 3 trials"})

    task = module(validates=validates, on_train_epoch_start=on_train_epoch_start)
    made = fit(trial, task, max_epochs=10, enable_checkpointing=True, **options)
    assert made.current_epoch == 2
    assert steps(read_curve(trial), "train/loss") == [0, 1]
    assert read_json(trial / STOPPED) == {"reason": "dominated by 3 trials"}
    assert record(trial)["fits"] == 1
    assert "dominated by 3 trials" in messages.text
    assert Path(made.checkpoint_callback.best_model_path).is_file()
    assert made.min_epochs == options.get("min_epochs", 1 if "min_steps" in options else 0)
    assert made.min_steps == options.get("min_steps")


def test_stop_that_comes_with_the_last_of_several_validations_stops_nothing(trial: Path) -> None:
    validations: list[int] = []

    def on_validation_epoch_start(self: Any) -> None:
        validations.append(len(validations))
        if len(validations) == 4:
            write_json(trial / STOP, {"reason": "late"})

    task = module(on_validation_epoch_start=on_validation_epoch_start)
    made = fit(trial, task, max_epochs=2, val_check_interval=0.5, num_sanity_val_steps=0)
    assert (len(validations), made.global_step) == (4, 8)
    assert not (trial / STOPPED).exists()


def test_fit_by_validations_ends_at_the_next_of_them(trial: Path) -> None:
    write_json(trial / STOP, {"reason": "bad"})
    made = fit(trial, max_epochs=10, val_check_interval=0.5, num_sanity_val_steps=0)
    assert steps(read_curve(trial)) == [0]
    assert made.global_step == 2


def test_stop_that_comes_with_the_last_epoch_stops_nothing(trial: Path) -> None:
    def on_train_epoch_start(self: Any) -> None:
        if self.current_epoch == 2:
            write_json(trial / STOP, {"reason": "late"})

    fit(trial, module(on_train_epoch_start=on_train_epoch_start), max_epochs=3)
    assert steps(read_curve(trial)) == [0, 1, 2]
    assert not (trial / STOPPED).exists()


@pytest.mark.parametrize("fault", ["append", "write_json", "read_json", "size_of", "logged_numbers"])
def test_fault_of_ours_is_a_warning_and_training_goes_on(
    trial: Path, messages: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lightning_callback, fault, broken)
    task = module()
    made = fit(trial, task)
    made.test(task, loader(), verbose=False)
    assert made.current_epoch == 3
    warnings = [entry for entry in messages.records if entry.levelno == logging.WARNING]
    assert warnings and all("No space left on device" in entry.getMessage() for entry in warnings)
    assert len(warnings) <= 5


def test_other_ranks_write_nothing(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "rank", lambda: 1)
    task = module()
    fit(trial, task).test(task, loader(), verbose=False)
    assert not (trial / CURVE).exists()
    assert not (trial / LIGHTNING).exists()


FAULTS = {
    "append": lightning_callback,
    "write_json": lightning_callback,
    "stop_requested": current,
    "acknowledge_stop": current,
}
BY_VALIDATION: dict[str, Any] = {"val_check_interval": 0.5}


@pytest.mark.parametrize(
    ("fault", "options", "stopped"),
    [
        ("append", {}, False), ("append", BY_VALIDATION, False), ("append", {"check_val_every_n_epoch": 2}, False),
        ("write_json", {}, True), ("stop_requested", {}, True), ("stop_requested", BY_VALIDATION, True),
        ("acknowledge_stop", {}, True), ("acknowledge_stop", BY_VALIDATION, True),
    ],
)  # fmt: skip
def test_fault_on_rank_zero_keeps_it_in_step_with_the_other_ranks(
    trial: Path, monkeypatch: pytest.MonkeyPatch, fault: str, options: dict[str, Any], stopped: bool
) -> None:
    def together(rank: int) -> list[str]:
        """What this rank does with the others, in its order. The others learn of a stop from rank 0."""
        done: list[str] = []
        looked = lightning_callback.logged_numbers

        def look(metrics: Any) -> dict[str, float]:
            done.append("look at metrics")
            return looked(metrics)

        def decide(decision: bool, all: bool = True) -> bool:
            done.append("decide")
            return stopped and fault != "stop_requested"

        made = trainer(trial, max_epochs=4, num_sanity_val_steps=0, **options)
        task = module()
        with monkeypatch.context() as patch:
            patch.setattr(current, "rank", lambda: rank)
            patch.setattr(lightning_callback, "logged_numbers", look)
            patch.setattr(made.strategy, "reduce_boolean_decision", decide)
            if rank == 0:
                patch.setattr(FAULTS[fault], fault, broken)
            made.fit(task, loader(), loader(4))
            made.test(task, loader(), verbose=False)
        return done

    def broken(*_: Any, **__: Any) -> None:
        raise OSError(122, "Disk quota exceeded")

    if stopped:
        write_json(trial / STOP, {"reason": "bad"})
    assert together(0) == together(1)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_checkpoints_and_other_processes_can_do_without_the_callback(trial: Path, flavour: str) -> None:
    (callback,) = ours(trainer(trial, flavour))
    assert type(pickle.loads(pickle.dumps(callback))) is type(callback)
    fit(trial, flavour=flavour, max_epochs=1).save_checkpoint(trial / "a.ckpt")
    assert b"ax_mo" not in (trial / "a.ckpt").read_bytes()


def test_what_lightnings_csv_logger_writes_is_a_source_of_metrics(trial: Path) -> None:
    from lightning.pytorch.loggers import CSVLogger

    logger = CSVLogger(trial, name="csv")
    logger.log_metrics({"val/acc": 0.5}, step=0)
    logger.log_metrics({"val/acc": 0.75, "lr": 0.1}, step=1)
    logger.save()
    assert CsvColumn("val/acc").values(TrialOutput(trial)) == [0.5, 0.75]


def test_reported_model_and_a_trainers_record_leave_each_other_alone(trial: Path) -> None:
    ax_mo.report_model(torch.nn.Linear(1, 4))
    fit(trial, max_epochs=1)
    before = record(trial)
    assert before["costs"]["num_params"] == 4 and before["fits"] == 1
    assert recorded_costs(before)["num_params"] == 8
    ax_mo.report_model(torch.nn.Linear(1, 5))
    assert record(trial) == {**before, "model": {"num_params": 10, "num_params_total": 10}}


def test_last_checkpoint_of_a_fit_is_found_and_trained_on_from(trial: Path) -> None:
    fit(trial, max_epochs=2, enable_checkpointing=True)
    checkpoint = newest_checkpoint(trial)
    assert checkpoint is not None
    made = trainer(trial, max_epochs=3, enable_checkpointing=True)
    made.fit(module(), loader(), loader(4), ckpt_path=str(checkpoint))
    assert made.current_epoch == 3
    assert steps(read_curve(trial), "train/loss") == [2]
