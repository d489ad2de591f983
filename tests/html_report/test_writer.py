"""The page is kept current by another process, and whatever happens to it does not concern the sweep."""

from ax_mo.html_report.writer import ReportWriter, report_writer

from .conftest import wait_for


def test_page_is_written_after_a_change(directory):
    writer = ReportWriter(str(directory), directory / "report.html", every=0.05)
    writer.changed()
    page = directory / "report.html"
    wait_for(lambda: writer.tick() or page.exists())
    first = page.stat().st_mtime_ns
    writer.changed()
    wait_for(lambda: writer.tick() or page.stat().st_mtime_ns != first)
    writer.cancel()
    assert "when the sweep ends" in page.read_text()


def test_nothing_is_written_before_its_time(directory):
    writer = ReportWriter(str(directory), directory / "report.html", every=30.0)
    for _ in range(1000):
        writer.changed()
        writer.tick()
    writer.cancel()
    assert not (directory / "report.html").exists()


def test_last_page_is_waited_for(directory):
    page = directory / "report.html"
    writer = ReportWriter(str(directory), page, every=0.0)
    writer.changed()
    assert writer.finish(120.0) == f"report: {page}"
    assert "needs 3 trials with metrics; this study has 0" in page.read_text()
    writer.changed()
    writer.tick()  # too late, and no error


def test_wait_is_bounded(directory):
    page = directory / "report.html"
    line = ReportWriter(str(directory), page).finish(0.05)
    assert line == "report.html: it takes longer than 0.05 s and is still being written"
    wait_for(page.exists)


def test_error_is_a_line_to_tell(tmp_path):
    line = ReportWriter(str(tmp_path), tmp_path / "report.html").finish()
    assert line.startswith("report.html: ") and "holds no study" in line and "Traceback" not in line


def test_report_can_be_turned_off(tmp_path, monkeypatch):
    monkeypatch.setenv("AX_MO_REPORT", "1")
    assert isinstance(report_writer(True, "x", tmp_path), ReportWriter)
    assert report_writer(False, "x", tmp_path) is None
    monkeypatch.setenv("AX_MO_REPORT", "0")
    assert report_writer(True, "x", tmp_path) is None
