"""Sweep directories that are copied or moved while their jobs run."""

import shutil
import signal
import subprocess
from collections import Counter

import pytest

from ax_mo.core.process import alive, end, identity
from tests.end_to_end.test_resume import SPACE
from tests.support.waiting import interrupt_twice, wait_until


@pytest.fixture
def journal(sweep):
    return sweep.tmp_path / "journal"


def ran(journal):
    return Counter(journal.read_text().split()) if journal.exists() else Counter()


def left_by_a_killed_sweeper(sweep, journal, *options):
    """Start a sweep and kill its sweeper as soon as two of its trials run; returns the processes of the two."""
    first = sweep.start(*options)
    wait_until(lambda: sweep.under_way(2) and ran(journal).total() == 2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    processes = [identity(sweep.dir / number) for number in ("0", "1")]
    assert all(process is not None and alive(process) for process in processes)
    return processes


def options_of(journal, how):
    return (*SPACE, f"journal={journal}", how, "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2")


def test_copy_runs_its_open_trials_itself_and_leaves_the_originals_jobs_alone(sweep, journal):
    options = options_of(journal, sweep.held)
    processes = left_by_a_killed_sweeper(sweep, journal, *options)
    original, sweep.dir = sweep.dir, sweep.tmp_path / "copy"
    subprocess.run(["cp", "-a", original, sweep.dir], check=True)
    copied = sweep.start(*options)
    wait_until(lambda: ran(journal).total() == 4)
    assert all(alive(process) for process in processes)
    sweep.gate.touch()
    output, _ = copied.communicate(timeout=120)
    assert copied.returncode == 0, output
    assert f"{sweep.dir} is a copy of {original}, whose jobs are left alone; run here once more: trial 0, 1." in output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "2")] * 2
    sweep.dir = original
    done = sweep.run(*options)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2
    assert ran(journal) == {"0": 2, "1": 2}, "each once here and once there"


@pytest.mark.long
def test_copy_keeps_the_results_that_were_not_recorded(sweep, journal):
    options = options_of(journal, sweep.held)
    processes = left_by_a_killed_sweeper(sweep, journal, *options)
    sweep.gate.touch()
    wait_until(lambda: not any(alive(process) for process in processes))
    original, sweep.dir = sweep.dir, sweep.tmp_path / "copy"
    shutil.copytree(original, sweep.dir)
    done = sweep.run(*options)
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2
    assert ran(journal) == {"0": 1, "1": 1}


@pytest.mark.long
def test_cancelling_the_sweep_of_a_copy_cancels_none_of_the_originals_jobs(sweep, journal):
    options = options_of(journal, sweep.held)
    processes = left_by_a_killed_sweeper(sweep, journal, *options)
    try:
        original, sweep.dir = sweep.dir, sweep.tmp_path / "copy"
        shutil.copytree(original, sweep.dir)
        copied = sweep.start(*options)
        wait_until(lambda: ran(journal).total() == 4)
        own = [identity(sweep.dir / number) for number in ("0", "1")]
        interrupt_twice(copied)
        assert copied.returncode == 130
        assert not any(alive(process) for process in own)
        assert all(alive(process) for process in processes)
        assert [trial["status"] for trial in sweep.trials()] == ["cancelled"] * 2
    finally:
        end(processes, 0.1)


def test_moved_directory_keeps_its_running_jobs(sweep, journal):
    options = options_of(journal, sweep.held)
    left_by_a_killed_sweeper(sweep, journal, *options)
    before, sweep.dir = sweep.dir, sweep.dir.rename(sweep.tmp_path / "moved")
    done = sweep.run_and_release("Trial 1 is still running; watching it again.", *options)
    assert done.returncode == 0, done.output
    assert f"{sweep.dir} was moved from {before}, where the running trials may still write" in done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2
    assert ran(journal) == {"0": 1, "1": 1}
    assert before.readlink() == sweep.dir


@pytest.mark.long
def test_result_arrives_in_a_directory_that_was_moved_before_anybody_watched(sweep, journal):
    options = options_of(journal, sweep.held)
    left_by_a_killed_sweeper(sweep, journal, *options)
    before, sweep.dir = sweep.dir, sweep.dir.rename(sweep.tmp_path / "moved")
    sweep.gate.touch()
    wait_until(lambda: all((sweep.dir / number / "result.json").exists() for number in ("0", "1")))
    assert not before.exists()
    done = sweep.run(*options)
    assert done.returncode == 0, done.output
    assert ran(journal) == {"0": 1, "1": 1}
