"""As much of Kubernetes' interface as TorchX uses, on loopback, with Volcano's jobs.

A pod is a container of ``docker_engine``: a process that sees nothing of this machine but its mounts.
"""

import re
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.docker_engine import Container
from tests.support.json_server import JsonServer

_JOBS = re.compile(
    r"/apis/batch\.volcano\.sh/v1alpha1/namespaces/(?P<namespace>[^/]+)/jobs(/(?P<name>[^/]+))?(/status)?"
)


@dataclass
class Pod:
    body: dict[str, Any]
    container: Container

    @property
    def phase(self) -> str:
        if self.container.is_running or self.container.process is None:
            return "Running"
        return "Completed" if self.container.process.returncode == 0 else "Failed"

    def described(self) -> dict[str, Any]:
        return {**self.body, "status": {"state": {"phase": self.phase}}}


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """What Kubernetes makes of a container's command, and of the value of a variable."""

    def replaced(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", replaced, text)


@dataclass
class KubernetesApi:
    """Listens on ``url`` until it is closed. ``holds``: see DockerEngine."""

    holds: Mapping[str, Path] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    is_away: bool = False

    def __post_init__(self) -> None:
        self._files = tempfile.TemporaryDirectory(prefix="pods-", ignore_cleanup_errors=True)
        self._server = JsonServer(self.answer)
        self.url = f"http://127.0.0.1:{self._server.port}"

    def write_config(self, path: Path) -> None:
        """The file by which clients find it."""
        cluster, context = {"server": self.url}, {"cluster": "c", "user": "u", "namespace": "default"}
        path.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": context}],
        }))  # fmt: skip

    @contextmanager
    def away(self) -> Any:
        self.is_away = True
        try:
            yield
        finally:
            self.is_away = False

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> tuple[int, Any]:
        self.requests.append(f"{method} {path}")
        if self.is_away:
            return 503, {"message": "the server is currently unable to handle the request"}
        if path == "/api/v1/nodes":
            return 200, {"items": self.nodes}
        found = _JOBS.fullmatch(path)
        if found is None:
            return 404, {"message": "the server could not find the requested resource"}
        name = found["name"]
        if method == "POST" and query.get("dryRun") == ["All"]:
            return 201, body
        if method == "POST":
            name = body["metadata"]["name"]
            self.pods[name] = Pod(body, self._container(name, body))
            self.pods[name].container.start()
            return 201, body
        if name is None:
            return 200, {"items": [pod.described() for pod in self.pods.values()]}
        if name not in self.pods:
            return 404, {"message": f'jobs.batch.volcano.sh "{name}" not found'}
        if method == "DELETE":
            self.pods.pop(name).container.stop()
            return 200, {"status": "Success"}
        return 200, self.pods[name].described()

    def _container(self, name: str, body: dict[str, Any]) -> Container:
        spec = body["spec"]["tasks"][0]["template"]["spec"]
        (container,) = spec["containers"]
        variables: dict[str, str] = {}
        for variable in container.get("env") or []:
            variables[variable["name"]] = expanded(variable.get("value", ""), variables)
        paths = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume}
        mounts = [
            {"Source": paths[mount["name"]], "Target": mount["mountPath"], "ReadOnly": mount.get("readOnly")}
            for mount in container["volumeMounts"]
            if mount["name"] in paths
        ]
        root = Path(self._files.name) / name
        root.mkdir()
        request = {
            "Cmd": [expanded(word, variables) for word in container["command"]],
            "Env": [f"{key}={value}" for key, value in variables.items()],
            "HostConfig": {"Mounts": mounts},
        }
        return Container(request, root, self.holds)

    def close(self) -> None:
        for pod in self.pods.values():
            pod.container.stop()
        self._server.close()
        self._files.cleanup()
