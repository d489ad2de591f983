"""Clusters that are not there: Ray's job API as TorchX's own scheduler uses it."""

import sys
import types
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from torchx.schedulers import DEFAULT_SCHEDULER_MODULES

JOB_STATUS = Enum("JobStatus", ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED"])


class RayCluster:
    """Ray's job API as TorchX sees it: keeps what each job was submitted with, and the files it was given."""

    def __init__(self) -> None:
        self.submitted: list[dict[str, Any]] = []
        self.files: list[dict[str, str]] = []
        self.down = False
        self.forgets_to_say_so = False
        self.stopped: list[str] = []
        self.unstoppable = ""
        self.status: Any = JOB_STATUS.RUNNING  # type: ignore[attr-defined]

    def client(self, address: str) -> "RayCluster":
        self.address = address
        return self

    def get_address(self) -> str:
        return self.address

    def submit_job(self, **job: Any) -> str:
        self._answer()
        self.submitted.append(job)
        directory = Path(job["runtime_env"]["working_dir"])
        self.files.append({path.name: path.read_text() for path in directory.iterdir()})
        if self.forgets_to_say_so:
            raise TimeoutError("timed out")
        return str(job["submission_id"])

    def list_jobs(self) -> list[Any]:
        self._answer()
        return [types.SimpleNamespace(submission_id=job["submission_id"], status=self.status) for job in self.submitted]

    def get_job_status(self, submission_id: str) -> Any:
        self._answer()
        if submission_id not in [job["submission_id"] for job in self.submitted]:
            raise RuntimeError(f"Request failed with status code 404: {submission_id} not found")
        return types.SimpleNamespace(status=self.status)

    def stop_job(self, submission_id: str) -> None:
        if submission_id == self.unstoppable:
            raise ConnectionError("connection refused")
        self.stopped.append(submission_id)

    def _answer(self) -> None:
        if self.down:
            raise ConnectionError("Failed to connect to Ray")


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayCluster]:
    """TorchX's own Ray scheduler, which finds this cluster where it looks for Ray."""
    if "ray" not in DEFAULT_SCHEDULER_MODULES:
        pytest.skip("later TorchX's have no Ray scheduler")
    cluster = RayCluster()
    parts: dict[str, dict[str, Any]] = {
        "ray": {},
        "ray.autoscaler": {"sdk": None},
        "ray.dashboard": {},
        "ray.dashboard.modules": {},
        "ray.dashboard.modules.job": {},
        "ray.dashboard.modules.job.common": {"JobStatus": JOB_STATUS},
        "ray.dashboard.modules.job.sdk": {"JobSubmissionClient": cluster.client},
    }
    for name, content in parts.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "torchx.schedulers.ray_scheduler", raising=False)
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    yield cluster
    sys.modules.pop("torchx.schedulers.ray_scheduler", None)
