"""A study in a real PostgreSQL server: resumed, and run by one sweeper at a time."""

import shutil
import signal
import tempfile
import time
from pathlib import Path

import pgserver
import pytest
import sqlalchemy as sa

SPACE = ("x=interval(0,1)", "hydra.sweeper.method=random_search")


@pytest.fixture(scope="module")
def server():
    # Not pytest's own temporary directory: run by root, the server is a user of its own, who may not look in there.
    data = Path(tempfile.mkdtemp(prefix="ax_mo-postgresql-"))
    data.chmod(0o755)
    running = pgserver.get_server(data / "data", cleanup_mode="stop")
    yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    running.cleanup()
    shutil.rmtree(data, ignore_errors=True)


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


def test_two_machines_cannot_run_one_study(sweep, server):
    options = (*SPACE, f"hydra.sweeper.storage='{server}'", "hydra.sweeper.study_name=shared")
    first = sweep.start(*options, "sleep=15", "hydra.sweeper.n_trials=2")
    try:
        deadline = time.monotonic() + 60
        while not (sweep.dir / "0").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        # Another machine would not see the first one's directory at all. The first must not notice.
        first.send_signal(signal.SIGSTOP)
        sweep.dir.rename(sweep.tmp_path / "unseen")
        second = sweep.run(*options)
        assert second.returncode == 1
        assert "Another sweeper is running the study 'shared': pid " in second.output
    finally:
        first.kill()
        first.communicate()
