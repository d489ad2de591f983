"""A sweeper may die at any moment; the same command goes on where it was."""

import os
import random
import shutil
import signal
import sqlite3
import time
from collections import Counter

import pytest

from tests.support.waiting import wait_until

SPACE = ("x=interval(0,1)", "y=interval(0,1)", "hydra.sweeper.method=random_search")


def test_killed_sweeper_resumes_and_adopts_its_live_jobs(sweep):
    journal = sweep.tmp_path / "journal"
    options = (*SPACE, f"journal={journal}", sweep.held, "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=2")
    first = sweep.start(*options)
    wait_until(lambda: sweep.under_way(2))
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = sweep.run_and_release("Trial 0 is still running; watching it again.", *options)
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 3
    assert Counter(journal.read_text().split()) == {str(n): 1 for n in range(3)}, "no trial ran twice"


def test_result_that_came_while_no_sweeper_ran_is_used(sweep):
    journal = sweep.tmp_path / "journal"
    options = (*SPACE, f"journal={journal}", sweep.held, "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=2")
    first = sweep.start(*options)
    wait_until(lambda: sweep.under_way(2))
    first.send_signal(signal.SIGKILL)
    first.wait()
    sweep.gate.touch()
    wait_until(lambda: (sweep.dir / "0" / "result.json").exists() and (sweep.dir / "1" / "result.json").exists())
    time.sleep(0.5)  # the processes themselves end just after
    done = sweep.run(*options)
    assert done.returncode == 0, done.output
    assert Counter(journal.read_text().split()) == {"0": 1, "1": 1, "2": 1}


def test_study_killed_again_and_again_ends_with_exactly_its_trials(sweep):
    journal = sweep.tmp_path / "journal"
    options = ("x=interval(0,1)", "y=interval(0,1)", "hydra.sweeper.n_startup_trials=4", f"journal={journal}",
               "sleep=0.3", "hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=2")  # fmt: skip
    chance = random.Random(5)
    for _ in range(2):
        before = sum(status in ("completed", "failed") for _, status in sweep.rows())
        process = sweep.start(*options)
        wait_until(
            lambda process=process, before=before: (
                process.poll() is not None
                or sum(status in ("completed", "failed") for _, status in sweep.rows()) > before
            )
        )
        time.sleep(chance.uniform(0.0, 0.7))
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = sweep.run(*options)
    assert done.returncode == 0, done.output
    trials = sweep.trials()
    assert [int(trial["trial"]) for trial in trials] == list(range(6))
    assert all(trial["status"] == "completed" for trial in trials)
    ran = Counter(journal.read_text().split())
    # An attempt may have been killed before its task began; none ran that was not one.
    assert all(1 <= ran[trial["trial"]] <= int(trial["attempt"]) for trial in trials), (ran, trials)
    assert sum(ran.values()) <= 6 + 2 * 2, "each kill costs the jobs that ran then, at most"


def test_trial_written_but_never_started_is_started_by_the_resume(sweep):
    options = (*SPACE, "hydra.sweeper.n_jobs=1")
    assert sweep.run(*options, "hydra.sweeper.n_trials=2").returncode == 0
    with sqlite3.connect(sweep.dir / "study.db") as connection:
        changes = "status='asked', handle=null, metrics='{}', checksum=null"
        connection.execute(f"update ax_mo_trial set {changes} where number=1")
    shutil.rmtree(sweep.dir / "1")
    done = sweep.run(*options, "hydra.sweeper.n_trials=3")
    assert done.returncode == 0, done.output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 3


def test_job_that_died_unseen_without_a_result_runs_once_more(sweep):
    journal = sweep.tmp_path / "journal"
    options = (*SPACE, f"journal={journal}", "sleep=30", "hydra.sweeper.n_jobs=1", "hydra.sweeper.n_trials=1")
    first = sweep.start(*options)
    wait_until(lambda: sweep.under_way(1))
    first.send_signal(signal.SIGKILL)
    first.wait()
    os.kill(int((sweep.dir / "0" / ".pid").read_text().split()[0]), signal.SIGKILL)
    with sweep.database() as connection:  # so that the second attempt is a short one
        connection.execute(
            "update ax_mo_trial set overrides = replace(overrides, 'sleep=30', 'sleep=0'), checksum=null"
        )
    done = sweep.run(*(option.replace("sleep=30", "sleep=0") for option in options))
    assert done.returncode == 0, done.output
    (trial,) = sweep.trials()
    assert (trial["status"], trial["attempt"]) == ("completed", "2")
    assert "an override of every trial differs" in done.output


@pytest.mark.long
def test_adopted_job_that_dies_under_watch_runs_once_more_and_the_second_death_counts(sweep):
    journal = sweep.tmp_path / "journal"
    options = (*SPACE, f"journal={journal}", "sleep=60", "hydra.sweeper.n_jobs=1", "hydra.sweeper.n_trials=1")
    options = (*options, "hydra.sweeper.max_failure_rate=1.0")

    def under_way(count):
        wait_until(lambda: sweep.under_way(1) and journal.exists() and len(journal.read_text().split()) == count)
        return int((sweep.dir / "0" / ".pid").read_text().split()[0])

    def adopt(pid):
        """Let another sweeper adopt the trial, then end its process."""
        process = sweep.start(*options)
        wait_until(lambda: "watching it again" in process.stdout.readline())
        os.kill(pid, signal.SIGKILL)
        return process

    first = sweep.start(*options)
    pid = under_way(1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = adopt(pid)
    pid = under_way(2)
    second.send_signal(signal.SIGKILL)
    output, _ = second.communicate()
    assert "Trial 0 ended without a result while this sweeper watched it; it runs once more." in output
    output, _ = adopt(pid).communicate(timeout=60)
    (trial,) = sweep.trials()
    assert (trial["status"], trial["attempt"]) == ("failed", "2")
    assert trial["reason"] == "ended without a result while this sweeper watched it"


def test_n_trials_is_the_total_and_may_grow(sweep):
    assert sweep.run(*SPACE, "hydra.sweeper.n_trials=2").returncode == 0
    again = sweep.run(*SPACE, "hydra.sweeper.n_trials=2")
    assert again.returncode == 0
    assert "started" not in again.output
    assert sweep.run(*SPACE, "hydra.sweeper.n_trials=3").returncode == 0
    assert [trial["trial"] for trial in sweep.trials()] == ["0", "1", "2"]
    points = {(trial["params.x"], trial["params.y"]) for trial in sweep.trials()}
    assert len(points) == 3, "the quasi-random sequence went on"


@pytest.mark.long
def test_terminated_sweeper_leaves_its_jobs_to_the_next(sweep):
    options = (*SPACE, sweep.held, "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2")
    first = sweep.start(*options)
    wait_until(lambda: sweep.under_way(2))
    first.send_signal(signal.SIGTERM)
    output, _ = first.communicate(timeout=30)
    assert first.returncode == 128 + signal.SIGTERM
    assert "to resume:" in output.splitlines()[-1]
    done = sweep.run_and_release("Trial 1 is still running", *options)
    assert done.returncode == 0, done.output
    assert [trial["attempt"] for trial in sweep.trials()] == ["1", "1"]


def test_directory_that_was_moved_resumes_where_it_is_now(sweep):
    assert sweep.run(*SPACE, "hydra.sweeper.n_trials=1").returncode == 0
    before = sweep.result(0)
    moved = sweep.tmp_path / "moved"
    sweep.dir.rename(moved)
    sweep.dir = moved
    done = sweep.run(*SPACE, "hydra.sweeper.n_trials=2")
    assert done.returncode == 0, done.output
    assert "resuming after 1 ended trials" in done.output
    assert sweep.result(0) == before
    assert len(sweep.trials()) == 2


@pytest.mark.long
def test_trials_that_the_study_does_not_know_are_not_overwritten(sweep):
    assert sweep.run(*SPACE, "hydra.sweeper.n_trials=1").returncode == 0
    before = sweep.result(0)
    (sweep.dir / "study.db").unlink()
    for more in ([], ["hydra.sweeper.dry_run=true"]):
        done = sweep.run(*SPACE, "hydra.sweeper.n_trials=2", *more)
        assert done.returncode == 1
        assert f"holds a study whose study.db is gone. Its trials are there: ax-mo rebuild {sweep.dir}" in done.output
    assert not (sweep.dir / "study.db").exists()
    (sweep.dir / "study.json").unlink()
    done = sweep.run(*SPACE, "hydra.sweeper.n_trials=2")
    assert done.returncode == 1
    assert "holds a trial that this study does not know" in done.output
    assert sweep.result(0) == before


@pytest.mark.long
def test_only_unseen_deaths_count_against_a_trial(sweep):
    options = (*SPACE, "hydra.sweeper.n_trials=1", "hydra.sweeper.max_failure_rate=1.0")
    assert sweep.run(*options).returncode == 0

    def die_unseen(attempt):
        (sweep.dir / "0" / "result.json").unlink()
        with sweep.database() as connection:
            changes = "status='running', metrics='{}', attempt=?, checksum=null"
            connection.execute(f"update ax_mo_trial set {changes}", (attempt,))

    die_unseen(attempt=5)  # after cancels by the user, say
    assert sweep.run(*options).returncode == 0
    assert [(trial["status"], trial["attempt"]) for trial in sweep.trials()] == [("completed", "6")]
    die_unseen(attempt=6)
    assert sweep.run(*options).returncode == 0
    (trial,) = sweep.trials()
    assert trial["status"] == "failed"
    assert "ended without a result while no sweeper was watching" in trial["reason"]
