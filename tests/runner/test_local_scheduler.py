"""Jobs of this machine through the real TorchX."""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ax_mo.core.process import alive, end, identity
from ax_mo.errors import ConfigError
from ax_mo.runner.job import Job, JobSpec, JobState, Phase
from ax_mo.runner.local_scheduler import LocalScheduler
from ax_mo.runner.schedulers import open_scheduler
from ax_mo.runner.settings import LauncherSettings
from ax_mo.trial.files import PID

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


def final(jobs: LocalScheduler, job: Job, seconds: float = 10.0) -> JobState:
    deadline = time.monotonic() + seconds
    while True:
        (state,) = jobs.states([job])
        if state.phase is Phase.ENDED:
            return state
        assert time.monotonic() < deadline, f"still {state}"
        time.sleep(0.01)


def started(job: Job) -> None:
    deadline = time.monotonic() + 10.0
    while identity(job.directory) is None:
        assert time.monotonic() < deadline, "never started"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", -9), ("kill -SEGV $$", -11)]
)
def test_exit_code_of_an_ended_job_is_known(open_jobs: Open, tmp_path: Path, script: str, code: int) -> None:
    jobs = open_jobs()
    job = submit(jobs, tmp_path / "1", "sh", "-c", script)
    assert final(jobs, job).exit_code == code


def test_job_runs_in_its_own_working_directory(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    directory, cwd = tmp_path / "1", tmp_path / "start"
    directory.mkdir(), cwd.mkdir()
    job = Job(jobs.submit(JobSpec("trial-1", ("pwd",), directory, cwd)), directory)
    assert final(jobs, job).exit_code == 0
    assert (directory / "stdout.log").read_text() == f"{cwd.resolve()}\n"


def test_job_runs_until_it_ends(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    flag = tmp_path / "go"
    job = submit(jobs, tmp_path / "1", "sh", "-c", f"while [ ! -e {flag} ]; do sleep 0.02; done")
    started(job)
    assert jobs.states([job]) == [JobState(Phase.RUNNING)]
    flag.mkdir()
    assert final(jobs, job).exit_code == 0


def test_states_are_in_the_order_of_the_jobs(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    codes = [4, 0, 2]
    submitted = [submit(jobs, tmp_path / str(i), "sh", "-c", f"exit {code}") for i, code in enumerate(codes)]
    assert [final(jobs, job).exit_code for job in submitted] == codes


def test_output_arguments_and_environment_arrive_unchanged(
    open_jobs: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_SWEEPER", "yes")
    jobs = open_jobs(env={"A": "x,y=z", "B": "$HOME ${x} $$ %s"})
    arguments = ["$HOME", "${x}", "$$", "it's", '"q"', "", "a b", "{macros}", "${app_id}"]
    names = ["A", "B", "C", "OF_THE_SWEEPER"]
    code = (
        f"import json, os, sys; print(json.dumps([sys.argv[1:], [os.environ[n] for n in {names}], os.getcwd()])); "
        "print('err', file=sys.stderr)"
    )
    job = submit(jobs, tmp_path / "1", sys.executable, "-c", code, *arguments, C="1,$2")
    assert final(jobs, job).exit_code == 0
    found = json.loads((job.directory / "stdout.log").read_text())
    assert found == [arguments, ["x,y=z", "$HOME ${x} $$ %s", "1,$2", "yes"], str(Path.cwd())]
    assert (job.directory / "stderr.log").read_text() == "err\n"


def test_environment_of_the_job_wins_over_the_launchers(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs(env={"A": "launcher"})
    job = submit(jobs, tmp_path / "1", "sh", "-c", 'echo "$A"', A="job")
    final(jobs, job)
    assert (job.directory / "stdout.log").read_text() == "job\n"


def test_ended_job_leaves_only_its_own_files(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    job = submit(jobs, tmp_path / "1", "true")
    final(jobs, job)
    assert sorted(path.name for path in job.directory.iterdir()) == [".pid", "stderr.log", "stdout.log"]


def test_missing_program_ends_with_an_exit_code(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    assert final(jobs, submit(jobs, tmp_path / "1", "/nonexistent/python")).exit_code == 127


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


def test_next_sweeper_adopts_a_running_job_and_can_cancel_it(open_jobs: Open, tmp_path: Path) -> None:
    job = submit(open_jobs(), tmp_path / "1", "sleep", "60")
    started(job)
    process = identity(job.directory)
    assert process is not None
    later = open_jobs()
    assert later.states([job]) == [JobState(Phase.RUNNING)]
    later.cancel([job])
    assert not alive(process)
    assert later.states([job])[0].phase is Phase.ENDED


def test_next_sweeper_does_not_know_the_exit_code_of_an_adopted_job(open_jobs: Open, tmp_path: Path) -> None:
    job = submit(open_jobs(), tmp_path / "1", "sh", "-c", "exit 3")
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
    deadline = time.monotonic() + 10.0
    while not (log.exists() and log.read_text().endswith("\n")):
        assert time.monotonic() < deadline, "said nothing"
        time.sleep(0.01)
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
    assert devices(submit(jobs, tmp_path / "c", *SHOW_DEVICES)) == "3"


def test_capacity_is_unknown_where_no_gpu_is_asked_for(open_jobs: Open) -> None:
    assert open_jobs().capacity is None


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
    assert [record.name for record in caplog.records if record.name.startswith("torchx")] == []


def test_closing_leaves_what_runs_to_the_next_sweeper(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    job = submit(jobs, tmp_path / "1", "sleep", "60")
    started(job)
    jobs.close()
    process = identity(job.directory)
    assert process is not None and alive(process)
    next_sweeper = open_jobs()
    assert next_sweeper.states([job]) == [JobState(Phase.RUNNING)]
    next_sweeper.cancel([job])
    assert not alive(process)


def test_job_that_has_removed_what_says_who_it_is_can_still_be_ended(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs(grace_seconds=1.0)
    job = submit(jobs, tmp_path / "1", "sleep", "60")
    started(job)
    process = identity(job.directory)
    assert jobs.states([job]) == [JobState(Phase.RUNNING)]
    (job.directory / PID).unlink()
    jobs.cancel([job], wait=False)
    final(jobs, job)
    assert process is not None and not alive(process)


def test_job_has_ended_when_its_children_have(open_jobs: Open, tmp_path: Path) -> None:
    """They may hold the memory of a GPU that the next job is given."""
    jobs = open_jobs(grace_seconds=1.5)
    job = submit(jobs, tmp_path / "1", "sh", "-c", "(trap '' TERM; sleep 60) & wait")
    started(job)
    time.sleep(0.3)
    began = time.monotonic()
    jobs.cancel([job], wait=False)
    final(jobs, job)
    assert time.monotonic() - began >= 1.5
