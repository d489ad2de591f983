"""What TorchX's schedulers do to the directories they see: nothing to the user's."""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from torchx.schedulers import DEFAULT_SCHEDULER_MODULES

from ax_mo.errors import ConfigError
from ax_mo.runner.job import JobSpec, SubmitLater
from ax_mo.runner.scheduler import open_scheduler
from ax_mo.runner.settings import CONTAINERS, LauncherSettings, launcher_settings


def checksum(directory: Path) -> str:
    """Of every name, kind and content under the directory."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        digest.update(f"{path.relative_to(directory)} {path.is_dir()}\n".encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


@pytest.mark.parametrize("temporary", ["scratch/me", "scratch"])
def test_ray_leaves_a_project_under_the_temporary_directory_as_it_is(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: str
) -> None:
    """TorchX deletes what its path begins with TMPDIR: also /scratch/me2 where that is /scratch/me."""
    project = tmp_path / "scratch" / "me2" / "project"
    (project / "conf").mkdir(parents=True)
    (project / "train.py").write_text("print('hello')\n")
    (project / "requirements.txt").write_text("nothing\n")
    (tmp_path / temporary).mkdir(exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / temporary))
    monkeypatch.chdir(project)
    sweep = tmp_path / "sweep" / "0"
    sweep.mkdir(parents=True)
    before = checksum(project)

    jobs = open_scheduler(LauncherSettings(scheduler="ray"))
    handle = jobs.submit(JobSpec("ax-token-0-a1", (sys.executable, "train.py"), sweep, project, {"A": "x,y"}))
    assert checksum(project) == before
    ray.down = True
    with pytest.raises(SubmitLater, match="Failed to connect to Ray"):
        jobs.submit(JobSpec("ax-token-1-a1", (sys.executable, "train.py"), sweep, project))
    assert checksum(project) == before

    (job,) = ray.submitted
    assert handle.endswith(job["submission_id"])
    assert not Path(job["runtime_env"]["working_dir"]).exists(), "a temporary directory was left"
    assert sorted(ray.files[0]) == ["actors.json", "ray_common.py", "ray_driver.py"], "nothing else is uploaded"


def test_ray_job_runs_where_the_user_is_and_writes_its_files_where_they_are_looked_for(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, directory, elsewhere = (tmp_path / name for name in ("it's a project", "0", "elsewhere"))
    for path in (project, directory, elsewhere):
        path.mkdir()
    monkeypatch.chdir(project)
    show = (sys.executable, "-c", "import os, sys; print(os.getcwd(), sys.argv[1:])", "$HOME", "a b")
    open_scheduler(LauncherSettings(scheduler="ray")).submit(JobSpec("ax-token-0-a1", show, directory, project))
    (actor,) = json.loads(json.loads(ray.files[0]["actors.json"]))
    subprocess.run(actor["command"], cwd=elsewhere, check=True)
    assert (directory / "stdout.log").read_text() == f"{project} ['$HOME', 'a b']\n"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scheduler": "ray", "image": "/scratch/me"}, "hydra.launcher.image=/scratch/me: .* Leave it out"),
        ({"scheduler": "kubernetes"}, "hydra.launcher.image: the scheduler 'kubernetes' runs containers"),
    ],
)
def test_image_is_for_schedulers_of_containers(given: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        launcher_settings(given)


def test_every_scheduler_of_this_torchx_is_known_for_what_it_does_with_images() -> None:
    """A new one of TorchX's must be looked at before it is given anything."""
    assert set(DEFAULT_SCHEDULER_MODULES) <= {*CONTAINERS, "local_cwd", "slurm", "ray"}
