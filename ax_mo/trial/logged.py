"""Metrics in files that the project writes by itself: Lightning's ``metrics.csv`` and TensorBoard's event files.

Files that are older than this attempt of the trial are not looked at. Of several that have a metric (a logger makes a
directory for each version) the newest counts. Values that are no finite numbers are left out.
"""

import csv
import logging
import math
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from ax_mo.trial.files import SPEC
from ax_mo.trial.metric_sources import Origin
from ax_mo.trial.metrics import MetricError, as_number
from ax_mo.trial.untrusted import Unusable, open_regular

log = logging.getLogger("ax_mo")

_MOST_BYTES = 2**30

Series = dict[str, list[float]]
"""Each metric's finite values in the order they were written."""


def logged(origin: Origin, directory: Path) -> Series:
    """All metrics in the files below a trial's directory. Raises MetricError where their reader is not installed."""
    return _from_csv(directory) if origin is Origin.CSV else _from_tensorboard(directory)


def _from_csv(directory: Path) -> Series:
    series: Series = {}
    for path in _files(directory, "metrics.csv"):
        series.update(_columns(path))
    return series


def _columns(path: Path) -> Series:
    """A row has the columns that were logged together; the others are empty in it."""
    columns: Series = {}
    try:
        with TextIOWrapper(open_regular(path), newline="", encoding="utf-8", errors="replace") as file:
            for row in csv.DictReader(file):
                _extend(columns, row)
    except (OSError, Unusable, csv.Error):
        pass  # what was read so far
    return columns


def _extend(columns: Series, row: Mapping[str | None, Any]) -> None:
    for name, text in row.items():
        if name is None or not isinstance(text, str):
            continue
        try:
            value = float(text)
        except ValueError:
            continue
        if math.isfinite(value):
            columns.setdefault(name, []).append(value)


def _from_tensorboard(directory: Path) -> Series:
    try:
        from tensorboard.backend.event_processing import event_accumulator
        from tensorboard.util import tensor_util
    except ImportError as error:
        raise MetricError(
            "hydra.sweeper.metrics: 'source: tensorboard' needs a package that is not installed where the trial runs "
            f"({error}): pip install 'hydra-ax-mo[tensorboard]'"
        ) from None
    series: Series = {}
    writer: Path | None = None
    found: Series = {}
    everything = {event_accumulator.SCALARS: 0, event_accumulator.TENSORS: 0}
    for path in _files(directory, "events.out.tfevents.*"):
        if path.parent != writer:  # one writer may have gone on in a second file
            writer, found = path.parent, {}
        events = event_accumulator.EventAccumulator(str(path), size_guidance=everything)
        try:
            events.Reload()
        except Exception as error:  # of many kinds: the file is cut off, or no event file
            log.warning("%s cannot be read: %r", path, error)
        tags = events.Tags()
        for tag in tags[event_accumulator.SCALARS]:
            found.setdefault(tag, []).extend(_finite(event.value for event in events.Scalars(tag)))
        for tag in tags[event_accumulator.TENSORS]:  # scalars of tf.summary, and texts
            try:
                arrays = [tensor_util.make_ndarray(event.tensor_proto) for event in events.Tensors(tag)]
            except Exception as error:  # of many kinds: a plugin's own tensors, which no metric is in
                log.warning("'%s' in %s cannot be read: %r", tag, path, error)
                continue
            found.setdefault(tag, []).extend(_finite(arrays))
        series.update({tag: values for tag, values in found.items() if values})
    return series


def _files(directory: Path, pattern: str) -> list[Path]:
    """Of this attempt, from the oldest directory to the newest, those of one directory together."""
    since = _modified(directory / SPEC)
    times = {path: when for path in _below(directory, pattern) if (when := _modified(path)) >= since}
    newest: dict[Path, float] = {}
    for path, when in times.items():
        newest[path.parent] = max(when, newest.get(path.parent, when))
    return sorted(times, key=lambda path: (newest[path.parent], path.parent, times[path]))


def _below(directory: Path, pattern: str) -> Iterator[Path]:
    # Path.rglob raises for a directory that vanishes meanwhile, such as another program's temporary one.
    for folder, _, names in os.walk(directory):
        yield from (path for name in names if fnmatch(name, pattern) and _is_usable(path := Path(folder, name)))


def _is_usable(path: Path) -> bool:
    """Whether it can be opened without waiting, as a pipe could not, and read in any reasonable time."""
    try:
        found = path.lstat()
    except OSError:
        return False
    if found.st_size > _MOST_BYTES:
        log.warning("%s is larger than %d MiB and is not read.", path, _MOST_BYTES // 2**20)
    return stat.S_ISREG(found.st_mode) and found.st_size <= _MOST_BYTES


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _finite(values: Iterable[Any]) -> list[float]:
    numbers = (as_number(value) for value in values)
    return [number for number in numbers if number is not None and math.isfinite(number)]
