"""Trials that take too long, hang, or die of the machine: real processes."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

ONE = ("x=interval(0,1)", "hydra.sweeper.n_jobs=1")


def pid_of(sweep, trial):
    wait_until((sweep.dir / str(trial) / ".pid").exists)
    return int((sweep.dir / str(trial) / ".pid").read_text().split()[0])


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def test_trial_that_outlasts_its_time_is_ended_with_all_of_its_processes(sweep):
    script = sweep.script.read_text()
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    lines = [
        "    import subprocess",
        f"    child = subprocess.Popen([sys.executable, '-c', {child!r}])",
        "    Path('child.pid').write_text(str(child.pid))",
        "    time.sleep(cfg.sleep)",
    ]
    sweep.script.write_text(script.replace("    time.sleep(cfg.sleep)", "\n".join(lines)))
    done = sweep.run(
        *ONE, "sleep=600", "hydra.sweeper.n_trials=1", "hydra.sweeper.trial_timeout=6", "hydra.launcher.grace_seconds=1"
    )
    assert done.returncode == 1
    (trial,) = sweep.trials()
    assert trial["status"] == "failed"
    assert trial["reason"] == "ran longer than trial_timeout=6 seconds and was ended"
    assert not lives(pid_of(sweep, 0))
    child_pid = int((sweep.tmp_path / "child.pid").read_text())
    wait_until(lambda: not lives(child_pid), 10)


@pytest.mark.long
def test_trial_that_hangs_after_it_has_left_its_result_has_completed(sweep):
    script = sweep.script.read_text()
    # As a worker of a data loader that does not end.
    sweep.script.write_text(
        script.replace("\n    main()", "\n    main()\n    time.sleep(600 * ('hydra.mode=RUN' in sys.argv))")
    )
    done = sweep.run(*ONE, "hydra.sweeper.n_trials=1", "hydra.sweeper.trial_timeout=6")
    assert "1 completed, 0 failed" in done.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"]


@pytest.mark.long
def test_stopped_trial_does_not_keep_a_study_from_ending_by_its_time(sweep):
    options = ("x=interval(0,1)", "sleep=600", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1")
    process = sweep.start(*options, "hydra.sweeper.timeout_hours=0.003")
    pid = pid_of(sweep, 0)
    os.kill(pid, signal.SIGSTOP)
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 0, output
    assert "timeout_hours are over; trial 0, after" in output
    assert "ended before its last trial (timeout_hours=0.003 are over)" in output
    assert not lives(pid)
    assert [trial["status"] for trial in sweep.trials()] == ["cancelled"]


def test_trial_killed_for_its_memory_runs_again_as_often_as_allowed(sweep):
    options = (*ONE, "mode=sigkill", "hydra.sweeper.n_trials=1", "hydra.sweeper.max_failure_rate=1")
    done = sweep.run(*options, "hydra.sweeper.max_retries=2", "hydra.sweeper.retry_oom=true")
    assert done.returncode == 0, done.output
    assert "it runs again (retry 2 of 2)" in done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("failed", "3")]


def test_error_of_the_trials_own_is_never_tried_again(sweep):
    options = (*ONE, "mode=exception", "hydra.sweeper.n_trials=1", "hydra.sweeper.max_failure_rate=1")
    done = sweep.run(*options, "hydra.sweeper.max_retries=2", "hydra.sweeper.retry_oom=true")
    assert done.returncode == 0, done.output
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("failed", "1")]
