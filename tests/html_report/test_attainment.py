"""Attainment over repeats, and over studies that differ in their seed alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from ax_mo.core.budget import Budget
from ax_mo.core.repeats import Repeats, aggregate_trials
from ax_mo.errors import AxMoError
from ax_mo.html_report.attainment import attainment_figure, groups_of, repeats_of
from ax_mo.html_report.comparison import comparison_html
from ax_mo.results.comparison import compared
from tests.html_report.test_page import data
from tests.support.studies import study


def seeded(seed: int, objectives: int = 2, **settings):
    """The same search with another seed, and a result that is a little other."""
    of = study(Path(f"/s/{seed}"), 20, objectives, mixed=False, settings=settings)
    trials = tuple(replace(t, metrics={**t.metrics, "val_acc": t.metrics["val_acc"] - 0.01 * seed}) for t in of.trials)
    space = replace(of.space, fixed=(f"seed={seed}",))
    return replace(of, seed=seed, trials=trials, runs=trials, space=space)


def grouped(records):
    comparison = compared([str(r.directory) for r in records], records)
    return groups_of(comparison, [str(r.directory) for r in records]), comparison.goals


def lines(figure):
    drawn = [trace for trace in figure.data if trace.mode == "lines+markers"]
    return {trace.name: list(zip(trace.x, trace.y, strict=True)) for trace in drawn}


def test_studies_that_differ_in_their_seed_alone_are_runs():
    groups, goals = grouped([seeded(1), seeded(2), seeded(3, method="saas"), seeded(4)])
    found = [(group.name, len(group.runs), group.place) for group in groups]
    assert found == [("/s/1 and 2 more", 3, 0), ("/s/3", 1, 2)]
    names = list(lines(attainment_figure(groups, goals)))
    assert names == [
        "/s/1 and 2 more: any of 3", "/s/1 and 2 more: 2 of 3 or more", "/s/1 and 2 more: all 3 runs",
        "/s/3: its only run",
    ]  # fmt: skip
    with pytest.raises(AxMoError, match="alike but for their seed"):
        attainment_figure(*grouped([seeded(1), seeded(2, method="saas")]))


def test_what_all_reached_is_less_than_what_any_did():
    found = lines(attainment_figure(*grouped([seeded(1), seeded(2), seeded(4)])))
    best = {name: max(y for _, y in corners) for name, corners in found.items()}
    top = max(trial.metrics["val_acc"] for trial in seeded(0).trials)
    assert best == {
        "attained by any of 3": pytest.approx(top - 0.01),
        "attained by 2 of 3 or more": pytest.approx(top - 0.02),
        "attained by all 3 runs": pytest.approx(top - 0.04),
    }


def test_repeats_of_a_study_are_runs():
    base, repeats = study(Path("/r"), 8, mixed=False), Repeats(3, "seed", 1)
    runs = [
        replace(run, metrics={**t.metrics, "val_acc": t.metrics["val_acc"] - 0.01 * (run.repeat or 0)})
        for t in base.trials
        for run in repeats.runs(t)
    ]
    group = repeats_of(replace(base, trials=tuple(aggregate_trials(runs)), runs=tuple(runs)))
    feasible = sum(base.goals.feasible(t.metrics) for t in base.trials)
    assert [len(run) for run in group.runs] == [feasible] * 3
    assert len(lines(attainment_figure([group], base.goals))) == 3
    # BUG: a study whose trials train in rungs had them on its page.
    rungs = [replace(run, budget=Budget("epochs", 3, 9)) for run in runs]
    for other in (base, replace(base, runs=tuple(rungs))):
        with pytest.raises(AxMoError, match=r"of a study with hydra\.sweeper\.repeats"):
            repeats_of(other)


def test_of_a_target_the_distance_is_attained():
    groups, goals = grouped([seeded(1), seeded(2)])
    near = replace(goals.objectives[0], target=0.75, threshold=0.1, maximize=False)
    figure = attainment_figure(groups, replace(goals, objectives=(near, goals.objectives[1])))
    nearest = [min(abs(trial.metrics["val_acc"] - 0.75) for _, trial in run) for run in groups[0].runs]
    found = lines(figure)
    assert [min(x for x, _ in corners) for corners in found.values()] == [
        pytest.approx(min(nearest)), pytest.approx(max(nearest)),
    ]  # fmt: skip
    assert figure.layout.xaxis.title.text == "|val_acc - 0.75| (lower is better)"
    assert [line.x0 for line in figure.layout.shapes] == [0.1, 0]


def test_one_objective_is_reached_after_so_many_trials():
    figure = attainment_figure(*grouped([seeded(1, 1), seeded(2, 1)]))
    assert figure.layout.xaxis.title.text == "trials ended"
    for corners in lines(figure).values():
        assert corners == sorted(corners) and [y for _, y in corners] == sorted(y for _, y in corners)


def test_more_objectives_are_pairs(tmp_path):
    figure = attainment_figure(*grouped([seeded(1, 3), seeded(2, 3)]))
    assert len({(trace.xaxis, trace.yaxis) for trace in figure.data if trace.mode == "lines+markers"}) == 3
    names = figure.layout.meta["columns"]
    assert (names["x"], names["y"], figure.layout.meta["min_width"]) == ("val_acc", "num_params", 480)
    records = [seeded(1), seeded(2)]
    page = comparison_html(compared(["a", "b"], records), tmp_path / "c.html")
    assert "attainment" in data(page, "figures") and "Over the seeds" in page
