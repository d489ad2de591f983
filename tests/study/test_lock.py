"""One sweeper per sweep directory."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ax_mo.errors import AxMoError, StudyStopped
from ax_mo.study.lock import sole_sweeper

_HOLD = """
import sys, time
from pathlib import Path
from ax_mo.study.lock import sole_sweeper
with sole_sweeper(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_second_sweeper_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    with sole_sweeper(tmp_path), pytest.raises(AxMoError) as caught, sole_sweeper(tmp_path):
        pass
    message = str(caught.value)
    assert f"Another sweeper is running in {tmp_path}: pid {os.getpid()} on host {socket.gethostname()}, " in message
    assert "choose another hydra.sweep.dir" in message
    with sole_sweeper(tmp_path):
        pass


def test_directory_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), sole_sweeper(tmp_path):
        raise RuntimeError
    with sole_sweeper(tmp_path):
        pass


def test_two_directories_do_not_exclude_each_other(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    with sole_sweeper(tmp_path / "a"), sole_sweeper(tmp_path / "b"):
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


def test_refused_sweeper_leaves_the_holders_name(tmp_path: Path) -> None:
    with sole_sweeper(tmp_path):
        for _ in range(2):
            with pytest.raises(AxMoError, match=f"pid {os.getpid()} on host"), sole_sweeper(tmp_path):
                pass


def test_unreadable_name_of_the_holder_is_another_process(tmp_path: Path) -> None:
    with sole_sweeper(tmp_path):
        (tmp_path / ".sweeper.lock").write_text("{")
        with pytest.raises(AxMoError, match="another process"), sole_sweeper(tmp_path):
            pass


def test_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(StudyStopped, match=r"Cannot write in the sweep directory .*none: No such file"),
        sole_sweeper(tmp_path / "none"),
    ):
        pass
