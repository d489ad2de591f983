"""A thread that asks for states, whatever becomes of its asking."""

import threading
from collections.abc import Sequence
from pathlib import Path

from ax_mo.runner.background_states import BackgroundStates
from ax_mo.runner.job import Job, JobState, Phase
from tests.support.waiting import wait_until


def test_states_go_on_after_an_error_that_nobody_thought_of(tmp_path: Path) -> None:
    job, changed, fails = Job("x://1", tmp_path), threading.Event(), threading.Event()

    def ask(jobs: Sequence[Job]) -> list[JobState]:
        if fails.is_set():
            raise RuntimeError("nobody thought of it")
        return [JobState(Phase.RUNNING)] * len(jobs)

    states = BackgroundStates(ask, 0.01, changed.set)
    states.note(job, JobState(Phase.PENDING))
    assert states.of([job]) == [JobState(Phase.PENDING)]
    wait_until(lambda: states.of([job]) == [JobState(Phase.RUNNING)])
    assert changed.is_set()
    fails.set()
    wait_until(lambda: states.of([job])[0].phase is Phase.UNKNOWN)
    assert "nobody thought of it" in states.of([job])[0].message
    fails.clear()
    wait_until(lambda: states.of([job]) == [JobState(Phase.RUNNING)])
    states.close()


def test_jobs_that_are_submitted_meanwhile_do_no_harm(tmp_path: Path) -> None:
    states = BackgroundStates(lambda jobs: [JobState(Phase.ENDED, 0)] * len(jobs), 0.0, lambda: None)
    jobs: list[Job] = []
    for number in range(2000):
        jobs.append(Job(f"x://{number}", tmp_path))
        states.note(jobs[-1], JobState(Phase.PENDING))
        states.of(jobs[-20:])
    wait_until(lambda: all(state.phase is Phase.ENDED for state in states.of(jobs)))
    states.close()


def test_only_jobs_that_are_still_looked_at_are_asked_for(tmp_path: Path) -> None:
    jobs = [Job(f"x://{number}", tmp_path) for number in range(2)]
    asked: list[list[str]] = []

    def ask(some: Sequence[Job]) -> list[JobState]:
        asked.append([job.handle for job in some])
        return [JobState(Phase.RUNNING)] * len(some)

    states = BackgroundStates(ask, 0.01, lambda: None)
    for job in jobs:
        states.note(job, JobState(Phase.PENDING))
    wait_until(lambda: [state.phase for state in states.of(jobs)] == [Phase.RUNNING] * 2)
    assert asked[-1] == ["x://0", "x://1"]
    states.of(jobs[1:])  # the other one is given up
    wait_until(lambda: asked[-1] == ["x://1"])
    states.close()
