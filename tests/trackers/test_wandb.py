"""The study in W&B, offline: what is in the file that ``wandb sync`` would send."""

import json
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.trial import Status
from ax_mo.trackers import StudyEnd

from .conftest import TAG, begin, paused_trial, record, trial


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    wandb = pytest.importorskip("wandb")
    yield
    wandb.teardown()
    os.environ.pop("WANDB_SERVICE", None)  # W&B's own, which the sweeps of other tests would inherit


def written(folder: Path) -> list[Any]:
    """The records of each of W&B's files, oldest first."""
    import wandb
    from wandb.proto import wandb_internal_pb2

    wandb.teardown()  # its process may still write a run that has finished
    records: list[Any] = []
    for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb")):
        for data in entries(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            records.append(record)
    return records


def entries(content: bytes) -> Iterator[bytes]:
    """The entries of a log in LevelDB's format, which W&B's has after seven bytes of its own."""
    position, whole = 7, b""
    while position + 7 <= len(content):
        if (left := -position % 32768) and left < 7:  # no header fits into the rest of the block
            position += left
            continue
        size, kind = struct.unpack_from("<HB", content, position + 4)
        if kind == 0:
            break
        whole += content[position + 7 : position + 7 + size]
        position += 7 + size
        if kind in (1, 4):  # the whole entry, or its last part
            yield whole
            whole = b""


def lines(records: list[Any]) -> list[dict[str, Any]]:
    return [
        {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]


def test_study_is_a_run_of_its_group_and_goes_on_after_a_resume(tmp_path: Path) -> None:
    from ax_mo.trackers.wandb import WandbTracker

    first = WandbTracker(TAG, tmp_path)
    first.started(record(tmp_path))
    first.ended(trial(0))
    first.front([0], 0.25)
    first.finished(record(tmp_path, trial(0)), None, StudyEnd.INTERRUPTED)
    time.sleep(1.1)  # W&B names an offline run's folder by the second
    again = WandbTracker(TAG, tmp_path)
    begin(again, tmp_path, trial(0), trial(1, Status.FAILED), paused_trial(2))
    again.ended(paused_trial(2))
    again.ended(trial(2, directory="2/9"))
    (tmp_path / "report.html").write_text("<p>")
    again.finished(record(tmp_path, trial(0), trial(1, Status.FAILED)), tmp_path / "report.html", StudyEnd.FINISHED)

    records = written(tmp_path)
    started = [record.run for record in records if record.WhichOneof("record_type") == "run"]
    assert {(run.run_id, run.run_group, run.display_name, run.job_type, run.project) for run in started} == {
        (TAG.id, "nas", "nas", "study", "mine")
    }
    history = lines(records)
    trials = [line for line in history if "trial" in line]
    assert [(line["trial"], line["status"]) for line in trials] == [
        (0, "completed"), (1, "failed"), (2, "early_stopped"), (2, "completed"),
    ]  # fmt: skip
    assert trials[0]["metrics/val/acc"] == 0.5 and trials[0]["params/optim.lr"] == 0.01
    assert [line["hypervolume"] for line in history if "hypervolume" in line] == [0.25]
    tables = sorted(tmp_path.glob("wandb/offline-run-*/files/media/table/trials*"))
    content = json.loads(tables[-1].read_text())
    assert content["columns"][:3] == ["trial", "status", "pareto"]
    assert content["data"][0][content["columns"].index("optim.lr")] == 0.01
    assert [row[:3] for row in content["data"]] == [[0, "completed", True], [1, "failed", False]]
    artifacts = [record.artifact for record in records if record.WhichOneof("record_type") == "artifact"]
    assert [
        entry.path for artifact in artifacts if artifact.type == "report" for entry in artifact.manifest.contents
    ] == ["report.html"]
