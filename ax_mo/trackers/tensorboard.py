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

from google.protobuf.struct_pb2 import ListValue, Value
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.summary.writer.record_writer import RecordWriter

from ax_mo.core.trial import Status, Trial
from ax_mo.search_space.parameters import Choice, Parameter, Range
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trackers import Kept, StudyEnd
from ax_mo.trackers.env import StudyTag

FOLDER = "tensorboard"
PARETO = "ax_mo/pareto"
"""Tag of the scalar that is 1 for trials on the front, and 0 for those that were."""

_STATUS = {
    Status.COMPLETED: api_pb2.STATUS_SUCCESS,
    Status.FAILED: api_pb2.STATUS_FAILURE,
    Status.EARLY_STOPPED: api_pb2.STATUS_SUCCESS,
}


class TensorBoardTracker:
    """``directory`` is the sweep's. Files once written are added to, never written anew."""

    def __init__(self, tag: StudyTag, directory: Path) -> None:
        self._tag = tag
        self._directory = directory / FOLDER
        # Named as TensorBoard wants it, which reads a folder's files in the order of their names.
        self._file = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        self._kept = Kept(directory, "tensorboard")
        self._logged: set[int] = set(self._kept.values.get("logged", []))
        self._front: set[int] = set(self._kept.values.get("front", []))

    def started(self, record: StudySnapshot) -> str | None:
        if not self._kept.values.get("experiment"):
            self._write("", [_experiment(self._tag.label, record)])
            self._kept.save(experiment=True)
        return None

    def ended(self, trial: Trial) -> None:
        if trial.number in self._logged:
            return
        started, ended = _seconds(trial.started), _seconds(trial.ended)
        start = SessionStartInfo(group_name=str(trial.number), start_time_secs=started)
        for key, value in trial.point.items():
            start.hparams[key].CopyFrom(_value(value))
        end = SessionEndInfo(status=_STATUS[trial.status], end_time_secs=ended)
        scalars = [_scalar(name, value) for name, value in trial.metrics.items()]
        self._write(_folder(trial.number), [_session_start(start), *scalars, _session_end(end)])
        self._logged.add(trial.number)
        self._kept.save(logged=sorted(self._logged))

    def front(self, numbers: Sequence[int], hypervolume: float) -> None:
        now = self._logged.intersection(numbers)
        for number in self._front ^ now:
            self._write(_folder(number), [_scalar(PARETO, float(number in now))])
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


def _folder(number: int) -> str:
    return f"trial_{number}"


def _experiment(label: str, record: StudySnapshot) -> Summary:
    """What the tab's columns are."""
    experiment = api_pb2.Experiment(
        description=label,
        time_created_secs=_seconds(record.created),
        hparam_infos=[_hparam(parameter) for parameter in record.space.parameters],
        metric_infos=[api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name)) for name in record.goals.required],
    )
    return _plugin(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment))


def _hparam(parameter: Parameter) -> Any:
    if isinstance(parameter, Range):
        interval = api_pb2.Interval(min_value=parameter.low, max_value=parameter.high)
        return api_pb2.HParamInfo(name=parameter.key, type=api_pb2.DATA_TYPE_FLOAT64, domain_interval=interval)
    assert isinstance(parameter, Choice)
    values = [_value(option.value) for option in parameter.options]
    kinds = {value.WhichOneof("kind") for value in values}
    if len(kinds) > 1:  # the tab wants one type
        values, kinds = [Value(string_value=option.text) for option in parameter.options], {"string_value"}
    return api_pb2.HParamInfo(
        name=parameter.key, type=_TYPES[kinds.pop() or "string_value"], domain_discrete=ListValue(values=values)
    )


_TYPES = {
    "string_value": api_pb2.DATA_TYPE_STRING,
    "bool_value": api_pb2.DATA_TYPE_BOOL,
    "number_value": api_pb2.DATA_TYPE_FLOAT64,
}


def _value(value: Any) -> Value:
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, int | float):
        return Value(number_value=value)
    return Value(string_value=value if isinstance(value, str) else json.dumps(value))


def _session_start(info: SessionStartInfo) -> Summary:
    return _plugin(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info))


def _session_end(info: SessionEndInfo) -> Summary:
    return _plugin(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info))


def _plugin(tag: str, content: HParamsPluginData) -> Summary:
    content.version = metadata.PLUGIN_DATA_VERSION
    data = metadata.create_summary_metadata(content)
    return Summary(value=[Summary.Value(tag=tag, metadata=data, tensor=metadata.NULL_TENSOR)])


def _scalar(tag: str, value: float) -> Summary:
    return Summary(value=[Summary.Value(tag=tag, simple_value=value)])


def _seconds(moment: str | None) -> float:
    return time.time() if moment is None else datetime.fromisoformat(moment).timestamp()
