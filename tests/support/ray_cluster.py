"""A Ray cluster of two nodes on this machine, which sees nothing of the tests' own directories.

Ray listens on all interfaces, so that it needs a network namespace of its own; ``make test-engines`` makes one for the
tests as well.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from tests.support.waiting import wait_until

_PORT = 6399
_TRIES = 3
_START = """
mount -t tmpfs none "$HIDDEN"
ray() { "$PYTHON" -m ray.scripts.scripts start --node-ip-address=127.0.0.1 --num-cpus=2 \\
  --object-store-memory=100000000 --disable-usage-stats "$@"; }
ray --head --port=$PORT --temp-dir="$TEMPORARY" --include-dashboard=false && ray --address=127.0.0.1:$PORT || exit 1
echo up
exec sleep infinity
"""


def is_possible() -> bool:
    """Whether Ray is installed, and this process has a network of its own."""
    networks = Path("/proc/self/net/dev")
    alone = networks.exists() and len(networks.read_text().splitlines()) == 3  # two of titles, and the loopback's
    return alone and find_spec("ray") is not None and os.geteuid() == 0


class RayCluster:
    """``shared`` is a directory that the nodes see, ``hidden`` one that they do not."""

    address = f"127.0.0.1:{_PORT}"

    def __init__(self, hidden: Path) -> None:
        self._hidden = hidden
        self._directory = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # paths of sockets have to be short
        self.shared = self._directory / "shared"
        self.shared.mkdir()
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """On a busy machine, its agent misses deadlines: it is tried again."""
        output: str | None = ""
        for _ in range(_TRIES):
            output = self._try_to_start()
            if output is None:
                return
            self.kill()
        raise RuntimeError(output)

    def _try_to_start(self) -> str | None:
        """None where it is up, and what it has printed otherwise."""
        temporary = tempfile.mkdtemp(prefix="t", dir=self._directory)
        env = {
            **os.environ, "HIDDEN": str(self._hidden), "PYTHON": sys.executable, "PORT": str(_PORT),
            "TEMPORARY": temporary, "TMPDIR": str(self._directory),
        }  # fmt: skip
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c", _START],
            env=env, cwd=self._directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        lines = []
        for line in self._process.stdout or ():
            lines.append(line)
            if line == "up\n":
                return None
        return "".join(lines)

    def kill(self) -> None:
        """All of it at once."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate()
        wait_until(lambda: not self.pids())

    def pids(self, *words: str) -> list[int]:
        """Processes of the cluster and of its trials whose command lines hold the words."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if self._is_ours(entry) and all(word in command for word in words):
                    found.append(int(entry.name))
        return found

    def _is_ours(self, process: Path) -> bool:
        return f"TMPDIR={self._directory}\0".encode() in (process / "environ").read_bytes()

    def signal(self, number: signal.Signals, pids: list[int] | None = None) -> None:
        for pid in self.pids() if pids is None else pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill_the_second_node(self) -> None:
        raylets = [pid for pid in self.pids("raylet/raylet") if pid not in self.pids("raylet/raylet", "--head")]
        assert len(raylets) == 1
        self.signal(signal.SIGKILL, raylets)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)


def own_cluster(hidden: Path) -> Iterator[RayCluster]:
    cluster = RayCluster(hidden)
    yield cluster
    cluster.close()
