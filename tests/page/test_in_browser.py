"""The page in a real browser, from a disk and without a network. ``make browser`` installs one where there is none.

Screenshots are kept in build/report/, to be looked at.
"""

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ax_mo.jobs.command import write_command
from ax_mo.page.page import write_report
from ax_mo.trial.curve import append
from tests.page.studies import study
from tests.page.test_page import nasty_study

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "report"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: see `make browser`")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with api.sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.getuid() == 0 else []
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study with everything, and its page."""
    directory = tmp_path_factory.mktemp("a sweep")
    of = study(directory, 30, settings={"early_stopping": {"rule": "dominated"}})
    for run in of.runs:
        place = directory / run.directory
        if run.number < 0 or not run.number % 7:
            continue
        (place / ".hydra").mkdir(parents=True)
        (place / ".hydra" / "config.yaml").write_text(f"number: {run.number}\n")
        argv = ["python", "train.py", *run.overrides, "note='it is'", "hydra.mode=RUN", f"hydra.run.dir={place}"]
        write_command(place, argv, Path("/home/somebody"), f"Trial {run.number}")
        for step in range(12):
            append(place / "curve.jsonl", step, step, {"val_acc": run.metrics.get("val_acc", 0.5) * (1 - 0.8**step)})
    write_report(of, directory / "report.html")
    return SimpleNamespace(record=of, path=directory / "report.html", directory=directory)


def open_page(browser, path: Path, **context):
    """The page when all is drawn, and what it has said and asked for."""
    options = {"viewport": {"width": 1280, "height": 900}, "offline": True, **context}
    page = browser.new_context(**options).new_page()
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("dialog", lambda dialog: (page.said.append("a dialog"), dialog.dismiss()))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready=yes]", timeout=120_000)
    return page


@pytest.fixture(scope="module")
def opened(browser, made):
    page = open_page(browser, made.path)
    yield page
    page.context.close()


@pytest.fixture
def page(opened):
    """The one page of most tests, as if just opened: opening it takes seconds."""
    opened.emulate_media(color_scheme="light")
    opened.locator("#only-front").uncheck()
    opened.locator("#search").fill("")
    opened.mouse.move(1, 1)
    return opened


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


def chosen(page) -> str:
    return page.locator("#panel-title").inner_text()


def test_loads_from_a_disk_without_a_network_and_without_an_error(page, made):
    assert page.said == []
    assert [url for url in page.asked if not url.startswith(("data:", "blob:"))] == [made.path.as_uri()]
    assert page.locator(".plot.js-plotly-plot").count() == len(page.evaluate(
        "Object.keys(JSON.parse(document.getElementById('data-figures').textContent))"))  # fmt: skip
    assert page.locator(".plot .note").count() == 0


def test_click_on_a_point_fills_the_panel(page, made):
    page.mouse.click(*place_of(page, 12))
    page.wait_for_function("document.getElementById('panel-title').textContent.startsWith('Trial 12')")
    text = page.locator("#panel-body").inner_text()
    assert str(made.directory / "12") in text
    shown = page.locator("#panel .command code").last.inner_text()
    overrides = next(run.overrides for run in made.record.runs if run.number == 12)
    expected = [*overrides, "note='it is'", "hydra.mode=RUN"]
    assert shown == f"cd /home/somebody && {shlex.join(['python', 'train.py', *expected])}"
    assert page.locator("#panel a").first.get_attribute("href") == "./12/"
    assert page.said == []


def test_pointing_at_a_trial_shows_its_overrides(page, made):
    page.mouse.move(*place_of(page, 12))
    page.wait_for_selector("#figure-tradeoff .hovertext")
    text = page.locator("#figure-tradeoff .hovertext").text_content()
    assert "trial 12" in text and "optim.lr=" in text and "val_acc = " in text


def test_keyboard_chooses_a_trial_and_returns(page):
    button = page.locator("#table button.trial").nth(3)
    button.focus()
    page.keyboard.press("Enter")
    assert chosen(page).startswith(f"Trial {button.inner_text()}")
    assert page.evaluate("document.activeElement.id") == "panel"
    page.get_by_role("button", name="Back to the table").press("Enter")
    assert page.evaluate("document.activeElement.textContent") == button.inner_text()


@pytest.mark.parametrize("without_clipboard", [False, True])
def test_copy_button_copies(page, without_clipboard):
    if without_clipboard:
        page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.locator("#front button.trial").first.click()
    page.locator("#panel button.copy").first.click()
    page.wait_for_function("document.querySelector('#panel button.copy').textContent === 'Copied'")
    page.locator("#search").fill("")
    page.locator("#search").focus()
    page.keyboard.press("Control+V")
    command = page.locator("#panel .command code").first.inner_text()
    assert re.search(r"\+pareto=trial_\d+$", command)
    assert page.locator("#search").input_value() == command


def column(page, name: str) -> list[str]:
    heads = page.locator("#table thead th").all_inner_texts()
    at = next(i for i, text in enumerate(heads) if text.split()[0] == name)
    return page.evaluate("at => [...document.querySelectorAll('#table tbody tr')].filter(r => !r.hidden)"
                         ".map(r => r.children[at].textContent)", at)  # fmt: skip


def test_table_sorts_and_tells_so(page):
    head = page.get_by_role("button", name="val_acc", exact=True)
    head.click()
    up = [float(text) for text in column(page, "val_acc") if text]
    assert up == sorted(up) and column(page, "val_acc")[-1] == ""
    head.press("Enter")
    down = [float(text) for text in column(page, "val_acc") if text]
    assert down == up[::-1] and column(page, "val_acc")[-1] == ""
    assert page.locator("#table th[aria-sort=descending]").count() == 1


def test_table_is_searched(page):
    page.locator("#search").fill("cnn completed")
    assert set(column(page, "model")) == {"cnn"} and set(column(page, "status")) == {"completed"}
    assert page.locator("#count").inner_text() == f"{len(column(page, 'model'))} of 30 trials"
    page.locator("#search").fill("")
    page.locator("#only-front").check()
    assert len(column(page, "trial")) == page.locator("#front tbody tr").count()


def test_dark_mode_comes_with_the_systems(page):
    back = "getComputedStyle(document.body).backgroundColor"
    font = "document.getElementById('figure-tradeoff')._fullLayout.font.color"
    assert (page.evaluate(back), page.evaluate(font)) == ("rgb(255, 255, 255)", "#1c2024")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{font} === '#e8eaed'")
    assert page.evaluate(back) == "rgb(20, 23, 26)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots_are_kept(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.locator("#front button.trial").first.click()
    page.wait_for_timeout(500)
    page.screenshot(path=SCREENSHOTS / f"{scheme}.png", full_page=True)


def test_phone_has_no_horizontal_scroll(browser, made):
    page = open_page(browser, made.path, viewport={"width": 390, "height": 844}, has_touch=True)
    page.locator("#front button.trial").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.said == []
    page.screenshot(path=SCREENSHOTS / "390px.png", full_page=True)
    page.context.close()


def test_controls_have_names(page):
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, a[href]')].filter(e => !e.closest('.modebar') && "
        "!(e.textContent.trim() || e.getAttribute('aria-label') || (e.labels && e.labels.length))).length"
    )
    assert unnamed == 0


def test_nothing_that_trials_returned_runs(browser, tmp_path):
    of = nasty_study(tmp_path)
    write_report(of, tmp_path / "report.html", fitted=False)
    page = open_page(browser, tmp_path / "report.html")
    for button in page.locator("button.trial").all():
        button.click()
    page.mouse.move(*place_of(page, 2))
    assert page.said == []
    assert "<script>alert(1)</script>" in page.locator("#panel").inner_text()
    assert page.locator("#panel script, #panel b").count() == 0
    page.context.close()


@pytest.mark.parametrize("objectives", [1, 3, 4])
def test_other_numbers_of_objectives_are_drawn(browser, tmp_path, objectives):
    write_report(study(tmp_path, 30, objectives), tmp_path / "report.html", fitted=False)
    page = open_page(browser, tmp_path / "report.html")
    assert page.said == [] and page.locator(".plot .note").count() == 0
    page.locator("#figure-tradeoff").screenshot(path=SCREENSHOTS / f"objectives-{objectives}.png")
    page.context.close()
