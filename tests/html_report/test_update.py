"""Several writers of one page, in real processes: none loses its file, and none takes away what another has written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ax_mo.core.trial import Status, TrialRun
from ax_mo.html_report.update import has_model, update_report
from ax_mo.html_report.writer import ReportWriter
from ax_mo.storage.definition import Definition
from ax_mo.storage.snapshot import about, read_snapshot
from ax_mo.storage.store import Store
from tests.storage.test_snapshot import GOALS, SPACE
from tests.support.studies import study

from .conftest import wait_for

# `ax-mo`, but held up after its first call of one function.
SLOW = """
import sys, time
from pathlib import Path
import {module} as module

place, original = Path(sys.argv[1]), module.{name}

def slow(*arguments):
    result = original(*arguments)
    if not (place / "reached").exists():
        (place / "reached").touch()
        while not (place / "go").exists():
            time.sleep(0.01)
    return result

module.{name} = slow
from ax_mo.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


def slow_report(directory: Path, place: Path, module: str, name: str) -> "subprocess.Popen[str]":
    """``ax-mo report``, held up after its first call of a function until ``place`` has ``go``."""
    place.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW.format(module=module, name=name), str(place), "report", str(directory)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    wait_for(lambda: (place / "reached").exists() or process.poll() is not None)
    assert process.poll() is None, process.communicate()[0]
    return process


# BUG: the sweep's writer, when it was ended, removed every temporary file of that page, whoever's it was.
def test_report_beside_a_sweep_that_ends_is_written(directory: Path, tmp_path: Path) -> None:
    theirs = slow_report(directory, tmp_path / "place", "os", "fsync")
    assert list(directory.glob(".report.html.*"))
    ReportWriter(str(directory), directory / "report.html").cancel()
    (tmp_path / "place" / "go").touch()
    said, _ = theirs.communicate(timeout=60)
    assert theirs.returncode == 0, said
    assert has_model(directory / "report.html")


def test_sweep_that_ends_leaves_nothing_of_its_own_half_page(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, time\nos.fsync = lambda _: (open({str(tmp_path / 'reached')!r}, 'w'), time.sleep(60))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    writer = ReportWriter(str(directory), directory / "report.html", every=0.0)
    writer.changed()
    writer.tick()
    wait_for((tmp_path / "reached").exists)
    assert list(directory.glob(".report.html.*"))
    writer.cancel()
    assert not list(directory.glob(".report.html*")) and not list(directory.glob("report.html"))


# BUG: every page that a running sweep wrote had no model, also where somebody had just asked for one.
def test_page_with_the_model_stays_one_while_the_sweep_goes_on(directory: Path) -> None:
    page = directory / "report.html"
    subprocess.run([sys.executable, "-m", "ax_mo", "report", str(directory)], check=True, stdout=subprocess.DEVNULL)
    assert has_model(page)
    first = page.stat().st_mtime_ns
    writer = ReportWriter(str(directory), page, every=0.05)
    writer.changed()
    wait_for(lambda: writer.tick() or page.stat().st_mtime_ns != first)
    writer.cancel()
    assert has_model(page) and "when the sweep ends" not in page.read_text()


def test_page_that_took_long_does_not_replace_a_later_one(directory: Path, tmp_path: Path) -> None:
    slow = slow_report(directory, tmp_path / "place", "ax_mo.html_report.update", "report_html")
    add_trial(directory, 2)
    subprocess.run([sys.executable, "-m", "ax_mo", "report", str(directory)], check=True, stdout=subprocess.DEVNULL)
    (tmp_path / "place" / "go").touch()
    said, _ = slow.communicate(timeout=60)
    assert slow.returncode == 0, said
    assert "2 unfinished" in (directory / "report.html").read_text()


def test_stopped_writer_does_not_hold_up_the_others(directory: Path, tmp_path: Path) -> None:
    slow = slow_report(directory, tmp_path / "place", "os", "fsync")  # it has its turn now
    try:
        update_report(lambda: read_snapshot(str(directory)), directory / "report.html", fitted=False)
        assert (directory / "report.html").exists()
    finally:
        slow.kill()
        slow.communicate()


def test_many_writers_at_once_leave_one_whole_page_with_the_model(directory: Path) -> None:
    words = [sys.executable, "-m", "ax_mo.html_report", str(directory)]
    writers = [subprocess.Popen([*words, *options]) for options in (["--quick"], [], ["--quick"], [])]
    assert [writer.wait(120) for writer in writers] == [0] * 4
    page = directory / "report.html"
    assert has_model(page) and page.read_text().rstrip().endswith("</html>")
    assert not list(directory.glob(".report.html*"))


def test_page_is_told_from_other_files(tmp_path: Path) -> None:
    assert not has_model(tmp_path / "none.html")
    os.mkfifo(tmp_path / "pipe.html")
    assert not has_model(tmp_path / "pipe.html")
    of = study(tmp_path, 2)
    for fitted in (False, True):
        update_report(lambda: of, tmp_path / "page.html", fitted=fitted)
        assert has_model(tmp_path / "page.html") is fitted


def add_trial(directory: Path, number: int) -> None:
    told = json.dumps(about(SPACE, GOALS, {}, {}))
    store = Store.open(f"sqlite:///{directory}/study.db", "study", None, Definition({}, {}, (), told), 5)
    store.add(
        [TrialRun(number=number, status=Status.ASKED, point={"x": 0.75}, overrides=("x=0.75",), directory=str(number))]
    )
    store.close()
