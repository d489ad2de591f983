"""Results that come through a store, of trials that share no disk with the sweep."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ax_mo.runner.job import Job, JobSpec, JobState, Phase
from ax_mo.runner.remote.changed_files import Change
from ax_mo.runner.remote.stored_scheduler import StoredScheduler
from ax_mo.runner.remote.trial_store import Manifest, TrialStore, checksum
from ax_mo.runner.scheduler import Scheduler
from ax_mo.runner.settings import LauncherSettings
from tests.support.docker_engine import DockerEngine, is_possible
from tests.support.processes import pids_with
from tests.support.s3 import S3, own_s3
from tests.support.sweeps import Sweep, assert_same_trials, assert_trial_can_be_stopped
from tests.support.waiting import interrupt_twice, wait_until

URL = "s3://bucket/of/me"


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with own_s3() as server:
        yield server


@pytest.fixture
def s3(server: S3) -> S3:
    server.clear()
    return server


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(tmp_path)


def options_of(*more: str) -> list[str]:
    return ["x=interval(0,1)", "hydra.sweeper.seed=4", f"hydra.launcher.results_url={URL}",
            "hydra.launcher.poll_seconds=0.5", *more]  # fmt: skip


def test_trials_leave_what_they_leave_on_this_machine(
    s3: S3, sweep: Sweep, tmp_path_factory: pytest.TempPathFactory
) -> None:
    more = ("mode=fine,exception", "hydra.sweeper.n_trials=2", "hydra.sweeper.max_failure_rate=1.0",
            "hydra.sweeper.initial_trials=[{x: 0.1, mode: exception}]", "leaves=last.ckpt")  # fmt: skip
    done = sweep.run(*options_of(*more, "hydra.launcher.fetch=['*.ckpt']"))
    assert done.returncode == 0, done.output
    here = Sweep(tmp_path_factory.mktemp("here"))
    done = here.run("x=interval(0,1)", "hydra.sweeper.seed=4", *more)
    assert done.returncode == 0, done.output
    assert_same_trials(sweep, here, besides=[".stored_as"])


@pytest.mark.long
def test_killed_sweeper_adopts_its_trials(s3: S3, sweep: Sweep) -> None:
    journal = sweep.tmp_path / "journal"
    options = options_of(sweep.held, f"journal={journal}", "hydra.sweeper.n_trials=1")
    first = sweep.start(*options)
    wait_until(lambda: journal.exists() and journal.read_text().split() == ["0"])
    first.send_signal(signal.SIGKILL)
    first.wait()
    sweep.gate.touch()
    wait_until(lambda: any(key.endswith("ended.json") for key in s3.objects()))
    done = sweep.run(*options)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")]
    assert journal.read_text().split() == ["0"]


def test_store_that_is_away_is_waited_for_by_the_sweep_and_the_trials(s3: S3, sweep: Sweep) -> None:
    journal = sweep.tmp_path / "journal"
    process = sweep.start(*options_of(sweep.held, f"journal={journal}", "hydra.sweeper.n_trials=1"))
    wait_until(lambda: journal.exists() and journal.read_text().split() == ["0"])
    with s3.away():
        sweep.gate.touch()
        time.sleep(7)
        assert {status for _, status in sweep.rows()} == {"running"}
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")]


@pytest.mark.long
def test_trial_is_asked_to_stop_through_the_store(s3: S3, sweep: Sweep) -> None:
    url, interval = options_of()[2:4]
    assert_trial_can_be_stopped(sweep, url, interval)


@pytest.mark.long
def test_second_interrupt_leaves_no_process_of_the_trials(s3: S3, sweep: Sweep) -> None:
    journal = sweep.tmp_path / "journal"
    process = sweep.start(*options_of(sweep.held, f"journal={journal}", "hydra.sweeper.n_trials=2"))
    wait_until(lambda: journal.exists() and len(journal.read_text().split()) == 2)
    output = interrupt_twice(process)
    assert process.returncode == 130, output
    assert [trial["status"] for trial in sweep.trials()] == ["cancelled"] * 2
    wait_until(lambda: not pids_with(f"journal={journal}"), 20)


@pytest.mark.skipif(not is_possible(), reason="file systems of their own are for root")
@pytest.mark.parametrize(
    "workspace", ["", pytest.param(".", marks=pytest.mark.long)], ids=["project in the image", "project put on top"]
)
def test_containers_need_no_mounts(s3: S3, sweep: Sweep, monkeypatch: pytest.MonkeyPatch, workspace: str) -> None:
    """The image holds the project, and where it was built says where."""
    engine = DockerEngine(holds={} if workspace else {"/app": sweep.project})
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    names = ", ".join(f"{name}: '{value}'" for name, value in s3.environment.items())
    options = ("hydra.launcher.scheduler=local_docker", "hydra.launcher.image=toy:1", f"hydra.launcher.env={{{names}}}",
               f"hydra.launcher.workspace={workspace}")  # fmt: skip
    argv = [sweep.argv()[0], "toy.py", *sweep.argv(*options_of(*options, "hydra.sweeper.n_trials=1"))[2:]]
    try:
        done = sweep.run(argv=argv, cwd=sweep.project, timeout=200)
        assert done.returncode == 0, done.output
        assert [trial["status"] for trial in sweep.trials()] == ["completed"]
        assert len(engine.containers) == 1
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://nowhere/x", "hydra.launcher.results_url=s3://nowhere/x: nothing can be kept there: "),
        ("s4://bucket/x", "Protocol not known: s4"),
    ],
)
def test_store_that_takes_nothing_is_refused_before_anything_runs(s3: S3, sweep: Sweep, url: str, message: str) -> None:
    done = sweep.run(*options_of(f"hydra.launcher.results_url={url}"))
    assert done.returncode == 1
    assert message in done.output and "Traceback" not in done.output


# What the store shows, and what follows


class Ended(Scheduler):
    """Its jobs have ended, whatever the store says."""

    def submit(self, spec: JobSpec) -> str:
        return f"local_cwd://ax_mo/{spec.name}"

    def states(self, jobs: list[Job]) -> list[JobState]:  # type: ignore[override]
        return [JobState(Phase.ENDED, 1, "the scheduler reports FAILED")] * len(jobs)

    def cancel(self, jobs: list[Job]) -> None:  # type: ignore[override]
        raise NotImplementedError


def test_files_that_the_trial_has_not_written_are_unknown_and_never_failed(s3: S3, tmp_path: Path) -> None:
    directory = tmp_path / "0"
    directory.mkdir()
    jobs = StoredScheduler(Ended(LauncherSettings(poll_seconds=0.1)), URL)
    job = Job(jobs.submit(JobSpec("ax-0a1b2c3d-0-a1", ("python",), directory, tmp_path)), directory)
    store = TrialStore(URL)
    store.put_files("ax-0a1b2c3d-0-a1", [Change("result.json", b"an old one")])
    store.put_manifest("ax-0a1b2c3d-0-a1", Manifest(0, {"result.json": checksum(b"the true one")}))
    wait_until(lambda: jobs.states([job])[0].phase is Phase.UNKNOWN)
    assert "other files than the trial has written: result.json" in jobs.states([job])[0].message
    store.put_files("ax-0a1b2c3d-0-a1", [Change("result.json", b"the true one")])
    wait_until(lambda: jobs.states([job]) == [JobState(Phase.ENDED, 0, "the scheduler reports FAILED")])
    assert (directory / "result.json").read_bytes() == b"the true one"
    jobs.close()


def test_hundred_jobs_cost_one_request_a_poll(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, asked = TrialStore(URL), []
    monkeypatch.setattr(TrialStore, "listed", lambda self, study: asked.append(study) or [])
    jobs = StoredScheduler(Ended(LauncherSettings(poll_seconds=1000)), URL)
    handles = []
    for number in range(100):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / ".stored_as").write_text(f"ax-0a1b2c3d-{number}-a1\n")
        handles.append(Job(f"local_cwd://ax_mo/{number}", directory))
    jobs.states(handles)
    assert asked == ["ax-0a1b2c3d-"]
    jobs.close()
    assert json.dumps(sorted(entry.name for entry in store.listed("none"))) == "[]"
