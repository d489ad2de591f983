"""What becomes of cancelled runs: their scheduler may take its time to end them, or not have heard of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.trial import Status
from ax_mo.runner.job import Cause, Job, JobState, Phase
from ax_mo.runner.retry import Silence
from ax_mo.sweep.adoption import Adopted, Adoption
from ax_mo.sweep.resume import RetryPolicy
from tests.sweep.test_ledger import ledger_of, running


class Scheduler:
    """Says this of every job."""

    def __init__(self, state: JobState, has_queue: bool) -> None:
        self.has_queue = has_queue
        self._state = state

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        return [self._state for _ in jobs]


def adopted(directory: Path, state: JobState, has_queue: bool = True) -> Adopted:
    ledger = ledger_of(directory, running(status=Status.CANCELLED, handle="slurm://ax_mo/17"))
    jobs: Any = Scheduler(state, has_queue)
    return Adoption(ledger, jobs, RetryPolicy(), Silence(), lambda: True).adopt()


@pytest.mark.parametrize(
    "state", [JobState(Phase.PENDING), JobState(Phase.RUNNING), JobState(Phase.UNKNOWN, message="does not answer")]
)
def test_cancelled_job_that_may_go_on_is_watched(tmp_path: Path, state: JobState) -> None:
    found = adopted(tmp_path, state)
    assert list(found.running) == [(1, None)]
    assert found.again == []


@pytest.mark.parametrize(
    "state", [JobState(Phase.ENDED, 1, "Slurm ended the job: CANCELLED", Cause.CANCELLED), JobState(Phase.UNKNOWN)]
)
def test_cancelled_job_that_has_ended_or_is_forgotten_runs_again(tmp_path: Path, state: JobState) -> None:
    found = adopted(tmp_path, state)
    assert found.running == {}
    assert [(run.number, died) for run, died in found.again] == [(1, False)]


def test_cancelled_process_was_seen_to_end(tmp_path: Path) -> None:
    found = adopted(tmp_path, JobState(Phase.UNKNOWN, place="another host"), has_queue=False)
    assert [run.number for run, _ in found.again] == [1]
