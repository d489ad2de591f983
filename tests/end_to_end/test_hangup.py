"""Terminals and readers that go away: the running trials go on, and a resume adopts them."""

import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.sweeps import environment
from tests.support.waiting import wait_until

SLOW = ("x=interval(0,1)", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2", "hydra.sweeper.seed=1")


def assert_nothing_was_lost(sweep, *options):
    """The jobs that the first sweeper started are the ones that the resume counts."""
    journal = sweep.tmp_path / "journal"
    done = sweep.run_and_release("Trial 1 is still running", *options)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2, done.output
    assert sorted(journal.read_text().split()) == ["0", "1"]


def on_a_terminal(sweep, argv):
    """Start the sweep as a terminal's session does; returns its pid and the terminal's other side."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(sweep.tmp_path)
        os.execve(argv[0], argv, environment(TERM="xterm-256color"))
    return pid, master


def exit_code(pid, seconds=60):
    deadline = time.monotonic() + seconds
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return os.waitstatus_to_exitcode(ended[1])


def test_closed_terminal_leaves_the_jobs_to_a_resume(sweep):
    options = (*SLOW, sweep.held, f"journal={sweep.tmp_path / 'journal'}")
    pid, master = on_a_terminal(sweep, sweep.argv(*options))
    wait_until(lambda: sweep.under_way(2))
    os.close(master)
    assert exit_code(pid) == 128 + signal.SIGHUP
    assert_nothing_was_lost(sweep, *options)


@pytest.mark.long
def test_signal_after_the_reader_of_a_pipe_has_gone_leaves_the_jobs(sweep):
    options = (*SLOW, sweep.held, f"journal={sweep.tmp_path / 'journal'}")
    process = sweep.start(*options)
    wait_until(lambda: sweep.under_way(2))
    process.stdout.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    assert_nothing_was_lost(sweep, *options)


@pytest.mark.long
def test_sweep_under_nohup_goes_on_without_its_terminal(sweep):
    options = (*SLOW, sweep.held, f"journal={sweep.tmp_path / 'journal'}")
    shell = ["/bin/sh", "-c", "trap '' HUP; exec " + shlex.join(sweep.argv(*options))]
    pid, master = on_a_terminal(sweep, shell)
    wait_until(lambda: sweep.under_way(2))
    os.close(master)
    sweep.gate.touch()
    exit_code(pid)
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 2
    assert sorted((sweep.tmp_path / "journal").read_text().split()) == ["0", "1"]


@pytest.mark.skipif(not os.environ.get("AX_MO_TEST_CHAOS"), reason="make test-chaos")
@pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux on this machine")
def test_killed_tmux_server_leaves_the_jobs_to_a_resume(sweep, tmp_path_factory):
    options = (*SLOW, sweep.held, f"journal={sweep.tmp_path / 'journal'}")
    socket = tmp_path_factory.mktemp("tmux") / "socket"
    tmux = ["tmux", "-f", "/dev/null", "-S", str(socket)]
    # Left to tmux, the session would have the environment of a server that was there before.
    command = shlex.join(["env", "-C", str(sweep.tmp_path), *sweep.argv(*options)])
    subprocess.run([*tmux, "new-session", "-d", "-x", "200", "-y", "40", command], env=environment(), check=True)
    wait_until(lambda: sweep.under_way(2))
    subprocess.run([*tmux, "kill-server"], check=True)
    wait_until(lambda: not _sweepers(sweep.dir))
    assert_nothing_was_lost(sweep, *options)


def _sweepers(directory: Path) -> list[int]:
    """The processes that sweep into the directory, as their command lines say."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if sys.executable.encode() == words[0] and f"hydra.sweep.dir={directory}".encode() in words and b"-m" in words:
            found.append(int(path.parent.name))
    return found
