"""The last page is there at once; its model comes by a process that ends by itself and is in nobody's way."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ax_mo.core.trial import Status
from ax_mo.html_report.page import FITTED
from ax_mo.html_report.update import COMING, has_model
from ax_mo.html_report.writer import ReportWriter
from ax_mo.storage.definition import Definition
from ax_mo.storage.lock import sole_sweeper
from ax_mo.storage.snapshot import about
from ax_mo.storage.store import Store
from ax_mo.trial.files import write_atomically
from tests.storage.test_snapshot import GOALS, SPACE
from tests.support.trials import make_run

from .conftest import wait_for

# In a process that writes a page: the model is not begun before `go` is there, where a directory is given.
HELD_UP = """
import os, time
from pathlib import Path
import ax_mo.optimizer.diagnostics as fitted

place, original = Path(os.environ["AX_MO_TEST_PLACE"]), fitted.Fitted.sensitivity

def sensitivity(self):
    (place / "reached").write_text(str(os.getpid()))
    while not (place / "go").exists():
        time.sleep(0.01)
    return original(self)

fitted.Fitted.sensitivity = sensitivity
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The sweep directory of a study that has ended, of as many trials as a model needs."""
    path = tmp_path / "sweep"
    path.mkdir()
    told = json.dumps(about(SPACE, GOALS, {"n_trials": 4}, {}))
    store = Store.open(f"sqlite:///{path}/study.db", "study", None, Definition({}, {}, (), told), 5)
    for number, x in enumerate((0.1, 0.4, 0.6, 0.9)):
        metrics = dict.fromkeys(GOALS.required, x * (1 - x))
        store.add([make_run(number, status=Status.COMPLETED, point={"x": x}, metrics=metrics)])
    store.close()
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the process that fits the model says that it has ``reached`` that, and waits for ``go``."""
    place = tmp_path / "place"
    place.mkdir()
    (place / "sitecustomize.py").write_text(
        "import sys\nif '--last' in sys.orig_argv:\n    " + HELD_UP.strip().replace("\n", "\n    ")
    )
    monkeypatch.setenv("AX_MO_TEST_PLACE", str(place))
    monkeypatch.setenv("PYTHONPATH", str(place))
    yield place
    if (place / "reached").exists() and not ended(place):
        os.kill(pid_of(place), signal.SIGKILL)


def pid_of(place: Path) -> int:
    return int((place / "reached").read_text())


def ended(place: Path) -> bool:
    """Whether the process that was to add the model has, be it that nobody has buried it yet."""
    try:
        return Path(f"/proc/{pid_of(place)}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def finish(directory: Path, place: Path) -> Path:
    """The page as it is when the sweep returns, its model being on its way."""
    page = directory / "report.html"
    line = ReportWriter(str(directory), page).finish()
    assert line == f"report: {page} (its model follows in a moment)"
    wait_for(lambda: (place / "reached").exists() and (place / "reached").read_text())
    return page


def test_sweep_has_its_page_at_once_and_the_model_is_added_later(directory: Path, place: Path) -> None:
    page = finish(directory, place)
    assert "ended: 4 completed" in page.read_text() and COMING.split(",")[0] in page.read_text()
    assert not has_model(page)
    assert os.getpriority(os.PRIO_PROCESS, pid_of(place)) == 19
    assert os.getsid(pid_of(place)) != os.getsid(0), "a closed terminal does not end it"
    (place / "go").touch()
    wait_for(lambda: ended(place))
    assert has_model(page) and COMING.split(",")[0] not in page.read_text()
    assert "Leave-one-out cross-validation" in page.read_text()
    assert not list(directory.glob(".report.html*"))


def test_sweep_directory_that_is_removed_ends_it_quietly(directory: Path, place: Path) -> None:
    finish(directory, place)
    shutil.rmtree(directory)
    wait_for(lambda: ended(place))
    assert not directory.exists()


def test_resume_is_not_disturbed_by_it(directory: Path, place: Path) -> None:
    page = finish(directory, place)
    before = page.stat()
    with sole_sweeper(directory):
        wait_for(lambda: ended(place))
    assert os.path.samestat(page.stat(), before) and not list(directory.glob(".report.html*"))


def test_earlier_model_is_not_kept_and_one_that_somebody_has_asked_for_meanwhile_is(
    directory: Path, place: Path
) -> None:
    page = directory / "report.html"
    page.write_text(FITTED)
    assert has_model(page)
    assert not has_model(finish(directory, place)), "the page is of the study's end"
    write_atomically(page, FITTED)  # as "ax-mo report" does
    wait_for(lambda: ended(place))
    assert page.read_text() == FITTED


def test_page_stays_whole_where_it_is_ended(directory: Path, place: Path) -> None:
    page = finish(directory, place)
    text = page.read_text()
    os.kill(pid_of(place), signal.SIGTERM)
    wait_for(lambda: ended(place))
    assert page.read_text() == text and not list(directory.glob(".report.html*"))
