"""Sweeps on a real Ray: two nodes that see nothing of the project and of the sweep's directory."""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ax_mo.runner.job import Job, JobSpec, Phase, job_name
from ax_mo.runner.remote import ray_scheduler
from ax_mo.runner.remote.ray_bridge import RayClient
from ax_mo.runner.scheduler import open_scheduler
from ax_mo.runner.settings import LauncherSettings
from tests.support.example_study import assert_sound, run_with_mishaps
from tests.support.ray_cluster import RayCluster, is_possible, own_cluster
from tests.support.sweeps import Sweep, assert_same_trials, assert_trial_can_be_stopped
from tests.support.waiting import interrupt_twice, read_until, wait_until

pytestmark = pytest.mark.skipif(not is_possible(), reason="make test-engines")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    yield from own_cluster(tmp_path_factory.getbasetemp())


@pytest.fixture
def sweep(tmp_path: Path, cluster: RayCluster) -> Sweep:
    sweep = Sweep(tmp_path)
    # What a test and its trials tell each other goes by a directory that the nodes see.
    sweep.gate = cluster.shared / f"{tmp_path.name}-gate"
    sweep.held = f"until={sweep.gate}"
    return sweep


def journal_of(sweep: Sweep) -> Path:
    return sweep.gate.with_name(f"{sweep.tmp_path.name}-journal")


def ran(sweep: Sweep) -> Counter[str]:
    path = journal_of(sweep)
    return Counter(path.read_text().split()) if path.exists() else Counter()


def options_of(sweep: Sweep, *more: str) -> list[str]:
    return [
        "x=interval(0,1)", "hydra.sweeper.seed=4", "hydra.launcher.scheduler=ray",
        f"hydra.launcher.scheduler_args.address={RayCluster.address}", f"journal={journal_of(sweep)}", *more,
    ]  # fmt: skip


def test_trials_leave_what_they_leave_on_this_machine(sweep: Sweep, tmp_path_factory: pytest.TempPathFactory) -> None:
    more = ("mode=fine,exception", "hydra.sweeper.n_trials=4", "hydra.sweeper.max_failure_rate=1.0")
    done = sweep.run(*options_of(sweep, *more))
    assert done.returncode == 0, done.output
    here = Sweep(tmp_path_factory.mktemp("here"))
    done = here.run("x=interval(0,1)", "hydra.sweeper.seed=4", *more)
    assert done.returncode == 0, done.output
    assert_same_trials(sweep, here)
    assert "ValueError: diverged at step 7" in {trial["reason"] for trial in sweep.trials()}
    assert not list(sweep.project.rglob("_ray_pkg*")), "nothing is written into the project"


def test_killed_sweeper_adopts_its_trials_and_no_other_runs_twice(sweep: Sweep) -> None:
    options = options_of(sweep, sweep.held, "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=2")
    first = sweep.start(*options)
    wait_until(lambda: len(ran(sweep)) == 2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = sweep.run_and_release("Trial 1 is still running", *options)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 3
    assert ran(sweep) == {"0": 1, "1": 1, "2": 1}


def test_hundred_jobs_cost_one_request_a_poll(
    cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Counting(RayClient):
        def call(self, method: str, *arguments: Any, **options: Any) -> Any:
            asked.append(method)
            return super().call(method, *arguments, **options)

    monkeypatch.setattr(ray_scheduler, "RayClient", Counting)
    monkeypatch.chdir(tmp_path)
    scheduler = open_scheduler(LauncherSettings(scheduler="ray", scheduler_args={"address": cluster.address}))
    jobs = []
    for number in range(100):
        spec = JobSpec(job_name("0a1b2c3d", number), ("sleep", "600"), tmp_path / str(number), tmp_path)
        spec.directory.mkdir()
        jobs.append(Job(scheduler.submit(spec), spec.directory))
    asked.clear()
    assert {state.phase for state in scheduler.states(jobs)} <= {Phase.PENDING, Phase.RUNNING}
    assert asked == ["exchange"]
    scheduler.cancel(jobs)
    wait_until(lambda: {state.phase for state in scheduler.states(jobs)} == {Phase.ENDED}, 100)
    scheduler.close()


def test_trials_that_end_while_no_sweeper_is_there_keep_their_results_for_the_next(sweep: Sweep) -> None:
    options = options_of(sweep, sweep.held, "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2")
    first = sweep.start(*options)
    wait_until(lambda: len(ran(sweep)) == 2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    sweep.gate.touch()
    time.sleep(3)
    done = sweep.run(*options)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2
    assert ran(sweep) == {"0": 1, "1": 1}


def test_trial_is_asked_to_stop_through_ray(sweep: Sweep) -> None:
    scheduler, address = options_of(sweep)[2:4]
    assert_trial_can_be_stopped(sweep, scheduler, address)


def test_trial_of_two_processes_has_one_result(sweep: Sweep) -> None:
    two = ("hydra.launcher.nproc_per_node=2", "hydra.launcher.cpu=2", "hydra.sweeper.n_trials=1")
    done = sweep.run(*options_of(sweep, *two))
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"]
    assert ran(sweep) == {"0": 2}


def test_second_interrupt_leaves_no_process_of_the_trials(sweep: Sweep, cluster: RayCluster) -> None:
    process = sweep.start(*options_of(sweep, sweep.held, "hydra.sweeper.n_trials=2"))
    wait_until(lambda: len(ran(sweep)) == 2)
    assert cluster.pids("toy.py")
    output = interrupt_twice(process)
    assert process.returncode == 130, output
    assert [trial["status"] for trial in sweep.trials()] == ["cancelled"] * 2
    wait_until(lambda: not cluster.pids("toy.py"), 20)


def test_trial_of_a_node_that_is_lost_runs_again_on_another(sweep: Sweep, cluster: RayCluster) -> None:
    options = options_of(sweep, sweep.held, "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=4")
    process = sweep.start(*options, "hydra.sweeper.max_retries=1")
    wait_until(lambda: len(ran(sweep)) == 4)
    cluster.kill_the_second_node()
    wait_until(lambda: (2,) in sweep.rows("select attempt from ax_mo_trial"))
    sweep.gate.touch()  # the node that is left has no room before
    output, _ = process.communicate(timeout=120)
    try:
        assert process.returncode == 0, output
        assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 4
        again = [trial["trial"] for trial in sweep.trials() if trial["attempt"] == "2"]
        assert again and ran(sweep) == {number: 1 + (number in again) for number in ("0", "1", "2", "3")}
    finally:
        cluster.kill()
        cluster.start()


def test_cluster_that_does_not_answer_for_a_minute_is_waited_for(sweep: Sweep, cluster: RayCluster) -> None:
    process = sweep.start(*options_of(sweep, sweep.held, "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=2"))
    wait_until(lambda: len(ran(sweep)) == 2)
    stopped = cluster.pids()
    cluster.signal(signal.SIGSTOP, stopped)
    try:
        read_until(process, "Ray does not answer")
        time.sleep(60)
    finally:
        cluster.signal(signal.SIGCONT, stopped)
    sweep.gate.touch()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "answers again" in output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 3
    assert ran(sweep) == {"0": 1, "1": 1, "2": 1}


def test_cluster_that_is_started_anew_gets_the_lost_trials_again(sweep: Sweep, cluster: RayCluster) -> None:
    process = sweep.start(*options_of(sweep, sweep.held, "hydra.sweeper.n_trials=2", "hydra.sweeper.max_retries=1"))
    wait_until(lambda: len(ran(sweep)) == 2)
    cluster.kill()
    cluster.start()
    wait_until(lambda: ran(sweep).total() == 4, 300)  # one that connects while it starts may wait for minutes
    sweep.gate.touch()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "2")] * 2


def test_chosen_files_come_back(sweep: Sweep) -> None:
    more = ("leaves=last.ckpt", "hydra.launcher.fetch=['*.ckpt']", "hydra.sweeper.n_trials=1")
    done = sweep.run(*options_of(sweep, *more))
    assert done.returncode == 0, done.output
    assert (sweep.dir / "0" / "last.ckpt").stat().st_size > 0


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("hydra.launcher.gpu=3", "no node of the Ray cluster has what a trial needs: 1 CPU, 3 GPU."),
        ("hydra.launcher.scheduler_args.adress=auto", "ray has no such option"),
        ("hydra.launcher.scheduler_args.resources={CPU: 2}", "cpu, gpu and memMB of hydra.launcher say that."),
        ("hydra.launcher.scheduler_args.resources={tpu: one}", "it must be numbers by name, {tpu: 1}."),
        ("hydra.launcher.scheduler_args.address=127.0.0.1:1", "there is no Ray cluster"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_does(sweep: Sweep, option: str, message: str) -> None:
    done = sweep.run(*options_of(sweep, "hydra.sweeper.n_trials=1", option))
    assert done.returncode == 1
    assert message in done.output and "Traceback" not in done.output
    assert not (sweep.dir / "0").exists()


def test_program_outside_of_what_is_sent_is_refused(sweep: Sweep, tmp_path_factory: pytest.TempPathFactory) -> None:
    done = sweep.run(*options_of(sweep, "hydra.sweeper.n_trials=1"), cwd=tmp_path_factory.mktemp("elsewhere"))
    assert done.returncode == 1
    assert "Start the sweep in the project's directory." in done.output


def test_supervisors_end_with_their_studies(sweep: Sweep, cluster: RayCluster) -> None:
    done = sweep.run(*options_of(sweep, "hydra.sweeper.n_trials=1"))
    assert done.returncode == 0, done.output
    wait_until(lambda: not cluster.pids("ray::Supervisor"), 20)
    assert json.loads((sweep.dir / "0" / "result.json").read_text())["status"] == "completed"


def test_example_goes_through_all_mishaps(sweep: Sweep, cluster: RayCluster) -> None:
    def end_trial(number: str) -> bool:
        running = cluster.pids("train.py", f"hydra.job.num={number}")
        cluster.signal(signal.SIGTERM, running)
        return bool(running)

    options = ("hydra.launcher.scheduler=ray", f"hydra.launcher.scheduler_args.address={cluster.address}")
    done = run_with_mishaps(sweep.dir, options, end_trial)
    assert done.returncode == 0, done.output
    assert_sound(sweep.dir)
