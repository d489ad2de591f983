"""One sweeper per sweep directory."""

import errno
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ax_mo.errors import AxMoError, StudyStopped
from ax_mo.storage.directory_lock import is_held, sole_sweeper

_HOLD = """
import sys, time
from pathlib import Path
from ax_mo.storage.directory_lock import sole_sweeper
with sole_sweeper(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""

# Goes on until it is told to end or its directory is another's, as a sweep's loop does, and says which.
_LOOP = """
import select, sys
from pathlib import Path
from ax_mo.errors import AxMoError, StudyStopped
from ax_mo.storage.directory_lock import sole_sweeper
try:
    with sole_sweeper(Path(sys.argv[1])) as lock:
        print("held", flush=True)
        while not select.select([sys.stdin], [], [], 0.001)[0]:
            lock.check()
        print("went on")
except AxMoError as error:
    print("stopped" if isinstance(error, StudyStopped) else "refused", error)
"""


def test_second_sweeper_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    with sole_sweeper(tmp_path), pytest.raises(AxMoError) as caught, sole_sweeper(tmp_path):
        pass
    message = str(caught.value)
    assert f"Another sweeper is running in {tmp_path}: pid {os.getpid()} on host {socket.gethostname()}, " in message
    assert "choose another hydra.sweep.dir" in message
    with sole_sweeper(tmp_path):
        pass


def test_directory_held_by_a_process_that_is_killed_becomes_free(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "held\n"
            with pytest.raises(AxMoError, match=f"pid {holder.pid} on host"), sole_sweeper(tmp_path):
                pass
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
    with sole_sweeper(tmp_path):
        pass


def test_program_started_by_the_sweeper_does_not_keep_the_directory(tmp_path: Path) -> None:
    with sole_sweeper(tmp_path):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with sole_sweeper(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()


def test_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(StudyStopped, match=r"Cannot write in the sweep directory .*none: No such file"),
        sole_sweeper(tmp_path / "none"),
    ):
        pass


# A lock file that somebody removed


def loop(directory: Path) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-c", _LOOP, str(directory)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> str:
    """Its last word, once it is told to end."""
    return process.communicate(timeout=60)[0].splitlines()[-1]


def test_removed_lock_file_is_made_anew_and_keeps_others_out(tmp_path: Path) -> None:
    with sole_sweeper(tmp_path) as lock:
        (tmp_path / ".sweeper.lock").unlink()
        lock.check()
        assert is_held(tmp_path)
        with pytest.raises(AxMoError, match=f"pid {os.getpid()} on host"), sole_sweeper(tmp_path):
            pass
    assert not is_held(tmp_path)


def test_sweeper_that_started_when_the_lock_file_was_gone_goes_on_alone(tmp_path: Path) -> None:
    with sole_sweeper(tmp_path) as lock:
        (tmp_path / ".sweeper.lock").unlink()
        second = loop(tmp_path)
        assert second.stdout is not None and second.stdout.readline() == "held\n"
        with pytest.raises(StudyStopped, match=f"another sweeper runs in .* now: pid {second.pid}"):
            lock.check()
    assert said(second) == "went on"


def test_of_two_sweepers_exactly_one_goes_on_however_often_the_lock_file_is_removed(tmp_path: Path) -> None:
    for _ in range(2):
        first = loop(tmp_path)
        assert first.stdout is not None and first.stdout.readline() == "held\n"
        second = loop(tmp_path)
        assert second.stdout is not None
        while not select.select([second.stdout], [], [], 0.001)[0]:  # until it has begun
            (tmp_path / ".sweeper.lock").unlink(missing_ok=True)
        end = time.monotonic() + 30.0
        while first.poll() is None and second.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        ends = [said(first), said(second)]
        assert [end == "went on" for end in ends].count(True) == 1, ends
        assert ends[0] == "went on" or ends[0].startswith("stopped"), ends


def test_directory_that_is_gone_is_not_the_locks_to_tell(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with sole_sweeper(tmp_path / "a") as lock:
        (tmp_path / "a").rename(tmp_path / "b")
        lock.check()
    assert not (tmp_path / "a").exists()


# File systems without locks


@pytest.fixture(params=[errno.ENOLCK, errno.EOPNOTSUPP])
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on NFS that is mounted with nolock, which no test can count on."""

    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.usefixtures("no_locks")
def test_file_system_without_locks_is_refused_with_a_way_round(tmp_path: Path) -> None:
    with pytest.raises(AxMoError) as caught, sole_sweeper(tmp_path):
        pass
    message = str(caught.value)
    assert f"The file system of {tmp_path} has no locks" in message
    assert "Choose a hydra.sweep.dir on another file system" in message and "AX_MO_NO_LOCK=1" in message


@pytest.mark.usefixtures("no_locks")
def test_user_may_take_care_of_the_lock_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AX_MO_NO_LOCK", "1")
    with sole_sweeper(tmp_path) as lock:
        lock.check()
        assert not is_held(tmp_path), "nobody can know"


def test_lock_that_works_is_kept_whatever_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AX_MO_NO_LOCK", "1")
    with sole_sweeper(tmp_path), pytest.raises(AxMoError, match="Another sweeper"), sole_sweeper(tmp_path):
        pass
