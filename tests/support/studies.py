"""Studies as values, of any size and kind, without a sweep."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ax_mo.core.objectives import Goals, parse_goals
from ax_mo.core.trial import Status, TrialRun
from ax_mo.hydra_project.program import Program
from ax_mo.search_space.parameters import Choice, Condition, Option, Range
from ax_mo.search_space.sample import QuasiRandomPoints
from ax_mo.search_space.space import SearchSpace
from ax_mo.storage.snapshot import StudySnapshot
from tests.support.trials import make_run

FLAT = SearchSpace((
    Choice("model", (Option("mlp", "mlp"), Option("cnn", "cnn")), is_group=True),
    Range("optim.lr", 1e-4, 1e-1, log=True),
    Range("width", 16, 128, integral=True, log=True),
    Choice("act", (Option("relu", "relu"), Option("tanh", "tanh"), Option("gelu", "gelu"))),
))  # fmt: skip
CONDITIONAL = SearchSpace((
    *FLAT.parameters[:2],
    replace(FLAT.parameters[2], when=(Condition("model", ("mlp",)),)),
    Range("channels", 4, 32, integral=True, when=(Condition("model", ("cnn",)),)),
))  # fmt: skip

OBJECTIVES: dict[str, Any] = {
    "val_acc": {"goal": "maximize", "threshold": 0.6},
    "num_params": {"goal": "minimize", "threshold": 9000},
    "latency": "minimize",
    "energy": "minimize",
}
START = datetime(2026, 11, 24, 12, tzinfo=UTC)


def goals(objectives: int = 2, constraints: Sequence[str] = ("seconds <= 45",)) -> Goals:
    names = list(OBJECTIVES)[:objectives]
    return parse_goals({name: OBJECTIVES[name] for name in names}, None, constraints)


def metrics_of(point: Any) -> dict[str, float]:
    width = float(point.get("width", 2 * point.get("channels", 20)))
    far = abs(math.log10(point["optim.lr"]) + 2.5)
    return {
        "val_acc": 0.98 - far / 4 - 2 / width - 0.05 * (point["model"] == "mlp"),
        "num_params": 90 * width + 12.0,
        "latency": 0.3 + width / 100 + far / 9,
        "energy": 5 + 3 * far + 40 / width,
        "seconds": 25 + width / 5,
    }


def trial(number: int, point: Any, space: SearchSpace = FLAT, **changes: Any) -> TrialRun:
    """A completed one, unless ``changes`` say otherwise."""
    started = START + timedelta(seconds=20 * abs(number))
    at = {
        "asked": (started - timedelta(seconds=2)).isoformat(),
        "submitted": started.isoformat(),
        "started": (started + timedelta(seconds=1)).isoformat(),
        "ended": (started + timedelta(seconds=25 + 7 * (abs(number) % 5))).isoformat(),
    }
    generator = "config" if number == 0 else "sobol" if number < 6 else "model"
    seconds = {"config": None, "sobol": 0.01, "model": 0.5 + number / 20}[generator]
    content = {
        "point": dict(point), "overrides": tuple(space.overrides(point)), "generator": generator,
        "suggestion_seconds": seconds, "metrics": metrics_of(point), **at, **changes,
    }  # fmt: skip
    return make_run(number, **{"status": Status.COMPLETED, "handle": None, **content})


def failed(number: int, point: Any, reason: str = "RuntimeError: CUDA out of memory", **changes: Any) -> TrialRun:
    return trial(number, point, status=Status.FAILED, metrics={}, reason=reason, error_fingerprint=reason, **changes)


def study(
    directory: Path,
    count: int = 30,
    objectives: int = 2,
    space: SearchSpace = FLAT,
    mixed: bool = True,
    settings: dict[str, Any] | None = None,
) -> StudySnapshot:
    """``count`` trials; where they are ``mixed``, some have failed, were stopped early or imported."""
    random.seed(1)
    trials = [trial(number, point, space) for number, point in zip(range(count), QuasiRandomPoints(space, 1))]  # noqa: B905
    if mixed and count >= 10:
        trials[4] = failed(4, trials[4].point, space=space)
        trials[7] = replace(trials[7], status=Status.EARLY_STOPPED, reason="3 trials are better in everything")
        trials[9] = replace(
            trials[9], number=-1, directory="/elsewhere/3", status=Status.IMPORTED, generator="imported"
        )
    return record(directory, trials, goals(objectives), space, settings)


def record(
    directory: Path,
    trials: Sequence[TrialRun],
    of: Goals | None = None,
    space: SearchSpace = FLAT,
    settings: dict[str, Any] | None = None,
) -> StudySnapshot:
    ordered = tuple(sorted(trials, key=lambda trial: trial.number))
    return StudySnapshot(
        "study", directory, space, of or goals(), 1, START.isoformat(), ordered, ordered,
        {"n_trials": max(20, len(ordered)), "n_jobs": 2, "method": "fast", **(settings or {})},
        program=Program(
            ("python", "train.py"), (), (), ("python", "train.py", "-m", "+experiment=nas"), Path(), python="python"
        ),
    )  # fmt: skip
