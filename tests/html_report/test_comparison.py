"""Several studies on one page: what it says, and how it looks and behaves in a browser."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.pareto import pareto_front
from ax_mo.core.trial import Status
from ax_mo.html_report.comparison import comparison_html, write_comparison
from ax_mo.html_report.comparison_figures import front_trials, fronts, hypervolumes_by_trial, look
from ax_mo.results.comparison import compared
from tests.html_report.test_page import NASTY, data, nasty_study, own_part
from tests.support.browsing import SCREENSHOTS, needs_browser, open_page, place_of
from tests.support.studies import record, study

A, B = Path("/a/first"), Path("/b/second")


def of_two(objectives: int = 2, count: int = 30, first: Path = A, second: Path = B):
    records = [study(first, count, objectives), study(second, count // 2, objectives, mixed=False)]
    return compared(["x", "y"], records)


def front_traces(figure, panels: int = 1):
    return [trace for trace in figure.data if trace.meta == "trials"][: 2 * panels]


@pytest.mark.parametrize(("count", "objectives"), [(0, 2), (1, 1), (30, 1), (30, 4)])
def test_page_is_whole(tmp_path, count, objectives):
    comparison = of_two(objectives, count)
    page = comparison_html(comparison, tmp_path / "c.html")
    assert '<p class="note">' not in own_part(page)
    expected = {"tradeoff"} if objectives == 1 else {"tradeoff", "hypervolume"}
    if count < 2:  # the two are alike, and so runs of one search
        expected |= {"attainment"}
    assert data(page, "figures").keys() == expected
    assert len(data(page, "trials")["rows"]) == sum(len(side.front) for side in comparison.sides)


def test_studies_are_measured_on_a_log_scale_where_all_have_one(tmp_path):
    of = study(A, 10)
    linear = record(B, of.trials, of.goals.linear)
    assert compared(["x", "y"], [of, of]).goals.in_decades == "num_params in decades"
    comparison = compared(["x", "y"], [of, linear])
    assert comparison.goals.in_decades == ""
    one, other = comparison.sides
    assert one.hypervolume == other.hypervolume > 100
    for line in hypervolumes_by_trial(comparison, ["x", "y"]).data:
        assert line.y[-1] == pytest.approx(one.hypervolume, rel=1e-5)


@pytest.mark.parametrize("objectives", [1, 2])
def test_study_is_not_credited_with_what_it_imported(tmp_path, objectives):
    parent = study(A, 30, objectives, mixed=False)
    known = [replace(t, number=-1 - t.number, status=Status.IMPORTED, generator="imported") for t in parent.trials]
    own = replace(parent.trials[-1], number=0)
    child = record(B, [*known, own], parent.goals)
    comparison = compared(["parent", "child"], [parent, child])
    _, side = comparison.sides
    assert (side.imported, side.ended, side.completed) == (30, 1, 1)
    assert [trial.number for trial in side.front] == ([0] if parent.goals.feasible(own.metrics) else [])
    alone = compared(["parent", "alone"], [parent, record(B, [own], parent.goals)])
    assert (side.hypervolume, side.joint) == (alone.sides[1].hypervolume, alone.sides[1].joint)
    assert comparison.reference == alone.reference
    if objectives > 1:
        drawn = hypervolumes_by_trial(comparison, ["parent", "child"]).data
        assert drawn[1].y[0] == 0
        assert [line.y[-1] for line in drawn] == pytest.approx([s.hypervolume for s in comparison.sides], rel=1e-5)
    page = own_part(comparison_html(comparison, tmp_path / "c.html"))
    assert page.count("imported trials of earlier studies, which do not count here") == 1


def test_studies_whose_long_names_begin_alike_are_told_apart_in_legends(tmp_path):
    long = "a_study_of_which_the_name_is_longer_than_any_legend_"
    records = [replace(study(Path(f"/{n}"), 12), name=f"{long}{n}") for n in ("first", "second")]
    figures = data(comparison_html(compared(["x", "y"], records), tmp_path / "c.html"), "figures")
    for place in ("tradeoff", "hypervolume"):
        names = [trace["name"] for trace in figures[place]["data"] if trace.get("name") != "thresholds"]
        assert len(names) == len(set(names)) == 2


def test_fronts_have_the_axes_and_steps_of_the_report():
    comparison = of_two()
    figure = fronts(comparison, ["first", "second"])
    assert figure.layout.xaxis.title.text == "num_params (lower is better, log scale)"
    assert figure.layout.yaxis.title.text == "val_acc (higher is better)"
    for trace, side in zip(front_traces(figure), comparison.sides, strict=True):
        assert trace.line.shape == "hv", "a straight line would show trade-offs that nobody reached"
        assert sorted(trace.x) == [
            t.metrics["num_params"] for t in sorted(side.front, key=lambda t: t.metrics["num_params"])
        ]
    (star,) = [trace for trace in figure.data if trace.name == "thresholds"]
    assert (star.x, star.y) == ((9000.0,), (0.6,))


def test_points_are_those_of_their_rows(tmp_path):
    comparison = of_two()
    rows = data(comparison_html(comparison, tmp_path / "c.html"), "trials")["rows"]
    trials = front_trials(comparison)
    for index, trace in enumerate(front_traces(fronts(comparison, ["a", "b"]))):
        for (place,), x in zip(trace.customdata, trace.x, strict=True):
            side, trial = trials[place]
            assert side == index == rows[place]["study"] and trial.metrics["num_params"] == x
            assert rows[place]["label"] == trial.label and rows[place]["overrides"] == list(trial.overrides)
    everything = [replace(trial, number=place) for place, (_, trial) in enumerate(trials)]
    joint = {trial.number for trial in pareto_front(everything, comparison.goals)}
    assert {row["number"] for row in rows if row["front"]} == joint and 0 < len(joint) < len(rows)


def test_studies_look_different():
    looks = [look(index) for index in range(5)]
    for name in ("color", "symbol", "dash", "glyph"):
        assert len({getattr(one, name) for one in looks}) == 5
    assert len({(one.color, one.symbol) for one in map(look, range(40))}) == 40
    figure = fronts(of_two(), ["a", "b"])
    assert [trace.marker.symbol for trace in front_traces(figure)] == ["circle", "square"]


def test_one_objective_is_its_best_value_so_far():
    comparison = of_two(1)
    figure = fronts(comparison, ["a", "b"])
    for trace, side in zip(figure.data, comparison.sides, strict=False):
        assert list(trace.y) == sorted(trace.y) and trace.y[-1] == side.front[0].metrics["val_acc"]
        assert trace.x[-1] == side.ended
        assert "trial" in trace.hovertext[0] and "optim.lr=" in trace.hovertext[0]


def test_page_tells_what_is_compared_and_from_where(tmp_path):
    page = own_part(comparison_html(of_two(), tmp_path / "c.html"))
    assert "<h1>Comparison: first, second</h1>" in page
    assert str(A) in page and str(B) in page
    for side in of_two().sides:
        assert f'<td class="number">{side.hypervolume:.6g}</td>' in page
    reference = page[page.index('id="reference"') :]
    assert re.search(r"val_acc</th><td>maximize</td><td class=\"number\">0.6</td><td>the threshold", reference)


def test_thresholds_that_differ_are_no_reference(tmp_path):
    first = study(A, 20)
    other = {"val_acc": {"goal": "maximize", "threshold": 0.7}, "num_params": {"goal": "minimize", "threshold": 9000}}
    second = record(B, study(B, 20).trials, parse_goals(other))
    comparison = compared(["a", "b"], [first, second])
    worst = min(t.metrics["val_acc"] for t in first.trials if t.status.has_metrics)
    assert comparison.reference == {"val_acc": worst, "num_params": 9000}
    page = own_part(comparison_html(comparison, tmp_path / "c.html"))
    assert "the worst value of any trial" in page
    differing = page[page.index('id="differing"') : page.index("In what they are alike")]
    assert re.search("val_acc</th><td>maximize, threshold 0.6</td><td>maximize, threshold 0.7</td>", differing)
    assert "constraints" in differing and "num_params" not in differing


def test_what_trials_returned_is_escaped(tmp_path):
    of = nasty_study(tmp_path)
    page = own_part(comparison_html(compared([NASTY, NASTY], [of, of]), tmp_path / "c.html"))
    assert "<script>alert" not in page and "<b>2" not in page and "\x1b" not in page
    assert len(re.findall("<script", page)) == 2 == len(re.findall("</script", page))
    assert "default-src 'none'" in page and not re.findall(r'(?:src|href)="(?!#|data:|\./|file:)', page)


def test_studies_whose_trials_all_failed_have_a_page(tmp_path):
    trials = [replace(t, status=Status.FAILED, metrics={}) for t in study(A, 5, mixed=False).trials]
    page = comparison_html(compared(["a"], [record(A, trials)]), tmp_path / "c.html")
    assert "No trial of these studies has completed" in json.dumps(data(page, "figures"))
    assert "none yet" not in own_part(page), "the thresholds are known"


# In a browser


@pytest.fixture(scope="module")
def opened(browser, tmp_path_factory):
    place = tmp_path_factory.mktemp("compared")
    write_comparison(of_two(first=place / "first", second=place / "second"), place / "c.html")
    page = open_page(browser, place / "c.html")
    yield page
    page.context.close()


@needs_browser
def test_page_asks_nobody_and_has_no_error(opened):
    assert opened.said == [] and [url for url in opened.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert opened.locator(".plot.js-plotly-plot").count() == 2 and opened.locator(".plot .note").count() == 0


@needs_browser
def test_pointing_shows_the_trial_and_a_click_finds_its_row(opened):
    opened.locator("#only-front").uncheck()
    rows = opened.evaluate("axMo.data.rows")
    others = [row["metrics"] for row in rows if row["study"] == 1]
    where = place_of(opened, next(r["number"] for r in rows if r["study"] == 0 and r["metrics"] not in others))
    opened.mouse.move(*where)
    opened.wait_for_selector("#figure-tradeoff .hovertext")
    text = opened.locator("#figure-tradeoff .hovertext").text_content()
    assert "first: trial " in text and "val_acc = " in text and "optim.lr=" in text
    opened.mouse.click(*where)
    chosen = opened.locator("#table tr.chosen")
    assert chosen.count() == 1 and chosen.locator("th").inner_text() in text
    opened.evaluate("document.getElementById('table').scrollIntoView()")


@needs_browser
def test_table_keeps_the_front_of_all(opened):
    opened.locator("#only-front").check()
    shown = opened.locator("#table tbody tr:visible")
    assert shown.count() == opened.evaluate("axMo.data.rows.filter(row => row.front).length") > 0
    opened.locator("#only-front").uncheck()


@needs_browser
def test_phone_has_no_horizontal_scroll(browser, tmp_path):
    write_comparison(of_two(4), tmp_path / "c.html")
    page = open_page(browser, tmp_path / "c.html", viewport={"width": 390, "height": 844}, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.said == [] and page.locator(".plot .note").count() == 0
    page.screenshot(path=SCREENSHOTS / "comparison-390px.png", full_page=True)
    page.context.close()


@needs_browser
def test_nothing_that_trials_returned_runs(browser, tmp_path):
    of = nasty_study(tmp_path)
    write_comparison(compared(["a", "b"], [of, of]), tmp_path / "c.html")
    page = open_page(browser, tmp_path / "c.html")
    page.mouse.move(*place_of(page, 0))
    page.wait_for_timeout(300)
    assert page.said == [] and page.locator("#table :is(script, b)").count() == 0
    assert "<script>alert(1)</script>" in page.locator("#table").inner_text()
    page.context.close()
