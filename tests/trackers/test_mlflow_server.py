"""The study in a real MLflow server, which may go away and come back, and wants a password."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.snapshot import describe_study
from ax_mo.storage.store import Store
from ax_mo.trackers import StudyEnd
from ax_mo.trackers.process import Trackers

from .conftest import GOALS, SPACE, TAG, trial


class MlflowServer:
    """MLflow's own, in a thread, which may go away and come back at the same address."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self._serving: Any = None

    def start(self) -> None:
        from mlflow.server import app
        from werkzeug.serving import make_server

        self._serving = make_server("127.0.0.1", self._port, app, threaded=True)
        threading.Thread(target=self._serving.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._serving is not None:
            self._serving.shutdown()
            self._serving.server_close()
            self._serving = None


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowServer]:
    its_server = pytest.importorskip("mlflow.server")
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "of the test")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").search_experiments()  # which makes it
    monkeypatch.setenv(its_server.BACKEND_STORE_URI_ENV_VAR, f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv(its_server.ARTIFACT_ROOT_ENV_VAR, f"{tmp_path}/artifacts")
    server = MlflowServer()
    server.start()
    yield server
    server.stop()


class Study:
    """A study in a database, as the sweeper and its trackers share it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.notices: list[str] = []
        self._database = (f"sqlite:///{directory}/study.db", "study")
        told = json.dumps(describe_study(SPACE, GOALS, {}))
        self._store = Store.open(self._database[0], StoredStudy("study", "", Definition({}, {}), seed=1, about=told))
        self.log = self.sweeper()

    def sweeper(self) -> Trackers:
        self.log = Trackers(["mlflow"], self._database, TAG, self.directory, self.notices.append)
        return self.log

    def ended(self, number: int) -> None:
        better_than_the_last = {"val/acc": 0.5 + number / 10, "size": 10.0}
        self._store.add([trial(number, metrics=better_than_the_last)])
        self.log.changed()


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def states(server: MlflowServer) -> dict[str, tuple[str, str | None]]:
    """Status and Pareto flag of each run."""
    from mlflow import MlflowClient

    client = MlflowClient(server.address)
    experiment = client.get_experiment_by_name("of the test")
    found = [] if experiment is None else client.search_runs([experiment.experiment_id])
    assert len({run.info.run_name for run in found}) == len(found), "nothing is there twice"
    return {run.info.run_name: (run.info.status, run.data.tags.get("ax_mo.pareto")) for run in found}


# BUG: what was told while the server was away was told once; the end of a study logged its trials, but not its front.
# BUG: the tracking URI was kept as it is, password included, in a file that everybody can read.
@pytest.mark.long
def test_outage_is_made_up_for_and_the_servers_password_is_nowhere(
    server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.address.replace("//", "//someone:s3%2Fcret@")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    study = Study(tmp_path / "sweep")
    study.ended(0)
    wait_for(lambda: states(server).get("trial 0") == ("FINISHED", "true"))
    server.stop()
    study.ended(1)
    wait_for(lambda: study.log.tick() or study.notices)
    assert "the study goes on" in study.notices[0]
    study.log.finish(None, StudyEnd.FINISHED, 3.0)
    assert study.notices[-1].endswith("a resume logs what is missing") and len(study.notices) <= 3

    told = len(study.notices)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)  # the server, in this process, has put its own there
    study.sweeper()
    study.ended(2)
    wait_for(lambda: study.log.tick() or len(study.notices) > told)
    threading.Timer(1.0, server.start).start()
    study.log.finish(None, StudyEnd.FINISHED, 180.0)
    assert states(server) == {
        "nas": ("FINISHED", None), "trial 0": ("FINISHED", "false"), "trial 1": ("FINISHED", None),
        "trial 2": ("FINISHED", "true"),
    }  # fmt: skip
    assert len(study.notices) <= told + 2
    files = [path for path in study.directory.rglob("*") if path.is_file()]
    assert any(path.name == "mlflow.log" for path in files)
    for text in [*study.notices, *(path.read_text(errors="replace") for path in files)]:
        assert "cret" not in text and "someone" not in text
