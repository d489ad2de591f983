"""The sweeper's side of its trackers: hands on what happens, and waits for nobody but a little at the end."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from ax_mo.core.trial import Trial
from ax_mo.trackers import State
from ax_mo.trackers.child import trial_as_json
from ax_mo.trackers.env import StudyTag
from ax_mo.trackers.kept import FOLDER

# What a process inherits from a sweeper that runs inside a W&B run of its own: whose connection it must not share.
_NOT_INHERITED = ("WANDB_SERVICE",)

# Where this package is found here, it is found there, too.
_CHILD = "import sys; sys.path.append(sys.argv[1]); from ax_mo.trackers.child import main; main()"


class Trackers:
    """One process per tracker, and two threads that write to it and read from it. Nothing here blocks or raises.

    ``database`` is where the study can be read, as URL and name; ``notice`` tells the user, from the caller's thread.
    """

    def __init__(
        self,
        names: Sequence[str],
        database: tuple[str, str],
        tag: StudyTag,
        directory: Path,
        notice: Callable[[str], None],
    ) -> None:
        self._notice = notice
        self._front: list[int] | None = None
        self._processes: list[_Process] = []
        for name in names:
            first = {
                "tracker": name, "label": tag.label, "id": tag.id,
                "url": database[0], "name": database[1], "directory": str(directory),
            }  # fmt: skip
            try:
                self._processes.append(_Process(name, directory, first))
            except OSError as error:
                notice(f"{name}: cannot be started: {error.strerror or error}")

    @property
    def parent(self) -> str | None:
        """MLflow's run of the study, as soon as it is known."""
        return next((process.parent for process in self._processes if process.parent), None)

    def settle(self, patience: float) -> None:
        """Let MLflow make its database, where it is a file that is not there yet, before trials do so all at once."""
        uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
        if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
            for process in self._processes:
                if process.name == "mlflow":
                    process.started.wait(patience)

    def ended(self, trial: Trial) -> None:
        self._send({"event": "ended", "trial": trial_as_json(trial)})

    def front(self, numbers: Sequence[int], hypervolume: float | None) -> None:
        """Called as often as one likes: only changes are handed on."""
        if list(numbers) != self._front:
            self._front = list(numbers)
            self._send({"event": "front", "numbers": self._front, "hypervolume": hypervolume})
        self._tell()

    def finish(self, report: Path | None, state: State, patience: float) -> None:
        """Let them finish for ``patience`` seconds in all, or until Ctrl-C; then they are ended."""
        deadline = time.monotonic() + patience
        told = None if report is None else str(report)
        self._send({"event": "finished", "report": told, "state": state.value, "deadline": deadline})
        try:
            for process in self._processes:
                process.send(None)
            while time.monotonic() < deadline and any(process.is_running for process in self._processes):
                self._tell()  # of a server that is waited for
                time.sleep(0.05)
        except KeyboardInterrupt:
            deadline = time.monotonic()
        for process in self._processes:
            process.close(deadline)
        self._tell()

    def _send(self, message: dict[str, Any]) -> None:
        for process in self._processes:
            process.send(message)

    def _tell(self) -> None:
        for process in self._processes:
            while not process.notices.empty():
                self._notice(process.notices.get())


class _Process:
    def __init__(self, name: str, directory: Path, first: dict[str, Any]) -> None:
        self.name = name
        self.parent: str | None = None
        self.started = threading.Event()
        """Set when it has begun, or failed to."""
        self.notices: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._log = directory / FOLDER / f"{name}.log"
        self._log.parent.mkdir(exist_ok=True)
        self._told = False
        self._waits = False
        self._finished = False
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        environment = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                # -P: a folder called "wandb" in the working directory is W&B's own, and not its package
                [sys.executable, "-P", "-c", _CHILD, str(Path(__file__).parents[2])],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment,
                start_new_session=True,  # Ctrl-C is not meant for it
            )  # fmt: skip
        assert self._process.stdin is not None and self._process.stdout is not None
        self.send(first)
        self._writer = self._thread(self._write, self._process.stdin)
        self._reader = self._thread(self._read, self._process.stdout)

    def send(self, message: dict[str, Any] | None) -> None:
        self._messages.put(message)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def close(self, deadline: float) -> None:
        """Wait for the end until ``deadline`` (monotonic), then bring it about."""
        try:
            self._process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._finished = True  # told
            self.notices.put(f"{self.name}: did not finish in time and was left; a resume logs what is missing")
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(1.0)
        if not self._finished:
            self.notices.put(f"{self.name}: ended before its time (see {self._log})")

    def _thread(self, work: Callable[[IO[str]], None], stream: IO[str]) -> threading.Thread:
        thread = threading.Thread(target=work, args=(stream,), name=f"ax_mo-{self.name}", daemon=True)
        thread.start()
        return thread

    def _write(self, stream: IO[str]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while (message := self._messages.get()) is not None:
                stream.write(json.dumps(message) + "\n")
                stream.flush()
        with contextlib.suppress(OSError):
            stream.close()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            try:
                answer = json.loads(line)
            except ValueError:
                continue
            if answer.get("parent"):
                self.parent = str(answer["parent"])
            self.started.set()
            self._finished |= bool(answer.get("finished"))
            if answer.get("waiting") and not self._waits:
                self._waits = True
                self.notices.put(f"{self.name}: {answer['waiting']}; waiting for it a little. Ctrl-C does not wait")
            if answer.get("lost"):
                self._finished = True
                self.notices.put(f"{self.name}: {answer['lost']}; a resume logs what is missing")
            if answer.get("error"):
                self._tell(f"{answer['error']}; the study goes on, and what is missing is logged at its end")
        self.started.set()

    def _tell(self, text: str) -> None:
        """Once a tracker: a server that is down is not worth more."""
        if not self._told:
            self._told = True
            self.notices.put(f"{self.name}: {text}")
