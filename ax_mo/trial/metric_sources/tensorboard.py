"""The source ``tensorboard``: scalars in event files. Of several directories that have one, the newest counts."""

import logging
from importlib.util import find_spec
from pathlib import Path

from ax_mo.trial.metric_sources.curves import Series, TaggedSeries
from ax_mo.trial.metric_sources.files import what_is_there
from ax_mo.trial.metric_sources.source import MetricError, TrialOutput
from ax_mo.trial.numbers import finite_numbers

log = logging.getLogger("ax_mo")

_GLOB = "**/events.out.tfevents.*"


class TensorBoardTag(TaggedSeries):
    """Scalars by their tags."""

    where = "the event files below the trial's directory"

    def missing_package(self) -> str | None:
        return (
            None if find_spec("tensorboard") else "needs TensorBoard's reader: pip install 'hydra-ax-mo[tensorboard]'"
        )

    def series(self, trial: TrialOutput) -> Series:
        return scalars(trial)

    def nothing_there(self, trial: TrialOutput) -> str:
        return what_is_there(trial.directory, _GLOB)


def scalars(trial: TrialOutput) -> dict[str, list[float]]:
    """All scalars below a trial's directory, finite values alone. Raises MetricError where no reader is installed."""
    try:
        from tensorboard.backend.event_processing import event_accumulator
        from tensorboard.util import tensor_util
    except ImportError as error:
        raise MetricError(
            "hydra.sweeper.metrics: 'source: tensorboard' needs a package that is not installed where the trial runs "
            f"({error}): pip install 'hydra-ax-mo[tensorboard]'"
        ) from None
    series: dict[str, list[float]] = {}
    writer: Path | None = None
    found: dict[str, list[float]] = {}
    everything = {event_accumulator.SCALARS: 0, event_accumulator.TENSORS: 0}
    for path in trial.files(_GLOB):
        if path.parent != writer:  # one writer may have gone on in a second file
            writer, found = path.parent, {}
        events = event_accumulator.EventAccumulator(str(path), size_guidance=everything)
        try:
            events.Reload()
        except Exception as error:  # of many kinds: the file is cut off, or no event file
            log.warning("%s cannot be read: %r", path, error)
        tags = events.Tags()
        for tag in tags[event_accumulator.SCALARS]:
            found.setdefault(tag, []).extend(finite_numbers([event.value for event in events.Scalars(tag)]))
        for tag in tags[event_accumulator.TENSORS]:  # scalars of tf.summary, and texts
            try:
                arrays = [tensor_util.make_ndarray(event.tensor_proto) for event in events.Tensors(tag)]
            except Exception as error:  # of many kinds: a plugin's own tensors, which no metric is in
                log.warning("'%s' in %s cannot be read: %r", tag, path, error)
                continue
            found.setdefault(tag, []).extend(finite_numbers(arrays))
        series.update({tag: values for tag, values in found.items() if values})
    return series
