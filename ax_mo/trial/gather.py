"""What a trial said, from its task's return value and the files in its directory."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ax_mo.trial.curve import Curve
from ax_mo.trial.files import LIGHTNING, read_json
from ax_mo.trial.metric_sources import MetricSource, Origin, parse_metric_sources
from ax_mo.trial.metrics import as_number, by_name
from ax_mo.trial.sources import Said

Series = dict[str, list[float]]

log = logging.getLogger("ax_mo")


def gather(value: Any, spec: Mapping[str, Any], directory: Path, curve: Curve) -> Said:
    """``value`` is what the task returned; None and no problem for one that raised.

    Raises MetricError where a file cannot be read for want of a package.
    """
    returned = by_name({} if isinstance(value, BaseException) else value, spec["objectives"])
    record = read_json(directory / LIGHTNING) or {}
    reported = Curve(tuple(point for point in curve.points if point.fit is None)).last()
    lightning, costs = _numbers(record.get("metrics")), _numbers(record.get("costs"))
    said = Said(returned, reported, lightning, costs={}, curve=curve.last())
    taken = {name: source for name, source, entry in said.by_precedence if as_number(entry) is not None}
    named: dict[str, tuple[float, str]] = {}
    seen: dict[str, list[str]] = {}
    for name, source in parse_metric_sources(spec.get("metrics")).items():
        if name in taken:
            log.warning(
                "hydra.sweeper.metrics.%s is not used: the metric of that name is %s. Give it another name.",
                name, taken[name],
            )  # fmt: skip
            continue
        series = _series(source, directory, curve, lightning)
        values = series.get(source.tag)
        if values:
            named[name] = (source.take.of(values), str(source.origin))
        else:
            seen[str(source.origin)] = list(series)
    return Said(returned, reported, lightning, named, costs, said.curve, seen)


def _series(
    source: MetricSource, directory: Path, curve: Curve, lightning: Mapping[str, float]
) -> dict[str, list[float]]:
    """Each metric's finite values, in the order of their steps, where the source says to look."""
    if source.origin in (Origin.CSV, Origin.TENSORBOARD):
        from ax_mo.trial.logged import logged

        return logged(source.origin, directory)
    series: Series = {}
    for point in curve.points:
        if source.origin is Origin.CURVE or point.fit is not None:
            for name, value in point.metrics.items():
                series.setdefault(name, []).append(value)
    if source.origin is Origin.LIGHTNING:  # the final value is the last one, whether it is on the curve or not
        for name, value in lightning.items():
            if math.isfinite(value):
                series.setdefault(name, []).append(value)
    return series


def _numbers(entries: Any) -> dict[str, float]:
    """In our own files a number that JSON does not have is its text."""
    if not isinstance(entries, Mapping):
        return {}
    numbers: dict[str, float] = {}
    for name, entry in entries.items():
        try:
            numbers[name] = float(entry) if isinstance(entry, str) else entry
        except ValueError:
            continue
    return numbers
