"""A trial's sign of life, and the most memory that its processes have had."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ax_mo.trial import watches
from ax_mo.trial.files import HEARTBEAT
from ax_mo.trial.watches import Heartbeat
from tests.support.waiting import wait_until

LONG_AGO = 1_000_000_000.0


def age(path: Path) -> None:
    os.utime(path, (LONG_AGO, LONG_AGO))


def is_fresh(path: Path) -> bool:
    return path.exists() and path.stat().st_mtime > LONG_AGO


def test_it_beats_again_and_again_until_it_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / HEARTBEAT
    heartbeat = Heartbeat(tmp_path, 0.02)
    for _ in range(3):
        wait_until(lambda: is_fresh(path))
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
    wait_until(lambda: is_fresh(moved / HEARTBEAT))
    heartbeat.stop()
    assert not (tmp_path / "here").exists()


def test_it_is_silent_where_a_next_attempt_has_removed_it(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path, 0.02)
    wait_until(lambda: (tmp_path / HEARTBEAT).exists())
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
    wait_until(lambda: (tmp_path / HEARTBEAT).exists())
    child = context.Process(target=_watch_alone, args=(tmp_path / HEARTBEAT, answer))
    child.start()
    heartbeat.stop()
    assert answer.get(timeout=30) is False
    child.join()


# Memory

MIB = 2**20
PROC = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="what Linux tells of processes")


def run(code: str) -> int:
    """What a process of its own prints after it has set up ``watch``."""
    begin = "import subprocess, sys; from ax_mo.trial.watches import MemoryWatch; watch = MemoryWatch(every=60); "
    return int(subprocess.check_output([sys.executable, "-c", begin + code], text=True))


@PROC
def test_peak_is_not_that_of_the_process_that_started_the_trial() -> None:
    peak = run(
        "block = bytearray(120 * 2**20); print(subprocess.check_output([sys.executable, '-c', "
        "'from ax_mo.trial.watches import MemoryWatch; print(MemoryWatch().peak())'], text=True))"
    )
    assert 2 * MIB < peak < 100 * MIB


def test_peak_outlives_what_had_it() -> None:
    assert run("block = bytearray(120 * 2**20); del block; print(watch.peak())") > 120 * MIB


def test_child_that_has_ended_counts() -> None:
    child = "subprocess.run([sys.executable, '-c', 'block = bytearray(120 * 2**20)']); print(watch.peak())"
    assert run(child) > 120 * MIB


@PROC
def test_children_that_run_at_once_count_together() -> None:
    code = (
        "command = [sys.executable, '-c', 'block = bytearray(100 * 2**20); print(flush=True); input()']; "
        "pipe = subprocess.PIPE; "
        "jobs = [subprocess.Popen(command, stdin=pipe, stdout=pipe) for _ in range(2)]; "
        "[job.stdout.readline() for job in jobs]; watch.look(); "
        "[job.communicate(b'\\n') for job in jobs]; print(watch.peak())"
    )
    assert 200 * MIB < run(code) < 300 * MIB


@PROC
def test_pages_that_children_share_count_once() -> None:
    code = (
        "import os; block = bytearray(b'x') * (120 * 2**20); ready, go = os.pipe(), os.pipe(); "
        "pid = os.fork() or (os.write(ready[1], b'.'), os.close(go[1]), os.read(go[0], 1), os._exit(0)); "
        "os.read(ready[0], 1); watch.look(); os.close(go[1]); os.waitpid(pid, 0); print(watch.peak())"
    )
    assert 120 * MIB < run(code) < 200 * MIB


@PROC
def test_trial_in_a_process_that_had_others_before_has_its_own_peak() -> None:
    code = (
        "subprocess.run([sys.executable, '-c', 'block = bytearray(120 * 2**20)']); "
        "block = bytearray(120 * 2**20); del block; print(MemoryWatch(shares_process=True).peak())"
    )
    assert run(code) < 100 * MIB


def test_watch_ends_with_its_trial() -> None:
    before = set(threading.enumerate())
    watch = watches.MemoryWatch(every=0.01)
    (thread,) = set(threading.enumerate()) - before
    watch.stop()
    thread.join(60)
    assert not thread.is_alive()


def gpus(*peaks: int, initialized: bool = True) -> Any:
    return SimpleNamespace(
        cuda=SimpleNamespace(
            is_initialized=lambda: initialized,
            device_count=lambda: len(peaks),
            max_memory_allocated=lambda device: peaks[device],
        )
    )


@pytest.mark.parametrize(
    ("torch", "peak"),
    [
        (gpus(3, 7, 0), 7), (gpus(3, initialized=False), None), (gpus(), None), (SimpleNamespace(), None), (None, None),
        (SimpleNamespace(cuda=SimpleNamespace()), None),
    ],
)  # fmt: skip
def test_gpu_is_asked_where_the_task_has_used_it(monkeypatch: pytest.MonkeyPatch, torch: Any, peak: int | None) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert watches.peak_of_gpu() == peak
