"""The sweeper's side of its trackers: a process for each, told that the study has changed and never waited for."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ax_mo.trackers import FOLDER, StudyEnd
from ax_mo.trackers.env import StudyTag

# What a process inherits from a sweeper that runs inside a W&B run of its own: whose connection it must not share.
_NOT_INHERITED = ("WANDB_SERVICE",)

# Where this package is found here, it is found there, too.
_CHILD = "import sys; sys.path.append(sys.argv[1]); from ax_mo.trackers.child import run_tracker; run_tracker()"


class Trackers:
    """The processes of a study's trackers. Nothing here raises, and nothing but ``settle`` and ``finish`` waits.

    ``database`` is where the study can be read, as URL and name; ``notice`` tells the user.
    """

    def __init__(
        self,
        names: Sequence[str],
        database: tuple[str, str],
        tag: StudyTag,
        directory: Path,
        notice: Callable[[str], None],
    ) -> None:
        url, name = database
        study = {"label": tag.label, "id": tag.id, "url": url, "name": name, "directory": str(directory)}
        self._children: list[_Child] = []
        for tracker in names:
            try:
                self._children.append(_Child(tracker, study, directory, notice))
            except OSError as error:
                notice(f"{tracker}: cannot be started: {error.strerror or error}")

    @property
    def parent(self) -> str | None:
        """MLflow's run of the study, as soon as it is known."""
        self.tick()
        return next((child.parent for child in self._children if child.parent), None)

    def settle(self, patience: float) -> None:
        """Let MLflow make its database, where it is a file that is not there yet, before trials do so all at once."""
        uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
        if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
            made = [child for child in self._children if child.name == "mlflow"]
            self._wait(patience, lambda: all(child.has_answered or not child.is_running for child in made))

    def changed(self) -> None:
        """A trial has begun or ended, as the study's database says already."""
        for child in self._children:
            child.send({})
        self.tick()

    def tick(self) -> None:
        """Tell the user what the trackers have to say."""
        for child in self._children:
            child.read()

    def finish(self, report: Path | None, state: StudyEnd, patience: float) -> None:
        """Let them finish for ``patience`` seconds in all, or until Ctrl-C; then they are ended."""
        deadline = time.monotonic() + patience
        end = {"report": None if report is None else str(report), "state": state.value, "deadline": deadline}
        try:
            for child in self._children:
                child.send(end)
                child.hang_up()
            self._wait(patience, lambda: not any(child.is_running for child in self._children))
        except KeyboardInterrupt:
            deadline = time.monotonic()
        for child in self._children:
            child.close(deadline)

    def _wait(self, seconds: float, is_done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not is_done() and time.monotonic() < deadline:
            time.sleep(0.05)
            self.tick()


class _Child:
    """A process that is fed lines of JSON and answers in such. Raises OSError when it cannot be started."""

    def __init__(self, name: str, study: dict[str, Any], directory: Path, notice: Callable[[str], None]) -> None:
        self.name = name
        self.parent: str | None = None
        self.has_answered = False
        self._notice = notice
        self._log = directory / FOLDER / f"{name}.log"
        self._log.parent.mkdir(exist_ok=True)
        self._unread = b""
        self._told: set[str] = set()
        environment = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                # -P: a folder called "wandb" in the working directory is W&B's own, and not its package
                [sys.executable, "-P", "-c", _CHILD, str(Path(__file__).parents[2])],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, bufsize=0, env=environment,
                start_new_session=True,  # Ctrl-C is not meant for it
            )  # fmt: skip
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        for stream in (self._stdin, self._stdout):
            os.set_blocking(stream.fileno(), False)
        self.send({"tracker": name, **study})  # not as an argument: everybody may see those, and a URL has a password

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def send(self, message: dict[str, Any]) -> None:
        """Hand on the message; one that does not fit into the pipe comes after many that say as much."""
        with contextlib.suppress(OSError):
            self._stdin.write(json.dumps(message).encode() + b"\n")

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._stdin.close()

    def read(self) -> None:
        """Take what it has answered so far, and tell the user of it."""
        with contextlib.suppress(OSError):
            while piece := self._stdout.read(65536):
                *lines, self._unread = (self._unread + piece).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))

    def _take(self, answer: dict[str, Any]) -> None:
        self.has_answered = True
        self.parent = answer.get("parent") or self.parent
        if "notice" in answer:
            self._tell(answer["notice"], answer["text"])

    def _tell(self, kind: str, text: str | None) -> None:
        """Once of a kind: a server that is down is not worth more. None is an end of which nothing is to be said."""
        if kind not in self._told:
            self._told.add(kind)
            if text is not None:
                self._notice(f"{self.name}: {text}")

    def close(self, deadline: float) -> None:
        """Wait for the end until ``deadline`` (monotonic), then bring it about."""
        try:
            self._process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.read()
            self._tell("end", "did not finish in time and was left; a resume logs what is missing")
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.read()
        # Said only where "end" was not told yet.
        self._tell("end", f"ended before its time (see {self._log})")
        self._stdout.close()
