"""A tracker that fails or hangs costs a notice and no more."""

import importlib
import json
import sys
from pathlib import Path

import psutil
import pytest

from ax_mo.core.trial import TrialRun
from ax_mo.errors import ConfigError
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.snapshot import describe_study
from ax_mo.storage.store import Store
from ax_mo.trackers import StudyEnd, parse_trackers
from ax_mo.trackers.process import Trackers

from .conftest import GOALS, SPACE, TAG, trial


def trackers(directory: Path, notices: list[str], *names: str) -> Trackers:
    add(directory, trial(0), trial(-1))
    return Trackers(names, database(directory), TAG, directory, notices.append)


def add(directory: Path, *trials: TrialRun) -> None:
    about_it = json.dumps(describe_study(SPACE, GOALS, {}))
    url, name = database(directory)
    store = Store.open(url, StoredStudy(name, "", Definition({}, {}), seed=1, about=about_it))
    store.add(trials)
    store.close()


def database(directory: Path) -> tuple[str, str]:
    return f"sqlite:///{directory}/study.db", "study"


def test_what_happens_reaches_the_tracker(tmp_path: Path) -> None:
    notices: list[str] = []
    log = trackers(tmp_path, notices, "tensorboard")
    for number in (1, 2):
        add(tmp_path, trial(number))
        log.changed()
    log.finish(None, StudyEnd.FINISHED, 60.0)
    assert notices == []
    assert {path.name for path in (tmp_path / "tensorboard").glob("trial_*")} == {"trial_0", "trial_1", "trial_2"}


def test_failure_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("in the way")
    notices: list[str] = []
    log = trackers(tmp_path, notices, "tensorboard")
    for _ in range(2):
        log.changed()
    log.finish(None, StudyEnd.FINISHED, 60.0)
    first, last = notices
    assert first.startswith("tensorboard: ") and "the study goes on" in first
    assert last.startswith("tensorboard: ") and last.endswith("a resume logs what is missing")


def test_tracker_that_hangs_is_ended(tmp_path: Path) -> None:
    notices: list[str] = []
    log = trackers(tmp_path, notices, "tensorboard")
    (process,) = [p for p in psutil.Process().children() if any("ax_mo.trackers.child" in word for word in p.cmdline())]
    process.suspend()
    for _ in range(30_000):  # more than a pipe holds
        log.changed()
    log.finish(None, StudyEnd.FINISHED, 1.0)
    assert notices == ["tensorboard: did not finish in time and was left; a resume logs what is missing"]


def test_tracker_is_checked_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_trackers(None) == () and parse_trackers("tensorboard") == ("tensorboard",)
    with pytest.raises(ConfigError, match=r"unknown tracker 'tensorbord'.* Did you mean 'tensorboard'"):
        parse_trackers(["tensorbord"])
    monkeypatch.setattr("ax_mo.trackers.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"mlflow is not installed here: pip install 'hydra-ax-mo\[mlflow\]'"):
        parse_trackers(["mlflow"])


# BUG: W&B keeps its runs in a folder called wandb in the working directory, which Python takes for a package.
@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_folder_is_not_taken_for_the_package_of_that_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name / "offline-run").mkdir(parents=True)
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ConfigError, match=f"{name} is not installed here"):
        parse_trackers([name])
    (tmp_path / name / "__init__.py").touch()
    importlib.invalidate_caches()
    assert parse_trackers([name]) == (name,)
