"""A batch of jobs for a sweeper that hands it over and waits."""

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from ax_mo.runner.job import CancelFailed, Job, JobSpec, JobState, Phase
from ax_mo.runner.launch import run_jobs
from ax_mo.runner.scheduler import Scheduler
from ax_mo.runner.scheduler_runner import SchedulerRunner
from ax_mo.runner.settings import LauncherSettings
from ax_mo.trial.files import RESULT, read_json, write_json
from tests.support.sweeps import run as run_program

APP = """\
import hydra

@hydra.main(version_base=None, config_path=None)
def main(config):
    return config.x

main()
"""


class LateJobs(Scheduler):
    """A cluster whose jobs are over at once; the files of each are seen three looks later."""

    answers_at_once = True
    poll_seconds = 0.001
    result_grace_seconds = 20.0
    looks = 0

    def submit(self, spec: JobSpec) -> str:
        return spec.name

    def states(self, jobs: Sequence[Job]) -> list[JobState]:
        self.looks += 1
        if self.looks > 3:
            for job in jobs:
                result = {"schema": 1, "trial": 0, "attempt": 1, "status": "completed", "metrics": {}, "value": 0.5}
                write_json(job.directory / RESULT, result)
        return [JobState(Phase.ENDED, 0) for _ in jobs]

    def cancel(self, jobs: Sequence[Job]) -> None: ...


def run(jobs: LateJobs, directory: Path) -> JobState:
    spec = JobSpec("job-0", (), directory, directory)
    runner = SchedulerRunner(jobs, 1, threading.Event(), [].append)
    return run_jobs(runner, [spec])[spec.key]


def test_files_that_come_late_are_waited_for(tmp_path: Path) -> None:
    assert run(LateJobs(LauncherSettings(scheduler="late")), tmp_path) == JobState(Phase.ENDED, 0)
    assert (tmp_path / RESULT).exists()


def test_jobs_of_a_sweep_that_has_a_rank_record_what_they_return(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    argv = [sys.executable, "app.py", "-m", "hydra/launcher=torchx", "+x=1", "hydra.sweep.dir=sweep"]
    done = run_program(argv, tmp_path, env={"RANK": "1"}, forked=True)  # one sweep in each of several workers
    assert done.returncode == 0, done.output
    assert (read_json(tmp_path / "sweep/0" / RESULT) or {}).get("value") == 1


def test_interrupt_counts_also_where_jobs_could_not_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = LateJobs(LauncherSettings(scheduler="late"))

    def interrupted(_jobs: Sequence[Job]) -> list[JobState]:
        raise KeyboardInterrupt

    def untold(running: Sequence[Job]) -> None:
        raise CancelFailed(running, "Unable to contact slurm controller")

    monkeypatch.setattr(jobs, "states", interrupted)
    monkeypatch.setattr(jobs, "cancel", untold)
    with pytest.raises(KeyboardInterrupt):
        run(jobs, tmp_path)
    assert "could not be told to end job 0, which may go on: Unable to contact slurm controller" in caplog.text
