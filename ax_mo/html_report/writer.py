"""Keeps ``report.html`` current while a sweep runs: a process for each page, started and never waited for.

While the sweep runs, the page is written without the model, which would take seconds of a processor that the trials
need, unless somebody has written it with the model meanwhile.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import time
from typing import IO

from ax_mo.html_report import REPORT

EVERY = 30.0
"""Seconds from the end of one writing to the begin of the next, at least."""

_SINGLE_THREADED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

# Seconds that a sweep waits for its last page, which takes about two without the model's parts.
_PATIENCE = 60.0

# Seconds for a page that is not wanted any more to put its files away.
_GRACE = 5.0

# A page takes a second of a processor, and one that has the model's parts, which it keeps, many. No more of a processor
# than this is used; whoever cannot wait for it has "ax-mo report".
_SHARE = 0.01
_LONGEST_REST = 600.0


def report_writer(wanted: bool, source: str, directory: Path) -> "ReportWriter | None":
    """The one for a study in ``directory``; None where no report is wanted."""
    is_off = os.environ.get("AX_MO_REPORT", "1") == "0"
    return ReportWriter(source, directory / REPORT) if wanted and not is_off else None


class ReportWriter:
    """Writes the page of the study that ``source`` names, as ``read_snapshot`` understands it, to ``path``.

    Nothing here raises: a study is not to end for the sake of its report. ``every`` is in seconds.
    """

    def __init__(self, source: str, path: Path, every: float = EVERY) -> None:
        self._source = source
        self._path = path
        self._every = every
        self._is_stale = False
        self._process: subprocess.Popen[bytes] | None = None
        self._began = time()
        self._rests_until = self._began + every

    def changed(self) -> None:
        """The page is to be written again, at the next opportunity."""
        self._is_stale = True

    def tick(self) -> None:
        """Begin to write a page where there is something new and it is time to; returns at once."""
        if self._process is not None and (used := _used_by(self._process)) is not None:
            self._process = None
            # By the file's time: that it has ended may be seen much later, as after a batch of another launcher.
            took = 0.0
            with suppress(OSError):
                took = min(max(0.0, self._path.stat().st_mtime - self._began), time() - self._began)
            self._rests_until = self._began + took + max(self._every, min(_LONGEST_REST, used / _SHARE))
        if self._is_stale and self._process is None and time() >= self._rests_until:
            self._is_stale, self._began = False, time()
            self._rests_until = self._began + self._every
            with suppress(OSError):  # the last page says what the matter is
                self._process = self._start("quick", subprocess.DEVNULL)

    def cancel(self) -> None:
        """Write no more, and end what is being written; the page stays as it was."""
        self._rests_until = float("inf")
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def finish(self, patience: float = _PATIENCE) -> str:
        """Write the last page, and wait so many seconds for it; returns what to tell the user.

        A page that takes longer is written to its end nevertheless, and so are the model's parts, which nobody awaits.
        """
        self.cancel()
        name = self._path.name
        try:
            with tempfile.TemporaryFile() as output:
                code = self._start("last", output).wait(patience)
                output.seek(0)
                lines = output.read().decode(errors="replace").strip().splitlines()
        except OSError as error:
            return f"{name}: {error}"
        except subprocess.TimeoutExpired:
            return f"{name}: it takes longer than {patience:g} s and is still being written"
        except KeyboardInterrupt:
            return f"{name} is still being written"
        return lines[-1] if lines else f"{name}: the process ended with {code}"

    def _start(self, kind: str, output: int | IO[bytes]) -> "subprocess.Popen[bytes]":
        # -P: neither the task's directory nor a file of the user's shadows what is imported here.
        argv = [sys.executable, "-P", "-m", "ax_mo.html_report", kind, str(self._path)]
        package = str(Path(__file__).parents[2])
        environment = {
            **os.environ,
            **dict.fromkeys(_SINGLE_THREADED, "1"),
            "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
        }
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=output, stderr=output, env=environment,
            start_new_session=True,  # Ctrl-C is for the sweep
        )  # fmt: skip
        assert process.stdin is not None
        with suppress(OSError):  # it has ended already, and its exit code says so
            process.stdin.write(self._source.encode() + b"\n")
            process.stdin.close()
        return process


def _used_by(process: "subprocess.Popen[bytes]") -> float | None:
    """The seconds of a processor that the process has used; None while it runs."""
    try:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    except ChildProcessError:  # somebody else in this program has waited for it
        return 0.0
    if pid == 0:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime
