"""Studies in a directory of their own, whose store, project and space accept anything; no job runs here."""

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from omegaconf import OmegaConf

from ax_mo.core.repeats import Repeats
from ax_mo.core.trial import TrialRun
from ax_mo.storage.sweep_directory import SweepDirectory
from ax_mo.sweep.create_trial import TrialCreator
from ax_mo.sweep.settings import Settings
from ax_mo.sweep.spec import StudySpec
from ax_mo.sweep.study import Study
from ax_mo.trial.curve import append
from ax_mo.trial.files import CURVE, RESULT
from tests.support.trials import make_goals, make_run

GOALS = make_goals(acc="maximize")


class Recording:
    """In the place of the store, the project or the space: accepts anything, and keeps what it was."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self.calls.append(name)


class Rows(Recording):
    def __init__(self, runs: Sequence[TrialRun]) -> None:
        super().__init__()
        self._runs = list(runs)

    def runs(self) -> list[TrialRun]:
        return self._runs


def running(number: int = 1, **content: Any) -> TrialRun:
    return make_run(number, **{"directory": str(number), **content})


def study_of(directory: Path, *runs: TrialRun, **changes: Any) -> Study:
    """A study in ``directory`` with these runs; ``changes`` are settings, parts of the plan, or its project."""
    for run in runs:
        (directory / run.directory).mkdir(parents=True)
    anything: Any = Recording()
    settings: dict[str, Any] = {"n_trials": 2}
    plan = {"goals": GOALS, "space": anything, "repeats": Repeats(), "halving": None}
    names = [field.name for field in fields(Settings)]
    for name, value in changes.items():
        (settings if name in names and name not in plan else plan)[name] = value
    project, config = plan.pop("project", anything), OmegaConf.create({"hydra": {"launcher": {}}})
    planned: Any = SimpleNamespace(**plan)
    spec = StudySpec(Settings(**settings), planned, project, None, directory, config)
    store: Any = Rows(runs)
    home = SweepDirectory(directory, "0" * 8)
    return Study(spec, store, home, TrialCreator(spec, home, lambda _run: {}))


def leave_result(directory: Path, run: TrialRun, status: str) -> None:
    error = None if status == "completed" else {"type": "RuntimeError", "message": "a worker exited unexpectedly"}
    metrics = {"acc": 0.5} if status == "completed" else {}
    content = {"schema": 1, "trial": run.number, "attempt": run.attempt, "status": status, "metrics": metrics,
               "error": error, "started": None, "ended": "2026-01-01T00:01:00+00:00"}  # fmt: skip
    (directory / run.directory / RESULT).write_text(json.dumps(content))


def leave_curve(directory: Path, run: TrialRun, *values: float) -> None:
    for step, value in enumerate(values):
        append(directory / run.directory / CURVE, step, 0.0, {"acc": value})
