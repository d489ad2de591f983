"""A study in TensorBoard's HParams tab: ``tensorboard --logdir <sweep dir>/tensorboard``.

A folder per trial with its parameters, metrics and status. Written without TensorFlow, by the classes that come with
TensorBoard itself.
"""

import json
import os
import socket
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from google.protobuf.struct_pb2 import Value
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.summary.writer.record_writer import RecordWriter

from ax_mo.core.trial import Status, Trial
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trackers import Kept, StudyEnd, logged_as
from ax_mo.trackers.env import StudyTag

_FOLDER = "tensorboard"
PARETO_SCALAR = "ax_mo/pareto"
"""Tag of the scalar that is 1 for trials on the front, and 0 for those that were."""

_STATUS = {
    Status.COMPLETED: api_pb2.STATUS_SUCCESS,
    Status.FAILED: api_pb2.STATUS_FAILURE,
    Status.EARLY_STOPPED: api_pb2.STATUS_SUCCESS,
}


class TensorBoardTracker:
    """Logs a study below ``directory``, the sweep's. Files are added to, and never written anew."""

    def __init__(self, tag: StudyTag, directory: Path) -> None:
        self._directory = directory / _FOLDER
        # Named as TensorBoard wants it, which reads a folder's files in the order of their names.
        self._file = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        self._kept = Kept(directory, "tensorboard")
        self._logged: set[int | str] = set(self._kept.values.get("logged", []))
        self._front: set[int] = set(self._kept.values.get("front", []))

    def started(self, record: StudySnapshot) -> str | None:
        return None  # what the tab's columns are, TensorBoard sees from the trials

    def ended(self, trial: Trial) -> None:
        if logged_as(trial) in self._logged:
            return
        params = {key: _value(value) for key, value in trial.point.items()}
        start = SessionStartInfo(group_name=str(trial.number), start_time_secs=_seconds(trial.started), hparams=params)
        end = SessionEndInfo(status=_STATUS[trial.status], end_time_secs=_seconds(trial.ended))
        summaries = [_plugin(metadata.SESSION_START_INFO_TAG, session_start_info=start)]
        summaries += [_scalar(name, value) for name, value in trial.metrics.items()]
        summaries += [_plugin(metadata.SESSION_END_INFO_TAG, session_end_info=end)]
        self._write(f"trial_{trial.number}", summaries)
        self._logged.add(logged_as(trial))
        self._kept.save(logged=sorted(self._logged, key=str))

    def front(self, numbers: Sequence[int], hypervolume: float) -> None:
        now = {number for number in numbers if number in self._logged}
        for number in self._front ^ now:
            self._write(f"trial_{number}", [_scalar(PARETO_SCALAR, float(number in now))])
            self._front = self._front ^ {number}  # at once: the next flag may fail
            self._kept.save(front=sorted(self._front))
        self._write("", [_scalar("ax_mo/hypervolume", hypervolume)], len(self._logged))

    def finished(self, record: StudySnapshot, report: Path | None, state: StudyEnd) -> None:
        pass

    def _write(self, folder: str, summaries: Sequence[Summary], step: int = 0) -> None:
        """Add to this process's file in the folder; several of the same second would be read in any order."""
        path = self._directory / folder / self._file
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        with path.open("ab") as file:
            writer = RecordWriter(file)
            if new:
                writer.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
            for summary in summaries:
                writer.write(Event(summary=summary, wall_time=time.time(), step=step).SerializeToString())


def _value(value: Any) -> Value:
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, int | float):
        return Value(number_value=value)
    return Value(string_value=value if isinstance(value, str) else json.dumps(value))


def _plugin(tag: str, **content: Any) -> Summary:
    data = metadata.create_summary_metadata(HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content))
    return Summary(value=[Summary.Value(tag=tag, metadata=data, tensor=metadata.NULL_TENSOR)])


def _scalar(tag: str, value: float) -> Summary:
    return Summary(value=[Summary.Value(tag=tag, simple_value=value)])


def _seconds(moment: str | None) -> float:
    return time.time() if moment is None else datetime.fromisoformat(moment).timestamp()
