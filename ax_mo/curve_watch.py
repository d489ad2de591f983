"""What running trials report, read from their directories, and which of them are not worth going on."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ax_mo.goals import Goals
from ax_mo.study.curves import Curve, Progress, curves_of, mean_curves
from ax_mo.study.early_stopping import EarlyStopping
from ax_mo.study.repeats import by_trial
from ax_mo.study.stopping_rules import decide, why_undecidable
from ax_mo.study.trial import Key, Status, Trial
from ax_mo.trial.curve import CurveReader
from ax_mo.trial.files import CONSTANT_COSTS, CURVE, LIGHTNING, read_json


class CurveWatch:
    """Follows the curves of a study's trials. Holds what it has read, and nothing that a resume could not read again.

    ``directory`` gives the place of a run's files.
    """

    def __init__(
        self, settings: EarlyStopping, goals: Goals, directory: Callable[[Trial], Path], every_seconds: float
    ) -> None:
        self._settings = settings
        self._goals = goals
        self._directory = directory
        self._every_seconds = every_seconds
        self._looked_at = float("-inf")
        self._files: dict[Key, _Files] = {}
        self._running: dict[int, Progress] = {}
        self._ended: dict[int, Progress] = {}
        self._explained = False

    @property
    def grace_seconds(self) -> float:
        return self._settings.grace_seconds

    def to_stop(self, trials: Mapping[int, Trial], runs: Iterable[Trial]) -> dict[int, str]:
        """The trials to stop now, with the reason, of all trials of the study and their runs.

        Looks at files at most every ``every_seconds``, and decides only when something new was reported.
        """
        now = time.monotonic()
        if now - self._looked_at < self._every_seconds:
            return {}
        self._looked_at = now
        news = False
        running: list[Progress] = []
        for number, of_trial in by_trial(runs).items():
            if trials[number].status.ended:
                self._end(trials[number], of_trial)
            elif trials[number].status is Status.RUNNING:
                if self._read(of_trial) or number not in self._running:
                    self._running[number] = self._progress(number, of_trial)
                    news = True
                if not any(run.reason for run in of_trial):  # of a running trial: it has been asked to stop
                    running.append(self._running[number])
        if not news:
            return {}
        asked = [self._running[n] for n in self._running if n not in {progress.number for progress in running}]
        return decide(self._settings, self._goals, running, [*self._ended.values(), *asked])

    def explanation(self) -> str | None:
        """Once: why nothing will ever be stopped, as soon as a completed trial shows it."""
        completed = [progress for progress in self._ended.values() if progress.completed]
        if self._explained or not completed:
            return None
        self._explained = True
        return why_undecidable(self._settings, self._goals, completed)

    def _read(self, runs: Sequence[Trial]) -> bool:
        """Whether the runs reported anything since the last call."""
        news = False
        for run in runs:
            files = self._files.get(run.key)
            if files is None or files.attempt != run.attempt:
                files = self._files[run.key] = _Files(self._directory(run), run.attempt)
            news |= files.read()
        return news

    def _progress(self, number: int, runs: Sequence[Trial]) -> Progress:
        files = [self._files[run.key] for run in runs if run.status is not Status.FAILED]
        constants = files[0].constants if files else {}
        return Progress(number, mean_curves([of_run.curves for of_run in files]), constants)

    def _end(self, trial: Trial, runs: Sequence[Trial]) -> None:
        """Keep what an ended trial is compared by; one that failed, or came from an earlier study, is no measure."""
        self._running.pop(trial.number, None)
        if trial.number in self._ended or trial.status not in (Status.COMPLETED, Status.EARLY_STOPPED):
            return
        self._read(runs)
        progress = self._progress(trial.number, runs)
        completed = trial.status is Status.COMPLETED
        self._ended[trial.number] = replace(progress, completed=completed, final=trial.metrics)
        for run in runs:
            self._files.pop(run.key, None)


class _Files:
    """The growing files of one run's attempt."""

    def __init__(self, directory: Path, attempt: int) -> None:
        self.attempt = attempt
        self.constants: Mapping[str, float] = {}
        self._directory = directory
        self._reader = CurveReader(directory / CURVE)

    def read(self) -> bool:
        news = bool(self._reader.new_points())
        if not self.constants and (news or not self._reader.curve.points):
            costs = (read_json(self._directory / LIGHTNING) or {}).get("costs")
            if isinstance(costs, dict):
                known = {name: costs.get(name) for name in CONSTANT_COSTS}
                self.constants = {name: value for name, value in known.items() if isinstance(value, int | float)}
        return news

    @property
    def curves(self) -> Mapping[str, Curve]:
        return curves_of((point.step, point.metrics) for point in self._reader.curve.points)
