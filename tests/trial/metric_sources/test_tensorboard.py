"""Metrics in TensorBoard's event files."""

import os
import sys
from pathlib import Path

import pytest
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from torch.utils.tensorboard import SummaryWriter

from ax_mo.trial.files import SPEC, write_json
from ax_mo.trial.metric_sources import tensorboard
from ax_mo.trial.metric_sources.source import MetricError, TrialOutput


def scalars(trial: Path) -> dict[str, list[float]]:
    return tensorboard.scalars(TrialOutput(trial))


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    write_json(tmp_path / SPEC, {})
    os.utime(tmp_path / SPEC, (1000, 1000))
    return tmp_path


def test_scalars_of_tensorboard_are_read(trial: Path) -> None:
    with SummaryWriter(str(trial / "tensorboard" / "version_0")) as writer:
        for step, value in enumerate([0.5, float("nan"), 0.875, 0.75]):
            writer.add_scalar("val/acc", value, step)
        writer.add_scalar("new", 0.5, 0, new_style=True)  # a tensor, as tf.summary writes it
        writer.add_text("note", "hello")
        writer.add_scalars("pair", {"a": 1.0}, 0)
    series = scalars(trial)
    assert series["val/acc"] == [0.5, 0.875, 0.75]
    assert series["new"] == [0.5]
    assert "note" not in series


def test_tensor_that_cannot_be_read_spares_the_others(trial: Path, caplog: pytest.LogCaptureFixture) -> None:
    with SummaryWriter(str(trial)) as writer:
        odd = Summary.Value(tag="odd", tensor=TensorProto(dtype="DT_RESOURCE"))
        writer.file_writer.add_summary(Summary(value=[odd]), 0)
        writer.add_scalar("new", 0.5, 0, new_style=True)
        writer.add_scalar("acc", 0.75, 0)
    assert scalars(trial) == {"acc": [0.75], "new": [0.5]}
    assert "'odd' in " in caplog.text


def test_second_file_of_one_writer_goes_on_where_the_first_ended(trial: Path) -> None:
    for number, value in enumerate([0.25, 0.5]):
        with SummaryWriter(str(trial), filename_suffix=f".{number}") as writer:
            writer.add_scalar("acc", value, number)
    for number, path in enumerate(sorted(trial.glob("events*"), key=lambda path: path.suffix)):
        os.utime(path, (2000 + number, 2000 + number))
    assert scalars(trial)["acc"] == [0.25, 0.5]


def test_newest_directory_of_event_files_counts(trial: Path) -> None:
    for number, value in enumerate([0.25, 0.5]):
        with SummaryWriter(str(trial / f"version_{number}")) as writer:
            writer.add_scalar("acc", value, 0)
    for path in trial.rglob("events*"):
        when = 3000 if path.parent.name == "version_0" else 2000
        os.utime(path, (when, when))
    assert scalars(trial)["acc"] == [0.25]


def test_file_that_is_cut_off_gives_what_it_has(trial: Path) -> None:
    with SummaryWriter(str(trial)) as writer:
        writer.add_scalar("acc", 0.5, 0)
        writer.add_scalar("acc", 0.75, 1)
    (path,) = trial.glob("events*")
    path.write_bytes(path.read_bytes()[:-5])
    (trial / "events.out.tfevents.1").write_bytes(b"no event file")
    assert scalars(trial)["acc"] == [0.5]


def test_missing_tensorboard_is_one_clear_error(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing", None)
    with pytest.raises(MetricError, match=r"pip install 'hydra-ax-mo\[tensorboard\]'"):
        scalars(trial)


@pytest.mark.timeout(60)
def test_pipe_or_link_with_the_name_of_a_log_is_not_opened(trial: Path) -> None:
    os.mkfifo(trial / "events.out.tfevents.1.host")
    (trial / "a").mkdir()
    (trial / "a" / "events.out.tfevents.1.host").symlink_to("/dev/zero")
    assert scalars(trial) == {}
