"""Keeps ``report.html`` current while a sweep runs, in a process of its own that gets only what the trials leave over.

The sweep's loop only says that something has changed. While it runs, the page is written without the model, which
would take seconds of a processor that the trials need, unless somebody has written it with the model meanwhile.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Protocol

from ax_mo.html_report import REPORT

EVERY = 30.0
"""Seconds from the end of one writing to the begin of the next: a page takes about one second to write."""

_SINGLE_THREADED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


AT_MOST = 60.0
"""Seconds that a sweep waits for its last page, which takes about two without the model's parts."""

# Seconds for a page that is not wanted any more to put its files away.
_GRACE = 5.0

# A page that has the model's parts keeps them, and takes the longer: its writer rests so many times as long as it took.
_SHARE = 9

SWITCH = "AX_MO_REPORT"


class Reporter(Protocol):
    """What a sweep tells of its changes and its end."""

    def changed(self) -> None: ...
    def cancel(self) -> None: ...
    def finish(self) -> str | None: ...


def report_writer(wanted: bool, source: str, directory: Path) -> Reporter:
    """The one for a study in ``directory``, or one that does nothing where no report is wanted."""
    if wanted and os.environ.get(SWITCH, "1") != "0":
        return ReportWriter(source, directory / REPORT)
    return NoReport()


class NoReport:
    def changed(self) -> None:
        pass

    def cancel(self) -> None:
        pass

    def finish(self) -> str | None:
        return None


class ReportWriter:
    """Writes the page of the study that ``source`` names, as ``read_record`` understands it, to ``path``.

    Nothing here raises: a study is not to end for the sake of its report.
    """

    def __init__(self, source: str, path: Path, every: float = EVERY) -> None:
        self._source = source
        self._path = path
        self._every = every
        self._changes = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self.problem: str | None = None
        """Why the last page could not be written."""

    def changed(self) -> None:
        """The page is to be written again, at the next opportunity. Returns at once."""
        if self._closing.is_set():
            return
        self._changes.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="ax_mo-report", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Write no more, and end what is being written; the page stays as it was."""
        self._closing.set()
        self._changes.set()
        with self._lock:
            process = self._process
            if process is not None:
                process.terminate()
        if self._thread is not None:
            self._thread.join(_GRACE)
            if process is not None and self._thread.is_alive():
                process.kill()

    def close(self, timeout: float) -> bool:
        """Write the last page; whether it was done in that time, or else ``problem``.

        A page that takes longer is written to its end nevertheless, and so are the model's parts, which nobody awaits.
        """
        self.cancel()
        return self._write(["--last"], timeout)

    def finish(self) -> str | None:
        """``close``, and what to tell the user of it."""
        try:
            if self.close(AT_MOST):
                from ax_mo.html_report.update import has_model

                return f"report: {self._path}" + ("" if has_model(self._path) else " (its model follows in a moment)")
        except KeyboardInterrupt:
            return f"{self._path.name} is still being written"
        return f"{self._path.name}: {self.problem}"

    def _work(self) -> None:
        pause = self._every
        while not self._closing.wait(pause):
            self._changes.wait()
            if self._closing.is_set():
                return
            self._changes.clear()
            began = time.monotonic()
            self._write(["--nice", "--quick"], None)
            pause = max(self._every, _SHARE * (time.monotonic() - began))

    def _write(self, options: list[str], timeout: float | None) -> bool:
        with tempfile.TemporaryFile() as said:
            try:
                process = self._start(options, said)
            except OSError as error:
                self.problem = str(error)
                return False
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.problem = f"it takes longer than {timeout:g} s and is still being written"
                return False
            finally:
                with self._lock:
                    self._process = None
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
        self.problem = None if code == 0 else (lines[-1] if lines else f"the process ended with {code}")
        return code == 0

    def _start(self, options: list[str], said: IO[bytes]) -> "subprocess.Popen[bytes]":
        # -P: neither the task's directory nor a file of the user's shadows what is imported here.
        argv = [sys.executable, "-P", "-m", "ax_mo.html_report", "-", "--to", str(self._path), *options]
        package = str(Path(__file__).parents[2])
        environment = {
            **os.environ,
            **dict.fromkeys(_SINGLE_THREADED, "1"),
            "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
        }
        with self._lock:
            process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, env=environment,
                start_new_session=True,  # Ctrl-C is for the sweep
            )  # fmt: skip
            self._process = process
            if self._closing.is_set() and "--quick" in options:
                process.terminate()
        assert process.stdin is not None
        try:
            process.stdin.write(self._source.encode() + b"\n")
            process.stdin.close()
        except OSError:
            pass  # it has ended already, and its exit code says so
        return process
