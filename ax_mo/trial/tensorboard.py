"""Metrics in TensorBoard's event files. Of several directories that have a metric, the newest counts."""

import logging
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ax_mo.trial.metrics import MetricError, as_number
from ax_mo.trial.trial_files import trial_files

log = logging.getLogger("ax_mo")

GLOB = "**/events.out.tfevents.*"

Series = dict[str, list[float]]
"""Each metric's finite values in the order they were written."""


def scalars(directory: Path) -> Series:
    """All metrics below a trial's directory. Raises MetricError where their reader is not installed."""
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
    for path in trial_files(directory, GLOB):
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


def _finite(values: Iterable[Any]) -> list[float]:
    numbers = (as_number(value) for value in values)
    return [number for number in numbers if number is not None and math.isfinite(number)]
