"""Trackers that people already use: a study in MLflow, Weights & Biases and TensorBoard.

Nothing here imports one of them before a sweep has named it under ``hydra.sweeper.trackers``.
"""

from collections.abc import Sequence
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ax_mo.core.trial import Trial
from ax_mo.errors import ConfigError, closest
from ax_mo.trackers.env import StudyTag

if TYPE_CHECKING:
    from ax_mo.storage.snapshot import StudyRecord

TRACKERS = {
    "mlflow": "ax_mo.trackers.mlflow:MlflowTracker",
    "wandb": "ax_mo.trackers.wandb:WandbTracker",
    "tensorboard": "ax_mo.trackers.tensorboard:TensorBoardTracker",
}
"""Each tracker's class, by the name of the package it needs, of its extra, and under ``hydra.sweeper.trackers``."""


class State(StrEnum):
    """How a sweeper has left its study."""

    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"


class Tracker(Protocol):
    """Logs one study. Every call may come again after a resume and logs what is not logged yet; any may raise."""

    def started(self, record: "StudyRecord") -> str | None:
        """A sweeper begins, or goes on. Returns the id of the study's own run, where trials can be put below it."""

    def ended(self, trial: Trial) -> None:
        """The trial has completed, failed or been stopped early."""

    def front(self, numbers: Sequence[int], hypervolume: float | None) -> None:
        """These trials, and no others, are on the front now."""

    def finished(self, record: "StudyRecord", report: Path | None, state: State) -> None:
        """The sweeper ends. ``record`` holds every trial, also those that could not be logged when they ended."""


def parse_trackers(given: Any) -> tuple[str, ...]:
    """The names under ``hydra.sweeper.trackers``. Raises ConfigError for an unknown one, or one not installed."""
    if given is None:
        return ()
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Sequence):
        raise ConfigError(f"hydra.sweeper.trackers must be a list of names, such as [mlflow], not {given!r}.")
    for name in map(str, names):
        if name not in TRACKERS:
            raise ConfigError(
                f"hydra.sweeper.trackers: unknown tracker '{name}'; choose among {', '.join(TRACKERS)}."
                f"{closest(name, TRACKERS)}"
            )
        if not _is_installed(name):
            raise ConfigError(
                f"hydra.sweeper.trackers: {name} is not installed here: pip install 'hydra-ax-mo[{name}]'."
            )
    return tuple(dict.fromkeys(map(str, names)))


def _is_installed(name: str) -> bool:
    """Whether there is a package of the name, and not only a folder, such as the one in which W&B keeps its runs."""
    spec = find_spec(name)
    return spec is not None and spec.origin is not None


def make_tracker(name: str, tag: StudyTag, directory: Path) -> Tracker:
    """Import the tracker; ``directory`` is the sweep's."""
    module, _, attribute = TRACKERS[name].partition(":")
    tracker: Tracker = getattr(import_module(module), attribute)(tag, directory)
    return tracker
