"""What running trials report, read from their directories, and which of them are not worth going on."""

import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ax_mo.core.repeats import by_trial
from ax_mo.core.trial import Key, Status, Trial, TrialRun
from ax_mo.early_stopping.curves import MeanCurve, TrialCurves, mean_curves
from ax_mo.early_stopping.rules import StopDecision, StoppingRule, decide, why_undecidable
from ax_mo.trial.costs import recorded_costs
from ax_mo.trial.curve import Curve, CurveReader
from ax_mo.trial.files import CONSTANT_COSTS, CURVE, LIGHTNING, SPEC, read_json
from ax_mo.trial.untrusted import measured


class CurveMonitor:
    """Follows the curves of a study's trials, and applies a stopping rule to those that run.

    Holds what it has read, and nothing that a resume could not read again. ``directory`` gives the place of a run's
    files, which are looked at at most every ``every_seconds``.
    """

    def __init__(self, rule: StoppingRule, directory: Callable[[TrialRun], Path], every_seconds: float) -> None:
        self._rule = rule
        self._directory = directory
        self._every_seconds = every_seconds
        self._looked_at = float("-inf")
        self._files: dict[tuple[Key, int], _RunFiles] = {}  # by run and attempt
        self._means: dict[int, dict[str, MeanCurve]] = {}
        self._ended: dict[int, TrialCurves] = {}
        self._explained = False

    def decisions(
        self, trials: Mapping[int, Trial], runs: Iterable[TrialRun], active: Container[Key]
    ) -> list[StopDecision]:
        """The trials to stop now, of all trials of the study and their runs; nothing where nothing new was reported.

        ``active`` are the runs that have a job now: one that is to run again may still count as running.
        """
        now = time.monotonic()
        if now - self._looked_at < self._every_seconds:
            return []
        self._looked_at = now
        news = False
        running: list[TrialCurves] = []
        asked_to_stop: list[TrialCurves] = []
        for number, of_trial in by_trial(runs).items():
            if trials[number].status.ended:
                self._end(trials[number], of_trial)
            elif all(run.status.ended or (run.status is Status.RUNNING and run.key in active) for run in of_trial):
                curves, is_new = self._read(number, of_trial)
                news |= is_new
                # A failed run has a reason too, which is its error.
                is_asked = any(run.reason for run in of_trial if run.status is not Status.FAILED)
                (asked_to_stop if is_asked else running).append(curves)
        return decide(self._rule, running, [*self._ended.values(), *asked_to_stop]) if news else []

    def explanation(self) -> str | None:
        """Once: why nothing will ever be stopped, as soon as a completed trial shows it."""
        completed = [curves for curves in self._ended.values() if curves.completed]
        if self._explained or not completed:
            return None
        self._explained = True
        return why_undecidable(self._rule, completed)

    def _read(self, number: int, runs: Sequence[TrialRun]) -> tuple[TrialCurves, bool]:
        """What a trial's runs have reported in their present attempts, and whether any of it is new."""
        news = False
        files: list[_RunFiles] = []
        for run in runs:
            if run.status is not Status.FAILED:
                key = run.key, run.attempt
                news |= key not in self._files
                files.append(self._files.setdefault(key, _RunFiles(self._directory(run))))
        for of_run in files:
            news |= of_run.read()
        curves = mean_curves([of_run.curves for of_run in files], self._means.setdefault(number, {}))
        return TrialCurves(number, curves, files[0].constants if files else {}), news

    def _end(self, trial: Trial, runs: Sequence[TrialRun]) -> None:
        """Keep what an ended trial is compared by; one that failed, or came from an earlier study, is no measure."""
        if trial.number not in self._ended and trial.status in (Status.COMPLETED, Status.EARLY_STOPPED):
            curves, _ = self._read(trial.number, runs)
            completed = trial.status is Status.COMPLETED
            self._ended[trial.number] = replace(curves, completed=completed, final=trial.metrics)
        for run in runs:
            self._files.pop((run.key, run.attempt), None)
        self._means.pop(trial.number, None)


class _RunFiles:
    """The growing files of one run's attempt."""

    def __init__(self, directory: Path) -> None:
        self.constants: Mapping[str, float] = {}
        self._costs: Mapping[str, float] = {}
        self._in_config: Mapping[str, float] | None = None
        self._directory = directory
        self._reader = CurveReader(directory / CURVE)

    def read(self) -> bool:
        news = bool(self._reader.new_points())
        if not self._costs and (news or self._reader.step is None):
            costs = recorded_costs(read_json(self._directory / LIGHTNING) or {})
            self._costs = _numbers({name: costs.get(name) for name in CONSTANT_COSTS})
            if self._in_config is None:
                self._in_config = _numbers((read_json(self._directory / SPEC) or {}).get("config"))
            self.constants = {**self._costs, **self._in_config}
        return news

    @property
    def curves(self) -> Mapping[str, Curve]:
        return self._reader.curves


def _numbers(entries: object) -> dict[str, float]:
    """Those of a mapping, as trials write them."""
    found = {name: measured(entry) for name, entry in entries.items()} if isinstance(entries, dict) else {}
    return {name: value for name, value in found.items() if value is not None}
