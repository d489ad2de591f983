"""Trials in pods, which see nothing of this machine but their mounts."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ax_mo.runner.job import Job, NoAnswer, Phase
from ax_mo.runner.scheduler import open_scheduler
from ax_mo.runner.settings import LauncherSettings
from tests.support.docker_engine import is_possible
from tests.support.kubernetes_api import KubernetesApi, expanded
from tests.support.s3 import own_s3
from tests.support.sweeps import Sweep
from tests.support.waiting import interrupt_twice, wait_until

pytestmark = pytest.mark.skipif(not is_possible(), reason="file systems of their own are for root")


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(tmp_path)


@pytest.fixture
def api(tmp_path: Path, sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    api = KubernetesApi({"/app": sweep.project})
    api.write_config(tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    yield api
    api.close()


def options_of(*more: str) -> list[str]:
    return [
        "x=interval(0,1)", "hydra.sweeper.seed=4", "hydra.launcher.scheduler=kubernetes",
        "hydra.launcher.image=toy:1", "hydra.launcher.scheduler_args.queue=default",
        "hydra.launcher.poll_seconds=0.2", *more,
    ]  # fmt: skip


def mounted(sweep: Sweep, *more: str) -> list[str]:
    return options_of(f"hydra.launcher.mounts=['type=bind,src={sweep.tmp_path},dst=/inside']", *more)


def test_study_runs_in_pods_that_see_the_project_elsewhere(api: KubernetesApi, sweep: Sweep) -> None:
    more = ("mode=fine,exception", "hydra.sweeper.n_trials=2", "hydra.sweeper.max_failure_rate=1.0",
            "hydra.sweeper.initial_trials=[{x: 0.1, mode: exception}]")  # fmt: skip
    done = sweep.run(*mounted(sweep, *more, "hydra.launcher.env={NOTE: 'a,$$b $(NOTE)'}"), timeout=200)
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed", "failed"]
    for pod in api.pods.values():
        assert not any(str(sweep.tmp_path) in word for word in pod.container.request["Cmd"])
        assert "NOTE=a,$$b $(NOTE)" in pod.container.request["Env"]


def test_killed_sweeper_adopts_its_pods(api: KubernetesApi, sweep: Sweep) -> None:
    options = mounted(sweep, sweep.held, "hydra.sweeper.n_trials=1")
    first = sweep.start(*options)
    wait_until(lambda: sweep.under_way(1))
    first.send_signal(signal.SIGKILL)
    first.wait()
    sweep.gate.touch()
    done = sweep.run(*options, timeout=200)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")]
    assert len(api.pods) == 1


@pytest.mark.long
def test_second_interrupt_ends_the_pods(api: KubernetesApi, sweep: Sweep) -> None:
    process = sweep.start(*mounted(sweep, sweep.held, "hydra.sweeper.n_trials=2"))
    wait_until(lambda: sweep.under_way(2))
    output = interrupt_twice(process)
    assert process.returncode == 130, output
    assert [trial["status"] for trial in sweep.trials()] == ["cancelled"] * 2
    assert not api.pods


def test_pods_without_mounts_return_their_results_through_a_store(api: KubernetesApi, sweep: Sweep) -> None:
    with own_s3() as s3:
        names = ", ".join(f"{name}: '{value}'" for name, value in s3.environment.items())
        options = options_of("hydra.launcher.results_url=s3://bucket/x", f"hydra.launcher.env={{{names}}}")
        argv = [sweep.argv()[0], "toy.py", *sweep.argv(*options, "hydra.sweeper.n_trials=1")[2:]]
        done = sweep.run(argv=argv, cwd=sweep.project, timeout=200)
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"]
    assert len(api.pods) == 1


def test_pods_that_can_return_nothing_are_refused(api: KubernetesApi, sweep: Sweep) -> None:
    done = sweep.run(*options_of("hydra.sweeper.n_trials=1"))
    assert done.returncode == 1
    assert "containers do not see the directory from which you start the sweep" in done.output
    assert not api.pods


def test_hundred_jobs_cost_one_request_a_poll_and_a_silent_cluster_says_nothing_of_them(
    api: KubernetesApi, tmp_path: Path
) -> None:
    settings = LauncherSettings(scheduler="kubernetes", image="toy:1", scheduler_args={"queue": "default"})
    jobs = open_scheduler(settings)
    handles = [Job(f"kubernetes://ax_mo/default:ax-0a1b2c3d-{number}-a1-x", tmp_path) for number in range(100)]
    with api.away():
        assert {state.phase for state in jobs.states(handles)} == {Phase.UNKNOWN}
        assert "503" in jobs.states(handles)[0].message
    api.requests.clear()
    assert {state.phase for state in jobs.states(handles)} == {Phase.ENDED}
    assert len(api.requests) == 1
    jobs.states([*handles, Job("kubernetes://ax_mo/research:ax-0a1b2c3d-0-a1-x", tmp_path)])
    assert {request.split("/")[-2] for request in api.requests} == {"default", "research"}, "as the handles have it"


def test_there_is_room_for_what_nodes_without_taints_can_allocate(api: KubernetesApi) -> None:
    def node(*effects: str, **allocatable: str) -> dict[str, Any]:
        taints = [{"key": "x", "effect": effect} for effect in effects]
        gpus = {"nvidia.com/gpu": allocatable.pop("gpu", "0")}
        return {"spec": {"taints": taints}, "status": {"allocatable": {**allocatable, **gpus}}}

    api.nodes = [
        node(cpu="15900m", memory="64Gi", gpu="2"),  # GPUs for two
        node("PreferNoSchedule", cpu="8", memory="16Gi", gpu="8"),  # CPUs for two, memory for one
        node("NoSchedule", cpu="64", memory="256Gi", gpu="8"),
        node(cpu="64", memory="256Gi"),
    ]
    settings = LauncherSettings(
        scheduler="kubernetes", image="toy:1", scheduler_args={"queue": "default"}, cpu=4, memMB=16_000, gpu=1
    )
    jobs = open_scheduler(settings)
    assert jobs.auto_n_jobs == 3
    with api.away(), pytest.raises(NoAnswer, match="503"):
        _ = jobs.auto_n_jobs


def test_kubernetes_ideas_of_dollars() -> None:
    """https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables"""
    assert expanded("$(A) $$(A) $(B) $HOME ${A} $$", {"A": "1"}) == "1 $(A) $(B) $HOME ${A} $"
