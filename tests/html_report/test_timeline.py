"""Who worked when, and when nobody swept."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ax_mo.html_report.timeline import duration, schedule, timeline
from tests.support.studies import START, record, study

POINT = study(Path("/nowhere"), 1).trials[0]


def ran(number: int, asked: float, submitted: float, ended: float | None, computed: float | None = 1.0):
    """A trial with its times in seconds since the study began."""
    at = [None if s is None else (START + timedelta(seconds=s)).isoformat() for s in (asked, submitted, ended)]
    times = dict(zip(("asked", "submitted", "ended"), at, strict=True))
    return replace(POINT, number=number, started=at[1], suggestion_seconds=computed, **times)


def scheduled(*trials):
    return schedule(record(Path("/nowhere"), trials))


def test_pause_between_two_sweepers_is_not_idle_time():
    found = scheduled(
        ran(0, 0, 0, 10), ran(1, 0, 0, 12), ran(2, 11, 11, 20), ran(3, 13, 13, 21),
        ran(4, 141, 141, 150), ran(5, 143, 143, 151),
    )  # fmt: skip
    assert [(pause.at, pause.seconds) for pause in found.pauses] == [(21, 120)]
    assert found.waits == [1, 1]  # nobody waited for what came after the pause
    assert found.seconds == 31 and found.busy == pytest.approx((10 + 12 + 9 + 8 + 9 + 8) / (2 * 31))
    assert "busy 90 %" in found.describe() and "the pause before a resume" in found.describe()
    assert "2.0 min" in found.describe()


def test_long_suggestion_is_no_pause():
    found = scheduled(ran(0, 0, 0, 10), ran(1, 130, 130, 140, computed=115.0), ran(2, 260, 260, 270, computed=118.0))
    assert found.pauses == [] and found.waits == [120, 120]
    assert "Not counted" not in found.describe()


def test_trial_that_is_run_again_waited_for_no_suggestion():
    found = scheduled(ran(0, 0, 0, 10), ran(1, 5, 100, 110, computed=80.0))
    assert [(pause.at, pause.seconds) for pause in found.pauses] == [(10, 90)]


def test_nothing_is_a_pause_while_a_trial_runs():
    found = scheduled(ran(0, 0, 0, 500), ran(1, 0, 0, 10), ran(2, 400, 400, 410))
    assert found.pauses == [] and max(found.waits) == 390


def test_worker_is_free_again_after_each_of_many_pauses():
    found = scheduled(*(ran(n, at, at, at + 20.123457) for n, at in enumerate(1000.7654321 * n for n in range(50))))
    assert len(found.workers) == 1 and len(found.pauses) == 49 and found.busy == 1 and found.waits == []


def test_pauses_take_no_room_in_the_figure():
    trials = [ran(0, 0, 0, 10), ran(1, 100_000, 100_000, 100_010)]
    figure = timeline(record(Path("/nowhere"), trials))
    bars = next(trace for trace in figure.data if trace.type == "bar")
    assert list(bars.base) == [0, 10]
    (marks,) = [trace for trace in figure.data if trace.name == "pause before a resume"]
    assert list(marks.x) == [10] and marks.hovertext == ("nobody swept for 27.8 h",)
    assert "without pauses" in figure.layout.xaxis.title.text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "0.012 s"),
        (4.68, "4.7 s"),
        (99.9, "100 s"),
        (134, "2.2 min"),
        (6480, "108 min"),
        (9000, "2.5 h"),
        (400_000, "4.6 days"),
    ],
)
def test_durations_are_in_the_unit_that_people_use(seconds, text):
    assert duration(seconds) == text
