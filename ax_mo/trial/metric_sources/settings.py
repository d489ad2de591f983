"""``hydra.sweeper.metrics`` as read: for each metric its source, and which of several values is taken."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ax_mo.errors import ConfigError, closest
from ax_mo.trial.metric_sources.source import MetricSource, NotFound, TrialOutput
from ax_mo.trial.registry import Registry

SOURCES = Registry(
    "ax_mo.metric_sources",
    {
        "returned": "ax_mo.trial.metric_sources.values:ReturnedValue",
        "config": "ax_mo.trial.metric_sources.values:ConfigValue",
        "csv": "ax_mo.trial.metric_sources.rows:CsvColumn",
        "json": "ax_mo.trial.metric_sources.rows:JsonFile",
        "jsonl": "ax_mo.trial.metric_sources.rows:JsonLines",
        "yaml": "ax_mo.trial.metric_sources.rows:YamlFile",
        "log": "ax_mo.trial.metric_sources.logs:LogPattern",
        "tensorboard": "ax_mo.trial.metric_sources.tensorboard:TensorBoardTag",
        "curve": "ax_mo.trial.metric_sources.curves:CurveTag",
        "lightning": "ax_mo.trial.metric_sources.curves:LightningTag",
    },
)
"""Every kind of source, by what ``source:`` calls it."""

_KEY = "hydra.sweeper.metrics"


_TAKES: Mapping[str, Callable[[list[float]], float]] = {"last": lambda values: values[-1], "min": min, "max": max}


@dataclass(frozen=True)
class MetricSetting:
    """One entry of ``hydra.sweeper.metrics``: ``kind`` is its ``source:``, ``take`` says which of the values counts."""

    kind: str
    source: MetricSource
    take: str = "last"

    def value(self, trial: TrialOutput) -> float | NotFound:
        """The metric's value, which need not be finite; or what there is instead. Raises what the source raises."""
        found = self.source.values(trial)
        if isinstance(found, NotFound):
            return found
        return _TAKES[self.take](found) if found else NotFound("value", "", f"'source: {self.kind}'", "there is none")


def parse_metric_sources(raw: Any) -> dict[str, MetricSetting]:
    """Read ``hydra.sweeper.metrics``: metric name -> its settings or the source alone.

    Raises ConfigError naming the key.
    """
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise ConfigError(
            f"{_KEY}: {raw!r:.100} is not a mapping; write for example\n"
            "  metrics:\n    val_acc: {source: csv, column: val/acc, take: max}"
        )
    return {str(name): _parse(f"{_KEY}.{name}", str(name), entry) for name, entry in raw.items()}


def _parse(key: str, name: str, entry: Any) -> MetricSetting:
    if isinstance(entry, str):
        entry = {"source": entry}
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{key}: {entry!r:.100} is not a mapping; write {{source: csv, column: ..., take: last}}.")
    given = {str(setting): value for setting, value in entry.items() if value is not None}
    if "source" not in given:
        raise ConfigError(f"{key}.source is missing: choose one of {', '.join(SOURCES.names)}.")
    kind = str(given.pop("source"))
    make = SOURCES.load(kind, f"{key}.source")
    if not issubclass(make if isinstance(make, type) else object, MetricSource):
        raise ConfigError(f"{key}.source: '{kind}' is {make!r:.100}, and no subclass of MetricSource.")
    settings = dict(list(inspect.signature(make).parameters.items())[1:])
    known = ["source", *settings, *(["take"] if make.has_many_values else [])]
    for unknown in given.keys() - set(known):
        hint = closest(unknown, known)
        raise ConfigError(
            f"{key}.{unknown}: there is no such key for 'source: {kind}'; choose from {', '.join(known)}.{hint}"
        )
    for setting, parameter in settings.items():
        if parameter.default is parameter.empty and setting not in given:
            raise ConfigError(f"{key}.{setting} is missing: 'source: {kind}' needs it.")
    take = str(given.pop("take", "last"))
    if take not in _TAKES:
        hint = closest(take, _TAKES)
        raise ConfigError(f"{key}.take: {take!r:.100} is not known; choose one of {', '.join(_TAKES)}.{hint}")
    try:
        return MetricSetting(kind, make(name, **given), take)
    except ValueError as error:
        raise ConfigError(f"{key}.{error}") from None
    except Exception as error:  # of somebody else's constructor
        raise ConfigError(f"{key}: 'source: {kind}' does not take this: {type(error).__name__}: {error}") from error
