"""The runner of a scheduler's jobs, with a scheduler and a clock that say what the test says."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from ax_mo.core.trial import Status, TrialRun
from ax_mo.runner.job import CancelFailed, Cause, Job, JobSpec, JobState, NoAnswer, Phase, SubmitLater
from ax_mo.runner.runner import EndCause
from ax_mo.runner.scheduler import Scheduler
from ax_mo.runner.scheduler_runner import SchedulerRunner
from ax_mo.runner.settings import LauncherSettings
from tests.runner.clock import Clock
from tests.support.trials import make_run
from tests.sweep.running import leave_result

KEY = (1, None)
HANDLE = "slurm://ax_mo/17"
ENDED, RUNNING, PENDING = JobState(Phase.ENDED, 0), JobState(Phase.RUNNING), JobState(Phase.PENDING)
FAILED, UNSEEN = JobState(Phase.ENDED, 1), JobState(Phase.ENDED)
UNKNOWN, SILENT = JobState(Phase.UNKNOWN), JobState(Phase.UNKNOWN, message="Slurm does not answer")
ELSEWHERE = JobState(Phase.UNKNOWN, place="host gpu07 (pid 7)")


class Cluster(Scheduler):
    """Says ``state`` of every job, and takes those for which ``submissions`` has no error left."""

    answers_at_once = True

    def __init__(self, state: JobState = RUNNING, has_queue: bool = True, grace: float = 0.0) -> None:
        super().__init__(LauncherSettings(scheduler="slurm", unknown_timeout=50.0))
        self.state = state
        self.has_queue = has_queue
        self.result_grace_seconds = grace
        self.submissions: list[Exception] = []
        self.cancelled: list[str] = []
        self.untold: Exception | None = None
        self.found: list[str | NoAnswer | None] = []
        self.ending = threading.Event()
        self.ending.set()

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

    def cancel(self, jobs: Sequence[Job]) -> None:
        self.cancelled += [job.handle for job in jobs]
        self.ending.wait(10.0)
        if self.untold is not None:
            raise self.untold


@pytest.fixture
def clock() -> Clock:
    return Clock()


def runner_of(
    scheduler: Scheduler, clock: Clock | None = None, told: list[str] | None = None, n_jobs: int = 2
) -> SchedulerRunner:
    notice = [].append if told is None else told.append
    return SchedulerRunner(scheduler, n_jobs, threading.Event(), notice, clock or Clock())


def spec_of(directory: Path, number: int = 1) -> JobSpec:
    return JobSpec(f"ax-{number}", (), directory, directory, key=(number, None), label=str(number))


def submitted(directory: Path, scheduler: Scheduler, clock: Clock | None = None) -> SchedulerRunner:
    runner = runner_of(scheduler, clock)
    runner.submit(spec_of(directory))
    return runner


# Submitted by this sweeper


def test_each_change_of_a_job_is_told_once(tmp_path: Path) -> None:
    scheduler = Cluster(PENDING)
    runner = runner_of(scheduler)
    assert runner.submit(spec_of(tmp_path)) == "slurm://ax_mo/ax-1"
    assert (runner.capacity, runner.busy) == (1, True)
    seen = []
    for state in (PENDING, PENDING, RUNNING, JobState(Phase.UNKNOWN), RUNNING, PENDING, ENDED):
        scheduler.state = state
        seen += [change.state.phase for change in runner.collect()]
    assert seen == [Phase.PENDING, Phase.RUNNING, Phase.PENDING, Phase.ENDED]
    assert (runner.capacity, runner.busy) == (2, False)


def test_no_more_jobs_wait_in_the_queue_than_may(tmp_path: Path) -> None:
    scheduler = Cluster(PENDING)
    scheduler.settings.max_pending = 2
    runner = runner_of(scheduler, n_jobs=5)
    for number, capacity in ((1, 1), (2, 0)):
        runner.submit(spec_of(tmp_path, number))
        assert runner.capacity == capacity
    runner.collect()
    assert runner.capacity == 0
    scheduler.state = RUNNING
    runner.collect()
    assert runner.capacity == 2  # of the five, two run
    for number in (3, 4):
        runner.submit(spec_of(tmp_path, number))
    assert runner.capacity == 0
    scheduler.state = ENDED
    runner.collect()
    assert runner.capacity == 2


def test_run_that_was_not_taken_is_offered_again_after_a_pause(tmp_path: Path, clock: Clock) -> None:
    scheduler, told = Cluster(), list[str]()
    scheduler.submissions = [SubmitLater("controller busy")]
    runner = runner_of(scheduler, clock, told)
    assert runner.submit(spec_of(tmp_path)) is None
    assert told == ["The scheduler did not take trial 1; trying again in 2 s: controller busy"]
    assert (runner.capacity, runner.busy) == (0, False)
    clock.now += 2.0
    assert runner.capacity == 2


@pytest.mark.parametrize(("state", "seconds"), [(ENDED, 20.0), (FAILED, 5.0), (UNSEEN, 5.0)])
def test_missing_result_is_waited_for_and_less_long_where_there_may_be_none(
    tmp_path: Path, clock: Clock, state: JobState, seconds: float
) -> None:
    runner = submitted(tmp_path, Cluster(state, grace=20.0), clock)
    assert runner.collect() == []
    clock.now += seconds - 0.1
    assert runner.collect() == []
    clock.now += 0.2
    assert [change.state for change in runner.collect()] == [state]
    leave_result(tmp_path, make_run(1, directory="."), "completed")
    assert [change.state for change in submitted(tmp_path, Cluster(state, grace=20.0)).collect()] == [state]


def test_job_that_an_answering_scheduler_does_not_know_is_lost_after_its_time(tmp_path: Path, clock: Clock) -> None:
    scheduler = Cluster(UNKNOWN)
    runner = submitted(tmp_path, scheduler, clock)
    for state in (UNKNOWN, SILENT, UNKNOWN):  # silence says nothing, and the time begins anew
        scheduler.state = state
        assert runner.collect() == []
        clock.now += 49.0
    assert runner.collect() == []
    clock.now += 1.0
    (change,) = runner.collect()
    assert change.state == JobState(Phase.ENDED, None, "unknown to the scheduler for 50 s", Cause.LOST)


# Jobs that are told to end


def told_to_end(runner: SchedulerRunner, cause: EndCause) -> bool:
    """Whether the job was told now."""
    keys = runner.end([KEY, (2, None)], cause)
    finish_telling()
    return keys == [KEY]


def finish_telling() -> None:
    for thread in threading.enumerate():
        if thread.name == "ax_mo-end":
            thread.join()


def test_job_is_told_to_end_once_for_a_cause_and_says_why_it_was_when_it_ends(tmp_path: Path) -> None:
    scheduler = Cluster()
    runner = submitted(tmp_path, scheduler)
    assert told_to_end(runner, EndCause.GOES_ON)
    assert not told_to_end(runner, EndCause.GOES_ON)
    assert told_to_end(runner, EndCause.TRIAL_TIMEOUT), "its time is another reason"
    assert not told_to_end(runner, EndCause.GOES_ON)
    scheduler.state = ENDED
    (change,) = runner.collect()
    assert change.told is EndCause.TRIAL_TIMEOUT
    assert scheduler.cancelled == ["slurm://ax_mo/ax-1"] * 2


def test_job_that_goes_on_is_told_again_every_half_minute(tmp_path: Path, clock: Clock) -> None:
    scheduler = Cluster()
    runner = submitted(tmp_path, scheduler, clock)
    told_to_end(runner, EndCause.GOES_ON)
    for state, seconds, times in [(RUNNING, 29, 1), (RUNNING, 1, 2), (PENDING, 29, 2), (SILENT, 1, 2), (PENDING, 0, 3)]:
        scheduler.state = state
        clock.now += seconds
        runner.collect()
        finish_telling()
        assert len(scheduler.cancelled) == times


def test_process_that_does_not_end_is_given_up_after_its_grace(tmp_path: Path, clock: Clock) -> None:
    runner = submitted(tmp_path, Cluster(RUNNING, has_queue=False), clock)
    told_to_end(runner, EndCause.GOES_ON)
    clock.now += 1000.0
    assert runner.collect()[0].state == RUNNING
    told_to_end(runner, EndCause.TRIAL_TIMEOUT)
    clock.now += 70.0
    assert runner.collect() == [], "its grace begins when its time is over"
    clock.now += 1.0
    (change,) = runner.collect()
    assert (change.state, change.told) == (UNKNOWN, EndCause.TRIAL_TIMEOUT)


@pytest.mark.parametrize("state", [PENDING, RUNNING, SILENT])
def test_trial_whose_scheduler_says_that_it_goes_on_or_says_nothing_is_not_given_up(
    tmp_path: Path, clock: Clock, state: JobState
) -> None:
    scheduler = Cluster(state)
    runner = submitted(tmp_path, scheduler, clock)
    told_to_end(runner, EndCause.TRIAL_TIMEOUT)
    clock.now += 1000.0
    runner.collect()
    assert runner.busy
    scheduler.state = UNKNOWN
    runner.collect()
    assert not runner.busy


def test_job_of_a_study_whose_time_is_over_is_left_after_its_grace(tmp_path: Path, clock: Clock) -> None:
    runner = submitted(tmp_path, Cluster(), clock)
    told_to_end(runner, EndCause.STUDY_TIMEOUT)
    clock.now += 71.0
    (change,) = runner.collect()
    assert (change.state, change.told) == (UNKNOWN, EndCause.STUDY_TIMEOUT)


@pytest.mark.parametrize(("has_queue", "phases"), [(False, [Phase.RUNNING]), (True, [Phase.ENDED])])
def test_process_has_ended_when_its_children_have(tmp_path: Path, has_queue: bool, phases: list[Phase]) -> None:
    """They may hold the memory of a GPU that the next job is given; a scheduler answers for that itself."""
    scheduler = Cluster(ENDED, has_queue=has_queue)
    scheduler.ending.clear()
    runner = submitted(tmp_path, scheduler)
    runner.end([KEY], EndCause.GOES_ON)
    assert [change.state.phase for change in runner.collect()] == phases
    scheduler.ending.set()
    finish_telling()
    assert [change.state for change in runner.collect()] == ([] if has_queue else [ENDED])


def test_job_whose_scheduler_cannot_be_told_is_not_taken_for_ended(tmp_path: Path) -> None:
    scheduler = Cluster()
    runner = runner_of(scheduler)
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        runner.submit(spec_of(tmp_path / str(number), number))
    scheduler.untold = CancelFailed([Job("slurm://ax_mo/ax-2", tmp_path / "2")], "no answer")
    cancelled = runner.cancel()
    assert (cancelled.ended, cancelled.untold, cancelled.answer) == ([KEY], [(2, None)], "no answer")


# Left by an earlier sweeper


def cancelled_run() -> TrialRun:
    return make_run(1, status=Status.CANCELLED, handle=HANDLE)


@pytest.mark.parametrize("state", [PENDING, RUNNING, SILENT])
def test_cancelled_job_that_may_go_on_is_watched(tmp_path: Path, state: JobState) -> None:
    runner = runner_of(Cluster(state))
    runner.adopt(cancelled_run(), "ax-1", tmp_path)
    assert runner.collect()[0].state == state
    assert runner.busy


@pytest.mark.parametrize(
    ("state", "has_queue"), [(FAILED, True), (UNKNOWN, True), (ELSEWHERE, False)],
    ids=["has ended", "is forgotten", "was seen to end"],
)  # fmt: skip
def test_cancelled_job_that_does_not_go_on_is_over(tmp_path: Path, state: JobState, has_queue: bool) -> None:
    runner = runner_of(Cluster(state, has_queue))
    runner.adopt(cancelled_run(), "ax-1", tmp_path)
    (change,) = runner.collect()
    assert change.state.phase is Phase.ENDED
    assert not runner.busy


@pytest.mark.parametrize("handle", [None, "slurm://"])
def test_run_whose_submission_is_not_known_is_asked_for_until_the_scheduler_answers(
    tmp_path: Path, handle: str | None
) -> None:
    scheduler = Cluster()
    scheduler.found = [NoAnswer("down"), NoAnswer("down"), HANDLE]
    runner = runner_of(scheduler)
    runner.adopt(make_run(1, status=Status.ASKED, handle=handle), "ax-1", tmp_path)
    assert runner.collect() == runner.collect() == []
    assert (runner.busy, runner.capacity) == (True, 1), "its worker is not given to another"
    found, begun = runner.collect()
    assert (found.handle, found.adopted) == (HANDLE, True)
    assert begun.state == RUNNING


def test_run_that_was_never_submitted_has_not_begun(tmp_path: Path) -> None:
    scheduler = Cluster()
    scheduler.found = [None]
    runner = runner_of(scheduler)
    runner.adopt(make_run(1, status=Status.ASKED, handle=None), "ax-1", tmp_path)
    (change,) = runner.collect()
    assert (change.state.phase, change.began) == (Phase.ENDED, False)


@pytest.mark.parametrize("handle", ["local_cwd://ax_mo/trial-1", "launcher"])
def test_no_scheduler_is_asked_for_the_jobs_of_another(tmp_path: Path, handle: str) -> None:
    runner = runner_of(Cluster())
    runner.adopt(make_run(1, handle=handle), "ax-1", tmp_path)
    (change,) = runner.collect()
    assert (change.state.phase, change.state.exit_code, change.began) == (Phase.ENDED, None, True)


def test_result_of_a_job_out_of_reach_is_its_end(tmp_path: Path) -> None:
    runner = runner_of(Cluster(ELSEWHERE))
    runner.adopt(make_run(1, handle=HANDLE), "ax-1", tmp_path)
    (change,) = runner.collect()
    assert change.state.place == "host gpu07 (pid 7)"
    assert runner.cancel().elsewhere == {KEY: "host gpu07 (pid 7)"}
    leave_result(tmp_path, make_run(1, directory="."), "completed")
    (change,) = runner.collect()
    assert change.state.phase is Phase.ENDED
