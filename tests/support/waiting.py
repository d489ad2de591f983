"""Waiting for what another process does."""

import signal
import subprocess
import time
from collections.abc import Callable

from tests.support.fork_server import Forked


def wait_until(condition: Callable[[], object], seconds: float = 90.0) -> None:
    """Return as soon as the condition holds; the test fails when it does not for so long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {seconds} s"
        time.sleep(0.02)


def read_until(process: "Forked | subprocess.Popen[str]", words: str) -> str:
    """The next line of what the process prints that holds the words; the test fails when it ends without one."""
    lines: list[str] = []
    for line in process.stdout or ():
        if words in line:
            return line
        lines.append(line)
    raise AssertionError(f"it ended without '{words}': {''.join(lines)}")


def interrupt_twice(process: "Forked | subprocess.Popen[str]") -> str:
    """Ctrl-C, and once it is heard Ctrl-C again: two signals at once may count as one. What it printed since then."""
    process.send_signal(signal.SIGINT)
    said = read_until(process, "Ctrl-C again")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=100)
    return said + output
