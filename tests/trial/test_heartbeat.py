"""A trial gives a sign of life, and only while its own process runs it."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ax_mo.trial.files import HEARTBEAT
from ax_mo.trial.watches import Heartbeat

LONG_AGO = 1_000_000_000.0


def age(path: Path) -> None:
    os.utime(path, (LONG_AGO, LONG_AGO))


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_fresh(path: Path) -> bool:
    return path.exists() and path.stat().st_mtime > LONG_AGO


def test_it_beats_again_and_again_until_it_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / HEARTBEAT
    heartbeat = Heartbeat(tmp_path, 0.02)
    for _ in range(3):
        wait_for(lambda: is_fresh(path))
        age(path)
    heartbeat.stop()
    time.sleep(0.1)
    age(path)
    time.sleep(0.1)
    assert not is_fresh(path)


def test_it_goes_with_a_directory_that_is_moved(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    heartbeat = Heartbeat(tmp_path / "here", 0.02)
    moved = (tmp_path / "here").rename(tmp_path / "there")
    age(moved / HEARTBEAT)
    wait_for(lambda: is_fresh(moved / HEARTBEAT))
    heartbeat.stop()
    assert not (tmp_path / "here").exists()


def test_it_is_silent_where_a_next_attempt_has_removed_it(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path, 0.02)
    wait_for(lambda: (tmp_path / HEARTBEAT).exists())
    (tmp_path / HEARTBEAT).unlink()
    time.sleep(0.1)
    heartbeat.stop()
    assert not (tmp_path / HEARTBEAT).exists()


def test_directory_that_is_gone_is_no_trials_problem(tmp_path: Path) -> None:
    Heartbeat(tmp_path / "gone").stop()


def test_process_ends_while_its_heart_beats(tmp_path: Path) -> None:
    code = f"from ax_mo.trial.watches import Heartbeat; from pathlib import Path; Heartbeat(Path({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], timeout=30, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / HEARTBEAT).exists()


def _watch_alone(path: Path, answer: "multiprocessing.Queue[bool]") -> None:
    time.sleep(0.1)  # until the parent has stopped its own
    age(path)
    time.sleep(0.2)
    answer.put(is_fresh(path))


def test_forked_child_does_not_carry_on(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answer: multiprocessing.Queue[bool] = context.Queue()
    heartbeat = Heartbeat(tmp_path, 0.02)
    wait_for(lambda: (tmp_path / HEARTBEAT).exists())
    child = context.Process(target=_watch_alone, args=(tmp_path / HEARTBEAT, answer))
    child.start()
    heartbeat.stop()
    assert answer.get(timeout=30) is False
    child.join()
