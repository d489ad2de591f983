"""The sources ``returned`` and ``config``: what the task returned, and values of the trial's configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ax_mo.trial.metric_sources.dotted_keys import ABSENT, keys_in, value_by_key
from ax_mo.trial.metric_sources.source import MetricSource, NotFound, TrialOutput, checked_name
from ax_mo.trial.numbers import as_number


@dataclass(frozen=True)
class Returned:
    """What a task returned: values by name, or by their positions alone."""

    named: Mapping[str, Any] = field(default_factory=dict)
    by_position: Mapping[str, Any] = field(default_factory=dict)
    """By the objective that has the place of each: no source that names a metric gives way to these."""
    problem: str | None = None
    """Half a sentence that says why there is neither."""


def by_name(value: Any, objectives: Sequence[str]) -> Returned:
    """A dict has names; a tuple or list stands for the ``objectives`` in their order; one number for the only one."""
    wanted = f"{len(objectives)} objectives ({', '.join(objectives)})"
    if isinstance(value, Mapping):
        return Returned({str(name): entry for name, entry in value.items()})
    if isinstance(value, tuple | list):
        if len(value) == len(objectives):
            return Returned(by_position=dict(zip(objectives, value, strict=True)))
        return Returned(problem=f"the task returned {len(value)} values for {wanted}")
    if value is None:
        return Returned(problem="the task returned nothing")
    if as_number(value) is None:
        return Returned(problem=f"the task returned {type(value).__name__} {value!r:.200}, not numbers")
    if len(objectives) != 1:
        return Returned(problem=f"the task returned one number for {wanted}")
    return Returned(by_position={objectives[0]: value})


class ReturnedValue(MetricSource):
    """``key`` is a dotted key into the returned dict, or a place in the returned tuple.

    Without it, it is the returned number itself, that of the metric's name, or that in the objective's place.
    """

    has_many_values = False

    def __init__(self, metric: str, *, key: str | int | None = None) -> None:
        self._metric = metric
        if isinstance(key, int) and not isinstance(key, bool):
            key = str(key)
        self.key = "" if key is None else checked_name("key", key)

    def values(self, trial: TrialOutput) -> list[float] | NotFound:
        returned, key = trial.returned, self.key
        if not key and isinstance(returned, Mapping):
            key = self._metric
        by_position = {} if key else by_name(returned, trial.spec["objectives"]).by_position
        found = by_position[self._metric] if self._metric in by_position else value_by_key(returned, key)
        if found is not ABSENT and as_number(found) is not None:
            return [found]
        names = tuple(keys_in(returned))
        if isinstance(returned, Mapping):
            there = f"it has the keys {', '.join(names) or '(none)'}"
        elif isinstance(returned, list | tuple):
            there = f"it has {len(returned)} values, of which 'key: 0' is the first"
        else:
            there = "it is nothing" if returned is None else f"it is {returned!r:.100}"
        return NotFound("key" if key else "number", key, "what the task returned", there, names)


class ConfigValue(MetricSource):
    """``key`` is a dotted key of the configuration, or an expression such as ``model.width * model.depth``."""

    has_many_values = False

    def __init__(self, metric: str, *, key: Any = None) -> None:
        self._metric = metric
        if isinstance(key, int | float):
            raise ValueError(
                f"key: {key!r} is a number, and no key of the config. Write the key itself: what ${{...}} stands for "
                "is put in its place once, for the sweep, and would be the same in every trial."
            )
        if not isinstance(key, str) or not key.strip():
            raise ValueError(
                "key is missing: name a value of the config, such as model.width, or an expression of some."
            )
        if "${" in key:
            raise ValueError(f"key: write '{key}' without ${{ and }}: keys stand for their values here.")
        self.key = key

    def values(self, trial: TrialOutput) -> list[float] | NotFound:
        """What the sweeper has worked out and written into ``trial.json``."""
        config = trial.spec.get("config")
        if isinstance(config, dict) and self._metric in config:
            return [config[self._metric]]
        return NotFound("value", self.key, "trial.json", "it has none of the trial")
