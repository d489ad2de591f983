"""Arguments and variables are the job's own text, whatever its engine makes of quotes, commas and dollars."""

import time
from pathlib import Path
from typing import Any

import pytest

from ax_mo.runner.job import Job, Phase
from ax_mo.runner.scheduler import open_scheduler
from ax_mo.runner.settings import LauncherSettings
from tests.slurm.conftest import any_slurm  # noqa: F401
from tests.support import awkward
from tests.support.docker_engine import DockerEngine
from tests.support.docker_engine import is_possible as has_containers
from tests.support.kubernetes_api import KubernetesApi
from tests.support.ray_cluster import RayCluster, own_cluster
from tests.support.ray_cluster import is_possible as has_ray


def assert_arrive(tmp_path: Path, scheduler: str, **settings: Any) -> None:
    directory, project = tmp_path / "0", tmp_path / "project"
    directory.mkdir(), project.mkdir()
    spec = awkward.job(directory, project)
    jobs = open_scheduler(LauncherSettings(scheduler=scheduler, **settings))
    jobs.check_program(spec.argv[:1], project, tmp_path)
    try:
        handle, deadline = jobs.submit(spec), time.monotonic() + 60
        while jobs.states([Job(handle, directory)])[0].phase is not Phase.ENDED:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert awkward.differences(directory) == []
    finally:
        jobs.close()


def test_on_this_machine(tmp_path: Path) -> None:
    assert_arrive(tmp_path, "local_cwd")


@pytest.mark.usefixtures("any_slurm")
def test_on_slurm(tmp_path: Path) -> None:
    assert_arrive(tmp_path, "slurm")


@pytest.mark.skipif(not has_containers(), reason="file systems of their own are for root")
def test_in_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = DockerEngine()
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    try:
        assert_arrive(tmp_path, "local_docker", image="toy:1", mounts=[f"type=bind,src={tmp_path},dst=/inside"])
    finally:
        engine.close()


@pytest.mark.skipif(not has_containers(), reason="file systems of their own are for root")
def test_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = KubernetesApi()
    api.write_config(tmp_path / "kubeconfig")
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    mounts = [f"type=bind,src={tmp_path},dst=/inside"]
    try:
        assert_arrive(tmp_path, "kubernetes", image="toy:1", mounts=mounts, scheduler_args={"queue": "default"})
    finally:
        api.close()


@pytest.mark.skipif(not has_ray(), reason="make test-engines")
def test_on_ray(tmp_path: Path) -> None:
    for cluster in own_cluster(tmp_path / "project"):
        assert isinstance(cluster, RayCluster)
        assert_arrive(tmp_path, "ray", scheduler_args={"address": cluster.address})
