"""A database that is taken away in mid-study, often and for long: no job is lost, and none runs twice."""

import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.chaos.conftest import FULL, Tell
from tests.chaos.soundness import assert_nothing_runs, assert_sound, runs
from tests.chaos.study import Study
from tests.support.postgresql import PostgreSQL
from tests.support.waiting import wait_until

MakeStudy = Callable[..., Study]

pytestmark = [pytest.mark.skipif(not FULL, reason="make test-chaos"), pytest.mark.timeout(3600)]


def kept_in(postgresql: PostgreSQL, name: str, seconds: float) -> dict[str, object]:
    overrides = (
        "hydra.sweeper.method=random_search", f"hydra.sweeper.storage='{postgresql.url}'",
        f"hydra.sweeper.study_name={name}", f"seconds={seconds}",
    )  # fmt: skip
    return {"overrides": overrides, "n_trials": 24, "n_jobs": 3}


def assert_each_ran_once(study: Study, postgresql: PostgreSQL, name: str) -> None:
    assert_nothing_runs(study)
    assert Counter(runs(study.journal)) == {(w, n, 1): 1 for w in ("start", "end") for n in range(study.n_trials)}
    rows = postgresql.rows(
        "select number, ax_mo_trial.status from ax_mo_trial join ax_mo_study on study_id = id where name = :name "
        "order by number", name=name,
    )  # fmt: skip
    assert rows == [(number, "completed") for number in range(study.n_trials)]


@pytest.mark.parametrize("hold", [60.0])
def test_sqlite_is_locked_for_long(hold: float, make_study: MakeStudy, survived: Tell) -> None:
    study = make_study(n_trials=12, n_jobs=3, overrides=("hydra.sweeper.method=random_search", "seconds=4"))
    process = study.start()
    wait_until(lambda: len(runs(study.journal)) > 3)
    shell = sqlite3.connect(study.sweep_dir / "study.db", isolation_level=None, timeout=30.0)
    shell.execute("begin exclusive")
    time.sleep(hold)
    shell.execute("rollback")
    shell.close()
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert "is back after" in output
    assert_sound(study)
    survived("study.db locked by another process", f"for {hold:.0f} s, 3 workers", 1)


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_postgresql_is_restarted_again_and_again(
    mode: str, make_study: MakeStudy, postgresql: PostgreSQL, survived: Tell
) -> None:
    study = make_study(**kept_in(postgresql, mode, 3.0))
    process = study.start()
    wait_until(lambda: len(runs(study.journal)) > 3)
    chance, times = random.Random(mode), 0
    while process.poll() is None and times < 10:
        postgresql.stop(mode)
        time.sleep(chance.uniform(0.0, 4.0))
        postgresql.start()
        times += 1
        time.sleep(chance.uniform(0.5, 3.0))
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert_each_ran_once(study, postgresql, mode)
    survived("PostgreSQL restarted in mid-study", f"pg_ctl stop -m {mode}, at random, 3 workers", times)


def test_postgresql_is_down_for_longer_than_the_patience(
    make_study: MakeStudy, postgresql: PostgreSQL, survived: Tell
) -> None:
    """Ten minutes and more, scaled: the sweeper ends, its jobs do not, and a resume takes both in."""
    study = make_study(**kept_in(postgresql, "long", 30.0) | {"n_trials": 3})
    process = study.start("hydra.sweeper.storage_timeout=5")
    wait_until(lambda: len(runs(study.journal)) == 3)
    postgresql.stop()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1, output
    assert "It was tried for 5 s (hydra.sweeper.storage_timeout). What runs goes on" in output
    time.sleep(30.0)
    postgresql.start()
    resumed = study.start()
    output, _ = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, output
    assert_each_ran_once(study, postgresql, "long")
    survived("PostgreSQL down for long", "storage_timeout of 5 s, down for 60 s", 1)


def test_sweeper_is_killed_while_postgresql_is_down(
    make_study: MakeStudy, postgresql: PostgreSQL, survived: Tell
) -> None:
    study = make_study(**kept_in(postgresql, "killed", 8.0) | {"n_trials": 6})
    process = study.start()
    wait_until(lambda: len(runs(study.journal)) >= 3)
    postgresql.stop()
    time.sleep(10.0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    postgresql.start()
    resumed = study.start()
    output, _ = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, output
    assert_each_ran_once(study, postgresql, "killed")
    survived("sweeper killed while PostgreSQL is down", "SIGKILL after 10 s", 1)
