"""Random damages of a study's database: whatever happens to the file, no result is lost and none is wrong."""

import os
import random
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from ax_mo.core.trial import Status
from ax_mo.errors import AxMoError
from ax_mo.storage.definition import StoredStudy
from ax_mo.storage.directory_lock import sole_sweeper
from ax_mo.storage.snapshot import read_snapshot
from ax_mo.storage.store import Store, read_studies
from ax_mo.sweep.rebuild import open_or_rebuild
from tests.support.sweeps import Sweep
from tests.support.waiting import wait_until

COUNT = 500 if os.environ.get("AX_MO_TEST_CHAOS") else 10
PAGE = 4096
SPACE = ("hydra.sweeper.method=random_search", "hydra.sweeper.seed=1", "x=interval(0,1)", "y=interval(0,1)")
MIXED = (
    *SPACE, "model=choice(small,large)", "mode=choice(fine,exception,sigkill)", "hydra.sweeper.max_failure_rate=1",
    "hydra.sweeper.n_jobs=2",
)  # fmt: skip


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """A sweep of 6 trials, of which some failed in several ways."""
    sweep = Sweep(tmp_path_factory.mktemp("ended"))
    done = sweep.run(*MIXED, "hydra.sweeper.n_trials=6")
    assert done.returncode == 0, done.output
    return sweep


@pytest.fixture
def copy(ended: Sweep, tmp_path: Path) -> Sweep:
    """That sweep, to be damaged."""
    sweep = Sweep(tmp_path)
    shutil.rmtree(sweep.project)
    sweep.project, sweep.script = ended.project, ended.script
    shutil.copytree(ended.dir, sweep.dir, symlinks=True)
    return sweep


def damage(path: Path, chance: random.Random) -> str:
    """Damage the file in one of the ways in which files are; returns how."""
    data = bytearray(path.read_bytes())
    pages = len(data) // PAGE
    first, second = (PAGE * chance.randrange(pages) for _ in range(2))
    start, size = chance.randrange(len(data)), chance.choice([1, 16, 512, PAGE])
    how = chance.choice(
        ["bit", "bytes", "page of zeros", "truncated", "garbage", "swapped pages", "page of another", "journal"]
    )
    if how == "bit":
        data[start] ^= 1 << chance.randrange(8)
    elif how == "bytes":
        for _ in range(chance.randint(2, 64)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif how == "page of zeros":
        data[first : first + PAGE] = bytes(PAGE)
    elif how == "truncated":
        del data[start if chance.random() < 0.7 else first :]
    elif how == "garbage":
        data[start : start + size] = chance.randbytes(size)
    elif how == "swapped pages":
        data[first : first + PAGE], data[second : second + PAGE] = (
            data[second : second + PAGE], data[first : first + PAGE],
        )  # fmt: skip
    elif how == "page of another":
        data[first : first + PAGE] = data[second : second + PAGE]
    else:
        Path(f"{path}-journal").write_bytes(chance.randbytes(chance.choice([1, 512, 5000])))
    path.write_bytes(data)
    return f"{how} at {start} or {first // PAGE} of {pages}"


def resumed(directory: Path, before: StoredStudy, notices: list[str]) -> StoredStudy:
    """The study as a resume finds it, which may have to make it anew."""

    def open_store(known: bool) -> Store:
        return Store.open(f"sqlite:///{directory}/study.db", replace(before, runs=(), sweep_dir=""), known)

    with sole_sweeper(directory):
        store = open_or_rebuild(directory, "study", open_store, notices.append)
        try:
            store.tell(before.about)  # it can be written
            return store.stored()
        finally:
            store.close()


def told(study: StoredStudy) -> StoredStudy:
    """What must survive: everything but what only served the sweeper that is gone."""
    return replace(study, runs=tuple(replace(run, handle=None, error_fingerprint=None) for run in study.runs))


@pytest.mark.parametrize("seed", range(COUNT))
def test_damaged_database_is_found_out_and_made_anew(copy: Sweep, seed: int) -> None:
    database = copy.dir / "study.db"
    url = f"sqlite:///{database}"
    (before,) = read_studies(url)
    how = damage(database, random.Random(seed))
    try:
        read = [told(study) for study in read_studies(url)]
    except AxMoError:
        pass  # a reader is told
    else:
        assert read in ([told(before)], []), how
    notices: list[str] = []
    assert told(resumed(copy.dir, before, notices)) == told(before), how
    assert bool(list(copy.dir.glob("study.db.old*"))) == bool(notices), how
    for line in notices:
        assert "It was made anew from study.json: 6 runs" in line
        assert "What was there is kept as study.db.old1." in line


def test_resume_makes_a_damaged_database_anew_and_goes_on(copy: Sweep) -> None:
    before = read_snapshot(copy.dir)
    damaged = b"\0" * 5000
    (copy.dir / "study.db").write_bytes(damaged)
    done = copy.run(*MIXED, "hydra.sweeper.n_trials=7")
    assert done.returncode == 0, done.output
    assert done.output.count("study.db cannot be used: file is not a database. It was made anew") == 1
    assert "6 runs" in done.output and "kept as study.db.old1" in done.output
    assert "resuming after 6 ended trials" in done.output
    assert (copy.dir / "study.db.old1").read_bytes() == damaged
    after = read_snapshot(copy.dir)
    assert [(t.number, t.status, t.point, t.metrics) for t in after.trials[:6]] == [
        (t.number, t.status, t.point, t.metrics) for t in before.trials
    ]
    assert len(after.trials) == 7


def test_emptied_database_is_not_taken_for_a_new_study(copy: Sweep) -> None:
    (copy.dir / "study.db").write_bytes(b"")
    done = copy.run(*MIXED, "hydra.sweeper.n_trials=6")
    assert done.returncode == 0, done.output
    assert "is damaged: it has no table ax_mo_study. It was made anew" in done.output
    assert len(read_snapshot(copy.dir).trials) == 6


def test_what_is_damaged_beyond_repair_is_left_as_it_is(copy: Sweep) -> None:
    (copy.dir / "study.db").write_bytes(b"nothing" * 1000)
    (copy.dir / "study.json").write_text("{")
    files = {path.name for path in copy.dir.iterdir()}
    done = copy.run(*MIXED, "hydra.sweeper.n_trials=6")
    assert done.returncode == 1
    assert "file is not a database" in done.output and "It cannot be rebuilt" in done.output
    assert (copy.dir / "study.db").read_bytes() == b"nothing" * 1000
    assert {path.name for path in copy.dir.iterdir() if not path.name.startswith(".")} == files - {
        name for name in files if name.startswith(".")
    }


def test_running_trials_are_adopted_after_the_database_was_made_anew(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    argv = [*SPACE, sweep.held, "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=2", f"journal={tmp_path}/journal"]
    process = sweep.start(*argv)
    wait_until(lambda: sweep.under_way(2))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (sweep.dir / "study.db").write_bytes(b"nothing" * 1000)
    done = sweep.run_and_release("Trial 1 is still running", *argv)
    assert done.returncode == 0 and "It was made anew" in done.output, done.output
    assert [trial.status for trial in read_snapshot(sweep.dir).trials] == [Status.COMPLETED] * 3
    assert sorted((tmp_path / "journal").read_text().split()) == ["0", "1", "2"]
