"""Which deaths of a job are followed by another attempt."""

import pytest

from ax_mo.core.trial import Status, TrialRun
from ax_mo.runner.job import Cause, JobState, Phase
from ax_mo.sweep.resume import Resumption, RetryPolicy, after_death


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


@pytest.mark.parametrize(("deaths", "again"), [(0, True), (1, True), (2, False)])
def test_run_is_repeated_so_often_and_no_more(deaths: int, again: bool) -> None:
    run = TrialRun(number=0, status=Status.RUNNING, point={}, overrides=(), directory="0", lost_attempts=deaths)
    assert (after_death(run, False, may_die=2) is Resumption.AFTER_DEATH) == again
    assert after_death(run, True, may_die=2) is Resumption.ENDED
