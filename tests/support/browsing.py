"""A real browser for pages on a disk."""

import shutil
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "report"

PATIENCE = 120_000
"""Milliseconds for whatever a page does: the machine may be busy."""

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: see `make browser`")


def open_page(browser, path: Path, **context):
    """The page when all is drawn, and what it has said and asked for."""
    options = {"viewport": {"width": 1280, "height": 900}, "offline": True, **context}
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(PATIENCE)
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("dialog", lambda dialog: (page.said.append("a dialog"), dialog.dismiss()))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready=yes]")
    return page


def place_of(page, number: int) -> tuple[float, float]:
    """Where on the screen a trial's marker is."""
    page.locator("#figure-tradeoff").scroll_into_view_if_needed()
    x, y = page.evaluate(
        """number => {
            const plot = document.getElementById("figure-tradeoff");
            for (const trace of plot._fullData) {
                const at = trace.meta === "trials" ? trace.customdata.findIndex(c => c[0] === number) : -1;
                if (at < 0) continue;
                const {xaxis, yaxis} = plot._fullLayout;
                const box = plot.getBoundingClientRect();
                return [box.x + xaxis._offset + xaxis.d2p(trace.x[at]), box.y + yaxis._offset + yaxis.d2p(trace.y[at])];
            }
        }""",
        number,
    )
    return x, y
