"""A sweep leaves a page to look at."""

from ax_mo.html_report.update import has_model
from tests.support.waiting import wait_until

SPACE = ("x=interval(0,1)", "y=interval(0,1)", "hydra.sweeper.method=random_search")
SHORT = (*SPACE, "hydra.sweeper.n_trials=1")  # too few for a model
ON = {"AX_MO_REPORT": "1"}


def test_page_is_there_at_the_end(sweep):
    done = sweep.run(*SPACE, "hydra.sweeper.n_trials=4", env=ON)
    assert done.returncode == 0, done.output
    page = sweep.dir / "report.html"
    assert f"ax_mo: report: {page} (the model's plots follow in a moment)" in done.output
    assert "ended: 4 completed" in page.read_text()
    wait_until(lambda: has_model(page))
    assert "Leave-one-out cross-validation of loss" in page.read_text()
    assert "while the study runs" not in page.read_text()


def test_page_can_be_left_out(sweep):
    done = sweep.run(*SHORT, "hydra.sweeper.report=false", env=ON)
    assert done.returncode == 0, done.output
    assert not (sweep.dir / "report.html").exists()


def test_page_that_cannot_be_written_is_told_and_no_error(sweep):
    sweep.dir.mkdir()
    (sweep.dir / "report.html").mkdir()
    done = sweep.run(*SHORT, env=ON)
    assert done.returncode == 0, done.output
    assert "ax_mo: report.html: " in done.output
    assert "Traceback" not in done.output
