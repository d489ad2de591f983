"""A study in trackers that people use: MLflow, Weights & Biases, TensorBoard, Optuna, and any that a package adds.

Nothing here imports one of them before a sweep has named it under ``hydra.sweeper.trackers``; each then runs in a
process of its own (``ax_mo.trackers.child``).
"""

from collections.abc import Sequence
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ax_mo.core.trial import Trial
from ax_mo.errors import ConfigError, closest
from ax_mo.trial.files import read_json, write_json
from ax_mo.trial.registry import Registry

if TYPE_CHECKING:
    from ax_mo.storage.snapshot import StudySnapshot

_BUILT_IN = {
    "mlflow": "ax_mo.trackers.mlflow:MlflowTracker",
    "wandb": "ax_mo.trackers.wandb:WandbTracker",
    "tensorboard": "ax_mo.trackers.tensorboard:TensorBoardTracker",
    "optuna": "ax_mo.trackers.optuna:OptunaTracker",
}
"""The built-in trackers' classes. A key is the name in ``hydra.sweeper.trackers``, and of the extra, and of the package
that is looked for before a sweep begins: the three must be the same.
"""

TRACKERS = Registry("ax_mo.trackers", _BUILT_IN)

FOLDER = ".trackers"
"""In the sweep directory: what trackers remember, and their logs."""
_MOST_BYTES = 64 * 2**20
"""Of the file in which a tracker remembers what it has logged."""


class StudyEnd(StrEnum):
    """How a sweeper has left its study."""

    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"


class Tracker(Protocol):
    """Logs one study. A tracker's class is made with a ``StudyTag`` and the sweep's directory.

    Its methods are called one after the other in a process of the tracker's own, may take their time, and may raise:
    the error is shown to the user once, and everything is called again later, beginning with ``started``. Also after a
    resume everything is called again. So what is logged already must not be logged twice.

    One that has a method ``progressed(record)`` is also told of each change: trials that begin, and all else.
    """

    def started(self, record: "StudySnapshot") -> str | None:
        """A sweeper begins, or goes on. Returns the id of MLflow's run of the study, and None for other trackers."""

    def ended(self, trial: Trial) -> None:
        """The trial is one of the study's own, and has completed, failed or been stopped early.

        One that is paused at a rung is told of when the sweep ends; where a later sweep lets it train on, once more.
        """

    def front(self, numbers: Sequence[int], hypervolume: float) -> None:
        """The Pareto front has changed: it holds the trials of these numbers, and no others."""

    def finished(self, record: "StudySnapshot", report: Path | None, state: StudyEnd) -> None:
        """The sweeper ends, and every trial was told of. ``report`` is the study's page, where there is one."""


class Kept:
    """What a tracker remembers between sweepers: a JSON object in ``.trackers/<name>.json`` of the sweep directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self._path = directory / FOLDER / f"{name}.json"
        self.values: dict[str, Any] = read_json(self._path, _MOST_BYTES) or {}

    def save(self, **values: Any) -> None:
        """Remember these values as well."""
        self.values.update(values)
        self._path.parent.mkdir(exist_ok=True)
        write_json(self._path, self.values)


def logged_as(trial: Trial) -> int | str:
    """What a tracker remembers of a trial that it has logged: at each rung where it was paused, it is another."""
    return trial.directory if trial.is_paused else trial.number


def parse_trackers(given: Any) -> tuple[str, ...]:
    """The names under ``hydra.sweeper.trackers``. Raises ConfigError for an unknown one, or one not installed."""
    if given is None:
        return ()
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Sequence):
        raise ConfigError(f"hydra.sweeper.trackers must be a list of names, such as [mlflow], not {given!r}.")
    for name in map(str, names):
        if name not in TRACKERS.names:
            raise ConfigError(
                f"hydra.sweeper.trackers: unknown tracker '{name}'; choose among {', '.join(TRACKERS.names)}."
                f"{closest(name, TRACKERS.names)}"
            )
        # A folder alone, such as the one in which W&B keeps its runs, has no origin.
        if name in _BUILT_IN and getattr(find_spec(name), "origin", None) is None:
            raise ConfigError(
                f"hydra.sweeper.trackers: {name} is not installed here: pip install 'hydra-ax-mo[{name}]'."
            )
    return tuple(dict.fromkeys(map(str, names)))
