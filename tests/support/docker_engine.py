"""A container engine: as much of Docker's HTTP interface as TorchX uses, on loopback.

A container is a process with a file system of its own (``unshare``, ``chroot``: for root alone), in which there are the
system, this Python with its packages, and the container's mounts, and nothing else of this machine.
"""

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.json_server import JsonServer
from tests.support.sweeps import ROOT

_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc", "/sbin")
_PYTHON = (sys.prefix, sys.base_prefix, str(ROOT), *(path for path in sys.path if path.endswith("-packages")))


def is_possible() -> bool:
    script = "mount -t proc proc /proc && mount --bind /tmp /tmp"
    argv = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", script]
    return os.geteuid() == 0 and subprocess.run(argv, capture_output=True, check=False).returncode == 0


@dataclass
class Container:
    request: dict[str, Any]
    root: Path
    holds: Mapping[str, Path]
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        mounts = [(source, source, "ro") for source in dict.fromkeys((*_SYSTEM, *_PYTHON)) if Path(source).is_dir()]
        for mount in self.request["HostConfig"].get("Mounts") or []:
            mounts.append((mount["Source"], mount["Target"], "ro" if mount.get("ReadOnly") else "rw"))
        mounts += [(str(source), target, "ro") for target, source in self.holds.items()]
        lines = []
        for source, target, mode in mounts:
            there = f"{self.root}{target}"
            lines += [f'mkdir -p "{there}"', f'mount --bind "{source}" "{there}"']
            lines += [f'mount -o remount,bind,{mode} "{there}"'] if mode == "ro" else []
        lines += [f'mkdir -p "{self.root}/dev" "{self.root}/proc" "{self.root}/tmp"']
        lines += [f'mount --rbind /dev "{self.root}/dev"', f'mount -t proc proc "{self.root}/proc"']
        start = next(iter(self.holds), "/")
        enter = f'exec chroot "{self.root}" /bin/sh -c "cd {start} && exec \\"\\$@\\"" sh "$@"'
        script = " && ".join([*lines, enter])
        env = {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/tmp"}
        env |= dict(pair.split("=", 1) for pair in self.request.get("Env") or [])
        argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh", *self.request["Cmd"]]
        with (self.root / "output").open("wb") as output:
            self.process = subprocess.Popen(argv, env=env, start_new_session=True, stdout=output, stderr=output)

    def stop(self) -> None:
        if self.process is not None and self.is_running:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def has_labels(self, wanted: list[str]) -> bool:
        """Each is ``name`` or ``name=value``."""
        labels = self.request.get("Labels") or {}
        return {*wanted} <= {*labels, *(f"{name}={value}" for name, value in labels.items())}

    def describe(self, name: str) -> dict[str, Any]:
        code = None if self.process is None else self.process.poll()
        state = "created" if self.process is None else "running" if code is None else "exited"
        labels = self.request.get("Labels") or {}
        return {
            "Id": name, "Name": f"/{name}", "Image": "sha256:0", "Labels": labels, "State": {"Status": state},
            "Config": {"Labels": labels, "Image": self.request["Image"]}, "Names": [f"/{name}"],
        }  # fmt: skip


class DockerEngine:
    """Listens on ``url`` until it is closed, which ends its containers.

    Images hold these directories by their places there, in the first of which their programs start.
    """

    def __init__(self, holds: Mapping[str, Path] | None = None) -> None:
        self.holds = dict(holds or {})
        self.built: dict[str, dict[str, Path]] = {}
        """What images hold that were built here, by their names."""
        self.pushed: list[str] = []
        self.containers: dict[str, Container] = {}
        self._files = tempfile.TemporaryDirectory(prefix="containers-", ignore_cleanup_errors=True)
        self._server = JsonServer(self.answer)
        self.url = f"tcp://127.0.0.1:{self._server.port}"

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> tuple[int, Any]:
        path = re.sub(r"^/v[\d.]+", "", path)
        if path == "/version":
            return 200, {"ApiVersion": "1.41", "MinAPIVersion": "1.24", "Version": "20.10"}
        if path == "/networks/create":
            return 201, {"Id": "net", "Warning": ""}
        if path.startswith("/networks/"):
            return 200, {"Id": "net", "Name": "torchx"}
        if path == "/build":
            return 200, {"aux": {"ID": self._build(body["content"], json.loads(query["buildargs"][0])["IMAGE"])}}
        if path == "/images/json":
            return 200, []
        if path == "/images/create":
            return 404, {"message": "no registry here"}
        if path.endswith("/push"):
            self.pushed.append(f"{path.removeprefix('/images/').removesuffix('/push')}:{query['tag'][0]}")
            return 200, {"status": "pushed"}
        if path.endswith("/tag"):
            return 201, None
        if path.startswith("/images/"):
            return 200, {"Id": path.removeprefix("/images/").removesuffix("/json"), "RepoTags": []}
        if path == "/containers/create":
            (name,) = query["name"]
            holds = self.built.get(body["Image"], self.holds)
            self.containers[name] = Container(body, Path(self._files.name) / name, holds)
            self.containers[name].root.mkdir()
            return 201, {"Id": name, "Warnings": []}
        if path == "/containers/json":
            wanted = json.loads(query.get("filters", ["{}"])[0]).get("label", [])
            return 200, [one.describe(name) for name, one in self.containers.items() if one.has_labels(wanted)]
        _, _, name, action = (*path.split("/"), "")[:4]
        container = self.containers[name]
        if action == "start":
            container.start()
        elif action == "stop":
            container.stop()
        elif action == "wait":
            assert container.process is not None
            return 200, {"StatusCode": container.process.wait()}
        return (200, container.describe(name)) if method == "GET" else (204, None)

    def _build(self, content: bytes, base: str) -> str:
        """The image of this context, whose files are copied to where programs of the base start."""
        assert base == "toy:1"
        name = f"sha256:{hashlib.sha256(content).hexdigest()}"
        files = Path(self._files.name) / name
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            assert tar.extractfile("Dockerfile.torchx").read().split() == b"ARG IMAGE FROM $IMAGE COPY . .".split()  # type: ignore[union-attr]
            tar.extractall(files, filter="data")
        self.built[name] = {"/app": files}
        return name

    def close(self) -> None:
        for container in self.containers.values():
            container.stop()
        self._server.close()
        self._files.cleanup()
