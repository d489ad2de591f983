"""A database that somebody else uses, or that is gone for a while, costs no job; refusals change nothing."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from ax_mo.core.process import alive, identity
from tests.support.waiting import interrupt_twice, read_until, wait_until

SPACE = ("x=interval(0,1)", "hydra.sweeper.method=random_search")

_HOLDER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("begin exclusive")
print("held", flush=True)
time.sleep(600)
"""


@contextmanager
def held(sweep):
    """Lock the database, as a shell somebody has left open does."""
    argv = [sys.executable, "-c", _HOLDER, str(sweep.dir / "study.db")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.kill()


AWAY = "cannot be used: database is locked. What runs goes on; it is tried again until "


def test_locked_database_costs_no_job(sweep, live):
    process = sweep.start(*live.options)
    wait_until(lambda: sweep.under_way(2))
    with held(sweep):
        live.first.touch()
        read_until(process, AWAY)
    sweep.gate.touch()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "The study's database is back after " in output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 3
    assert live.ran() == {"0": 1, "1": 1, "2": 1}


def test_database_that_stays_away_leaves_the_jobs_to_a_resume(sweep, live):
    process = sweep.start(*live.options, "hydra.sweeper.storage_timeout=3")
    wait_until(lambda: sweep.under_way(2))
    with held(sweep):
        live.first.touch()
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "database is locked. It was tried for 3 s (hydra.sweeper.storage_timeout). What runs goes on" in output
    assert "Traceback" not in output
    job = identity(sweep.dir / "1")
    assert job is not None and alive(job)
    resumed = sweep.run_and_release("Trial 1 is still running; watching it again.", *live.options)
    assert resumed.returncode == 0, resumed.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 3
    assert live.ran() == {"0": 1, "1": 1, "2": 1}


@pytest.mark.long
def test_second_interrupt_while_the_database_is_away_leaves_the_jobs(sweep, live):
    process = sweep.start(*live.options)
    wait_until(lambda: sweep.under_way(2))
    with held(sweep):
        live.first.touch()
        read_until(process, AWAY)
        output = interrupt_twice(process)  # ten minutes of patience by default
    assert process.returncode == 1
    assert "Ctrl-C again ends this sweeper at once" in output
    assert "Interrupted while the study's database is away. What runs goes on." in output
    job = identity(sweep.dir / "1")
    assert job is not None and alive(job)
    resumed = sweep.run_and_release("Trial 1 is still running; watching it again.", *live.options)
    assert resumed.returncode == 0, resumed.output
    assert live.ran() == {"0": 1, "1": 1, "2": 1}


@pytest.mark.long
def test_second_interrupt_ends_the_wait_with_other_launchers_too(sweep):
    options = (*SPACE, sweep.held, "hydra/launcher=basic", "hydra.sweeper.n_jobs=1")
    process = sweep.start(*options)
    wait_until(lambda: (0, "running") in sweep.rows())
    with held(sweep):
        sweep.gate.touch()
        read_until(process, AWAY)
        output = interrupt_twice(process)
    assert process.returncode == 130, output
    assert "to resume" in output
    resumed = sweep.run(*options, "hydra.sweeper.n_trials=2")
    assert resumed.returncode == 0, resumed.output


@pytest.mark.long
def test_sweeper_that_lost_its_lock_file_to_another_leaves_the_jobs_to_it(sweep, live):
    first = sweep.start(*live.options)
    wait_until(lambda: sweep.under_way(2))
    first.send_signal(signal.SIGSTOP)  # so that the other one is there before it looks
    (sweep.dir / ".sweeper.lock").unlink()
    second = sweep.start(*live.options)
    wait_until((sweep.dir / ".sweeper.lock").exists)
    wait_until(lambda: str(second.pid) in (sweep.dir / ".sweeper.lock").read_text())
    first.send_signal(signal.SIGCONT)
    live.first.touch()
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 1
    assert f"another sweeper runs in {sweep.dir} now: pid {second.pid}" in output
    sweep.gate.touch()
    output, _ = second.communicate(timeout=120)
    assert second.returncode == 0, output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 3
    assert live.ran() == {"0": 1, "1": 1, "2": 1}


def files(sweep):
    """All that a sweep has left, byte by byte."""
    return {str(path): path.read_bytes() for path in sweep.dir.rglob("*") if path.is_file()}


REFUSED = [
    (("x=interval(0,2)",), "x: was interval(0.0, 1.0), is now interval(0.0, 2.0)"),
    ((*SPACE, "hydra.sweeper.objectives.loss=maximize"), "loss: was minimize, is now maximize"),
    ((*SPACE, "hydra.sweeper.storage='postgresql+psycopg://u@127.0.0.1:1/db'"), "cannot be used: connection"),
]


def test_refusals_change_nothing(sweep):
    assert sweep.run(*SPACE, "hydra.sweeper.n_trials=1").returncode == 0
    before = files(sweep)
    for asked, refusal in REFUSED:
        done = sweep.run(*asked, "hydra.sweeper.n_trials=3", env={"AX_MO_REPORT": "1"})
        assert done.returncode == 1
        assert refusal in done.output
        assert files(sweep) == before, asked
    resumed = sweep.run(*SPACE, "hydra.sweeper.n_trials=2")
    assert resumed.returncode == 0, resumed.output
    with sweep.database() as connection:
        connection.execute("update ax_mo_study set schema = 99, checksum = '99-0'")
    before = files(sweep)
    done = sweep.run(*SPACE, "hydra.sweeper.n_trials=3")
    assert done.returncode == 1
    assert "was written by another version of ax_mo (schema 99" in done.output
    assert files(sweep) == before


def test_second_sweeper_that_is_refused_changes_nothing(sweep):
    journal = sweep.tmp_path / "journal"
    first = sweep.start(*SPACE, "sleep=600", f"journal={journal}", "hydra.sweeper.n_trials=2")
    try:
        wait_until(lambda: sweep.under_way(2) and journal.exists() and len(journal.read_text().split()) == 2)
        first.send_signal(signal.SIGSTOP)
        before = files(sweep)
        second = sweep.run(*SPACE, "sleep=600", "hydra.sweeper.n_trials=9")
        assert second.returncode == 1
        assert f"Another sweeper is running in {sweep.dir}: pid {first.pid} on host " in second.output
        assert files(sweep) == before
    finally:
        first.send_signal(signal.SIGCONT)
        interrupt_twice(first)
