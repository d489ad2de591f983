"""What a trial said, from its task's return value and the files in its directory."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ax_mo.trial.costs import recorded_costs
from ax_mo.trial.curve import Curve, read_curve
from ax_mo.trial.data_files import DataFiles
from ax_mo.trial.documents import ABSENT, keys_in, value_at
from ax_mo.trial.files import LIGHTNING, SPEC, read_json
from ax_mo.trial.metric_sources import MetricSource, Origin, parse_metric_sources
from ax_mo.trial.metrics import MetricError, Returned, as_number, by_name
from ax_mo.trial.sources import Missed, Said, merge
from ax_mo.trial.tensorboard import GLOB, Series, scalars
from ax_mo.trial.trial_files import what_is_there
from ax_mo.trial.untrusted import measured

log = logging.getLogger("ax_mo")


def gather(
    value: Any,
    spec: Mapping[str, Any],
    directory: Path,
    curve: Curve,
    required: Collection[str] = (),
    built_in: Mapping[str, float] | None = None,
) -> Said:
    """``value`` is what the task returned or raised; ``built_in`` are the costs that every trial has.

    Raises MetricError where one of ``required`` is to come from files that cannot be read; others are left out then.
    """
    sources = parse_metric_sources(spec.get("metrics"))
    returned = {} if isinstance(value, BaseException) else value
    record = read_json(directory / LIGHTNING) or {}
    said = Said(
        _returned(returned, spec["objectives"], sources),
        Curve(tuple(point for point in curve.points if point.fit is None)).last(),
        _numbers(record.get("metrics")),
        costs=_numbers(recorded_costs(record)),
        built_in=built_in or {},
        curve=curve.last(),
    )
    places = _Places(returned, spec, directory, curve, said.lightning)
    named: dict[str, tuple[Any, str]] = {}
    missed: dict[str, Missed] = {}
    for name, source in _wanted(sources, said).items():
        try:
            found = places.look(name, source)
        except Exception as error:  # files of other programs, while those may still be at work on them
            _unreadable(name, source, required, error)
            continue
        if isinstance(found, Missed):
            missed[name] = found
        else:
            named[name] = found, str(source.origin)
    return replace(said, named=named, missed=missed)


def _returned(value: Any, objectives: list[str], sources: Mapping[str, MetricSource]) -> Returned:
    """Whoever names the number that is returned, or the places of several, has no use for positions."""
    found = by_name(value, objectives)
    named = [source for source in sources.values() if source.origin is Origin.RETURNED]
    if any(source.tag or not isinstance(value, list | tuple) for source in named):
        return replace(found, by_position={}, problem=None)
    return found


class _Places:
    """Where metrics are looked for, each read once."""

    def __init__(
        self, returned: Any, spec: Mapping[str, Any], directory: Path, curve: Curve, lightning: Mapping[str, float]
    ) -> None:
        self._returned = returned
        self._objectives = spec["objectives"]
        self._config: Mapping[str, Any] = config if isinstance(config := spec.get("config"), dict) else {}
        self._directory = directory
        self._curve = curve
        self._lightning = lightning
        self._files = DataFiles(directory)
        self._scalars: Series | Exception | None = None

    def look(self, name: str, source: MetricSource) -> Any:
        """The metric's value, which need not be a number that counts; or what there is instead."""
        match source.origin:
            case Origin.RETURNED:
                return self._in_returned(name, str(source.tag))
            case Origin.CONFIG:
                there = "it has none of the trial"
                return self._config.get(name, Missed("value", str(source.tag), "trial.json", there))
            case Origin.TENSORBOARD | Origin.CURVE | Origin.LIGHTNING:
                found = self._in_series(source)
            case _:
                found = self._files.look(source)
        return found if isinstance(found, Missed) else source.take.of(found)

    def _in_returned(self, name: str, key: str) -> Any:
        """Without a key it is the number itself, that of the metric's name, or that in the objective's place."""
        if not key and isinstance(self._returned, Mapping):
            key = name
        by_position = {} if key else by_name(self._returned, self._objectives).by_position
        found = by_position[name] if name in by_position else value_at(self._returned, key)
        if found is not ABSENT and as_number(found) is not None:
            return found
        names = tuple(keys_in(self._returned))
        if isinstance(self._returned, Mapping):
            there = f"it has the keys {', '.join(names) or '(none)'}"
        elif isinstance(self._returned, list | tuple):
            there = f"it has {len(self._returned)} values, of which 'key: 0' is the first"
        else:
            there = "it is nothing" if self._returned is None else f"it is {self._returned!r:.100}"
        return Missed("key" if key else "number", key, "what the task returned", there, names)

    def _in_series(self, source: MetricSource) -> list[float] | Missed:
        series = self._series(source.origin)
        values = series.get(str(source.tag))
        if values:
            return values
        if source.origin is Origin.TENSORBOARD:
            where, none = "the event files below the trial's directory", what_is_there(self._directory, GLOB)
        else:
            where = "the curve" if source.origin is Origin.CURVE else "what Lightning logged"
            none = "nothing is there"
        there = f"there are {', '.join(series)}" if series else none
        return Missed("name", str(source.tag), where, there, tuple(series))

    def _series(self, origin: Origin) -> Series:
        """Each metric's finite values, in the order of their steps, where ``origin`` says to look."""
        if origin is Origin.TENSORBOARD:
            return self._tensorboard()
        series: Series = {}
        for point in self._curve.points:
            if origin is Origin.CURVE or point.fit is not None:
                for name, value in point.metrics.items():
                    series.setdefault(name, []).append(value)
        if origin is Origin.LIGHTNING:  # the final value is the last one, whether it is on the curve or not
            for name, value in self._lightning.items():
                if measured(value) is not None:
                    series.setdefault(name, []).append(value)
        return series

    def _tensorboard(self) -> Series:
        if self._scalars is None:
            try:
                self._scalars = scalars(self._directory)
            except Exception as error:  # read once, whether it can be read or not
                self._scalars = error
        if isinstance(self._scalars, Exception):
            raise self._scalars
        return self._scalars


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


def _wanted(sources: Mapping[str, MetricSource], said: Said) -> dict[str, MetricSource]:
    """``hydra.sweeper.metrics`` without the names that the trial has reported a number by."""
    taken = [name for name in sources if as_number(said.reported.get(name)) is not None]
    for name in taken:
        log.warning(
            "hydra.sweeper.metrics.%s is not used: the metric of that name is reported. Give it another name.", name
        )
    return {name: source for name, source in sources.items() if name not in taken}


def _unreadable(name: str, source: MetricSource, required: Collection[str], error: Exception) -> None:
    if name in required:
        if isinstance(error, MetricError):
            raise error
        what = f"'source: {source.origin}' cannot be read: {error!r:.300}"
        raise MetricError(f"hydra.sweeper.metrics.{name}: {what}") from error
    log.warning("hydra.sweeper.metrics.%s: 'source: %s' cannot be read: %s", name, source.origin, error)


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
