"""Studies as values, and a real MLflow server on this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status, TrialRun
from ax_mo.search_space.parameters import Choice, Option, Range
from ax_mo.search_space.space import SearchSpace
from ax_mo.storage.snapshot import StudySnapshot
from ax_mo.trackers import Tracker
from ax_mo.trackers.env import StudyTag
from tests.support.trials import make_run

SPACE = SearchSpace(
    (Range("optim.lr", 1e-4, 0.1, log=True), Choice("+model@net", (Option("a", "a"), Option(None, "null"))))
)
GOALS = parse_goals({"val/acc": {"goal": "maximize", "threshold": 0.5}, "size": "minimize"})
TAG = StudyTag("nas", "0123456789ab")


def trial(number: int, status: Status = Status.COMPLETED, **values: object) -> TrialRun:
    metrics = {"val/acc": 0.5 + number / 10, "size": 10.0 * (number + 1)} if status is Status.COMPLETED else {}
    content: dict[str, object] = {
        "metrics": metrics, "generator": "Sobol", "reason": None if metrics else "ValueError: diverged",
        "started": f"2026-01-01T00:00:0{number}+00:00", "ended": f"2026-01-01T00:01:0{number}+00:00",
    }  # fmt: skip
    point = {"optim.lr": 0.01 * (number + 1), "+model@net": "a" if number % 2 else None}
    return make_run(number, status=status, point=point, **{**content, **values})


def record(directory: Path, *trials: TrialRun) -> StudySnapshot:
    created = "2026-01-01T00:00:00+00:00"
    return StudySnapshot(
        "study", directory, SPACE, GOALS, 1, created, trials, trials, {"n_trials": 4, "method": "fast"}
    )


def begin(tracker: Tracker, directory: Path, *trials: TrialRun) -> str | None:
    """Tell the tracker of a study that has these trials, as its process does."""
    parent = tracker.started(record(directory, *trials))
    for ended in trials:
        tracker.ended(ended)
    return parent


@pytest.fixture(scope="session")
def mlflow_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of MLflow's store in a SQLite file, without a server."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["MlflowServer"]:
    """A test that kills it starts it again."""
    with MlflowServer(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


class MlflowServer:
    """A real one, in ``folder``, that may be killed and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "MlflowServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        folder, log = self._folder, self._folder / "log"
        words = [
            "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts",
        ]  # fmt: skip
        with log.open("ab") as said:
            server = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *words],
                cwd=folder, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},  # seven processes less
            )  # fmt: skip
        self._process = server
        deadline = time.monotonic() + 180
        while not _answers(self.address):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.2)

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
