"""What becomes of a run when its job has changed; no job runs here."""

from pathlib import Path

import pytest

from ax_mo.core.trial import Status, TrialRun
from ax_mo.runner.job import Cause, JobState, Phase
from ax_mo.runner.runner import EndCause, JobChange
from ax_mo.sweep.job_changes import Retry, apply_change, outcome_of_orphan, retries
from ax_mo.sweep.study import Study
from tests.sweep.running import leave_result, running, study_of

WHY = "dominated at step 3 by trial 0"
ENDED = JobState(Phase.ENDED)
KEY = (1, None)


def died(cause: Cause | None = None, exit_code: int | None = 1) -> JobState:
    return JobState(Phase.ENDED, exit_code, cause=cause)


@pytest.mark.parametrize("cause", [Cause.PREEMPTED, Cause.NODE_FAILURE, Cause.LOST])
def test_deaths_that_are_not_the_trials_own_fault_deserve_a_retry(cause: Cause) -> None:
    assert retries(died(cause), max_retries=2, oom=False) == 2


@pytest.mark.parametrize(
    "state", [died(Cause.OUT_OF_MEMORY), died(exit_code=-9), died(exit_code=137)], ids=["slurm", "local", "container"]
)
def test_running_out_of_memory_deserves_one_where_the_user_says_so(state: JobState) -> None:
    assert [retries(state, max_retries=2, oom=oom) for oom in (False, True)] == [0, 2]


@pytest.mark.parametrize("state", [died(), died(Cause.TIMEOUT), died(Cause.CANCELLED), died(exit_code=-11)])
def test_what_would_happen_again_deserves_none(state: JobState) -> None:
    assert retries(state, max_retries=2, oom=True) == 0


CANCELLED = running(status=Status.CANCELLED, reason="cancelled")


@pytest.mark.parametrize(
    ("run", "result", "began", "found"),
    [
        (running(), "completed", True, Status.COMPLETED),
        (running(), "failed", True, Status.FAILED),
        (running(), None, True, Retry(died=True)),
        (running(lost_attempts=1), None, True, Status.FAILED),
        (running(reason=WHY), None, True, Status.EARLY_STOPPED),
        (running(status=Status.ASKED), None, False, Retry()),
        (running(), "completed", False, Status.COMPLETED),
        (CANCELLED, None, True, Retry()),
        (CANCELLED, "failed", True, Retry()),
        (CANCELLED, "completed", True, Status.COMPLETED),
    ],
)
def test_run_that_was_left_behind_ends_or_runs_again(
    tmp_path: Path, run: TrialRun, result: str | None, began: bool, found: Retry | Status
) -> None:
    study = study_of(tmp_path, run)
    if result is not None:
        leave_result(tmp_path, run, result)
    outcome = outcome_of_orphan(study, run, ENDED, began)
    assert (outcome if isinstance(outcome, Retry) else outcome.status) == found


def taken_in(study: Study, change: JobChange) -> list[str]:
    """Take the change in; returns what the user was told."""
    told: list[str] = []
    apply_change(study, change, told.append)
    return told


def next_attempt(study: Study) -> tuple[int, int] | None:
    """The attempt that would be submitted next, and how often the run has died."""
    job = study.next_job()
    return None if job is None else (job.attempt, study.runs[job.key].lost_attempts)


def test_preempted_run_is_repeated_and_counted(tmp_path: Path) -> None:
    study = study_of(tmp_path, running(), max_retries=2)
    study.adopted(KEY)
    preempted = JobState(Phase.ENDED, None, "was preempted", Cause.PREEMPTED)
    (told,) = taken_in(study, JobChange(KEY, preempted))
    assert told.endswith("it runs again (retry 1 of 2).")
    assert not study.active
    assert next_attempt(study) == (2, 1)


def test_run_that_was_preempted_as_often_as_it_may_be_has_failed(tmp_path: Path) -> None:
    study = study_of(tmp_path, running(lost_attempts=2), max_retries=2)
    assert taken_in(study, JobChange(KEY, died(Cause.PREEMPTED, exit_code=None))) == []
    assert study.runs[KEY].status is Status.FAILED


def test_run_that_was_lost_with_others_is_repeated_without_blame(tmp_path: Path) -> None:
    study = study_of(tmp_path, running())
    taken_in(study, JobChange(KEY, ENDED, once_more=True))
    assert next_attempt(study) == (2, 0)


def test_run_that_outlasts_its_time_fails_of_it(tmp_path: Path) -> None:
    study = study_of(tmp_path, running(), trial_timeout=3)
    taken_in(study, JobChange(KEY, JobState(Phase.ENDED, -15), EndCause.TRIAL_TIMEOUT))
    assert study.runs[KEY].reason == "ran longer than trial_timeout=3 seconds and was ended"


def test_run_that_ends_with_the_studys_time_runs_again_on_a_resume(tmp_path: Path) -> None:
    study = study_of(tmp_path, running())
    taken_in(study, JobChange(KEY, JobState(Phase.ENDED, -15), EndCause.STUDY_TIMEOUT))
    assert study.runs[KEY].status is Status.CANCELLED


def test_run_that_does_not_end_with_the_studys_time_is_left_as_it_is(tmp_path: Path) -> None:
    study = study_of(tmp_path, running())
    study.adopted(KEY)
    taken_in(study, JobChange(KEY, JobState(Phase.UNKNOWN), EndCause.STUDY_TIMEOUT))
    assert study.runs[KEY].status is Status.RUNNING
    assert not study.active


def test_job_of_an_earlier_sweeper_that_goes_on_is_watched(tmp_path: Path) -> None:
    study = study_of(tmp_path, running())
    told = taken_in(study, JobChange(KEY, JobState(Phase.RUNNING), adopted=True))
    assert told == ["Trial 1 is still running; watching it again."]
    assert study.active == {KEY}


def test_cancelled_job_that_goes_on_is_told_to_end_once_more(tmp_path: Path) -> None:
    study = study_of(tmp_path, running(status=Status.CANCELLED, handle="slurm://ax_mo/17"))
    told = taken_in(study, JobChange(KEY, JobState(Phase.UNKNOWN, message="does not answer"), adopted=True))
    assert told == ["Trial 1 was cancelled and has not ended yet; it runs again then."]
    assert list(study.take_end_requests()) == [(KEY, EndCause.GOES_ON)]


def test_handle_that_nobody_had_noted_is_noted(tmp_path: Path) -> None:
    study = study_of(tmp_path, running(status=Status.ASKED, handle=None))
    taken_in(study, JobChange(KEY, JobState(Phase.RUNNING), adopted=True, handle="slurm://ax_mo/17"))
    assert (study.runs[KEY].status, study.runs[KEY].handle) == (Status.RUNNING, "slurm://ax_mo/17")
