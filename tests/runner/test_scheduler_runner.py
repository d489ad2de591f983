"""The runner of a scheduler's jobs, with a scheduler that says what the test says."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.trial import Status, TrialRun
from ax_mo.errors import StudyStopped
from ax_mo.runner.job import CancelFailed, Cause, Job, JobSpec, JobState, NoAnswer, Phase, SubmitLater
from ax_mo.runner.runner import EndCause
from ax_mo.runner.scheduler_runner import SchedulerRunner
from tests.support.trials import make_run
from tests.sweep.running import leave_result

KEY = (1, None)
ENDED, RUNNING, PENDING = JobState(Phase.ENDED, 0), JobState(Phase.RUNNING), JobState(Phase.PENDING)


class Scheduler:
    """Says ``state`` of every job, and takes those for which ``submissions`` has no error left."""

    scheduler = "slurm"
    poll_seconds = result_grace_seconds = grace_seconds = 0.0
    has_room = True

    def __init__(self, state: JobState = RUNNING, has_queue: bool = True) -> None:
        self.state = state
        self.has_queue = has_queue
        self.submissions: list[Exception] = []
        self.cancelled: list[str] = []
        self.untold: Exception | None = None
        self.found: list[str | NoAnswer | None] = []

    def submit(self, spec: JobSpec) -> str:
        if self.submissions:
            raise self.submissions.pop(0)
        return f"slurm://ax_mo/{spec.name}"

    def find(self, name: str, directory: Path) -> str | None:
        found = self.found.pop(0)
        if isinstance(found, NoAnswer):
            raise found
        return found

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        return [self.state for _ in jobs]

    def cancel(self, jobs: Sequence[Job], wait: bool = True) -> None:
        self.cancelled += [job.handle for job in jobs]
        if self.untold is not None:
            raise self.untold


def runner_of(scheduler: Scheduler, told: list[str] | None = None, n_jobs: int = 2) -> SchedulerRunner:
    jobs: Any = scheduler
    return SchedulerRunner(jobs, n_jobs, threading.Event(), [].append if told is None else told.append)


def spec_of(directory: Path, number: int = 1) -> JobSpec:
    return JobSpec(f"ax-{number}", (), directory, directory, key=(number, None), label=str(number))


# Submitted by this sweeper


def test_each_change_of_a_job_is_told_once(tmp_path: Path) -> None:
    scheduler = Scheduler(PENDING)
    runner = runner_of(scheduler)
    assert runner.submit(spec_of(tmp_path)) == "slurm://ax_mo/ax-1"
    assert (runner.capacity, runner.busy) == (1, True)
    seen = []
    for state in (PENDING, PENDING, RUNNING, JobState(Phase.UNKNOWN), RUNNING, PENDING, ENDED):
        scheduler.state = state
        seen += [change.state.phase for change in runner.collect()]
    assert seen == [Phase.PENDING, Phase.RUNNING, Phase.PENDING, Phase.ENDED]
    assert (runner.capacity, runner.busy) == (2, False)


def test_run_that_was_not_taken_is_offered_again_after_a_pause(tmp_path: Path) -> None:
    scheduler, told = Scheduler(), list[str]()
    scheduler.submissions = [SubmitLater("controller busy")]
    runner = runner_of(scheduler, told)
    assert runner.submit(spec_of(tmp_path)) is None
    assert told == ["The scheduler did not take trial 1; trying again in 2 s: controller busy"]
    assert (runner.capacity, runner.busy) == (0, False)


def test_scheduler_that_never_takes_a_run_ends_the_sweep_and_leaves_what_runs(tmp_path: Path) -> None:
    scheduler = Scheduler()
    scheduler.submissions = [SubmitLater("controller busy")] * 8
    runner = runner_of(scheduler)
    with pytest.raises(StudyStopped, match="did not take trial 1, 8 times: controller busy") as caught:
        for _ in range(8):
            runner.submit(spec_of(tmp_path))
    assert caught.value.leaves_jobs


def test_job_is_told_to_end_once_and_says_why_it_was_when_it_ends(tmp_path: Path) -> None:
    scheduler = Scheduler()
    runner = runner_of(scheduler)
    runner.submit(spec_of(tmp_path))
    assert runner.end([KEY], EndCause.GOES_ON) == [KEY]
    assert runner.end([KEY, (2, None)], EndCause.GOES_ON) == []
    assert runner.end([KEY], EndCause.TRIAL_TIMEOUT) == [KEY], "its time is another reason"
    scheduler.state = ENDED
    (change,) = runner.collect()
    assert change.told is EndCause.TRIAL_TIMEOUT
    assert scheduler.cancelled == ["slurm://ax_mo/ax-1"] * 2


def test_job_whose_scheduler_cannot_be_told_is_not_taken_for_ended(tmp_path: Path) -> None:
    scheduler = Scheduler()
    runner = runner_of(scheduler)
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        runner.submit(spec_of(tmp_path / str(number), number))
    scheduler.untold = CancelFailed([Job("slurm://ax_mo/ax-2", tmp_path / "2")], "no answer")
    cancelled = runner.cancel()
    assert (cancelled.ended, cancelled.untold, cancelled.answer) == ([KEY], [(2, None)], "no answer")


# Left by an earlier sweeper


def cancelled_run() -> TrialRun:
    return make_run(1, status=Status.CANCELLED, handle="slurm://ax_mo/17")


@pytest.mark.parametrize("state", [PENDING, RUNNING, JobState(Phase.UNKNOWN, message="does not answer")])
def test_cancelled_job_that_may_go_on_is_watched(tmp_path: Path, state: JobState) -> None:
    runner = runner_of(Scheduler(state))
    runner.adopt(cancelled_run(), "ax-1", tmp_path)
    assert runner.collect()[0].state == state
    assert runner.busy


@pytest.mark.parametrize(
    "state", [JobState(Phase.ENDED, 1, "Slurm ended the job: CANCELLED", Cause.CANCELLED), JobState(Phase.UNKNOWN)]
)
def test_cancelled_job_that_has_ended_or_is_forgotten_is_over(tmp_path: Path, state: JobState) -> None:
    runner = runner_of(Scheduler(state))
    runner.adopt(cancelled_run(), "ax-1", tmp_path)
    (change,) = runner.collect()
    assert change.state.phase is Phase.ENDED
    assert not runner.busy


def test_cancelled_process_was_seen_to_end(tmp_path: Path) -> None:
    runner = runner_of(Scheduler(JobState(Phase.UNKNOWN, place="another host"), has_queue=False))
    runner.adopt(cancelled_run(), "ax-1", tmp_path)
    (change,) = runner.collect()
    assert change.state.phase is Phase.ENDED


@pytest.mark.parametrize("handle", [None, "slurm://"])
def test_run_whose_submission_is_not_known_is_asked_for_until_the_scheduler_answers(
    tmp_path: Path, handle: str | None
) -> None:
    scheduler = Scheduler()
    scheduler.found = [NoAnswer("down"), NoAnswer("down"), "slurm://ax_mo/17"]
    runner = runner_of(scheduler)
    runner.adopt(make_run(1, status=Status.ASKED, handle=handle), "ax-1", tmp_path)
    assert runner.collect() == runner.collect() == []
    assert (runner.busy, runner.capacity) == (True, 1), "its worker is not given to another"
    found, begun = runner.collect()
    assert (found.handle, found.adopted) == ("slurm://ax_mo/17", True)
    assert begun.state == RUNNING


def test_run_that_was_never_submitted_has_not_begun(tmp_path: Path) -> None:
    scheduler = Scheduler()
    scheduler.found = [None]
    runner = runner_of(scheduler)
    runner.adopt(make_run(1, status=Status.ASKED, handle=None), "ax-1", tmp_path)
    (change,) = runner.collect()
    assert (change.state.phase, change.began) == (Phase.ENDED, False)


def test_result_of_a_job_out_of_reach_is_its_end(tmp_path: Path) -> None:
    scheduler = Scheduler(JobState(Phase.UNKNOWN, place="host gpu07 (pid 7)"))
    runner = runner_of(scheduler)
    runner.adopt(make_run(1), "ax-1", tmp_path)
    (change,) = runner.collect()
    assert change.state.place == "host gpu07 (pid 7)"
    assert runner.cancel().elsewhere == {KEY: "host gpu07 (pid 7)"}
    leave_result(tmp_path, make_run(1, directory="."), "completed")
    (change,) = runner.collect()
    assert change.state.phase is Phase.ENDED
