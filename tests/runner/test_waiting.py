"""Pauses between submissions, and words about silence, by a clock that the test moves."""

from ax_mo.runner.job import JobState, Phase
from ax_mo.runner.waiting import Silence, Submissions


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pauses_grow_and_end() -> None:
    clock = Clock()
    submissions = Submissions(clock)
    pauses = []
    while (pause := submissions.failed()) is not None:
        assert submissions.pausing
        pauses.append(pause)
        clock.now += pause
        assert not submissions.pausing
    assert pauses[:3] == [2.0, 10.0, 30.0]
    assert sum(pauses) > 600
    error = submissions.given_up("trial 3", RuntimeError("busy"))
    assert error.leaves_jobs
    assert f"did not take trial 3, {len(pauses) + 1} times: busy" in str(error)


def test_submission_that_works_begins_anew() -> None:
    submissions = Submissions(Clock())
    submissions.failed()
    submissions.failed()
    submissions.worked()
    assert not submissions.pausing
    assert submissions.failed() == 2.0


UNANSWERED = JobState(Phase.UNKNOWN, message="Slurm does not answer: connect failure")


def test_silence_of_thirty_seconds_is_told_once_and_its_end_too() -> None:
    clock = Clock()
    silence = Silence(clock)
    states = [JobState(Phase.RUNNING), UNANSWERED]
    assert silence.after(states) is None
    clock.now += 29.0
    assert silence.after(states) is None
    clock.now += 2.0
    told = silence.after(states)
    assert told is not None
    assert told.startswith("Slurm does not answer: connect failure. Nothing is lost")
    clock.now += 60.0
    assert silence.after(states) is None
    assert silence.after([]) is None, "nothing was asked"
    assert silence.after([JobState(Phase.RUNNING)]) == "The scheduler answers again."
    assert silence.after([JobState(Phase.RUNNING)]) is None


def test_short_silence_is_not_told() -> None:
    clock = Clock()
    silence = Silence(clock)
    silence.after([UNANSWERED])
    clock.now += 20.0
    assert silence.after([JobState(Phase.RUNNING)]) is None
    clock.now += 20.0
    assert silence.after([UNANSWERED]) is None, "counted anew"


def test_job_that_an_answering_scheduler_does_not_know_is_no_silence() -> None:
    clock = Clock()
    silence = Silence(clock)
    silence.after([JobState(Phase.UNKNOWN)])
    clock.now += 60.0
    assert silence.after([JobState(Phase.UNKNOWN)]) is None
