"""``ax_mo.report`` and ``ax_mo.should_stop``."""

import logging
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ax_mo
from ax_mo.trial import current, reporting
from ax_mo.trial.curve import read_curve
from ax_mo.trial.files import CURVE, STOP, STOPPED, read_json, write_json
from tests.support.curves import values


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in current.RANKS:
        monkeypatch.delenv(name, raising=False)
    reporting.warned.clear()


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Path]:
    current.enter(tmp_path)
    yield tmp_path
    current.leave()


def test_both_do_nothing_outside_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / STOP).write_text("{}")
    assert current.DIRECTORY not in os.environ
    assert ax_mo.report(0, val_acc=0.5) is None
    assert ax_mo.should_stop() is False
    assert [path.name for path in tmp_path.iterdir()] == [STOP]


def test_reports_are_the_curve(trial: Path) -> None:
    ax_mo.report(0, val_acc=0.5, loss=2)
    ax_mo.report(1, {"val/acc": np.float32(0.5)}, loss=torch.tensor(1.5))
    ax_mo.report(np.int64(2), {"loss": 1})
    ax_mo.report(step=torch.tensor(3), loss=0.5)
    ax_mo.report(4.0, loss=0.25)
    curve = read_curve(trial)
    assert values(curve, "loss") == {0: 2, 1: 1.5, 2: 1, 3: 0.5, 4: 0.25}
    assert values(curve, "val_acc") == {0: 0.5}
    assert values(curve, "val/acc") == {1: 0.5}
    assert all(0 <= point.time < 60 for point in curve.points)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", {"loss": 1}), "nothing is recorded at step 'x'"),
        ((1.5, {"loss": 1}), "nothing is recorded at step 1.5"),
        ((math.nan, {"loss": 1}), "nothing is recorded at step nan"),
        ((1, {"loss": "low"}), "'loss' is not a number and is left out: 'low'"),
        ((1, {"loss": [1, 2]}), "'loss' is not a number and is left out: [1, 2]"),
        ((1, 0.5), "nothing is recorded at step 1"),
    ],
)
def test_what_cannot_be_recorded_is_one_warning(
    trial: Path, caplog: pytest.LogCaptureFixture, arguments: tuple[Any, ...], message: str
) -> None:
    for _ in range(3):
        ax_mo.report(*arguments)
    assert [message in entry.getMessage() for entry in caplog.records] == [True]
    assert caplog.records[0].levelno == logging.WARNING
    assert not (trial / CURVE).exists()


def test_value_that_is_no_number_spares_the_others(trial: Path) -> None:
    ax_mo.report(0, loss=1, name="x")
    assert read_curve(trial).last() == {"loss": 1}


def test_full_disk_is_a_warning(trial: Path, caplog: pytest.LogCaptureFixture) -> None:
    current.enter(trial / "gone")
    ax_mo.report(0, loss=1)
    assert "No such file or directory" in caplog.text


def test_rank_that_cannot_be_told_is_a_warning_and_the_stop_is_seen(
    trial: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def is_available() -> bool:
        raise AttributeError("partially initialized module 'torch.distributed'")

    monkeypatch.setattr(torch.distributed, "is_available", is_available)
    write_json(trial / STOP, {"reason": "bad"})
    ax_mo.report(0, loss=1)
    assert ax_mo.should_stop() is True
    assert ["partially initialized" in entry.getMessage() for entry in caplog.records] == [True, True]


def test_other_ranks_report_nothing(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    ax_mo.report(0, loss=1)
    assert not (trial / CURVE).exists()


def test_stop_that_was_seen_is_acknowledged(trial: Path) -> None:
    assert ax_mo.should_stop() is False
    assert not (trial / STOPPED).exists()
    write_json(trial / STOP, {"reason": "in the worst half at step 3"})
    assert ax_mo.should_stop() is True
    assert ax_mo.should_stop() is True
    assert read_json(trial / STOPPED) == {"reason": "in the worst half at step 3"}


def test_other_ranks_see_the_stop_and_leave_no_mark(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    write_json(trial / STOP, {"reason": "bad"})
    assert ax_mo.should_stop() is True
    assert not (trial / STOPPED).exists()


def test_stop_file_without_a_reason_stops_too(trial: Path) -> None:
    (trial / STOP).write_text("")
    assert ax_mo.should_stop() is True
    assert current.acknowledged(trial) == "stopped"
