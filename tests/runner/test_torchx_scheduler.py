"""Jobs of a cluster through TorchX, here its Ray scheduler over a job API of the tests; all are checked before."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from torchx.schedulers import DEFAULT_SCHEDULER_MODULES

from ax_mo.errors import ConfigError
from ax_mo.runner.cluster.torchx_scheduler import TorchXScheduler
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
from ax_mo.runner.scheduler import Scheduler, open_scheduler
from ax_mo.runner.settings import CONTAINERS, LauncherSettings, launcher_settings
from tests.support.waiting import wait_until


class OnRay(TorchXScheduler):
    def _app(self, spec: JobSpec) -> Any:
        app = super()._app(spec)
        app.roles[0].image = tempfile.mkdtemp()  # which TorchX 0.7.0 uploads, and deletes
        return app


def opened() -> Scheduler:
    return OnRay(LauncherSettings(scheduler="ray"))


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


def test_scheduler_that_does_not_answer_is_not_taken_for_one_that_knows_no_such_job(ray: Any, tmp_path: Path) -> None:
    jobs = opened()
    handle = jobs.submit(spec(tmp_path))
    ray.down = True
    with pytest.raises(NoAnswer, match="Failed to connect to Ray"):
        jobs.find(spec(tmp_path).name, tmp_path)
    (state,) = jobs.states([Job(handle, tmp_path)])
    assert state.phase is Phase.UNKNOWN
    assert state.message == "The scheduler 'ray' does not answer: ConnectionError: Failed to connect to Ray"
    ray.down = False
    assert jobs.states([Job(handle, tmp_path)]) == [JobState(Phase.RUNNING)]


@pytest.mark.parametrize("taken", [True, False])
def test_job_that_may_have_been_taken_is_not_submitted_twice(ray: Any, tmp_path: Path, taken: bool) -> None:
    jobs = opened()
    ray.forgets_to_say_so, ray.down = taken, not taken
    with pytest.raises(SubmitLater, match="timed out" if taken else "Failed to connect"):
        jobs.submit(spec(tmp_path))
    ray.down = True
    with pytest.raises(SubmitLater, match="Failed to connect"):
        jobs.submit(spec(tmp_path))
    ray.down = ray.forgets_to_say_so = False
    handle = jobs.submit(spec(tmp_path))
    assert [job["submission_id"] for job in ray.submitted] == [handle.rpartition("8265-")[2]]


def test_cancelled_job_says_so(ray: Any, tmp_path: Path) -> None:
    jobs = opened()
    handle = jobs.submit(spec(tmp_path))
    ray.status = type(ray.status).STOPPED
    (state,) = jobs.states([Job(handle, tmp_path)])
    assert (state.phase, state.cause) == (Phase.ENDED, Cause.CANCELLED)


def test_jobs_that_could_not_be_told_to_end_are_named(ray: Any, tmp_path: Path) -> None:
    jobs = opened()
    first, second = (Job(jobs.submit(spec(tmp_path, number)), tmp_path) for number in (1, 2))
    ray.unstoppable = ray.submitted[0]["submission_id"]
    with pytest.raises(CancelFailed, match="connection refused") as caught:
        jobs.cancel([first, second])
    assert caught.value.jobs == (first,)
    assert ray.stopped == [ray.submitted[1]["submission_id"]]


# Before the first job


@pytest.mark.skipif("ray" not in DEFAULT_SCHEDULER_MODULES, reason="later TorchX's have no Ray scheduler")
def test_missing_client_library_is_named_before_the_first_job_and_ends_a_submission(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"The scheduler 'ray' takes no such job: .*Its client library is missing"):
        opened().check()
    with pytest.raises(SubmitRefused, match="Its client library is missing"):
        opened().submit(spec(tmp_path))


def test_scheduler_that_can_be_asked_passes_the_check_and_is_given_no_job(ray: Any) -> None:
    opened().check()
    assert ray.submitted == []


@pytest.mark.parametrize(
    ("scheduler", "arguments", "message"),
    [
        ("slurm", {"partitoin": "gpu"}, r"scheduler_args\.partitoin: sbatch has no such option\..*'partition'\?"),
        ("slurm", {"mail_user": "me"}, r"scheduler_args\.mail_user: .* Did you mean 'mail-user'\?"),
        ("slurm", {"mem": "4G"}, r"scheduler_args\.mem is not to be given: --mem is hydra\.launcher\.memMB"),
        ("slurm", {"gres": {"gpu": 1}}, r"scheduler_args\.gres must be a string, a number, true or a list, not"),
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


def test_check_submits_nothing_to_slurm_and_leaves_the_directory_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands, project = tmp_path / "bin", tmp_path / "project"
    commands.mkdir(), project.mkdir()
    (project / ".sbatch").write_text("the user's own")
    monkeypatch.chdir(project)
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    for name, script in (
        ("sinfo", ""),
        ("sbatch", 'cat > /dev/null\ncase "$*" in *--test-only) ;; *) exit 1 ;; esac\n'),
    ):
        (commands / name).write_text(f"#!/bin/sh\n{script}")
        (commands / name).chmod(0o755)
    open_scheduler(LauncherSettings(scheduler="slurm")).check()
    assert [(path.name, path.read_text()) for path in project.iterdir()] == [(".sbatch", "the user's own")]
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="the command 'sbatch' is not there to be run"):
        open_scheduler(LauncherSettings(scheduler="slurm")).check()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scheduler": "kubernetes"}, "hydra.launcher.image: the scheduler 'kubernetes' runs containers"),
    ],
)
def test_image_is_for_schedulers_of_containers(given: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        launcher_settings(given)


def test_every_scheduler_of_this_torchx_is_known_for_what_it_does_with_images() -> None:
    """A new one of TorchX's must be looked at before it is given anything."""
    assert set(DEFAULT_SCHEDULER_MODULES) <= {*CONTAINERS, "local_cwd", "slurm", "ray"}


COMPONENTS = """
from torchx.specs import AppDef, Resource, Role

def train(*words):
    role = Role("mine", image="", entrypoint=words[0], args=list(words[1:]), env={"MADE_BY": "component"})
    role.metadata = {"kubernetes": {"nodeSelector": {"gpu": "a100"}}}
    return AppDef("mine", roles=[role])

def two(*words):
    return AppDef("mine", roles=[Role("a", image="", num_replicas=2)])
"""


@pytest.fixture
def components(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    module = f"components_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(COMPONENTS)
    monkeypatch.syspath_prepend(tmp_path)
    return module


def test_jobs_are_made_by_the_users_own_component(components: str, tmp_path: Path) -> None:
    settings = LauncherSettings(
        scheduler="local_cwd", component=f"{components}:train", env={"MADE_BY": "us", "A": "$B"}
    )
    jobs = open_scheduler(settings)
    jobs.check()
    code = "import os, sys; print(sys.argv[1:], os.environ['MADE_BY'], os.environ['A'])"
    job = JobSpec("ax-0a1b2c3d-0-a1", (sys.executable, "-c", code, "$HOME"), tmp_path, tmp_path)
    handle = jobs.submit(job)
    wait_until(lambda: jobs.states([Job(handle, tmp_path)])[0].phase is Phase.ENDED)
    assert (tmp_path / "stdout.log").read_text() == "['$HOME'] component $B\n"
    assert "ax-0a1b2c3d-0-a1" in handle


@pytest.mark.parametrize(
    ("name", "message"), [("nothing", "has no attribute 'nothing'"), ("two", "an AppDef of one role with one replica")]
)
def test_component_that_is_none_is_named(components: str, tmp_path: Path, name: str, message: str) -> None:
    settings = LauncherSettings(scheduler="slurm", component=f"{components}:{name}")
    with pytest.raises(ConfigError, match=message):
        open_scheduler(settings).check()
