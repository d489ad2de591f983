"""What becomes of a run when its job has changed; no job runs here."""

from pathlib import Path

import pytest

from ax_mo.core.trial import Status, TrialRun
from ax_mo.runner.job import Cause, JobState, Phase
from ax_mo.runner.runner import EndCause, JobChange
from ax_mo.sweep.settle import Resumption, RetryPolicy, after_death, settle, settle_orphan
from ax_mo.sweep.study import Study
from tests.sweep.running import leave_result, running, study_of

WHY = "dominated at step 3 by trial 0"
ENDED = JobState(Phase.ENDED)
KEY = (1, None)


def died(cause: Cause | None = None, exit_code: int | None = 1) -> JobState:
    return JobState(Phase.ENDED, exit_code, cause=cause)


@pytest.mark.parametrize("cause", [Cause.PREEMPTED, Cause.NODE_FAILURE, Cause.LOST])
def test_deaths_that_are_not_the_trials_own_fault_deserve_a_retry(cause: Cause) -> None:
    assert RetryPolicy(2).allowed(died(cause)) == 2
    assert RetryPolicy().allowed(died(cause)) == 0


@pytest.mark.parametrize(
    "state", [died(Cause.OUT_OF_MEMORY), died(exit_code=-9), died(exit_code=137)], ids=["slurm", "local", "container"]
)
def test_running_out_of_memory_deserves_one_where_the_user_says_so(state: JobState) -> None:
    assert RetryPolicy(2).allowed(state) == 0
    assert RetryPolicy(2, oom=True).allowed(state) == 2


@pytest.mark.parametrize("state", [died(), died(Cause.TIMEOUT), died(Cause.CANCELLED), died(exit_code=-11)])
def test_what_would_happen_again_deserves_none(state: JobState) -> None:
    assert RetryPolicy(2, oom=True).allowed(state) == 0


@pytest.mark.parametrize(("lost_attempts", "again"), [(0, True), (1, True), (2, False)])
def test_run_is_repeated_so_often_and_no_more(lost_attempts: int, again: bool) -> None:
    run = running(lost_attempts=lost_attempts)
    assert (after_death(run, False, may_die=2) is Resumption.AFTER_DEATH) == again
    assert after_death(run, True, may_die=2) is Resumption.ENDED


@pytest.mark.parametrize(
    ("run", "result", "began", "found", "status"),
    [
        (running(), "completed", True, Resumption.ENDED, Status.COMPLETED),
        (running(), "failed", True, Resumption.ENDED, Status.FAILED),
        (running(), None, True, Resumption.AFTER_DEATH, Status.RUNNING),
        (running(lost_attempts=1), None, True, Resumption.ENDED, Status.FAILED),
        (running(reason=WHY), None, True, Resumption.ENDED, Status.EARLY_STOPPED),
        (running(status=Status.ASKED), None, False, Resumption.AGAIN, Status.ASKED),
        (running(), "completed", False, Resumption.ENDED, Status.COMPLETED),
        (running(status=Status.CANCELLED, reason="cancelled"), None, True, Resumption.AGAIN, Status.CANCELLED),
        (running(status=Status.CANCELLED, reason="cancelled"), "failed", True, Resumption.AGAIN, Status.CANCELLED),
        (running(status=Status.CANCELLED, reason="cancelled"), "completed", True, Resumption.ENDED, Status.COMPLETED),
    ],
)
def test_run_that_was_left_behind_ends_or_runs_again(
    tmp_path: Path, run: TrialRun, result: str | None, began: bool, found: Resumption, status: Status
) -> None:
    study = study_of(tmp_path, run)
    if result is not None:
        leave_result(tmp_path, run, result)
    assert settle_orphan(study, run, ENDED, began)[0] is found
    assert study.runs[run.key].status is status


def settled(study: Study, change: JobChange) -> list[str]:
    """Take the change in; returns what the user was told."""
    told: list[str] = []
    settle(study, change, told.append)
    return told


def next_attempt(study: Study) -> tuple[int, int] | None:
    """The attempt that would be submitted next, and how often the run has died."""
    run = study.next_run()
    return None if run is None else (run.attempt, run.lost_attempts)


def test_preempted_run_is_repeated_and_counted(tmp_path: Path) -> None:
    study = study_of(tmp_path, running(), max_retries=2)
    study.adopted(KEY)
    preempted = JobState(Phase.ENDED, None, "was preempted", Cause.PREEMPTED)
    (told,) = settled(study, JobChange(KEY, preempted))
    assert told.endswith("it runs again (retry 1 of 2).")
    assert not study.active
    assert next_attempt(study) == (2, 1)


def test_run_that_was_lost_with_others_is_repeated_without_blame(tmp_path: Path) -> None:
    study = study_of(tmp_path, running())
    settled(study, JobChange(KEY, ENDED, once_more=True))
    assert next_attempt(study) == (2, 0)


def test_run_that_outlasts_its_time_fails_of_it(tmp_path: Path) -> None:
    study = study_of(tmp_path, running(), trial_timeout=3)
    settled(study, JobChange(KEY, JobState(Phase.ENDED, -15), EndCause.TRIAL_TIMEOUT))
    assert study.runs[KEY].reason == "ran longer than trial_timeout=3 seconds and was ended"


def test_run_that_ends_with_the_studys_time_runs_again_on_a_resume(tmp_path: Path) -> None:
    study = study_of(tmp_path, running())
    settled(study, JobChange(KEY, JobState(Phase.ENDED, -15), EndCause.STUDY_TIMEOUT))
    assert study.runs[KEY].status is Status.CANCELLED


def test_run_that_does_not_end_with_the_studys_time_is_left_as_it_is(tmp_path: Path) -> None:
    study = study_of(tmp_path, running())
    study.adopted(KEY)
    settled(study, JobChange(KEY, JobState(Phase.UNKNOWN), EndCause.STUDY_TIMEOUT))
    assert study.runs[KEY].status is Status.RUNNING
    assert not study.active


def test_job_of_an_earlier_sweeper_that_goes_on_is_watched(tmp_path: Path) -> None:
    study = study_of(tmp_path, running())
    told = settled(study, JobChange(KEY, JobState(Phase.RUNNING), adopted=True))
    assert told == ["Trial 1 is still running; watching it again."]
    assert study.active == {KEY}


def test_cancelled_job_that_goes_on_is_told_to_end_once_more(tmp_path: Path) -> None:
    study = study_of(tmp_path, running(status=Status.CANCELLED, handle="slurm://ax_mo/17"))
    told = settled(study, JobChange(KEY, JobState(Phase.UNKNOWN, message="does not answer"), adopted=True))
    assert told == ["Trial 1 was cancelled and has not ended yet; it runs again then."]
    assert list(study.take_end_requests()) == [(KEY, EndCause.GOES_ON)]


def test_handle_that_nobody_had_noted_is_noted(tmp_path: Path) -> None:
    study = study_of(tmp_path, running(status=Status.ASKED, handle=None))
    settled(study, JobChange(KEY, JobState(Phase.RUNNING), adopted=True, handle="slurm://ax_mo/17"))
    assert (study.runs[KEY].status, study.runs[KEY].handle) == (Status.RUNNING, "slurm://ax_mo/17")
