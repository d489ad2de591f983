"""Metrics in the files that projects write by themselves."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from torch.utils.tensorboard import SummaryWriter

from ax_mo.trial.files import SPEC, write_json
from ax_mo.trial.logged import logged
from ax_mo.trial.metric_sources import Origin
from ax_mo.trial.metrics import MetricError


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    write_json(tmp_path / SPEC, {})
    os.utime(tmp_path / SPEC, (1000, 1000))
    return tmp_path


def write_csv(path: Path, text: str, when: float = 2000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (when, when))


def test_columns_of_lightnings_csv_logger_have_gaps(trial: Path) -> None:
    text = "epoch,step,train/loss,val/acc\n0,9,2.5,\n0,9,,0.5\n1,19,1.5,\n1,19,,nan\n2,29,,0.75\n"
    write_csv(trial / "csv" / "version_0" / "metrics.csv", text)
    series = logged(Origin.CSV, trial)
    assert series["val/acc"] == [0.5, 0.75]
    assert series["train/loss"] == [2.5, 1.5]


def test_what_lightnings_logger_really_writes_is_read(trial: Path) -> None:
    from lightning.pytorch.loggers import CSVLogger

    logger = CSVLogger(trial, name="csv")
    logger.log_metrics({"val/acc": 0.5}, step=0)
    logger.log_metrics({"val/acc": 0.75, "lr": 0.1}, step=1)
    logger.save()
    assert logged(Origin.CSV, trial)["val/acc"] == [0.5, 0.75]


def test_newest_version_counts_for_the_metrics_that_it_has(trial: Path) -> None:
    write_csv(trial / "version_1" / "metrics.csv", "a,b\n1,1\n", when=3000)
    write_csv(trial / "version_0" / "metrics.csv", "a,c\n2,2\n", when=4000)
    assert logged(Origin.CSV, trial) == {"a": [2], "b": [1], "c": [2]}


def test_files_of_an_earlier_attempt_are_not_looked_at(trial: Path) -> None:
    write_csv(trial / "version_0" / "metrics.csv", "a\n1\n", when=900)
    assert logged(Origin.CSV, trial) == {}


def test_damaged_csv_is_read_as_far_as_it_goes(trial: Path) -> None:
    write_csv(trial / "metrics.csv", "a,b\n1,x\n2\n3,4,5\n\n6,")
    assert logged(Origin.CSV, trial) == {"a": [1, 2, 3, 6], "b": [4]}


def test_directory_that_vanishes_meanwhile_hides_no_other(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_csv(trial / "csv" / "metrics.csv", "a\n1\n")
    (trial / "wandb" / "temporary").mkdir(parents=True)
    scandir = os.scandir

    def late(path: Any) -> Any:
        if str(path).endswith("temporary"):
            Path(path).rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", late)
    assert logged(Origin.CSV, trial) == {"a": [1]}
    assert not (trial / "wandb" / "temporary").exists()


def test_scalars_of_tensorboard_are_read(trial: Path) -> None:
    with SummaryWriter(str(trial / "tensorboard" / "version_0")) as writer:
        for step, value in enumerate([0.5, float("nan"), 0.875, 0.75]):
            writer.add_scalar("val/acc", value, step)
        writer.add_scalar("new", 0.5, 0, new_style=True)  # a tensor, as tf.summary writes it
        writer.add_text("note", "hello")
        writer.add_scalars("pair", {"a": 1.0}, 0)
    series = logged(Origin.TENSORBOARD, trial)
    assert series["val/acc"] == [0.5, 0.875, 0.75]
    assert series["new"] == [0.5]
    assert "note" not in series


def test_tensor_that_cannot_be_read_spares_the_others(trial: Path, caplog: pytest.LogCaptureFixture) -> None:
    with SummaryWriter(str(trial)) as writer:
        odd = Summary.Value(tag="odd", tensor=TensorProto(dtype="DT_RESOURCE"))
        writer.file_writer.add_summary(Summary(value=[odd]), 0)
        writer.add_scalar("new", 0.5, 0, new_style=True)
        writer.add_scalar("acc", 0.75, 0)
    assert logged(Origin.TENSORBOARD, trial) == {"acc": [0.75], "new": [0.5]}
    assert "'odd' in " in caplog.text


def test_second_file_of_one_writer_goes_on_where_the_first_ended(trial: Path) -> None:
    for number, value in enumerate([0.25, 0.5]):
        with SummaryWriter(str(trial), filename_suffix=f".{number}") as writer:
            writer.add_scalar("acc", value, number)
    for number, path in enumerate(sorted(trial.glob("events*"), key=lambda path: path.suffix)):
        os.utime(path, (2000 + number, 2000 + number))
    assert logged(Origin.TENSORBOARD, trial)["acc"] == [0.25, 0.5]


def test_newest_directory_of_event_files_counts(trial: Path) -> None:
    for number, value in enumerate([0.25, 0.5]):
        with SummaryWriter(str(trial / f"version_{number}")) as writer:
            writer.add_scalar("acc", value, 0)
    for path in trial.rglob("events*"):
        when = 3000 if path.parent.name == "version_0" else 2000
        os.utime(path, (when, when))
    assert logged(Origin.TENSORBOARD, trial)["acc"] == [0.25]


def test_file_that_is_cut_off_gives_what_it_has(trial: Path) -> None:
    with SummaryWriter(str(trial)) as writer:
        writer.add_scalar("acc", 0.5, 0)
        writer.add_scalar("acc", 0.75, 1)
    (path,) = trial.glob("events*")
    path.write_bytes(path.read_bytes()[:-5])
    (trial / "events.out.tfevents.1").write_bytes(b"no event file")
    assert logged(Origin.TENSORBOARD, trial)["acc"] == [0.5]


def test_missing_tensorboard_is_one_clear_error(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing", None)
    with pytest.raises(MetricError, match=r"pip install 'hydra-ax-mo\[tensorboard\]'"):
        logged(Origin.TENSORBOARD, trial)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("origin", [Origin.CSV, Origin.TENSORBOARD])
def test_pipe_or_link_with_the_name_of_a_log_is_not_opened(trial: Path, origin: Origin) -> None:
    write_csv(trial / "metrics.csv", "acc\n0.5\n")
    for folder in ("a", "b"):
        (trial / folder).mkdir()
    for name in ("metrics.csv", "events.out.tfevents.1.host"):
        os.mkfifo(trial / "a" / name)
        (trial / "b" / name).symlink_to("/dev/zero")
    assert logged(origin, trial) == ({"acc": [0.5]} if origin is Origin.CSV else {})
