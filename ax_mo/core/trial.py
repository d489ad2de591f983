"""Trials, the runs that they are made of, and how a run ended: frozen values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from ax_mo.core.budget import Budget, Rung
from ax_mo.trial.metric_sources.differences import ReturnedDifference
from ax_mo.trial.untrusted import storable

Value = Any
"""A parameter's value as Python sees it: str, int, float, bool, None, list or dict."""

Point = Mapping[str, Value]
"""One value per active parameter, by its key on the command line."""


def seconds_between(begin: str, end: str) -> float:
    """From one moment to another, both as ``now`` gives them."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


class Status(StrEnum):
    """Where a trial stands.

    ``cancelled`` trials were stopped by the user, not by a fault: a resume runs them again. ``early_stopped`` ones were
    not worth their remaining steps; their metrics are those of fewer steps, and no result. Where trials train in rungs,
    that is what they are until they are promoted. ``imported`` ones are finished trials of earlier studies.
    """

    ASKED = "asked"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EARLY_STOPPED = "early_stopped"
    IMPORTED = "imported"

    @property
    def ended(self) -> bool:
        """Whether the trial counts as done, so that nothing will run it again."""
        return self in (Status.COMPLETED, Status.FAILED, Status.EARLY_STOPPED, Status.IMPORTED)

    @property
    def has_metrics(self) -> bool:
        """Whether the trial's metrics are a result, which may stand on the front."""
        return self in (Status.COMPLETED, Status.IMPORTED)

    @property
    def teaches(self) -> bool:
        """Whether the model learns from the trial's metrics: a result, or those of fewer steps."""
        return self.has_metrics or self is Status.EARLY_STOPPED


SOBOL_TIMEOUT = "sobol_timeout"
"""The generator of a quasi-random point in place of the model's, which took longer than a worker may wait."""

USER = "user"
"""The generator of a point that a user has enqueued while the study ran."""

SOBOL_ERROR = "sobol_error"
"""The generator of a quasi-random point in place of the model's, which failed."""


@dataclass(frozen=True)
class Suggestion:
    """A point that the optimizer proposes, and where it came from."""

    point: Mapping[str, Value]
    generator: str
    """config, initial, user, center, sobol, model, ...: whoever made the point, by which studies count them."""
    position: int = 0
    """How far the quasi-random sequence had been drawn after this point (0: not drawn from it)."""
    seconds: float | None = None
    """How long it was computed, where it was."""


_LONGEST = 10_000
"""Letters of each text of an outcome."""


def fingerprint_of(text: str) -> str:
    """An error's text without what differs between two occurrences of the same fault; of a fingerprint, itself."""
    text = re.sub(r"0x[0-9a-fA-F]+", "0x", text[:_LONGEST])
    text = re.sub(r"(/[\w.+@=,-]+)+", "/path", text)
    return re.sub(r"\d+(\.\d+)?([eE][+-]?\d+)?", "#", text)[:2000]


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: finite metrics, or the reason why there are none, or none but those of its first steps.

    Its texts come from anywhere, and are kept as they can be stored.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None
    """None for a completed trial; otherwise one line for the user."""
    error_fingerprint: str | None = None
    """What makes two failures the same: of the error's text that is given, what two occurrences share."""
    stderr_tail: str = ""
    started: str | None = None
    ended: str | None = None
    stopped: bool = False
    """Whether it was stopped early, for that reason."""
    differences: tuple[ReturnedDifference, ...] = ()

    def __post_init__(self) -> None:
        for name in ("reason", "error_fingerprint", "stderr_tail"):
            if (text := getattr(self, name)) is not None:
                object.__setattr__(self, name, storable(text, _LONGEST))
        if self.error_fingerprint is not None:
            object.__setattr__(self, "error_fingerprint", fingerprint_of(self.error_fingerprint))

    @property
    def completed(self) -> bool:
        """Whether it is a result."""
        return self.reason is None

    @property
    def status(self) -> Status:
        """The status of a run that has ended so."""
        if self.completed:
            return Status.COMPLETED
        return Status.EARLY_STOPPED if self.stopped else Status.FAILED


MOST_LOST_ATTEMPTS = 2
"""A run whose job vanished so often, and nobody saw of what, is not run once more."""

Key = tuple[int, int | None]
"""A run's trial and, where trials are repeated, which repeat it is."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One suggested point and all that is known of it; of several runs (repeats), what ``aggregate_repeats`` makes.

    ``directory`` is relative to the sweep's. Moments are ISO 8601 in UTC, as ``now`` gives them.
    """

    number: int
    """From 0; trials imported from other studies count down from -1."""
    status: Status
    point: Mapping[str, Value]
    overrides: tuple[str, ...]
    directory: str
    generator: str = ""
    position: int = 0
    suggestion_seconds: float | None = None
    """How long its suggestion was computed."""
    attempt: int = 1
    metrics: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None
    """Why it failed or was stopped early; of a running trial, why it has been asked to stop."""
    error_fingerprint: str | None = None
    stderr_tail: str = ""
    asked: str | None = None
    submitted: str | None = None
    started: str | None = None
    ended: str | None = None
    samples: tuple[Mapping[str, float], ...] = ()
    """The metrics of each completed repeat, where there are any; ``metrics`` are their means."""
    budget: Budget | None = None
    """How far it trains, or has trained, where trials train in rungs; otherwise None."""
    rungs: tuple[Rung, ...] = ()
    """What it came to at each budget that it has reached, the smallest first."""

    @property
    def is_imported(self) -> bool:
        """Whether it was finished in another study."""
        return self.number < 0

    @property
    def key(self) -> Key:
        """What no other trial has."""
        return self.number, None

    @property
    def label(self) -> str:
        """What people call it."""
        return f"imported {-self.number}" if self.is_imported else str(self.number)

    @property
    def asked_to_stop(self) -> bool:
        """Whether it runs, or is about to, and has been asked to end early."""
        return bool(self.reason) and self.status in (Status.ASKED, Status.RUNNING)

    @property
    def is_pending(self) -> bool:
        """Whether its job waits for its turn, as far as anybody has seen."""
        return self.status is Status.RUNNING and self.started is None

    @property
    def is_paused(self) -> bool:
        """Whether it may train on from the rung that it has reached."""
        budget = self.budget
        return self.status is Status.EARLY_STOPPED and budget is not None and budget.is_reached and not budget.is_full

    @property
    def observations(self) -> tuple[Mapping[str, float], ...]:
        """What the model learns from: the metrics, of each repeat where there are several."""
        return self.samples or (self.metrics,)


@dataclass(frozen=True, kw_only=True)
class TrialRun(Trial):
    """One run of a trial, which is one job and one row of the database.

    It is the whole trial, unless trials are repeated or train in rungs.
    """

    repeat: int | None = None
    """Which of the trial's runs it is, from 0: a repeat or, where it has a budget, a rung; None for its only run."""
    handle: str | None = None
    """How the runner calls its job; of an imported run, where it comes from."""
    lost_attempts: int = 0
    """How often its job vanished without a result or an exit code: the sweeper that had started it was gone."""

    @property
    def key(self) -> Key:
        return self.number, self.repeat

    @property
    def label(self) -> str:
        """What people call it."""
        name = super().label
        if self.budget is not None:
            return f"{name} ({self.budget.value} of {self.budget.full})"
        return name if self.repeat is None else f"{name} repeat {self.repeat}"

    def next_attempt(self, attempt: int, lost_attempts: int) -> "TrialRun":
        """The run as it is before that attempt is submitted."""
        return replace(
            self, status=Status.ASKED, attempt=attempt, lost_attempts=lost_attempts, handle=None, reason=None,
            submitted=None, started=None, ended=None,
        )  # fmt: skip

    def ended_by(self, outcome: Outcome) -> "TrialRun":
        """The run as the outcome leaves it; one that has completed a lower rung waits to be promoted."""
        status, reason, budget = outcome.status, outcome.reason, self.budget
        if outcome.completed and budget is not None:
            budget = replace(budget, is_reached=True)
            if not budget.is_full:
                status, reason = Status.EARLY_STOPPED, f"paused at {budget}"
        return replace(
            self,
            status=status,
            budget=budget,
            metrics=dict(outcome.metrics),
            reason=reason,
            error_fingerprint=outcome.error_fingerprint,
            stderr_tail=outcome.stderr_tail,
            started=outcome.started,
            ended=outcome.ended,
        )
