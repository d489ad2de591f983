"""``hydra.sweeper.metrics``: metrics that are read from what the trial recorded or wrote, and which value to take."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from ax_mo.errors import ConfigError, closest

_KEY = "hydra.sweeper.metrics"
Choice = TypeVar("Choice", bound=StrEnum)


class Origin(StrEnum):
    """Where the values of a metric are found."""

    TENSORBOARD = "tensorboard"
    CSV = "csv"
    CURVE = "curve"
    LIGHTNING = "lightning"


class Take(StrEnum):
    """Which of the values counts."""

    LAST = "last"
    MIN = "min"
    MAX = "max"

    def of(self, values: list[float]) -> float:
        """The one of ``values`` (at least one, in the order they were recorded) that counts."""
        if self is Take.LAST:
            return values[-1]
        return min(values) if self is Take.MIN else max(values)


@dataclass(frozen=True)
class MetricSource:
    """``tag`` is the metric's name where it is found."""

    origin: Origin
    tag: str
    take: Take = Take.LAST


def parse_metric_sources(raw: Any) -> dict[str, MetricSource]:
    """Read ``hydra.sweeper.metrics``, metric name -> ``{source, tag, take}`` or the source alone.

    ``tag`` is the metric's name unless given, ``take`` the last value. Raises ConfigError naming the key.
    """
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise ConfigError(
            f"{_KEY}: {raw!r:.100} is not a mapping; write for example\n"
            "  metrics:\n    val_acc: {source: csv, tag: val/acc, take: max}"
        )
    return {str(name): _parse(f"{_KEY}.{name}", str(name), entry) for name, entry in raw.items()}


def _parse(key: str, name: str, entry: Any) -> MetricSource:
    if isinstance(entry, str):
        entry = {"source": entry}
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{key}: {entry!r:.100} is not a mapping; write {{source: csv, tag: ..., take: last}}.")
    for unknown in entry.keys() - {"source", "tag", "take"}:
        hint = closest(str(unknown), ("source", "tag", "take"))
        raise ConfigError(f"{key}.{unknown}: there is no such key; choose from source, tag, take.{hint}")
    if entry.get("source") is None:
        raise ConfigError(f"{key}.source is missing: choose one of {_choices(Origin)}.")
    tag = name if entry.get("tag") is None else entry["tag"]
    if not isinstance(tag, str) or not tag:
        raise ConfigError(f"{key}.tag: {tag!r:.100} is not the name of a metric.")
    take = Take.LAST if entry.get("take") is None else _one_of(Take, f"{key}.take", entry["take"])
    return MetricSource(_one_of(Origin, f"{key}.source", entry["source"]), tag, take)


def _one_of(choices: type[Choice], key: str, value: Any) -> Choice:
    try:
        return choices(value)
    except ValueError:
        hint = closest(str(value), list(choices))
        raise ConfigError(
            f"{key}: {str(value)!r:.100} is not known; choose one of {_choices(choices)}.{hint}"
        ) from None


def _choices(choices: type[StrEnum]) -> str:
    return ", ".join(choices)
