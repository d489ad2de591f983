"""A study in a real PostgreSQL server: resumed, and run by one sweeper at a time."""

import re
import signal
import sys

import pytest
import sqlalchemy as sa

from ax_mo.errors import AxMoError
from ax_mo.storage.definition import Definition, StoredStudy
from ax_mo.storage.store import Store
from tests.support.sweeps import run
from tests.support.waiting import read_until, wait_until

SPACE = ("x=interval(0,1)", "hydra.sweeper.method=random_search")


def test_study_is_stored_there_and_resumes(sweep, server):
    options = (*SPACE, f"hydra.sweeper.storage='{server}'")
    assert sweep.run(*options, "hydra.sweeper.n_trials=2").returncode == 0
    done = sweep.run(*options, "hydra.sweeper.n_trials=3")
    assert done.returncode == 0, done.output
    assert not (sweep.dir / "study.db").exists()
    engine = sa.create_engine(server)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("select number, status from ax_mo_trial order by number")).all()
    engine.dispose()
    assert [tuple(row) for row in rows] == [(0, "completed"), (1, "completed"), (2, "completed")]


@pytest.mark.long
def test_password_is_shown_nowhere_and_the_study_is_read_with_it(sweep, server):
    # The server trusts everybody here: any password will do.
    url = re.sub(r"://([^:@/]*):?[^@/]*@", r"://\1:s3cret@", server)
    assert "s3cret" in url
    options = (*SPACE, f"hydra.sweeper.storage='{url}'", "hydra.sweeper.study_name=hidden")
    done = sweep.run(*options, "hydra.sweeper.n_trials=2", env={"AX_MO_REPORT": "1"})
    assert done.returncode == 0, done.output
    assert "to resume" in done.output and ":***@" in done.output
    assert "s3cret" not in done.output
    written = [path for path in sweep.dir.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]

    assert not written
    assert (sweep.dir / "report.html").exists()

    def cli(*words):
        ran = run([sys.executable, "-m", "ax_mo", *words], cwd=sweep.tmp_path)
        assert "s3cret" not in ran.output
        return ran

    assert "2 completed" in cli("status", f"{url}/hidden").output
    for command in (["status"], ["pareto"], ["show"], ["compare"]):
        more = ["0"] if command == ["show"] else [f"{url}/hidden"] if command == ["compare"] else []
        for form in ([], ["--json"]):
            assert cli(*command, f"{url}/hidden", *more, *form).returncode == 0
    assert cli("compare", f"{url}/hidden", f"{url}/hidden", "--html", str(sweep.tmp_path / "c.html")).returncode == 0
    assert "s3cret" not in (sweep.tmp_path / "c.html").read_text()
    told = cli("status", str(sweep.dir))
    assert told.returncode == 1 and "hidden; name that URL, with its password" in told.output
    told = cli("status", f"{url}/nothing")
    assert told.returncode == 1 and "It holds: " in told.output and "hidden" in told.output


def test_two_machines_cannot_run_one_study(sweep, server):
    options = (*SPACE, f"hydra.sweeper.storage='{server}'", "hydra.sweeper.study_name=shared")
    first = sweep.start(*options, "sleep=15", "hydra.sweeper.n_trials=2")
    try:
        wait_until((sweep.dir / "0").exists)
        # Another machine would not see the first one's directory at all. The first must not notice.
        first.send_signal(signal.SIGSTOP)
        sweep.dir.rename(sweep.tmp_path / "unseen")
        second = sweep.run(*options)
        assert second.returncode == 1
        assert "Another sweeper is running the study 'shared': pid " in second.output
    finally:
        first.kill()
        first.communicate()


@pytest.mark.long
def test_server_that_crashes_in_mid_study_costs_no_job(sweep, live, postgresql):
    stored = (f"hydra.sweeper.storage='{postgresql.url}'", "hydra.sweeper.study_name=crash")
    process = sweep.start(*live.options, *stored)
    running = (
        "select count(*) from ax_mo_trial join ax_mo_study on study_id = id "
        "where name = 'crash' and ax_mo_trial.status = 'running' and handle is not null"
    )
    wait_until(lambda: (sweep.dir / "1").exists() and postgresql.rows(running) == [(2,)])
    postgresql.stop("immediate")
    live.first.touch()
    read_until(process, "What runs goes on; it is tried again until ")
    postgresql.start()
    wait_until((sweep.dir / "2").exists)
    with pytest.raises(AxMoError, match=f"Another sweeper is running the study 'crash': pid {process.pid} on host"):
        Store.open(postgresql.url, StoredStudy("crash", str(sweep.dir), Definition({}, {})))
    sweep.gate.touch()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "is back after " in output
    assert [trial["status"] for trial in sweep.trials()] == ["completed"] * 3
    assert live.ran() == {"0": 1, "1": 1, "2": 1}
