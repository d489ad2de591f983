"""The files in the sweep directory, rewritten atomically as trials end."""

import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from ax_mo.core.objectives import Goals
from ax_mo.core.pareto import pareto_front
from ax_mo.core.repeats import by_trial, standard_errors
from ax_mo.core.trial import Key, Trial, TrialRun
from ax_mo.results.tables import as_csv, json_text, metric_names
from ax_mo.storage.sweep_directory import TRIALS
from ax_mo.trial.files import write_atomically

RESULTS = "optimization_results.yaml"
PARETO = "pareto"

_LEAST, _MOST = 1.0, 30.0
"""Seconds between two times that the files are written."""

_SHARE = 0.004
"""Of a processor."""


def trials_csv(runs: Sequence[TrialRun], keys: Sequence[str], goals: Goals) -> str:
    """Every trial, a line each, or a line per repeat or rung: what it was, how it ended, its parameters and metrics."""
    in_rungs = any(run.budget is not None for run in runs)
    repeated = not in_rungs and any(run.repeat is not None for run in runs)
    reported = metric_names(goals, runs)
    header = [
        "trial",
        *(["repeat"] if repeated else []),
        *(["budget"] if in_rungs else []),
        "status",
        *(f"params.{key}" for key in keys),
        *(f"metrics.{name}" for name in reported),
        *("reason", "generator", "attempt", "asked", "submitted", "started", "ended", "dir"),
    ]
    rows = (
        [
            run.number,
            *([run.repeat] if repeated else []),
            *([None if run.budget is None else run.budget.value] if in_rungs else []),
            run.status.value,
            *(json_text(run.point[key]) if key in run.point else None for key in keys),
            *(run.metrics.get(name) for name in reported),
            *(run.reason, run.generator, run.attempt, run.asked, run.submitted, run.started, run.ended, run.directory),
        ]
        for run in runs
    )
    return as_csv(header, rows)


def results_yaml(trials: Sequence[Trial], goals: Goals) -> str:
    """Hydra's convention for sweepers that optimize, with the trial's number and directory added.

    Of one objective, also the best trial under the names that Optuna's sweeper gives it.
    """
    with_thresholds = any(o.threshold is not None for o in goals.objectives)
    solutions: list[dict[str, Any]] = []
    for trial in pareto_front(trials, goals):
        solution: dict[str, Any] = {
            "trial": trial.number,
            "dir": trial.directory,
            "params": dict(trial.point),
            "values": {name: trial.metrics[name] for name in goals.values},
        }
        errors = standard_errors(trial, goals.names)
        if errors:
            solution["standard_errors"] = errors
        if trial.samples:
            solution["repeats"] = len(trial.samples)
        if trial.reason:
            solution["note"] = trial.reason
        if trial.is_imported:
            solution["imported"] = True
        if with_thresholds:
            solution["meets_thresholds"] = goals.meets_thresholds(trial.metrics)
        solutions.append(solution)
    best: dict[str, Any] = {}
    if solutions and len(goals.names) == 1:
        best = {"best_params": solutions[0]["params"], "best_value": solutions[0]["values"][goals.names[0]]}
    found = {"name": "ax_mo", **best, "solutions": solutions}
    return str(yaml.dump(found, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


class _Dumper(yaml.SafeDumper):
    """Writes values out where they occur twice, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def recipe_name(trial: Trial) -> str:
    """The name of the trial's file under ``pareto/``; Hydra takes no bare number for an option."""
    return f"trial_{trial.number}" if not trial.is_imported else f"imported_{-trial.number}"


class _Pace:
    """Once a second, and less often where that would take more than 0.4 % of a processor."""

    def __init__(self) -> None:
        self._due = 0.0

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._due

    @contextmanager
    def measured(self) -> Iterator[None]:
        """It is done in the block."""
        began = time.thread_time()
        try:
            yield
        finally:
            took = time.thread_time() - began
            self._due = time.monotonic() + min(_MOST, max(_LEAST, took / _SHARE))


class ResultFiles:
    """Keeps the files in ``sweep_dir`` current.

    ``recipe_text`` gives the content of one trial's file under ``pareto/``, or None where it has none; ``dump`` writes
    the study's rows, made of its runs, beside its database.
    """

    def __init__(
        self,
        sweep_dir: Path,
        keys: Sequence[str],
        goals: Goals,
        recipe_text: Callable[[Trial], str | None],
        dump: Callable[[Iterable[TrialRun]], None] = lambda _: None,
    ) -> None:
        self._dir = sweep_dir
        self._keys = keys
        self._goals = goals
        self._recipe_text = recipe_text
        self._dump = dump
        self._are_stale = self._pareto_is_stale = False
        self._pace, self._pace_of_pareto = _Pace(), _Pace()
        self._current: set[Path] = set()  # files below pareto/ that are known to name this directory

    def changed(self) -> None:
        """The files are to be written again."""
        self._are_stale = self._pareto_is_stale = True

    def refresh(self, runs: Mapping[Key, TrialRun], trials: Mapping[int, Trial], at_once: bool = False) -> None:
        """Write what has changed, unless it is too early for that and need not be ``at_once``. Raises OSError."""
        if self._are_stale and (at_once or self._pace.is_due):
            with self._pace.measured():
                self._write(runs, trials)
            self._are_stale = False
        # Composing takes longer than all else, and of an early front little is left in the end.
        if self._pareto_is_stale and (at_once or self._pace_of_pareto.is_due):
            with self._pace_of_pareto.measured():
                self._write_pareto(pareto_front(_ordered(trials), self._goals))
            self._pareto_is_stale = False

    def _write(self, runs: Mapping[Key, TrialRun], trials: Mapping[int, Trial]) -> None:
        ordered, of_trials = _ordered(trials), by_trial(runs.values())
        lines = [run for trial in ordered for run in of_trials.get(trial.number, ())]
        write_atomically(self._dir / TRIALS, trials_csv(lines, self._keys, self._goals))
        write_atomically(self._dir / RESULTS, results_yaml(ordered, self._goals))
        self._dump(runs.values())

    def _write_pareto(self, front: Sequence[Trial]) -> None:
        folder = self._dir / PARETO
        folder.mkdir(exist_ok=True)
        wanted = {f"{recipe_name(trial)}.yaml": trial for trial in front}
        for path in folder.glob("*.yaml"):
            if path.name not in wanted and path.name.startswith(("trial_", "imported_")):
                path.unlink()
        for name, trial in wanted.items():
            if not self._is_current(folder / name):
                text = self._recipe_text(trial)
                if text is not None:
                    write_atomically(folder / name, text)
                    self._current.add(folder / name)

    def _is_current(self, path: Path) -> bool:
        """Whether the file is there and names this directory, which may have been moved."""
        if path not in self._current and path.exists():
            if shlex.quote(str(self._dir)) not in path.read_text(encoding="utf-8", errors="replace"):
                return False
            self._current.add(path)
        return path.exists()


def _ordered(trials: Mapping[int, Trial]) -> list[Trial]:
    return [trials[number] for number in sorted(trials)]
