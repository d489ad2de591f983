"""Several runs of one trial, and the trial that they make: repeats, alike but for their seed, or rungs of training."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import PurePosixPath

from ax_mo.core.budget import Rung
from ax_mo.core.trial import Status, Trial, TrialRun


@dataclass(frozen=True)
class Repeats:
    """How often each suggestion runs. ``key`` takes ``first``, ``first + 1``, and so on."""

    count: int = 1
    key: str | None = None
    first: int = 0

    def overrides(self, overrides: Sequence[str], repeat: int) -> list[str]:
        """A trial's overrides with that of its repeat, from 0."""
        return list(overrides) if self.key is None else [*overrides, f"{self.key}={self.first + repeat}"]

    def runs(self, run: TrialRun) -> list[TrialRun]:
        """What a trial is run as: that run, or one for each repeat, with a seed and a directory of its own."""
        if self.key is None:
            return [run]
        return [
            replace(
                run,
                repeat=repeat,
                overrides=tuple(self.overrides(run.overrides, repeat)),
                directory=f"{run.directory}/{repeat}",
            )
            for repeat in range(self.count)
        ]

    def values(self) -> str:
        """How often, and with which values of ``key``."""
        return f"{self.count} times with {self.key}={self.first} to {self.first + self.count - 1}"

    def describe(self) -> dict[str, str]:
        """What a resume compares."""
        return {} if self.key is None else {"hydra.sweeper.repeats": f"{self.count} of {self.key}, from {self.first}"}


def aggregate_repeats(runs: Sequence[TrialRun]) -> Trial:
    """The trial that its runs make: the only one, what the last of its rungs is, or all of its repeats together.

    Repeats that have not all ended make a trial that has not either. It has failed where more than half of them have.
    Otherwise its metrics are the means of those that completed or, where none did, of those that were stopped early,
    and it was stopped early where any of them was.
    """
    first = runs[0]
    if first.repeat is None:
        return first
    if first.budget is not None:
        return _at_last_rung(runs)
    trial = replace(
        _as_trial(first),
        overrides=first.overrides[:-1],
        directory=str(PurePosixPath(first.directory).parent),
        attempt=max(run.attempt for run in runs),
        metrics={},
        reason=None,
        error_fingerprint=None,
        stderr_tail="",
        started=min((run.started for run in runs if run.started), default=None),
        ended=None,
    )
    if not all(run.status.ended for run in runs):
        return replace(trial, status=_unfinished(runs))
    return _of_ended(runs, replace(trial, ended=max((run.ended for run in runs if run.ended), default=None)))


def _of_ended(runs: Sequence[TrialRun], trial: Trial) -> Trial:
    """The trial with the result of its repeats, which have all ended."""
    completed, failed, stopped = (
        [run for run in runs if run.status is status]
        for status in (Status.COMPLETED, Status.FAILED, Status.EARLY_STOPPED)
    )
    reason = None
    if failed:
        counted = f"{len(failed)} of {len(runs)} repeats failed; the first: {failed[0].reason}"
        reason = counted if len(runs) > 1 else failed[0].reason  # a trial that does not compose has one run
    if 2 * len(failed) > len(runs):
        why = failed[0]
        return replace(
            trial,
            status=Status.FAILED,
            reason=reason,
            error_fingerprint=why.error_fingerprint,
            stderr_tail=why.stderr_tail,
        )
    samples = tuple(run.metrics for run in completed or stopped)
    trial = replace(trial, metrics=means(samples), samples=samples)
    if stopped:
        return replace(trial, status=Status.EARLY_STOPPED, reason=stopped[0].reason)
    return replace(trial, status=Status.COMPLETED, reason=reason)


def _at_last_rung(runs: Sequence[TrialRun]) -> Trial:
    """The trial that its rungs make, which are given from the smallest budget on."""
    last = runs[-1]
    return replace(
        _as_trial(last),
        attempt=max(run.attempt for run in runs),
        asked=runs[0].asked,
        submitted=runs[0].submitted,
        started=min((run.started for run in runs if run.started), default=None),
        rungs=tuple(
            Rung(run.budget, run.metrics, run.directory)
            for run in runs
            if run.budget is not None and run.budget.is_reached
        ),
    )


def as_last_known(trial: Trial) -> Trial:
    """A promoted trial that still runs as what it came to before; any other trial as it is."""
    if trial.status.ended or not trial.rungs:
        return trial
    reached = trial.rungs[-1]
    return replace(trial, status=Status.EARLY_STOPPED, metrics=reached.metrics, budget=reached.budget)


def _as_trial(run: TrialRun) -> Trial:
    """What a run has of its trial."""
    return Trial(**{field.name: getattr(run, field.name) for field in fields(Trial)})


def aggregate_trials(runs: Iterable[TrialRun]) -> list[Trial]:
    """The trials that these runs are of, by the order of their first runs."""
    return [aggregate_repeats(of_trial) for of_trial in by_trial(runs).values()]


def by_trial(runs: Iterable[TrialRun]) -> dict[int, list[TrialRun]]:
    """The runs of each trial."""
    of_trials: dict[int, list[TrialRun]] = {}
    for run in runs:
        of_trials.setdefault(run.number, []).append(run)
    return of_trials


def _unfinished(runs: Sequence[TrialRun]) -> Status:
    statuses = {run.status for run in runs}
    return next(s for s in (Status.RUNNING, Status.CANCELLED, Status.ASKED) if s in statuses)


def means(samples: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each metric that every sample has; a value that all samples share stays what it is."""
    names = [name for name in samples[0] if all(name in sample for sample in samples)]
    values = {name: [sample[name] for sample in samples] for name in names}
    return {name: of[0] if len(set(of)) == 1 else math.fsum(of) / len(of) for name, of in values.items()}


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation of one run, estimated from several; None from one."""
    return statistics.stdev(values) if len(values) > 1 else None


def standard_error(values: Sequence[float]) -> float | None:
    """The standard error of the mean; None for one value."""
    spread = deviation(values)
    return None if spread is None else spread / math.sqrt(len(values))


def standard_errors(trial: Trial, names: Sequence[str]) -> dict[str, float]:
    """The standard error of each metric's mean; empty for a trial without repeats."""
    errors = {name: standard_error([sample[name] for sample in trial.samples if name in sample]) for name in names}
    return {name: error for name, error in errors.items() if error is not None}
