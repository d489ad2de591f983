"""A thread that asks for states, whatever becomes of its asking."""

import threading
from collections.abc import Sequence
from pathlib import Path

from ax_mo.runner.job import Job, JobState, Phase
from ax_mo.runner.remote.background_states import BackgroundStates
from tests.support.waiting import wait_until


def test_states_go_on_after_an_error_that_nobody_thought_of(tmp_path: Path) -> None:
    job, changed, fails = Job("x://1", tmp_path), threading.Event(), threading.Event()

    def ask(jobs: Sequence[Job]) -> dict[str, JobState]:
        if fails.is_set():
            raise RuntimeError("nobody thought of it")
        return {one.handle: JobState(Phase.RUNNING) for one in jobs}

    states = BackgroundStates(ask, 0.01, changed.set)
    states.submitted(job)
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
    states = BackgroundStates(lambda jobs: {job.handle: JobState(Phase.ENDED, 0) for job in jobs}, 0.0, lambda: None)
    jobs = [Job(f"x://{number}", tmp_path) for number in range(2000)]
    states.of([])
    for job in jobs:
        states.submitted(job)
    wait_until(lambda: all(state.phase is Phase.ENDED for state in states.of(jobs)))
    states.close()
