"""Jobs of this machine through the real TorchX."""

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.process import alive, end, identity
from ax_mo.errors import ConfigError
from ax_mo.runner.job import Job, JobSpec, JobState, Phase, Resources
from ax_mo.runner.local.local_scheduler import LocalScheduler
from ax_mo.runner.scheduler import open_scheduler
from ax_mo.runner.settings import LauncherSettings
from ax_mo.trial.files import PID
from tests.support.waiting import wait_until

Open = Callable[..., LocalScheduler]


@pytest.fixture
def open_jobs(tmp_path: Path) -> Iterator[Open]:
    """Opens LocalScheduler as a sweeper does; they are closed, and their processes ended, in the end."""
    opened: list[LocalScheduler] = []

    def open_(**settings: Any) -> LocalScheduler:
        jobs = open_scheduler(LauncherSettings(**settings))
        assert isinstance(jobs, LocalScheduler)
        opened.append(jobs)
        return jobs

    yield open_
    end([process for directory in tmp_path.iterdir() if (process := identity(directory)) is not None], 0.1)
    for jobs in opened:
        jobs.close()


def submit(jobs: LocalScheduler, directory: Path, *argv: str, **env: str) -> Job:
    directory.mkdir()
    return Job(jobs.submit(JobSpec("trial-1", argv, directory, Path.cwd(), env)), directory)


def final(jobs: LocalScheduler, job: Job) -> JobState:
    ended = []

    def has_ended() -> bool:
        (state,) = jobs.states([job])
        ended.append(state)
        return state.phase is Phase.ENDED

    wait_until(has_ended, 10.0)
    return ended[-1]


def started(job: Job) -> None:
    wait_until(lambda: identity(job.directory) is not None)


def test_exit_codes_of_ended_jobs_are_known(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    commands = {
        0: ("true",), 3: ("sh", "-c", "exit 3"), -9: ("sh", "-c", "kill -KILL $$"), 127: ("/nonexistent/python",),
    }  # fmt: skip
    submitted = [submit(jobs, tmp_path / str(code), *argv) for code, argv in commands.items()]
    assert [final(jobs, job).exit_code for job in submitted] == list(commands)
    assert sorted(path.name for path in submitted[0].directory.iterdir()) == [".pid", "stderr.log", "stdout.log"]


def test_end_of_a_job_is_told_without_being_asked_for(open_jobs: Open, tmp_path: Path) -> None:
    jobs, told = open_jobs(), threading.Event()
    jobs.on_change = told.set
    flag = tmp_path / "go"
    job = submit(jobs, tmp_path / "1", "sh", "-c", f"while [ ! -e {flag} ]; do sleep 0.02; done; exit 3")
    started(job)
    assert not told.is_set()
    flag.mkdir()
    assert told.wait(10.0)
    assert jobs.states([job]) == [JobState(Phase.ENDED, 3)]


def test_job_runs_until_it_ends(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    flag = tmp_path / "go"
    job = submit(jobs, tmp_path / "1", "sh", "-c", f"while [ ! -e {flag} ]; do sleep 0.02; done")
    started(job)
    assert jobs.states([job]) == [JobState(Phase.RUNNING)]
    flag.mkdir()
    assert final(jobs, job).exit_code == 0


def test_output_arguments_environment_and_directory_arrive_unchanged(
    open_jobs: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_SWEEPER", "yes")
    jobs = open_jobs(env={"A": "x,y=z", "B": "$HOME ${x} $$ %s", "C": "the job's own wins"})
    arguments = ["$HOME", "${x}", "$$", "it's", '"q"', "", "a b", "{macros}", "${app_id}"]
    names = ["A", "B", "C", "OF_THE_SWEEPER"]
    code = (
        f"import json, os, sys; print(json.dumps([sys.argv[1:], [os.environ[n] for n in {names}], os.getcwd()])); "
        "print('err', file=sys.stderr)"
    )
    directory, cwd = tmp_path / "1", tmp_path / "start"
    directory.mkdir(), cwd.mkdir()
    spec = JobSpec("trial-1", (sys.executable, "-c", code, *arguments), directory, cwd, {"C": "1,$2"})
    assert final(jobs, Job(jobs.submit(spec), directory)).exit_code == 0
    found = json.loads((directory / "stdout.log").read_text())
    assert found == [arguments, ["x,y=z", "$HOME ${x} $$ %s", "1,$2", "yes"], str(cwd.resolve())]
    assert (directory / "stderr.log").read_text() == "err\n"


def test_cancelled_jobs_have_ended_when_cancel_returns(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    submitted = [submit(jobs, tmp_path / str(i), "sleep", "60") for i in range(2)]
    for job in submitted:
        started(job)
    processes = [identity(job.directory) for job in submitted]
    jobs.cancel(submitted)
    assert not any(alive(process) for process in processes if process is not None)
    assert [state.phase for state in jobs.states(submitted)] == [Phase.ENDED] * 2


def test_job_can_be_cancelled_the_moment_it_was_submitted(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    job = submit(jobs, tmp_path / "1", "sleep", "60")
    jobs.cancel([job])
    process = identity(job.directory)
    assert process is None or not alive(process)


def test_next_sweeper_finds_and_adopts_what_runs_and_can_cancel_it(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    job = submit(jobs, tmp_path / "1", "sleep", "60")
    started(job)
    jobs.close()
    process = identity(job.directory)
    assert process is not None and alive(process)
    later = open_jobs()
    assert later.find("trial-1", tmp_path / "2") is None
    found = later.find("trial-1", job.directory)  # where nobody has noted its handle
    assert found is not None
    for handle in (job.handle, found):
        assert later.states([Job(handle, job.directory)]) == [JobState(Phase.RUNNING)]
    later.cancel([job])
    assert not alive(process)
    assert later.states([job])[0].phase is Phase.ENDED


def test_next_sweeper_does_not_know_the_exit_code_of_an_adopted_job(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    job = submit(jobs, tmp_path / "1", "sh", "-c", "exit 3")
    final(jobs, job)
    state = final(open_jobs(), job)
    assert state.exit_code is None
    assert "while no sweeper was watching" in state.message


def test_adopted_job_that_was_seen_alive_died_under_watch(open_jobs: Open, tmp_path: Path) -> None:
    job = submit(open_jobs(), tmp_path / "1", "sleep", "60")
    started(job)
    later = open_jobs()
    assert later.states([job]) == [JobState(Phase.RUNNING)]
    process = identity(job.directory)
    assert process is not None
    end([process], 0.1)
    assert final(later, job).message == "ended without a result while this sweeper watched it"


def test_job_that_never_started_has_ended(open_jobs: Open, tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (state,) = open_jobs().states([Job("local_cwd://ax_mo/none", tmp_path / "1")])
    assert state.phase is Phase.ENDED


def test_signal_handlers_are_left_as_they_were(open_jobs: Open, tmp_path: Path) -> None:
    def mine(_number: int, _frame: Any) -> None: ...

    before = {number: signal.signal(number, mine) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        jobs = open_jobs()
        job = submit(jobs, tmp_path / "1", "sleep", "60")
        started(job)
        jobs.cancel([job])
        jobs.close()
        assert [signal.getsignal(number) for number in before] == [mine, mine]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_unknown_scheduler_lists_what_there_is_and_the_closest() -> None:
    with pytest.raises(ConfigError) as caught:
        open_scheduler(LauncherSettings(scheduler="slrm"))
    message = str(caught.value)
    assert "hydra.launcher.scheduler: there is no scheduler 'slrm'; there are: " in message
    assert "local_cwd" in message
    assert "Did you mean 'slurm'?" in message


# GPUs

SHOW_DEVICES = ("sh", "-c", 'echo "$CUDA_VISIBLE_DEVICES"; sleep 60')


def devices(job: Job) -> str:
    log = job.directory / "stdout.log"
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"))
    return log.read_text().strip()


def test_jobs_have_gpus_of_their_own_and_give_them_back(
    open_jobs: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    jobs = open_jobs(gpu=1)
    assert jobs.capacity == 2
    first, second = (submit(jobs, tmp_path / name, *SHOW_DEVICES) for name in "ab")
    assert (devices(first), devices(second)) == ("3", "5")
    jobs.cancel([first])
    final(jobs, first)
    assert devices(submit(jobs, tmp_path / "c", *SHOW_DEVICES)) == "3"


def test_gpu_of_an_adopted_job_is_not_given_away(
    open_jobs: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    old = submit(open_jobs(gpu=1), tmp_path / "old", *SHOW_DEVICES)
    held = devices(old)
    later = open_jobs(gpu=1)
    assert later.states([old])[0].phase is Phase.RUNNING
    assert devices(submit(later, tmp_path / "new", *SHOW_DEVICES)) != held


# BUG: TorchX sees no CUDA_VISIBLE_DEVICES of its own making and prints a banner of ten lines for every job.
def test_job_with_gpus_of_its_own_is_submitted_without_a_warning(
    open_jobs: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    jobs = open_jobs(gpu=1)
    final(jobs, submit(jobs, tmp_path / "1", "true"))
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.name for record in warnings if record.name.startswith("torchx")] == []


def test_job_that_has_removed_what_says_who_it_is_can_still_be_ended(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs(grace_seconds=1.0)
    job = submit(jobs, tmp_path / "1", "sleep", "60")
    started(job)
    process = identity(job.directory)
    assert jobs.states([job]) == [JobState(Phase.RUNNING)]
    (job.directory / PID).unlink()
    jobs.cancel([job])
    final(jobs, job)
    assert process is not None and not alive(process)


def test_children_that_do_not_end_are_killed_after_the_grace(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs(grace_seconds=0.5)
    ready = tmp_path / "ready"
    job = submit(jobs, tmp_path / "1", "sh", "-c", f"(trap '' TERM; touch {ready}; sleep 60) & wait")
    wait_until(ready.exists)
    began = time.monotonic()
    jobs.cancel([job])
    assert time.monotonic() - began >= 0.5


def test_room_is_for_as_many_jobs_as_there_are_processors_or_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(9)))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    assert open_scheduler(LauncherSettings(scheduler="local_cwd", cpu=2)).auto_n_jobs == 4
    assert open_scheduler(LauncherSettings(scheduler="local_cwd", cpu=2, gpu=1)).auto_n_jobs == 3


def test_gpus_of_adopted_jobs_are_known_although_the_settings_name_none(
    open_jobs: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with gpu: ${trainer.devices}, which is 0 in the sweep's own configuration."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")

    def spec(name: str, gpu: float) -> JobSpec:
        (tmp_path / name).mkdir()
        return JobSpec(name, SHOW_DEVICES, tmp_path / name, tmp_path, resources=Resources(gpu=gpu))

    first, earlier = spec("a", 0.5), open_jobs()
    assert earlier.has_room_for(first)
    old = Job(earlier.submit(first), first.directory)
    assert devices(old) == "3"
    later = open_jobs()
    assert later.states([old])[0].phase is Phase.RUNNING
    whole, half, one_more = spec("b", 1), spec("c", 0.5), spec("d", 0.5)
    for job, given in ((whole, "5"), (half, "3")):
        assert later.has_room_for(job)
        assert devices(Job(later.submit(job), job.directory)) == given
    assert not later.has_room_for(one_more)
