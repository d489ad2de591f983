"""The page is kept current by another process, and whatever happens to it does not concern the sweep."""

from ax_mo.html_report.writer import NoReport, ReportWriter, report_writer

from .conftest import wait_for


def test_page_is_written_after_a_change(directory):
    writer = ReportWriter(str(directory), directory / "report.html", every=0.05)
    writer.changed()
    page = directory / "report.html"
    wait_for(page.exists)
    first = page.stat().st_mtime_ns
    writer.changed()
    wait_for(lambda: page.stat().st_mtime_ns != first)
    writer.cancel()
    assert "when the sweep ends" in page.read_text()


def test_nothing_is_written_before_its_time(directory):
    writer = ReportWriter(str(directory), directory / "report.html", every=30.0)
    for _ in range(1000):
        writer.changed()
    writer.cancel()
    assert not (directory / "report.html").exists()


def test_last_page_is_waited_for(directory):
    writer = ReportWriter(str(directory), directory / "report.html")
    writer.changed()
    assert writer.close(120.0), writer.problem
    assert "needs 3 trials with metrics; this study has 0" in (directory / "report.html").read_text()
    writer.changed()  # too late, and no error


def test_wait_is_bounded(directory):
    writer = ReportWriter(str(directory), directory / "report.html")
    assert not writer.close(0.05)
    assert writer.problem == "it takes longer than 0.05 s and is still being written"
    wait_for((directory / "report.html").exists)


def test_cancel_ends_what_is_being_written(directory):
    writer = ReportWriter(str(directory), directory / "report.html", every=0.0)
    writer.changed()
    wait_for(lambda: writer._process is not None)
    process = writer._process
    writer.cancel()
    assert process is not None and process.wait(10) is not None
    assert not list(directory.glob(".report.html*"))


def test_error_is_a_line_to_tell(tmp_path):
    writer = ReportWriter(str(tmp_path), tmp_path / "report.html")
    line = writer.finish()
    assert line is not None and "holds no study" in line and "Traceback" not in line


def test_report_can_be_turned_off(tmp_path, monkeypatch):
    monkeypatch.setenv("AX_MO_REPORT", "1")
    assert isinstance(report_writer(True, "x", tmp_path), ReportWriter)
    assert isinstance(report_writer(False, "x", tmp_path), NoReport)
    monkeypatch.setenv("AX_MO_REPORT", "0")
    assert isinstance(report_writer(True, "x", tmp_path), NoReport)
