"""A sweep directory that several machines or containers share: what runs on another one is awaited, and never twice."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from ax_mo.core.process import identity
from ax_mo.trial.files import HEARTBEAT, PID
from tests.core.test_process import in_a_container, needs_containers
from tests.end_to_end.test_moved_and_copied import journal, left_by_a_killed_sweeper, options_of, ran  # noqa: F401
from tests.support.sweeps import environment
from tests.support.waiting import interrupt_twice, read_until, wait_until


def as_if_elsewhere(sweep, *numbers):
    """Let the trials' processes seem to belong to another host."""
    for number in numbers:
        path = sweep.dir / number / PID
        stat, _, boot, namespace = path.read_text().splitlines()
        path.write_text("\n".join((stat, "gpu07", boot.replace(boot[0], "x"), namespace, "")))


def adopt(sweep, *arguments):
    return sweep.run(argv=[sys.executable, "-m", "ax_mo", "adopt", str(sweep.dir), *arguments])


@pytest.fixture
def ended():
    """Processes that are ended with the test."""
    pids = []
    yield pids
    for pid in pids:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def test_trials_of_another_host_are_awaited_and_not_run_twice(sweep, journal):  # noqa: F811
    options = options_of(journal, sweep.held)
    left_by_a_killed_sweeper(sweep, journal, *options)
    as_if_elsewhere(sweep, "0", "1")
    done = sweep.run_and_release("Trial 1 was started on host gpu07 (pid ", *options)
    assert done.returncode == 0, done.output
    assert "Trial 0 was started on host gpu07 (pid " in done.output
    assert f"its result is awaited. If it does not run any more: ax-mo adopt {sweep.dir} --lost 0" in done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2
    assert ran(journal) == {"0": 1, "1": 1}


def test_trial_of_another_host_that_the_user_declares_lost_runs_once_more_at_once(sweep, journal, ended):  # noqa: F811
    long, short = options_of(journal, "sleep=90"), options_of(journal, "sleep=0")
    processes = left_by_a_killed_sweeper(sweep, journal, *long)
    ended += [process.pid for process in processes]
    as_if_elsewhere(sweep, "0")
    with sweep.database() as connection:  # so that the second attempt is a short one
        connection.execute(
            "update ax_mo_trial set overrides = replace(overrides, 'sleep=90', 'sleep=0'), checksum=null"
        )
    second = sweep.start(*short)
    read_until(second, "Trial 0 was started on host gpu07")
    read_until(second, "Trial 1 is still running; watching it again.")
    assert "trial 0: was started on host gpu07" in adopt(sweep).output
    refused = adopt(sweep, "--lost", "1")
    assert refused.returncode == 1 and "Trial 1 runs on this machine" in refused.output
    assert adopt(sweep, "--lost", "0").returncode == 0
    read_until(second, "as ax-mo adopt was told; it runs once more.")
    wait_until(lambda: (0, "completed") in sweep.rows())
    os.killpg(processes[1].pid, signal.SIGKILL)
    second.communicate(timeout=60)
    assert second.returncode == 0
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "2")] * 2


@pytest.mark.long
def test_trial_of_another_host_that_fell_silent_runs_once_more(sweep, journal):  # noqa: F811
    options = options_of(journal, sweep.held)
    for process in left_by_a_killed_sweeper(sweep, journal, *options):
        os.killpg(process.pid, signal.SIGKILL)
    as_if_elsewhere(sweep, "0", "1")
    for number in ("0", "1"):
        heartbeat = sweep.dir / number / HEARTBEAT
        moment = heartbeat.stat().st_mtime - 601
        os.utime(heartbeat, (moment, moment))
    sweep.gate.touch()
    done = sweep.run(*options)
    assert done.returncode == 0, done.output
    assert "Trial 0 was lost on host gpu07 (pid " in done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "2")] * 2


@pytest.mark.long
def test_cancelled_sweep_leaves_the_trials_of_another_host_to_a_resume(sweep, journal, ended):  # noqa: F811
    options = options_of(journal, "sleep=90")
    processes = left_by_a_killed_sweeper(sweep, journal, *options)
    ended += [process.pid for process in processes]
    as_if_elsewhere(sweep, "0")
    second = sweep.start(*options)
    read_until(second, "Trial 1 is still running")
    output = interrupt_twice(second)
    assert second.returncode == 130
    assert "Trial 0 goes on on host gpu07" in output
    assert identity(sweep.dir / "0").pid == processes[0].pid
    assert Path(f"/proc/{processes[0].pid}/cmdline").read_bytes(), "it runs"
    assert sorted(sweep.rows()) == [(0, "running"), (1, "cancelled")]


@pytest.mark.long
@needs_containers
def test_trials_of_another_container_are_awaited_and_not_run_twice(sweep, journal, ended):  # noqa: F811
    options = options_of(journal, sweep.held)
    line = 'out="$1"; shift; "$@" > "$out" 2>&1 & echo $! > "$out.pid"; wait; sleep 600'
    inside = in_a_container("sh", "-c", line, "sh", str(sweep.tmp_path / "out"), *sweep.argv(*options))
    with subprocess.Popen(inside, cwd=sweep.tmp_path, env=environment(), start_new_session=True) as container:
        ended.append(container.pid)
        wait_until(lambda: sweep.under_way(2))
        init = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()[0]
        first = (sweep.tmp_path / "out.pid").read_text().strip()
        subprocess.run(["nsenter", "--target", init, "--pid", "--mount", "kill", "-KILL", first], check=True)
        done = sweep.run_and_release("Trial 1 was started on host", *options)
        container.kill()
    assert done.returncode == 0, done.output
    assert "Trial 0 was started on host" in done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "1")] * 2
    assert ran(journal) == {"0": 1, "1": 1}
