"""Images that are built of the project's files; a study in one of them is in ``tests/engines``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torchx.schedulers import DEFAULT_SCHEDULER_MODULES

from ax_mo.errors import ConfigError
from ax_mo.runner.job import JobSpec
from ax_mo.runner.scheduler import open_scheduler
from ax_mo.runner.settings import launcher_settings
from tests.support.docker_engine import DockerEngine
from tests.support.kubernetes_api import KubernetesApi


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerEngine]:
    engine = DockerEngine()
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    yield engine
    engine.close()


def settings_of(scheduler: str, **arguments: str) -> dict[str, Any]:
    return {"scheduler": scheduler, "image": "toy:1", "workspace": ".", "results_url": "memory://x",
            "scheduler_args": arguments}  # fmt: skip


def test_pods_run_in_an_image_that_was_pushed_once(
    engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("train.py", ".git/HEAD", "multirun/0/model.ckpt", "data/images.npz", "net/multirun/code.py"):
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).touch()
    monkeypatch.chdir(tmp_path / "project")
    api = KubernetesApi()
    api.write_config(tmp_path / "kubeconfig")
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    jobs = open_scheduler(launcher_settings(settings_of("kubernetes", queue="q", image_repo="example.com/us/toy")))
    try:
        jobs.check_program(["python3", "train.py"], Path.cwd(), Path.cwd() / "multirun" / "0")
        jobs.check()
        jobs.check()
        request = jobs.request(JobSpec("ax-0a1b2c3d-0-a1", ("true",), tmp_path / "0", Path.cwd()))
    finally:
        api.close()
    ((name, holds),) = engine.built.items()
    pushed = f"example.com/us/toy:{name.removeprefix('sha256:')}"
    assert engine.pushed == [pushed]
    assert f"image: {pushed}" in request
    files = {str(path.relative_to(holds["/app"])) for path in holds["/app"].rglob("*") if path.is_file()}
    assert files == {"Dockerfile.torchx", "train.py", "net/multirun/code.py"}


def test_docker_that_cannot_build_is_said_with_its_words(
    engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    jobs = open_scheduler(launcher_settings(settings_of("local_docker")))
    engine.close()
    with pytest.raises(
        ConfigError, match=r"workspace=.*: no image was made of toy:1 and the project's files: .*refused"
    ):
        jobs.check()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (settings_of("kubernetes", queue="q"), r"scheduler_args\.image_repo=registry\.example\.com/train"),
        pytest.param(
            settings_of("lsf"),
            "TorchX builds no images for the scheduler 'lsf'",
            marks=pytest.mark.skipif("lsf" not in DEFAULT_SCHEDULER_MODULES, reason="later TorchX's have no LSF"),
        ),
        ({**settings_of("local_docker"), "results_url": ""}, "hydra.launcher.results_url=s3://bucket/sweeps"),
        ({**settings_of("slurm"), "image": ""}, "Where nodes have the project"),
    ],
)
def test_workspace_that_would_serve_nobody_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_scheduler(launcher_settings(given)).check_arguments()
