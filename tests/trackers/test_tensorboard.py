"""The study in TensorBoard's HParams tab, read back as TensorBoard reads it."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from ax_mo.core.trial import Status
from ax_mo.trackers import StudyEnd
from ax_mo.trackers.tensorboard import PARETO_SCALAR, TensorBoardTracker

from .conftest import TAG, begin, paused_trial, record, trial


def read(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder)).Reload()


def plugin_data(events: EventAccumulator, tag: str) -> HParamsPluginData:
    content = events.SummaryMetadata(tag).plugin_data.content
    return HParamsPluginData.FromString(content)


def test_tab_is_filled(tmp_path: Path) -> None:
    log = TensorBoardTracker(TAG, tmp_path)
    log.started(record(tmp_path))
    log.ended(trial(0))
    log.ended(trial(1, Status.FAILED))
    log.front([0], 0.25)
    log.finished(record(tmp_path, trial(0), trial(1, Status.FAILED)), None, StudyEnd.FINISHED)

    study = read(tmp_path / "tensorboard")
    assert [event.value for event in study.Scalars("ax_mo/hypervolume")] == [0.25]

    done = read(tmp_path / "tensorboard" / "trial_0")
    start = plugin_data(done, metadata.SESSION_START_INFO_TAG).session_start_info
    assert start.hparams["optim.lr"].number_value == 0.01 and start.hparams["+model@net"].string_value == "null"
    assert plugin_data(done, metadata.SESSION_END_INFO_TAG).session_end_info.status == api_pb2.STATUS_SUCCESS
    assert done.Scalars("val/acc")[0].value == 0.5 and done.Scalars(PARETO_SCALAR)[0].value == 1
    failed = read(tmp_path / "tensorboard" / "trial_1")
    assert plugin_data(failed, metadata.SESSION_END_INFO_TAG).session_end_info.status == api_pb2.STATUS_FAILURE


# BUG: a flag that was written before another one could not be was not known of, and never taken back.
def test_flag_is_taken_back_although_the_next_one_could_not_be_written(tmp_path: Path) -> None:
    log = TensorBoardTracker(TAG, tmp_path)
    begin(log, tmp_path, trial(0), trial(1))
    folder = tmp_path / "tensorboard" / "trial_1"
    folder.rename(tmp_path / "away")
    folder.write_text("in the way")
    with pytest.raises(OSError):
        log.front([0, 1], 0.1)
    folder.unlink()
    (tmp_path / "away").rename(folder)
    log.front([1], 0.2)
    flags = [[event.value for event in read(folder.with_name(f"trial_{n}")).Scalars(PARETO_SCALAR)] for n in (0, 1)]
    assert flags == [[1, 0], [1]]


def test_resume_adds_and_repeats_nothing(tmp_path: Path) -> None:
    log = TensorBoardTracker(TAG, tmp_path)
    log.started(record(tmp_path))
    log.ended(trial(0))
    log.front([0], 0.1)
    again = TensorBoardTracker(TAG, tmp_path)
    begin(again, tmp_path, trial(0), trial(1))
    again.front([1], 0.2)
    first = read(tmp_path / "tensorboard" / "trial_0")
    assert len(first.Scalars("val/acc")) == 1
    assert [event.value for event in first.Scalars(PARETO_SCALAR)] == [1, 0]
    assert [event.step for event in read(tmp_path / "tensorboard").Scalars("ax_mo/hypervolume")] == [1, 2]
    assert sorted(path.name for path in (tmp_path / "tensorboard").glob("trial*")) == ["trial_0", "trial_1"]


def test_trial_that_was_paused_at_the_end_of_a_sweep_is_logged_again_when_it_has_trained_on(tmp_path: Path) -> None:
    for now in (paused_trial(0), paused_trial(0), trial(0, directory="0/9")):
        begin(TensorBoardTracker(TAG, tmp_path), tmp_path, now)
    events = read(tmp_path / "tensorboard" / "trial_0")
    assert [event.value for event in events.Scalars("val/acc")] == [0.25, 0.5]
