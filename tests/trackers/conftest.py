"""Studies as values."""

from pathlib import Path

import pytest

from ax_mo.core.budget import Budget
from ax_mo.core.objectives import parse_goals
from ax_mo.core.repeats import aggregate_repeats
from ax_mo.core.trial import Status, Trial, TrialRun
from ax_mo.search_space.parameters import Choice, Option, Range
from ax_mo.search_space.space import SearchSpace
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trackers import Tracker
from ax_mo.trackers.env import StudyTag
from tests.support.trials import make_run

SPACE = SearchSpace(
    (Range("optim.lr", 1e-4, 0.1, log=True), Choice("+model@net", (Option("a", "a"), Option(None, "null"))))
)
GOALS = parse_goals({"val/acc": {"goal": "maximize", "threshold": 0.5}, "size": "minimize"})
TAG = StudyTag("nas", "0123456789ab")


def trial(number: int, status: Status = Status.COMPLETED, **values: object) -> TrialRun:
    metrics = {"val/acc": 0.5 + number / 10, "size": 10.0 * (number + 1)} if status is Status.COMPLETED else {}
    content: dict[str, object] = {
        "metrics": metrics, "generator": "Sobol", "reason": None if metrics else "ValueError: diverged",
        "started": f"2026-01-01T00:00:0{number}+00:00", "ended": f"2026-01-01T00:01:0{number}+00:00",
    }  # fmt: skip
    point = {"optim.lr": 0.01 * (number + 1), "+model@net": "a" if number % 2 else None}
    return make_run(number, status=status, point=point, **{**content, **values})


def paused_trial(number: int) -> Trial:
    """One that has trained for one epoch of nine, and may be promoted."""
    run = trial(
        number, Status.EARLY_STOPPED, metrics={"val/acc": 0.25, "size": 10.0}, reason="paused at epochs=1 of 9",
        directory=f"{number}/1", budget=Budget("epochs", 1, 9, is_reached=True), repeat=0,
    )  # fmt: skip
    return aggregate_repeats([run])


def record(directory: Path, *trials: Trial) -> StudySnapshot:
    created = "2026-01-01T00:00:00+00:00"
    return StudySnapshot(
        "study", directory, SPACE, GOALS, 1, created, trials, trials, {"n_trials": 4, "method": "fast"}
    )


def begin(tracker: Tracker, directory: Path, *trials: Trial) -> str | None:
    """Tell the tracker of a study that has these trials, as its process does."""
    parent = tracker.started(record(directory, *trials))
    for ended in trials:
        tracker.ended(ended)
    return parent


@pytest.fixture(scope="session")
def mlflow_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of MLflow's store in a SQLite file, without a server."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
