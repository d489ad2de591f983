"""A batch of jobs for a sweeper that hands it over and waits."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from ax_mo.runner.job import CancelFailed, Job, JobSpec, JobState, Phase
from ax_mo.runner.launch import run_jobs
from ax_mo.runner.scheduler_runner import SchedulerRunner
from ax_mo.trial.files import RESULT, read_json, write_json

APP = """\
import hydra

@hydra.main(version_base=None, config_path=None)
def main(config):
    return config.x

main()
"""


class LateJobs:
    """A cluster whose jobs are over at once; the files of each are seen ``late`` looks later."""

    scheduler = "late"
    poll_seconds = 0.001
    grace_seconds = 0.0
    has_queue = has_room = True

    def __init__(self, result_grace_seconds: float, late: int) -> None:
        self.result_grace_seconds = result_grace_seconds
        self._late = late
        self.looks = 0

    def submit(self, spec: JobSpec) -> str:
        return spec.name

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        self.looks += 1
        if self.looks > self._late:
            for job in jobs:
                result = {"schema": 1, "trial": 0, "attempt": 1, "status": "completed", "metrics": {}, "value": 0.5}
                write_json(job.directory / RESULT, result)
        return [JobState(Phase.ENDED, 0) for _ in jobs]

    def cancel(self, jobs: Sequence[Job]) -> None: ...

    def close(self) -> None: ...


def run(jobs: LateJobs, directory: Path) -> JobState:
    spec = JobSpec("job-0", (), directory, directory)
    runner = SchedulerRunner(cast(Any, jobs), 1, threading.Event(), [].append)
    return run_jobs(runner, [spec])[0]


def test_files_that_come_late_are_waited_for(tmp_path: Path) -> None:
    assert run(LateJobs(result_grace_seconds=20.0, late=3), tmp_path) == JobState(Phase.ENDED, 0)
    assert (tmp_path / RESULT).exists()


def test_files_that_never_come_are_waited_for_until_their_time_is_over(tmp_path: Path) -> None:
    jobs = LateJobs(result_grace_seconds=0.01, late=1_000_000)
    run(jobs, tmp_path)
    assert jobs.looks > 1
    assert not (tmp_path / RESULT).exists()


@pytest.mark.timeout(120)
def test_jobs_of_a_sweep_that_has_a_rank_record_what_they_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")  # one sweep in each of several workers
    (tmp_path / "app.py").write_text(APP)
    argv = [sys.executable, "app.py", "-m", "hydra/launcher=torchx", "+x=1,2", "hydra.sweep.dir=sweep"]
    done = subprocess.run(argv, cwd=tmp_path, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results = [read_json(tmp_path / "sweep" / str(number) / RESULT) or {} for number in (0, 1)]
    assert [result.get("value") for result in results] == [1, 2]


def test_interrupt_counts_also_where_jobs_could_not_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = LateJobs(result_grace_seconds=20.0, late=1)

    def interrupted(_jobs: Sequence[Job]) -> list[JobState]:
        raise KeyboardInterrupt

    def untold(running: Sequence[Job]) -> None:
        raise CancelFailed(running, "Unable to contact slurm controller")

    monkeypatch.setattr(jobs, "states", interrupted)
    monkeypatch.setattr(jobs, "cancel", untold)
    with pytest.raises(KeyboardInterrupt):
        run(jobs, tmp_path)
    assert "could not be told to end job 0, which may go on: Unable to contact slurm controller" in caplog.text
