"""Trials in containers: what they see of this machine, and whether their results come back."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ax_mo.errors import ConfigError
from ax_mo.runner.cluster.containers import Mounts
from tests.support.docker_engine import DockerEngine, is_possible
from tests.support.sweeps import Sweep
from tests.support.waiting import interrupt_twice, wait_until


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/nfs/me/train.py", "/inside/train.py"),
        ("hydra.run.dir=/nfs/me/sweep/0", "hydra.run.dir=/inside/sweep/0"),
        ("hydra.searchpath=[file:///nfs/me/conf,/nfs/data]", "hydra.searchpath=[file:///nfs/me/conf,/data]"),
        ("/nfs/meal /other/nfs/me ../nfs/me", "/nfs/meal /other/nfs/me ../nfs/me"),
        ("a='/nfs/me'", "a='/inside'"),
    ],
)
def test_paths_in_arguments_are_those_of_the_container(given: str, expected: str) -> None:
    mounts = Mounts.parse(["type=bind,src=/nfs/me,dst=/inside", "type=bind,src=/nfs/data,dst=/data,readonly"])
    assert mounts.there(given) == expected


@pytest.mark.parametrize(
    ("mounts", "message"),
    [
        ([], r"mounts: containers do not see the directory from which you start the sweep, /nfs/me/project"),
        (
            ["type=bind,src=/nfs/me/project,dst=/p"],
            r"do not see the sweep's directory, /nfs/me/out: .*src=/nfs/me/project",
        ),
        (
            ["type=bind,src=/nfs/me,dst=/p,readonly"],
            r"the sweep's directory, /nfs/me/out, is mounted readonly: no trial",
        ),
        (
            ["type=bnd,src=/nfs/me,dst=/p"],
            r"'type=bnd,src=/nfs/me,dst=/p' is no mount: invalid mount type.* For example",
        ),
        (["/nfs/me:/p"], r"'/nfs/me:/p' is no mount: unknown mount option"),
    ],
)
def test_container_that_could_not_return_a_result_is_refused(mounts: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Mounts.parse(mounts).check("kubernetes", ["python3", "train.py"], Path("/nfs/me/project"), Path("/nfs/me/out"))


def test_volume_is_taken_to_be_the_same_directory_here() -> None:
    mounts = Mounts.parse(["type=volume,src=claim,dst=/nfs"])
    mounts.check("kubernetes", ["python3", "train.py"], Path("/nfs/me/project"), Path("/nfs/me/out"))
    assert mounts.there("/nfs/me/out") == "/nfs/me/out"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerEngine]:
    engine = DockerEngine()
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    yield engine
    engine.close()


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(tmp_path)


def options_of(sweep: Sweep, *more: str) -> list[str]:
    return [
        "x=interval(0,1)", "hydra.sweeper.seed=4", "hydra.launcher.scheduler=local_docker",
        "hydra.launcher.image=toy:1", "hydra.launcher.poll_seconds=0.2",
        f"hydra.launcher.mounts=['type=bind,src={sweep.tmp_path},dst=/inside']", *more,
    ]  # fmt: skip


in_containers = pytest.mark.skipif(not is_possible(), reason="file systems of their own are for root")


@in_containers
def test_study_runs_in_containers_that_see_the_project_elsewhere(engine: DockerEngine, sweep: Sweep) -> None:
    more = ("mode=fine,exception", "hydra.sweeper.n_trials=4", "hydra.sweeper.max_failure_rate=1.0")
    done = sweep.run(*options_of(sweep, *more, "hydra.launcher.env={NOTE: 'a,b=\"c\"'}"), timeout=200)
    assert done.returncode == 0, done.output
    trials = sweep.trials()
    assert {trial["status"] for trial in trials} == {"completed", "failed"}
    assert {trial["reason"] for trial in trials if trial["status"] == "failed"} == {"ValueError: diverged at step 7"}
    for container in engine.containers.values():
        assert not any(str(sweep.tmp_path) in word for word in container.request["Cmd"])
        assert 'NOTE=a,b="c"' in container.request["Env"]


@in_containers
def test_killed_sweeper_adopts_its_containers(engine: DockerEngine, sweep: Sweep) -> None:
    options = options_of(sweep, sweep.held, "hydra.sweeper.n_trials=2")
    first = sweep.start(*options)
    wait_until(lambda: sweep.under_way(2))
    first.send_signal(signal.SIGKILL)
    first.wait()
    sweep.gate.touch()
    done = sweep.run(*options, timeout=200)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2
    assert len(engine.containers) == 2


@in_containers
def test_second_interrupt_stops_the_containers(engine: DockerEngine, sweep: Sweep) -> None:
    process = sweep.start(*options_of(sweep, sweep.held, "hydra.sweeper.n_trials=2"))
    wait_until(lambda: sweep.under_way(2))
    output = interrupt_twice(process)
    assert process.returncode == 130, output
    assert [trial["status"] for trial in sweep.trials()] == ["cancelled"] * 2
    assert not any(container.is_running for container in engine.containers.values())
