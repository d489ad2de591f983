"""What becomes of a run when its job changes: it has ended, or runs once more, or is left to the next sweeper."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from ax_mo.core.trial import MOST_LOST_ATTEMPTS, Outcome, Status, Trial, TrialRun
from ax_mo.runner.job import Cause, JobState, Phase
from ax_mo.runner.runner import EndCause, JobChange
from ax_mo.storage.sweep_directory import SweepDirectory
from ax_mo.sweep.study import Study
from ax_mo.terminal.text import clock

# Of a process that was killed and not by us: on one machine nothing but the kernel's memory killer does so by itself.
_KILLED = (-9, 128 + 9)
_NOT_ITS_OWN_FAULT = (Cause.PREEMPTED, Cause.NODE_FAILURE, Cause.LOST)


@dataclass(frozen=True)
class Retry:
    """In place of an outcome: the run is to run once more. ``died``: its job has, by no fault of its own or unseen."""

    died: bool = False
    notice: str | None = field(default=None, compare=False)
    """What to tell the user of it."""


def retries(state: JobState, max_retries: int, oom: bool) -> int:
    """After how many deaths of this kind a run may still run once more; ``oom``: also where memory was short."""
    cause = state.cause or (Cause.OUT_OF_MEMORY if state.exit_code in _KILLED else None)
    return max_retries if cause in _NOT_ITS_OWN_FAULT or (oom and cause is Cause.OUT_OF_MEMORY) else 0


def apply_change(study: Study, change: JobChange, notice: Callable[[str], None]) -> Trial | None:
    """Take in what has become of a run's job. Returns the trial that has ended with it, if one has."""
    key, state = change.key, change.state
    is_known = key in study.active
    if change.handle is not None:
        study.submitted(key, change.handle, waits=True)
    if state.phase is Phase.ENDED:
        return _ended(study, change, notice)
    if state.phase is Phase.UNKNOWN and change.told is not None:
        return _given_up(study, change)
    run = study.runs[key]
    if not is_known:
        _watch_again(study, run, state, notice)
    elif state.phase is Phase.RUNNING and run.status is not Status.CANCELLED:
        study.begun(key)
    elif state.phase is Phase.PENDING and not run.is_pending:
        study.waits(key)
    return None


def outcome_of_orphan(study: Study, run: TrialRun, state: JobState, began: bool) -> Outcome | Retry:
    """How a run has ended of whose job nobody saw the end: an earlier sweeper had started it, or had cancelled it.

    A cancelled run that failed did so because it was cancelled; a run that was asked to stop has obeyed. One that
    ``began`` and left no result runs again, but not after ``MOST_LOST_ATTEMPTS``.
    """
    outcome, may_retry = study.outcome(run.key, state), _retries(study, state)
    has_result = study.has_result(run) if may_retry == 0 else outcome.status is not Status.FAILED
    if run.status is Status.CANCELLED:
        return Retry() if outcome.status is Status.FAILED else outcome
    if not began:  # by this directory's sweepers: the result in a copy of it is a result all the same
        return outcome if has_result else Retry()
    if has_result or not _may_run_again(run, max(may_retry, MOST_LOST_ATTEMPTS - 1)):
        return outcome
    return Retry(True, f"Trial {run.label} {state.message or 'has died'}; it runs once more.")


def _may_run_again(run: TrialRun, retries: int) -> bool:
    """Whether a run whose job died runs once more; one that was asked to stop has ended."""
    return not run.asked_to_stop and run.lost_attempts < retries


def _ended(study: Study, change: JobChange, notice: Callable[[str], None]) -> Trial | None:
    key, run, seconds = change.key, study.runs[change.key], study.times.seconds(change.key)
    study.times.ended(key)
    if change.told in (EndCause.STUDY_TIMEOUT, EndCause.INTERRUPTED):
        return study.cancel(key)
    found = _outcome_or_retry(study, run, change, seconds)
    if isinstance(found, Outcome):
        return study.finish(key, found)
    if found.notice is not None:
        notice(found.notice)
    study.retry_later(run, found.died)
    return None


def _outcome_or_retry(study: Study, run: TrialRun, change: JobChange, seconds: float) -> Outcome | Retry:
    """How the run has ended, whose job ran for so long."""
    state, told = change.state, change.told
    if change.once_more:
        return Retry()
    nobody_saw_how = change.adopted and state.exit_code is None and told is None
    if nobody_saw_how or run.status is Status.CANCELLED:  # by an earlier sweeper
        return outcome_of_orphan(study, run, state, change.began)
    if told is EndCause.TRIAL_TIMEOUT:
        return _timed_out(study, run)
    outcome, may_retry = study.outcome(run.key, state, ended_by_us=told is not None), _retries(study, state)
    if told is not None or outcome.status is not Status.FAILED or not _may_run_again(run, may_retry):
        return outcome
    which = f"retry {run.lost_attempts + 1} of {may_retry}"
    return Retry(True, f"Trial {run.label} {outcome.reason}, after {clock(seconds)}; it runs again ({which}).")


def _given_up(study: Study, change: JobChange) -> Trial | None:
    """The job does not end although it was told to."""
    study.times.ended(change.key)
    if change.told is EndCause.TRIAL_TIMEOUT:
        return study.finish(change.key, _timed_out(study, study.runs[change.key]))
    study.leave(change.key)
    return None


def _timed_out(study: Study, run: TrialRun) -> Outcome:
    outcome = study.outcome(run.key, JobState(Phase.ENDED), ended_by_us=True)
    if outcome.status is not Status.FAILED:
        return outcome
    text = f"ran longer than trial_timeout={study.spec.settings.trial_timeout:g} seconds and was ended"
    return Outcome({}, text, text)


def _watch_again(study: Study, run: TrialRun, state: JobState, notice: Callable[[str], None]) -> None:
    """The job of an earlier sweeper goes on, as far as anybody can tell."""
    study.adopted(run.key)
    if state.place:
        since = f" at {run.submitted}" if run.submitted else ""
        which = shlex.join(["ax-mo", "adopt", str(study.spec.sweep_dir), "--lost", str(run.number)])
        notice(
            f"Trial {run.label} was started on {state.place}{since}; its result is awaited. If it does not run any "
            f"more: {which}"
        )
        return
    if study.home.former is not None:
        notice(_moved(study.home, study.home.former))
        study.home = replace(study.home, former=None)
    if run.status is Status.CANCELLED:
        study.request_end(run.key, EndCause.GOES_ON)
        notice(f"Trial {run.label} was cancelled and has not ended yet; it runs again then.")
    else:
        notice(f"Trial {run.label} is still running; watching it again.")


def _moved(home: SweepDirectory, former: Path) -> str:
    """What to say of running trials whose command lines name a directory that is not there any more."""
    text = f"{home.path} was moved from {former}, where the running trials may still write what they save. "
    if home.link_former():
        return f"{text}It is a link to the directory now; remove it when they have ended."
    return f"{text}Look there for it: no link to the directory could be made."


def _retries(study: Study, state: JobState) -> int:
    return retries(state, study.spec.settings.max_retries, study.spec.settings.retry_oom)
