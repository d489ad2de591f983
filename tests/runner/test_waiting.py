"""Pauses between submissions, and words about silence, by a clock that the test moves."""

import pytest

from ax_mo.errors import StudyStopped
from ax_mo.runner.waiting import Silence, Submissions
from tests.runner.clock import Clock


def test_pauses_grow_to_more_than_ten_minutes_and_end() -> None:
    clock = Clock()
    began = clock.now
    submissions = Submissions(clock)
    notices = []
    with pytest.raises(StudyStopped, match="did not take trial 3, 8 times: busy"):
        while True:
            notices.append(submissions.failed("trial 3", RuntimeError("busy")))
            while submissions.pausing:
                clock.now += 1.0
    assert [notice.split(" in ")[1] for notice in notices[:3]] == ["2 s: busy", "10 s: busy", "30 s: busy"]
    assert clock.now - began > 600


def test_submission_that_works_begins_anew() -> None:
    submissions = Submissions(Clock())
    submissions.failed("trial 3", RuntimeError())
    submissions.failed("trial 3", RuntimeError())
    submissions.worked()
    assert not submissions.pausing
    assert "again in 2 s" in submissions.failed("trial 3", RuntimeError())


UNANSWERED = "Slurm does not answer: connect failure"


def test_silence_of_thirty_seconds_is_told_once_and_its_end_too() -> None:
    clock, told = Clock(), list[str]()
    silence = Silence(told.append, clock)
    silence.unanswered(UNANSWERED)
    clock.now += 29.0
    silence.unanswered(UNANSWERED)
    assert told == []
    clock.now += 2.0
    silence.unanswered(UNANSWERED)
    assert told[0].startswith("Slurm does not answer: connect failure. Nothing is lost")
    clock.now += 60.0
    silence.unanswered(UNANSWERED)
    silence.answered()
    silence.answered()
    assert told[1:] == ["The scheduler answers again."]


def test_short_silence_is_not_told() -> None:
    clock, told = Clock(), list[str]()
    silence = Silence(told.append, clock)
    silence.unanswered(UNANSWERED)
    clock.now += 20.0
    silence.answered()
    clock.now += 20.0
    silence.unanswered(UNANSWERED)
    assert told == [], "counted anew"
