"""A trial on a node that shares no disk with the sweep, and what is left of it there."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from ax_mo.runner.remote.changed_files import Change, ChangedFiles
from ax_mo.runner.remote.remote_trial import Orders, RemoteJob, left_files, run_remote
from ax_mo.runner.remote.trial_store import TrialStore
from tests.support.waiting import wait_until


@pytest.fixture
def store(tmp_path: Path) -> TrialStore:
    return TrialStore(f"file://{tmp_path}/store")


def run(tmp_path: Path, store: TrialStore, *argv: str) -> "subprocess.Popen[bytes]":
    """The program that looks after the trial."""
    sweep = tmp_path / "sweep"
    store.put_job(RemoteJob("ax-1-0-a1", argv, f"{sweep}/0", str(sweep), str(Path.cwd()), "", {}, [], ["*.ckpt"], 10.0))
    command = [sys.executable, "-m", "ax_mo.runner.remote.stored_trial", f"file://{tmp_path}/store", "ax-1-0-a1"]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_trial_ends_with_what_looks_after_it(tmp_path: Path, store: TrialStore, number: signal.Signals) -> None:
    pids = tmp_path / "pids"
    process = run(tmp_path, store, sys.executable, "-c",
                  f"import os, subprocess, time; child = subprocess.Popen(['sleep', '60']); "
                  f"open('{pids}', 'w').write(f'{{os.getpid()}} {{child.pid}}'); time.sleep(60)")  # fmt: skip
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    trial, child = map(int, pids.read_text().split())
    began = time.monotonic()
    os.killpg(process.pid, number)
    wait_until(lambda: not (runs(trial) or runs(child)), 25)
    assert process.wait(25) in (128 + signal.SIGTERM, -signal.SIGKILL)
    assert time.monotonic() - began < 25, "both end at SIGTERM"


def test_exit_code_and_files_are_told_in_the_end(tmp_path: Path, store: TrialStore) -> None:
    code = "import sys; open(sys.argv[1] + '/best.ckpt', 'wb').write(b'weights'); print('hello'); sys.exit(3)"
    process = run(tmp_path, store, sys.executable, "-c", code, f"{tmp_path}/sweep/0")
    assert process.wait(60) == 3
    manifest = store.read_manifest("ax-1-0-a1")
    assert manifest.exit_code == 3 and set(manifest.files) == {"stdout.log", "stderr.log", "best.ckpt"}
    assert store.read_file("ax-1-0-a1", "best.ckpt").content == b"weights"
    assert store.read_file("ax-1-0-a1", "stdout.log").content == b"hello\n"
    assert not (tmp_path / "sweep").exists()


def test_of_files_that_grow_the_new_part_is_sent(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir(), here.mkdir()
    files = ChangedFiles(there)
    sent: list[Change] = []
    for text in ("one\n", "two\n", ""):
        with (there / "curve.jsonl").open("a") as file:
            file.write(text)
        (there / "result.json").write_text(json.dumps({"after": text}))
        sent = list(files.changes())
        for change in sent:
            change.write(here)
    assert [(change.name, change.offset) for change in sent] == [("result.json", None)]
    assert (here / "curve.jsonl").read_text() == "one\ntwo\n"
    assert json.loads((here / "result.json").read_text()) == {"after": ""}
    (there / "curve.jsonl").write_text("anew\n")
    for change in files.changes():
        change.write(here)
    assert (here / "curve.jsonl").read_text() == "anew\n"
    assert list(files.changes()) == []


def test_changes_that_come_twice_do_no_harm(tmp_path: Path) -> None:
    for change in (Change("a.log", b"one\n", 0), Change("a.log", b"two\n", 4), Change("a.log", b"two\n", 4)):
        change.write(tmp_path)
    assert (tmp_path / "a.log").read_text() == "one\ntwo\n"


def test_files_to_be_fetched_are_those_that_do_not_come_anyway(tmp_path: Path) -> None:
    for name in ("last.ckpt", "deep/er/best.ckpt", "train.log", "other.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert left_files(tmp_path, ["*.ckpt", "*.log"]) == ["deep/er/best.ckpt", "last.ckpt"]


def test_cancelled_trial_leaves_no_child_in_a_session_of_its_own(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    child = f"trap '' TERM; echo $$ > {pids}; sleep 60; sleep 60"
    argv = ("sh", "-c", f"setsid sh -c {shlex.quote(child)} & wait")
    job = RemoteJob("ax-1-0-a1", argv, "/s/0", "/s", str(Path.cwd()), "/bin/sh", {}, [], [], 0.3)
    ended = run_remote(job, lambda _: Orders(cancel=pids.exists()), 0.05, appends=True)
    assert ended.exit_code < 0
    wait_until(lambda: not runs(int(pids.read_text())), 5)
    shutil.rmtree(ended.scratch)


def test_nothing_is_left_on_the_node_where_nobody_takes_the_files(tmp_path: Path) -> None:
    def gone(_: object) -> Orders:
        raise ConnectionError("gone")

    job = RemoteJob("ax-gone-0-a1", ("sh", "-c", "sleep 60"), "/s/0", "/s", str(Path.cwd()), "/bin/sh", {}, [], [], 0.3)
    with pytest.raises(ConnectionError):
        run_remote(job, gone, 0.05, appends=True)
    assert not list(Path(tempfile.gettempdir()).glob("ax-gone-0-a1-*"))
