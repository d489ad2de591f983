"""The page in a real browser, from a disk and without a network. ``make browser`` installs one where there is none.

Screenshots are kept in build/report/, to be looked at.
"""

import csv
import io
import re
import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ax_mo.html_report.page import report_html
from ax_mo.hydra_project.program import Program
from ax_mo.results.standing import status_text
from ax_mo.search_space.parameters import Choice, Option
from ax_mo.search_space.space import SearchSpace
from ax_mo.trial.curve import append
from tests.html_report.test_page import nasty_study
from tests.support.browsing import SCREENSHOTS, needs_browser, open_page, place_of
from tests.support.studies import FLAT, study

pytestmark = needs_browser

PROGRAM = Program(("python", "train.py"), (), (), (), Path("/home/somebody"), None, "python")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study with everything, and its page."""
    directory = tmp_path_factory.mktemp("a sweep")
    of = study(directory, 30, settings={"early_stopping": {"rule": "dominated"}})
    noted = {run.key: replace(run, overrides=(*run.overrides, "note='it is'")) for run in of.runs}
    of = replace(of, runs=tuple(noted.values()), trials=tuple(noted[trial.key] for trial in of.trials), program=PROGRAM)
    for run in of.runs:
        place = directory / run.directory
        if run.is_imported or not run.number % 7:
            continue
        (place / ".hydra").mkdir(parents=True)
        (place / ".hydra" / "config.yaml").write_text(f"number: {run.number}\n")
        (place / "command.sh").touch()
        for step in range(12):
            append(place / "curve.jsonl", step, step, {"val_acc": run.metrics.get("val_acc", 0.5) * (1 - 0.8**step)})
    (directory / "report.html").write_text(report_html(of, directory / "report.html"))
    return SimpleNamespace(record=of, path=directory / "report.html", directory=directory)


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


def chosen(page) -> str:
    return page.locator("#panel-title").inner_text()


def test_loads_from_a_disk_without_a_network_and_without_an_error(page, made):
    assert page.said == []
    assert [url for url in page.asked if not url.startswith(("data:", "blob:"))] == [made.path.as_uri()]
    assert page.locator(".plot.js-plotly-plot").count() == len(page.evaluate(
        "Object.keys(JSON.parse(document.getElementById('data-figures').textContent))"))  # fmt: skip
    assert page.locator(".plot .note").count() == 0
    tops = [page.locator(f"#figure-validation-{n}").bounding_box()["y"] for n in range(3)]
    assert tops[0] == tops[1] < tops[2], "panels stand side by side where there is room"


def test_click_on_a_point_fills_the_panel(page, made):
    page.mouse.click(*place_of(page, 12))
    page.wait_for_function("document.getElementById('panel-title').textContent.startsWith('Trial 12')")
    text = page.locator("#panel-body").inner_text()
    assert str(made.directory / "12") in text
    shown = page.locator("#panel .command code").last.text_content()
    overrides = next(run.overrides for run in made.record.runs if run.number == 12)
    assert shown == f"cd /home/somebody && {shlex.join(['python', 'train.py', *overrides, 'hydra.mode=RUN'])}"
    assert page.locator("#panel a").first.get_attribute("href") == "./12/"
    assert page.said == []


def test_pointing_at_a_trial_shows_its_overrides(page, made):
    page.mouse.move(*place_of(page, 12))
    page.wait_for_selector("#figure-tradeoff .hovertext")
    text = page.locator("#figure-tradeoff .hovertext").text_content()
    assert "trial 12" in text and "optim.lr=" in text and "val_acc = " in text
    assert "seconds = " in text, "it is constrained"
    assert "latency" not in text, "other metrics are in the table"


def inside(page, inner: str, outer: str) -> bool:
    """Whether the first of ``inner`` is seen in ``outer``, and on the screen, without scrolling."""
    return page.evaluate(
        """([inner, outer]) => {
            const [a, b] = [inner, outer].map(name => document.querySelector(name).getBoundingClientRect());
            return a.top >= Math.max(0, b.top) && a.bottom <= Math.min(innerHeight, b.bottom);
        }""",
        [inner, outer],
    )


def test_command_directory_and_config_are_seen_without_scrolling(page, made):
    buttons = page.locator("#front button.trial").all()
    next(button for button in buttons if int(button.inner_text()) % 7).click()  # the others have no directory
    assert inside(page, "#panel button.copy", "#panel") and inside(page, "#panel a", "#panel")
    assert inside(page, "#panel details summary", "#panel")
    assert page.locator("#panel details summary").first.inner_text() == "Its whole config"
    # Of a trial that is not on the front there is only the long command.
    front = {int(text) for text in page.locator("#front button.trial").all_inner_texts()}
    other = next(trial.number for trial in made.record.trials if trial.number > 0 and trial.number not in front)
    page.mouse.click(*place_of(page, other))
    page.wait_for_function(f"document.getElementById('panel-title').textContent.startsWith('Trial {other}')")
    assert inside(page, "#panel button.copy", "#panel") and inside(page, "#panel a", "#panel")


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


def test_table_has_objectives_first_then_parameters(page):
    names = [text.split()[0] for text in page.locator("#table thead th").all_inner_texts()]
    assert names[3:] == [
        "val_acc", "num_params", "seconds", "model", "optim.lr", "width", "act", "latency", "energy", "seconds", "from",
        "directory", "reason",
    ]  # fmt: skip
    sides = page.evaluate(
        "[...document.querySelectorAll('#table tbody tr:first-child > *')].map(c => getComputedStyle(c).textAlign)"
    )
    right = {name for name, side in zip(names, sides, strict=True) if side == "right"}
    assert right == {"val_acc", "num_params", "seconds", "optim.lr", "width", "latency", "energy"}


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
    strokes = page.evaluate(
        "[...document.querySelectorAll('.parcoords .axis .domain')].map(e => getComputedStyle(e).stroke)"
    )
    assert len(strokes) == 7 and set(strokes) == {"rgb(163, 172, 184)"}


def test_phone_scrolls_figures_alone_sideways_and_says_so(browser, made):
    page = open_page(browser, made.path, viewport={"width": 390, "height": 844}, has_touch=True)
    page.locator("#front button.trial").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.said == []
    page.screenshot(path=SCREENSHOTS / "390px.png", full_page=True)
    # All of each figure is seen, or said how it is.
    cut, wide = page.evaluate(
        """() => {
            const boxes = [...document.querySelectorAll(".figure")];
            const names = some => some.map(box => box.firstElementChild.id);
            const right = element => element.getBoundingClientRect().right;
            const beyond = box => right(box.firstElementChild) > right(box) + 1;
            return [names(boxes.filter(beyond)), names(boxes.filter(box => box.matches(".wide")))];
        }"""
    )
    assert cut == wide == ["figure-parallel"]
    hint = "getComputedStyle(document.querySelector('.figure.wide'), '::before').content"
    assert "Scroll sideways" in page.evaluate(hint)
    box = page.locator(".figure:has(#figure-parallel)")
    box.evaluate("box => { box.scrollLeft = box.scrollWidth }")
    assert box.evaluate("box => box.scrollLeft") > 100
    # One panel of the validation below the other.
    tops = [page.locator(f"#figure-validation-{n}").bounding_box()["y"] for n in range(3)]
    assert tops == sorted(tops) and len(set(tops)) == 3
    page.context.close()


def saved(page, kind: str, of: str) -> bytes:
    with page.expect_download() as download:
        page.locator(f"button[data-save={kind}][data-of={of}]").click()
    assert download.value.suggested_filename == f"a-sweep0-{of}.{kind}"
    return Path(download.value.path()).read_bytes()


def csv_of(page, of: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(saved(page, "csv", of).decode())))


def test_every_figure_is_offered_as_png_and_csv(page, made):
    figures = page.locator(".plot.js-plotly-plot").count()
    assert [page.locator(f"button[data-save={kind}]:visible").count() for kind in ("png", "csv")] == [figures, figures]
    picture = saved(page, "png", "tradeoff")
    assert picture.startswith(b"\x89PNG")
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    box = page.locator("#figure-tradeoff").bounding_box()
    assert (width, height) == (round(2 * box["width"]), round(2 * box["height"]))
    assert page.said == []


def test_csv_is_the_data_behind_a_figure(page, made):
    trials = {trial.label: trial for trial in made.record.trials}
    rows = csv_of(page, "tradeoff")
    assert [row["trial"] for row in rows] == list(trials)
    for row in rows:
        of = trials[row["trial"]]
        assert row["val_acc"] == (f"{of.metrics['val_acc']:.6g}" if of.metrics else "")
        assert (row["act"], row["width"]) == (of.point["act"], str(of.point["width"]))
    steps = csv_of(page, "hypervolume")
    assert [row["trials ended"] for row in steps] == [str(count) for count in range(len(steps))]
    assert all(row["status"] == status_text(trials[row["trial"]].status) for row in steps[1:])
    left_out = csv_of(page, "validation-0")
    assert all(float(row["low"]) < float(row["predicted"]) < float(row["high"]) for row in left_out)
    assert {float(row["observed"]) for row in left_out} <= {
        float(f"{trial.metrics['val_acc']:.10g}") for trial in trials.values() if trial.metrics
    }
    shares = csv_of(page, "sensitivity")
    assert {row["parameter"] for row in shares} == {"model", "optim.lr", "width", "act"}
    assert sum(float(row["share"]) for row in shares if row["metric"] == "val_acc") == pytest.approx(1, abs=1e-3)


def test_contour_and_slice_are_chosen_from_lists(page, made):
    lists = page.locator("select[data-choice=contour]")
    for place, text in enumerate(("width and optim.lr", "num_params")):
        names = lists.nth(place).locator("option").all_inner_texts()
        lists.nth(place).select_option(text if text in names else "optim.lr and width")
    drawn = "document.getElementById('figure-contour')._fullLayout"
    page.wait_for_function(f"{drawn}.coloraxis.colorbar.title.text === 'num_params'")
    assert page.evaluate(f"[{drawn}.xaxis.type, {drawn}.yaxis.type]") == ["log", "log"]
    rows = csv_of(page, "contour")
    kinds = {kind: [row for row in rows if row["series"] == kind] for kind in ("predicted", "observed")}
    assert len(kinds["predicted"]) == 21 * 21
    known = {trial.label: trial for trial in made.record.trials if "num_params" in trial.metrics}
    assert {row["trial"] for row in kinds["observed"]} == set(known)
    for row in kinds["observed"]:
        of = known[row["trial"]]
        assert float(row["num_params"]) == of.metrics["num_params"] and int(row["width"]) == of.point["width"]
    page.locator("select[data-choice=slice]").first.select_option("act")
    assert {row["act"] for row in csv_of(page, "slice")} == {"relu", "tanh", "gelu"}
    page.locator("#predictions").screenshot(path=SCREENSHOTS / "predictions.png")
    assert page.said == []


def test_controls_have_names(page):
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, a[href]')].filter(e => !e.closest('.modebar') && "
        "!(e.textContent.trim() || e.getAttribute('aria-label') || (e.labels && e.labels.length))).length"
    )
    assert unnamed == 0


KEY = "<i>act</i>"
TEXTS = ("<b>bad</b>", "a<br>c", "&amp;", "<img src=x onerror=alert(1)>", "<a href='javascript:alert(2)'>x</a>")


@pytest.fixture(scope="module")
def hostile(browser, tmp_path_factory):
    """The page of a running study of one objective, whose trials and options are as nasty as can be."""
    path = tmp_path_factory.mktemp("hostile") / "report.html"
    of = nasty_study(path.parent)
    choice = Choice(KEY, tuple(Option(text, f"o{n}") for n, text in enumerate(TEXTS)))
    options = [replace(of.trials[0], number=3 + n, point={**of.trials[0].point, KEY: t}) for n, t in enumerate(TEXTS)]
    trials = (*(replace(trial, point={**trial.point, KEY: TEXTS[0]}) for trial in of.trials), *options)
    space = SearchSpace((*FLAT.parameters[:3], choice))
    goals = replace(of.goals, objectives=of.goals.objectives[:1])
    of = replace(of, space=space, goals=goals, trials=trials, runs=trials, is_running=True)
    text = report_html(of, path, fitted=False)
    path.write_text(re.sub(r'(id="written" datetime=")[^"]+', r"\g<1>2026-11-24T10:00:00+00:00", text))
    page = open_page(browser, path, timezone_id="Asia/Tokyo")
    yield page
    page.context.close()


@pytest.mark.long
def test_age_of_a_running_studys_page_is_told(hostile):
    assert re.search(r"\d+ hours ago", hostile.locator("#age").inner_text())
    assert hostile.locator("header .note").inner_text().endswith("reload the page to see newer trials.")


def test_choices_are_text_on_parallel_axes(hostile):
    shown = hostile.locator("#figure-parallel .parcoords .y-axis").nth(3).locator(".axis text").all_text_contents()
    assert shown == [text if len(text) <= 18 else text[:17] + "…" for text in TEXTS]
    assert hostile.locator("#figure-parallel .axis-title").nth(3).text_content() == KEY
    assert hostile.locator("#figure-parallel :is(img, a)").count() == 0


def test_nothing_that_trials_returned_runs(hostile):
    for button in hostile.locator("button.trial").all():
        button.click()
    hostile.mouse.move(*place_of(hostile, 2))
    assert "<script>alert(1)</script>" in hostile.locator("#panel").inner_text()
    assert hostile.locator("#panel script, #panel b").count() == 0
    assert hostile.said == []


@pytest.mark.long
def test_many_objectives_are_drawn(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(report_html(study(tmp_path, 30, 4), path, fitted=False))
    page = open_page(browser, path)
    assert page.said == [] and page.locator(".plot .note").count() == 0
    page.locator("#figure-tradeoff").screenshot(path=SCREENSHOTS / "objectives-4.png")
    page.context.close()
