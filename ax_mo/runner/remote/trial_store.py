"""A place that both the sweep and the nodes reach, ``hydra.launcher.results_url``: any URL that fsspec knows.

For each job, by its name: ``job.json``, written by the sweep; ``files/``, what the trial's directory holds, written by
the node; ``ended.json``, written last, with the exit code and the checksum of each file; ``stop.json``, which the sweep
writes where it wants the trial to end early.
"""

import base64
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ax_mo.runner.remote.changed_files import Change
from ax_mo.runner.remote.remote_trial import RemoteJob
from ax_mo.trial.files import STOP

_WITHOUT_DIRECTORIES = frozenset({"s3", "gs", "abfs", "oss"})
"""Where making one would make a bucket."""
_PATIENCE: dict[str, Any] = {
    "config_kwargs": {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 2}}
}
"""The client's own is minutes; who calls tries again."""
_CLIENTS = ("aiobotocore", "botocore", "boto3", "s3fs")
"""Loggers that tell at each start where they have credentials from."""

_JOB = "job.json"
_FILES = "files"
_ENDED = "ended.json"


@dataclass(frozen=True)
class Manifest:
    """How a trial has ended, and the checksums of the files that it has written."""

    exit_code: int
    files: Mapping[str, str]


@dataclass(frozen=True)
class StoredObject:
    """An object of the store by the job's name and its own; ``version`` changes with its content."""

    job: str
    name: str
    version: str


class TrialStore:
    """All methods raise whatever the store's client raises."""

    def __init__(self, url: str) -> None:
        import fsspec

        options = _PATIENCE if url.startswith("s3:") else {}
        self._fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True, **options)
        self._root = root.rstrip("/")
        protocols = {self._fs.protocol} if isinstance(self._fs.protocol, str) else {*self._fs.protocol}
        self._has_directories = not protocols & _WITHOUT_DIRECTORIES
        for client in _CLIENTS:
            logging.getLogger(client).setLevel(logging.WARNING)

    def check(self) -> None:
        """Write something, read it, and remove it."""
        path = f"{self._root}/.ax_mo-check"
        self._write(path, b"ax_mo")
        if self._fs.cat_file(path) != b"ax_mo":
            raise OSError("what is written there is read as something else")
        self._fs.rm_file(path)

    # The sweep's side

    def put_job(self, job: RemoteJob) -> None:
        """Leave a job for its node."""
        files = {change.name: base64.b64encode(change.content).decode() for change in job.files}
        self._write(f"{self._root}/{job.name}/{_JOB}", json.dumps({**asdict(job), "files": files}).encode())

    def put_stop(self, job: str, content: bytes) -> None:
        """Leave a request to stop early."""
        self._write(f"{self._root}/{job}/{STOP}", content)

    def listed(self, study: str) -> list[StoredObject]:
        """What the store holds of all jobs whose names begin so; one request for a thousand of them."""
        found = []
        for path, info in self._fs.find(f"{self._root}/", prefix=study, detail=True).items():
            job, _, name = path.removeprefix(f"{self._root}/").partition("/")
            version = info.get("ETag") or f"{info.get('mtime') or info.get('LastModified') or ''} {info.get('size')}"
            found.append(StoredObject(job, name, str(version)))
        return found

    def read_file(self, job: str, name: str) -> Change:
        """One of the files that the trial has written."""
        content: bytes = self._fs.cat_file(f"{self._root}/{job}/{_FILES}/{name}")
        return Change(name, content)

    def read_manifest(self, job: str) -> Manifest:
        """What the trial has left at its end."""
        return Manifest(**json.loads(self._fs.cat_file(f"{self._root}/{job}/{_ENDED}")))

    # The node's side

    def read_job(self, name: str) -> RemoteJob:
        """The job of that name."""
        given = json.loads(self._fs.cat_file(f"{self._root}/{name}/{_JOB}"))
        files = [Change(name, base64.b64decode(text)) for name, text in given.pop("files").items()]
        return RemoteJob(**{**given, "argv": tuple(given["argv"]), "files": files})

    def stop_request(self, job: str) -> bytes | None:
        """The request to stop early; None where there is none."""
        try:
            content: bytes = self._fs.cat_file(f"{self._root}/{job}/{STOP}")
        except FileNotFoundError:
            return None
        return content

    def put_files(self, job: str, changes: Sequence[Change]) -> None:
        """Store what has changed of the trial's files."""
        for change in changes:
            self._write(f"{self._root}/{job}/{_FILES}/{change.name}", change.content)

    def put_file(self, job: str, name: str, path: Path) -> None:
        """Of any size."""
        self._fs.put_file(str(path), f"{self._root}/{job}/{_FILES}/{name}")

    def put_manifest(self, job: str, manifest: Manifest) -> None:
        """Say that the trial has ended; the last that is written of it."""
        self._write(f"{self._root}/{job}/{_ENDED}", json.dumps(asdict(manifest)).encode())

    def _write(self, path: str, content: bytes) -> None:
        if self._has_directories:
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._fs.pipe_file(path, content)


def checksum(content: bytes) -> str:
    """A content's SHA-256, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def file_of(entry: StoredObject) -> str | None:
    """The name of the trial's file that the object is; None where it is none."""
    folder, _, name = entry.name.partition("/")
    return name if folder == _FILES else None


def is_manifest(entry: StoredObject) -> bool:
    """Whether the object says how a trial has ended."""
    return entry.name == _ENDED


def error_text(error: BaseException) -> str:
    """The first line of what a store's client says."""
    lines: Any = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
