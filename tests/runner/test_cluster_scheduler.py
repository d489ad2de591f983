"""Jobs of a cluster through TorchX's own Ray scheduler, over a job API that the tests hold."""

from pathlib import Path
from typing import Any

import pytest
from torchx.schedulers import DEFAULT_SCHEDULER_MODULES

from ax_mo.errors import ConfigError
from ax_mo.runner.cluster_scheduler import ClusterScheduler
from ax_mo.runner.job import (
    CancelFailed,
    Cause,
    Job,
    JobSpec,
    JobState,
    NoAnswer,
    Phase,
    SubmitLater,
    SubmitRefused,
    job_name,
)
from ax_mo.runner.schedulers import open_scheduler
from ax_mo.runner.settings import LauncherSettings

needs_ray_scheduler = pytest.mark.skipif(
    "ray" not in DEFAULT_SCHEDULER_MODULES, reason="later TorchX's have no Ray scheduler"
)


def opened(**settings: Any) -> ClusterScheduler:
    jobs = open_scheduler(LauncherSettings(scheduler="ray", **settings))
    assert isinstance(jobs, ClusterScheduler)
    return jobs


def spec(directory: Path, number: int = 0, attempt: int = 1) -> JobSpec:
    return JobSpec(job_name("0a1b2c3d", number, attempt=attempt), ("true",), directory, directory)


def test_job_whose_handle_nobody_noted_is_found_by_its_name(ray: Any, tmp_path: Path) -> None:
    handles = {
        (number, attempt): opened().submit(spec(tmp_path, number, attempt))
        for number, attempt in [(1, 1), (11, 1), (1, 11), (1, 2)]
    }
    later = opened()
    for (number, attempt), handle in handles.items():
        assert later.find(spec(tmp_path, number, attempt).name, tmp_path) == handle
    assert later.find(spec(tmp_path, 2).name, tmp_path) is None
    assert later.states([Job(handles[1, 1], tmp_path)]) == [JobState(Phase.RUNNING)]


def test_job_is_sought_where_it_was_submitted(ray: Any, tmp_path: Path) -> None:
    jobs = opened(scheduler_args={"dashboard_address": "127.0.0.1:9999"})
    handle = jobs.submit(spec(tmp_path))
    assert jobs.find(spec(tmp_path).name, tmp_path) == handle
    assert ray.address == "http://127.0.0.1:9999"


def test_scheduler_that_does_not_answer_is_not_taken_for_one_that_knows_no_such_job(ray: Any, tmp_path: Path) -> None:
    jobs = opened(unknown_timeout=0.001)
    handle = jobs.submit(spec(tmp_path))
    ray.down = True
    with pytest.raises(NoAnswer, match="Failed to connect to Ray"):
        jobs.find(spec(tmp_path).name, tmp_path)
    for _ in range(3):
        (state,) = jobs.states([Job(handle, tmp_path)])
        assert state.phase is Phase.UNKNOWN
        assert state.message == "The scheduler 'ray' does not answer: ConnectionError: Failed to connect to Ray"
    ray.down = False
    assert jobs.states([Job(handle, tmp_path)]) == [JobState(Phase.RUNNING)]


def test_job_that_was_taken_although_nobody_said_so_is_not_submitted_twice(ray: Any, tmp_path: Path) -> None:
    jobs = opened()
    ray.forgets_to_say_so = True
    with pytest.raises(SubmitLater, match="timed out"):
        jobs.submit(spec(tmp_path))
    ray.down = True
    with pytest.raises(SubmitLater, match="Failed to connect"):
        jobs.submit(spec(tmp_path))
    ray.down = ray.forgets_to_say_so = False
    handle = jobs.submit(spec(tmp_path))
    assert [job["submission_id"] for job in ray.submitted] == [handle.rpartition("8265-")[2]]


def test_job_that_was_not_taken_is_submitted_at_the_next_try(ray: Any, tmp_path: Path) -> None:
    jobs = opened()
    ray.down = True
    with pytest.raises(SubmitLater):
        jobs.submit(spec(tmp_path))
    ray.down = False
    jobs.submit(spec(tmp_path))
    assert len(ray.submitted) == 1


def test_job_without_a_handle_that_nobody_knows_has_ended(ray: Any, tmp_path: Path) -> None:
    (state,) = opened().states([Job("", tmp_path)])
    assert (state.phase, state.cause) == (Phase.ENDED, Cause.LOST)


def test_job_that_an_answering_scheduler_does_not_know_is_lost_after_its_time(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = opened(unknown_timeout=50.0)
    now = [1000.0]
    monkeypatch.setattr("ax_mo.runner.cluster_scheduler.time.monotonic", lambda: now[0])
    monkeypatch.setattr(jobs._runner, "status", lambda _handle: None)
    job = Job("ray://ax_mo/127.0.0.1:8265-gone", tmp_path)
    assert jobs.states([job]) == [JobState(Phase.UNKNOWN)]
    now[0] += 49.0
    assert jobs.states([job]) == [JobState(Phase.UNKNOWN)]
    now[0] += 2.0
    (state,) = jobs.states([job])
    assert (state.phase, state.cause, state.message) == (Phase.ENDED, Cause.LOST, "unknown to the scheduler for 50 s")


def test_cancelled_job_says_so(ray: Any, tmp_path: Path) -> None:
    jobs = opened()
    handle = jobs.submit(spec(tmp_path))
    ray.status = type(ray.status).STOPPED
    (state,) = jobs.states([Job(handle, tmp_path)])
    assert (state.phase, state.cause) == (Phase.ENDED, Cause.CANCELLED)


def test_jobs_that_could_not_be_told_to_end_are_named(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = opened()
    first, second = (Job(jobs.submit(spec(tmp_path, number)), tmp_path) for number in (1, 2))
    told: list[str] = []

    def cancel(handle: str) -> None:
        if handle == first.handle:
            raise ConnectionError("connection refused")
        told.append(handle)

    monkeypatch.setattr(jobs._runner, "cancel", cancel)
    with pytest.raises(CancelFailed, match="connection refused") as caught:
        jobs.cancel([first, second])
    assert (caught.value.jobs, told) == ((first,), [second.handle])


@pytest.mark.parametrize("handle", ["local_cwd://ax_mo/trial-1", "launcher"])
def test_no_scheduler_is_asked_for_the_jobs_of_another(ray: Any, tmp_path: Path, handle: str) -> None:
    ray.down = True
    (state,) = opened().states([Job(handle, tmp_path)])
    assert (state.phase, state.exit_code, state.cause) == (Phase.ENDED, None, None)


# Before the first job


@needs_ray_scheduler
def test_missing_client_library_is_named_before_the_first_job() -> None:
    with pytest.raises(ConfigError, match=r"The scheduler 'ray' takes no such job: .*pip install 'ray\[default\]'"):
        opened().check()


@needs_ray_scheduler
def test_missing_client_library_ends_a_submission_at_once_and_leaves_jobs(tmp_path: Path) -> None:
    with pytest.raises(SubmitRefused, match="pip install") as caught:
        opened().submit(spec(tmp_path))
    assert caught.value.leaves_jobs


def test_scheduler_that_can_be_asked_passes_the_check_and_is_given_no_job(ray: Any) -> None:
    opened().check()
    assert ray.submitted == []


@pytest.mark.parametrize(
    ("scheduler", "arguments", "message"),
    [
        ("slurm", {"partitoin": "gpu"}, r"scheduler_args\.partitoin: TorchX's scheduler 'slurm' has no such option; it "
         r"has: .*partition.*Did you mean 'partition'\?"),
        ("slurm", {"account": "lab"}, "SBATCH_ACCOUNT"),
        ("slurm", {"time": 5400}, r'scheduler_args\.time must be a string, not 5400\. .* time: "01:30:00"'),
        ("slurm", {"partition": 3}, r'scheduler_args\.partition must be a string, not 3\. Quote it: partition: "3"'),
        ("local_cwd", {"partition": "gpu"}, r"scheduler_args\.partition: TorchX's scheduler 'local_cwd' has no such"),
    ],
)  # fmt: skip
def test_scheduler_args_that_torchx_would_ignore_or_refuse_are_named(
    scheduler: str, arguments: dict[str, Any], message: str
) -> None:
    jobs = open_scheduler(LauncherSettings(scheduler=scheduler, scheduler_args=arguments))
    with pytest.raises(ConfigError, match=message):
        jobs.check()


def test_check_leaves_the_files_alone_of_the_directory_it_is_made_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "sbatch").write_text("#!/bin/sh\ncat > /dev/null\n")
    (commands / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(commands), prepend=":")
    project = tmp_path / "project"
    project.mkdir()
    (project / ".sbatch").write_text("the user's own")
    monkeypatch.chdir(project)
    open_scheduler(LauncherSettings(scheduler="slurm")).check()
    assert [(path.name, path.read_text()) for path in project.iterdir()] == [(".sbatch", "the user's own")]


def test_slurm_without_its_commands_is_said_before_the_first_job(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="the command 'sbatch' is not there to be run"):
        open_scheduler(LauncherSettings(scheduler="slurm")).check()
