"""What a trial said, from its task's return value and the files in its directory."""

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ax_mo.trial.curve import Curve, read_curve
from ax_mo.trial.files import LIGHTNING, SPEC, read_json
from ax_mo.trial.logged import Series, logged
from ax_mo.trial.metric_sources import MetricSource, Origin, parse_metric_sources
from ax_mo.trial.metrics import MetricError, as_number, by_name
from ax_mo.trial.sources import Said, merge
from ax_mo.trial.untrusted import measured

log = logging.getLogger("ax_mo")


def gather(value: Any, spec: Mapping[str, Any], directory: Path, curve: Curve, required: Collection[str] = ()) -> Said:
    """``value`` is what the task returned or raised.

    Raises MetricError where one of ``required`` is to come from files that cannot be read; others are left out then.
    """
    returned = by_name({} if isinstance(value, BaseException) else value, spec["objectives"])
    record = read_json(directory / LIGHTNING) or {}
    reported = Curve(tuple(point for point in curve.points if point.fit is None)).last()
    lightning, costs = _numbers(record.get("metrics")), _numbers(record.get("costs"))
    said = Said(returned, reported, lightning, costs={}, curve=curve.last())
    wanted = _wanted(spec, said)
    named: dict[str, tuple[float, str]] = {}
    seen: dict[str, list[str]] = {}
    for origin in dict.fromkeys(source.origin for source in wanted.values()):
        of_origin = {name: source for name, source in wanted.items() if source.origin is origin}
        try:
            series = _series(origin, directory, curve, lightning)
        except Exception as error:  # files of other programs, while those may still be at work on them
            _unreadable(origin, list(of_origin), required, error)
            continue
        for name, source in of_origin.items():
            if values := series.get(source.tag):
                named[name] = (source.take.of(values), str(origin))
            else:
                seen[str(origin)] = list(series)
    return Said(returned, reported, lightning, named, costs, said.curve, seen)


def partial_metrics(directory: Path) -> dict[str, float]:
    """What a trial that ended without its result has left of metrics, as its recorder counts a stopped trial's.

    Never raises: what cannot be read is left out, with a warning.
    """
    try:
        curve = read_curve(directory)
        spec = {"objectives": [], **(read_json(directory / SPEC) or {})}
        return merge(gather({}, spec, directory, curve), (), stopped=True).metrics
    except Exception as error:
        log.warning("The metrics in %s cannot be read: %r", directory, error)
        return {}


def _wanted(spec: Mapping[str, Any], said: Said) -> dict[str, MetricSource]:
    """``hydra.sweeper.metrics`` without the names that the trial has reported a number by."""
    sources = parse_metric_sources(spec.get("metrics"))
    taken = [name for name in sources if as_number(said.reported.get(name)) is not None]
    for name in taken:
        log.warning(
            "hydra.sweeper.metrics.%s is not used: the metric of that name is reported. Give it another name.", name
        )
    return {name: source for name, source in sources.items() if name not in taken}


def _unreadable(origin: Origin, names: list[str], required: Collection[str], error: Exception) -> None:
    needed = [name for name in names if name in required]
    if needed and isinstance(error, MetricError):
        raise error
    if needed:
        raise MetricError(
            f"hydra.sweeper.metrics.{needed[0]}: 'source: {origin}' cannot be read: {error!r:.300}"
        ) from error
    log.warning("hydra.sweeper.metrics: 'source: %s' cannot be read for %s: %s", origin, ", ".join(names), error)


def _series(origin: Origin, directory: Path, curve: Curve, lightning: Mapping[str, float]) -> Series:
    """Each metric's finite values, in the order of their steps, where ``origin`` says to look."""
    if origin in (Origin.CSV, Origin.TENSORBOARD):
        return logged(origin, directory)
    series: Series = {}
    for point in curve.points:
        if origin is Origin.CURVE or point.fit is not None:
            for name, value in point.metrics.items():
                series.setdefault(name, []).append(value)
    if origin is Origin.LIGHTNING:  # the final value is the last one, whether it is on the curve or not
        for name, value in lightning.items():
            if measured(value) is not None:
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
