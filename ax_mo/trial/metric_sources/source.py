"""What a source of metrics is: settings go in, what a trial has left goes in, values come out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from ax_mo.trial.curve import LearningCurve, read_curve
from ax_mo.trial.files import LIGHTNING, read_json
from ax_mo.trial.metric_sources.files import trial_files
from ax_mo.trial.numbers import from_json

T = TypeVar("T")


class MetricError(Exception):
    """The trial has not given what the study needs; the message says what it has given."""


@dataclass(frozen=True)
class NotFound:
    """A metric that its source does not have, with what the message to the user says of it."""

    noun: str
    """What was looked for: a key, a column, a pattern."""
    tag: str
    """What that is called."""
    where: str
    instead: str
    """What is there instead, as half a sentence."""
    names: tuple[str, ...] = ()
    """Those among which the one that was meant may be."""


@dataclass(frozen=True)
class TrialOutput:
    """What one attempt of a trial has left."""

    directory: Path
    spec: Mapping[str, Any] = field(default_factory=dict)
    """The content of ``trial.json``."""
    returned: Any = None
    """What the task returned; an empty dict where it raised."""
    _read: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def curve(self) -> LearningCurve:
        """What the trial reported, and what Lightning logged, step by step."""
        return read_curve(self.directory)

    @cached_property
    def lightning_record(self) -> Mapping[str, Any]:
        """The content of ``lightning.json``."""
        return read_json(self.directory / LIGHTNING) or {}

    @cached_property
    def lightning(self) -> Mapping[str, Any]:
        """The final metrics that Lightning logged."""
        metrics = self.lightning_record.get("metrics")
        return {name: from_json(value) for name, value in metrics.items()} if isinstance(metrics, dict) else {}

    def files(self, glob: str) -> list[Path]:
        """Files of this attempt below the directory that match ``glob``, of the newest directory last.

        Links, pipes and files of more than 1 GiB are left out.
        """
        return trial_files(self.directory, glob)

    def read_once(self, key: object, read: Callable[[], T]) -> T:
        """What ``read`` returns, kept under ``key`` for all metrics of the trial."""
        if key not in self._read:
            self._read[key] = read()
        value: T = self._read[key]
        return value


class MetricSource:
    """Where one metric is found: an entry of ``hydra.sweeper.metrics``. Each kind of source is a subclass.

    It is made with the metric's name and, by keyword, with the settings of the entry: the parameters of its constructor
    are the settings that there are. A constructor that raises ValueError with a text that begins with the name of a
    setting ("path: 3 is not the name of a file.") gives the user that message, with the whole key before it.
    """

    has_many_values = True
    """Whether there may be several values, of which the setting ``take`` names one."""

    def values(self, trial: TrialOutput) -> list[float] | NotFound:
        """The metric's values in the order they were recorded; NotFound, or an empty list, where there are none.

        What it raises counts as not found if the study does not need the metric, and as the trial's failure otherwise.
        """
        raise NotImplementedError

    def missing_package(self) -> str | None:
        """What has to be installed where the trials run and is not installed here, as half a sentence; or None."""
        return None


def checked_name(setting: str, name: Any) -> str:
    """Raises ValueError for what is not a text that something can be called."""
    if not isinstance(name, str) or not name:
        raise ValueError(f"{setting}: {name!r:.100} is not the name of a metric.")
    return name
