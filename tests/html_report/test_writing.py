"""The page is kept current by other processes: none loses its file or takes away what another has written.

Whatever happens to them does not concern the sweep.
"""

import io
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from ax_mo.html_report import update
from ax_mo.html_report.__main__ import write_page
from ax_mo.html_report.page import AT_THE_END
from ax_mo.html_report.update import COMING, has_model, update_report, write_last_page
from ax_mo.html_report.writer import ReportWriter, report_writer
from ax_mo.storage.directory_lock import sole_sweeper
from ax_mo.storage.snapshot import StudySnapshot
from tests.storage.test_snapshot import make
from tests.support.studies import study
from tests.support.waiting import wait_until


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The sweep directory of a study on disk."""
    make(tmp_path / "sweep")
    return tmp_path / "sweep"


def writer_of(directory: Path, every: float = 0.0) -> ReportWriter:
    """One whose page is stale."""
    writer = ReportWriter(str(directory), directory / "report.html", every=every)
    writer.changed()
    return writer


# The sweep's own writer


def test_page_is_written_after_a_change_and_again_when_it_is_time(directory, monkeypatch):
    writer = writer_of(directory, every=0.05)
    page = directory / "report.html"
    wait_until(lambda: writer.tick() or page.exists())
    assert AT_THE_END in page.read_text()
    # That the process has ended is seen after a long batch only; the page took no longer for that.
    now = page.stat().st_mtime
    monkeypatch.setattr("ax_mo.html_report.writer.time", lambda: now + 600)
    writer.changed()
    wait_until(lambda: writer.tick() or page.stat().st_mtime > now)
    writer.cancel()


def test_nothing_is_written_before_its_time(directory):
    writer = writer_of(directory, every=30.0)
    for _ in range(100):
        writer.tick()
    writer.cancel()
    assert not (directory / "report.html").exists()


def test_last_page_is_waited_for(directory):
    page = directory / "report.html"
    writer = writer_of(directory)
    assert writer.finish() == f"report: {page}"
    assert "needs 3 trials with metrics; this study has 0" in page.read_text()
    writer.changed()
    writer.tick()  # too late, and no error


@pytest.mark.parametrize(
    ("program", "patience", "line"),
    [
        ("sleep 1", 0.05, "report.html: it takes longer than 0.05 s and is still being written"),
        ("exit 3", 60.0, "report.html: the process ended with 3"),
        ("echo ; echo no disk", 60.0, "no disk"),
    ],
)
def test_wait_is_bounded_and_faults_are_a_line_to_tell(directory, tmp_path, monkeypatch, program, patience, line):
    (tmp_path / "python").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert writer_of(directory).finish(patience) == line


def test_what_is_no_study_is_a_line_to_tell(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{tmp_path}\n"))
    assert write_page("last", tmp_path / "report.html") == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("report.html: ") and "holds no study" in line


def test_report_can_be_turned_off(tmp_path, monkeypatch):
    monkeypatch.setenv("AX_MO_REPORT", "1")
    assert isinstance(report_writer(True, "x", tmp_path), ReportWriter)
    assert report_writer(False, "x", tmp_path) is None
    monkeypatch.setenv("AX_MO_REPORT", "0")
    assert report_writer(True, "x", tmp_path) is None


def test_sweep_that_ends_leaves_nothing_of_its_own_half_page(directory, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, time\nos.fsync = lambda _: (open({str(tmp_path / 'reached')!r}, 'w'), time.sleep(60))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    writer = writer_of(directory)
    writer.tick()
    wait_until((tmp_path / "reached").exists)
    assert list(directory.glob(".report.html.*"))
    writer.cancel()
    assert not list(directory.glob(".report.html*")) and not list(directory.glob("report.html"))


# Several writers


def test_model_is_kept_by_pages_that_would_have_none(tmp_path):
    of, page = study(tmp_path, 2), tmp_path / "page.html"
    for fitted, expected in ((False, False), (True, True), (False, True)):
        update_report(lambda: of, page, fitted=fitted)
        assert has_model(page) is expected


def test_page_is_told_from_other_files(tmp_path):
    assert not has_model(tmp_path / "none.html")
    os.mkfifo(tmp_path / "pipe.html")
    assert not has_model(tmp_path / "pipe.html")


def test_page_that_took_long_does_not_replace_a_later_one(tmp_path):
    page = tmp_path / "page.html"
    earlier, later = study(tmp_path, 1), study(tmp_path, 2)
    records = iter((earlier, later))

    def read() -> StudySnapshot:
        record = next(records)
        if record is earlier:
            update_report(lambda: later, page)
        return record

    update_report(read, page, fitted=False)
    assert has_model(page) and "2 completed" in page.read_text()


@pytest.mark.long
def test_many_writers_at_once_leave_one_whole_page_with_the_model(tmp_path):
    of, page = study(tmp_path, 2), tmp_path / "report.html"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=update_report, args=(lambda: of, page, fitted)) for fitted in (False, True) * 2]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert has_model(page) and page.read_text().rstrip().endswith("</html>")
    assert not list(tmp_path.glob(".report.html*"))


# The last page


@pytest.fixture
def last(tmp_path, monkeypatch) -> "Callable[[], None]":
    """Writes the last page of a study; called, lets the process that adds the model go on, and waits for its end."""
    of = replace(study(tmp_path / "sweep", 4, mixed=False), is_running=False)
    go, original, parent = tmp_path / "go", update.report_html, os.getpid()
    children: list[int] = []
    fork = os.fork

    def slow(record: StudySnapshot, path: Path, *how: object) -> str:
        if os.getpid() == parent:
            return original(record, path, *how)
        wait_until(go.exists)
        return update.FITTED + f"nice {os.nice(0)}"

    def forked() -> int:
        children.append(fork())
        return children[-1]

    monkeypatch.setattr(update, "report_html", slow)
    monkeypatch.setattr(os, "fork", forked)
    (tmp_path / "sweep").mkdir()
    assert write_last_page(lambda: of, tmp_path / "sweep" / "report.html")

    def go_on() -> None:
        go.touch()
        assert os.waitstatus_to_exitcode(os.waitpid(children[-1], 0)[1]) == 0

    return go_on


def test_last_page_is_there_at_once_and_its_model_later(last, tmp_path):
    page = tmp_path / "sweep" / "report.html"
    assert "4 completed" in page.read_text() and COMING.split(",")[0] in page.read_text() and not has_model(page)
    last()
    assert has_model(page) and page.read_text().endswith("nice 19")


@pytest.mark.parametrize("what", ["resumed", "removed", "reported"])
def test_model_that_nobody_wants_any_more_is_not_added(last, tmp_path, what):
    sweep = tmp_path / "sweep"
    page, before = sweep / "report.html", (sweep / "report.html").read_text()
    with sole_sweeper(sweep) if what == "resumed" else nullcontext():
        if what == "removed":
            shutil.rmtree(sweep)
        if what == "reported":
            (tmp_path / "new").write_text("another")
            (tmp_path / "new").rename(page)
        last()
    assert not sweep.exists() if what == "removed" else page.read_text() == {"reported": "another"}.get(what, before)
    assert not list(tmp_path.glob("*/.report.html*"))


def test_last_page_does_not_keep_an_earlier_model(tmp_path):
    page = tmp_path / "report.html"
    page.write_text(update.FITTED)
    update_report(lambda: study(tmp_path, 2), page, fitted=False, note=COMING)
    assert not has_model(page)
