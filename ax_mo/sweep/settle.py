"""What becomes of a run when its job changes: it has ended, or runs once more, or is left to the next sweeper."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
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
class RetryPolicy:
    """How often a run is repeated that ended by no fault of its own; ``oom`` adds what ran out of memory."""

    max_retries: int = 0
    oom: bool = False

    def allowed(self, state: JobState) -> int:
        """How many deaths of this kind a run may have and still run once more."""
        cause = state.cause or (Cause.OUT_OF_MEMORY if state.exit_code in _KILLED else None)
        deserves = cause in _NOT_ITS_OWN_FAULT or (self.oom and cause is Cause.OUT_OF_MEMORY)
        return self.max_retries if deserves else 0


class Resumption(StrEnum):
    """What becomes of a run whose job is over."""

    ENDED = "its outcome counts"
    AGAIN = "it runs again"
    AFTER_DEATH = "it runs again, and has died once more"


def resumption(run: TrialRun, outcome: Outcome, began: bool, has_result: bool, may_die: int) -> Resumption:
    """What becomes of a run that an earlier sweeper started, and that nobody runs any more.

    ``outcome`` is what its files say; ``may_die`` how often it may have died. What a cancelled run failed of may well
    be its end; a run that was asked to stop has obeyed.
    """
    if run.status is Status.CANCELLED:
        return Resumption.AGAIN if outcome.status is Status.FAILED else Resumption.ENDED
    if not began:  # by this directory's sweepers: the result in a copy of it is a result all the same
        return Resumption.ENDED if has_result else Resumption.AGAIN
    return after_death(run, has_result, max(may_die, MOST_LOST_ATTEMPTS - 1))


def after_death(run: TrialRun, has_result: bool, may_die: int) -> Resumption:
    """What becomes of a run whose job is over: one that left a result, or was asked to stop, has ended."""
    ended = has_result or run.asked_to_stop or run.lost_attempts >= may_die
    return Resumption.ENDED if ended else Resumption.AFTER_DEATH


def settle(study: Study, change: JobChange, notice: Callable[[str], None]) -> Trial | None:
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


def settle_orphan(study: Study, run: TrialRun, state: JobState, began: bool) -> tuple[Resumption, Trial | None]:
    """Decide on a run of an earlier sweeper whose end nobody saw, and end it where it has ended.

    Returns what becomes of it, and the trial that has ended with it.
    """
    may_die = _retries(study).allowed(state)
    outcome = study.outcome(run.key, state)
    has_result = study.has_result(run) if may_die == 0 else outcome.status is not Status.FAILED
    found = resumption(run, outcome, began, has_result, may_die)
    return found, study.finish(run.key, outcome) if found is Resumption.ENDED else None


def _ended(study: Study, change: JobChange, notice: Callable[[str], None]) -> Trial | None:
    key, state, told, run = change.key, change.state, change.told, study.runs[change.key]
    seconds = study.times.seconds(key)
    study.times.ended(key)
    if told in (EndCause.STUDY_TIMEOUT, EndCause.INTERRUPTED):
        return study.cancel(key)
    if change.once_more:
        study.run_again(run)
        return None
    nobody_saw_how = change.adopted and state.exit_code is None and told is None
    if nobody_saw_how or run.status is Status.CANCELLED:  # by an earlier sweeper
        found, trial = settle_orphan(study, run, state, change.began)
        if found is Resumption.AFTER_DEATH:
            notice(f"Trial {run.label} {state.message or 'has died'}; it runs once more.")
        if found is not Resumption.ENDED:
            study.run_again(run, died=found is Resumption.AFTER_DEATH)
        return trial
    if told is EndCause.TRIAL_TIMEOUT:
        return _timed_out(study, run)
    outcome = study.outcome(key, state, ended_by_us=told is not None)
    may_die = _retries(study).allowed(state)
    if told is None and after_death(run, outcome.status is not Status.FAILED, may_die) is Resumption.AFTER_DEATH:
        notice(
            f"Trial {run.label} {outcome.reason}, after {clock(seconds)}; it runs again "
            f"(retry {run.lost_attempts + 1} of {may_die})."
        )
        study.run_again(run, died=True)
        return None
    return study.finish(key, outcome)


def _given_up(study: Study, change: JobChange) -> Trial | None:
    """The job does not end although it was told to."""
    study.times.ended(change.key)
    if change.told is EndCause.TRIAL_TIMEOUT:
        return _timed_out(study, study.runs[change.key])
    study.leave(change.key)
    return None


def _timed_out(study: Study, run: TrialRun) -> Trial | None:
    outcome = study.outcome(run.key, JobState(Phase.ENDED), ended_by_us=True)
    if outcome.status is Status.FAILED:
        text = f"ran longer than trial_timeout={study.spec.settings.trial_timeout:g} seconds and was ended"
        outcome = Outcome({}, text, text)
    return study.finish(run.key, outcome)


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


def _retries(study: Study) -> RetryPolicy:
    return RetryPolicy(study.spec.settings.max_retries, study.spec.settings.retry_oom)
