"""Figures of studies of every kind."""

from dataclasses import replace
from pathlib import Path

import pytest

from ax_mo.cli.status import front_of
from ax_mo.core.objectives import parse_goals
from ax_mo.core.pareto import pareto_front
from ax_mo.core.trial import Status
from ax_mo.html_report.parallel import parallel_coordinates
from ax_mo.html_report.progress import MOST_CURVES, curves_of, hypervolume_trace, learning_curves
from ax_mo.html_report.style import hover
from ax_mo.html_report.timeline import schedule, timeline
from ax_mo.html_report.tradeoff import tradeoff
from ax_mo.search_space.parameters import Choice, Option
from ax_mo.search_space.space import SearchSpace
from ax_mo.trial.curve import append
from tests.support.studies import FLAT, failed, goals, record, study, trial

PLAIN = (tradeoff, hypervolume_trace, parallel_coordinates, learning_curves, timeline)
NOWHERE = Path("/nowhere")


def markers(figure):
    return [trace for trace in figure.data if trace.meta == "trials"]


def test_tradeoff_shows_every_trial_with_values_once():
    of = study(NOWHERE, 30)
    shown = [numbers[0] for trace in markers(tradeoff(of)) for numbers in trace.customdata]
    assert sorted(shown) == [trial.number for trial in of.trials if trial.status is not Status.FAILED]


def test_kinds_have_symbols_and_are_counted():
    of = study(NOWHERE, 30)
    figure = tradeoff(of)
    names = {trace.name: trace.marker.symbol for trace in figure.data if trace.name and trace.mode == "markers"}
    violations = sum(not of.goals.feasible(t.metrics) for t in of.trials if t.status.has_metrics)
    assert violations and names[f"violates a constraint ({violations})"] == "circle-open"
    assert names["failed (1, without values)"] == "x"
    assert names["stopped early (1)"] == "triangle-down"
    assert names["imported (1)"] == "square"
    assert names["thresholds"] == "star"
    assert names["the project's configuration"] == "diamond"


def test_axes_of_objectives_on_a_log_scale_are_logarithmic():
    figure = tradeoff(study(NOWHERE, 10))
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", None)
    assert figure.layout.xaxis.title.text == "num_params (lower is better, log scale)"
    assert hypervolume_trace(study(NOWHERE, 10)).layout.yaxis.title.text == "hypervolume (num_params in decades)"
    matrix = tradeoff(study(NOWHERE, 10, objectives=3)).layout
    assert [matrix[name].type for name in ("xaxis", "yaxis", "xaxis3", "yaxis3")] == [None, "log", "log", None]


@pytest.mark.parametrize("x", ["maximize", "minimize"])
@pytest.mark.parametrize("y", ["maximize", "minimize"])
def test_no_point_lies_beyond_the_front_line(x, y):
    """The staircase goes through points that are dominated or on the front, whichever way the objectives point."""
    of = record(NOWHERE, study(NOWHERE, 40, mixed=False).trials, parse_goals({"latency": x, "energy": y}))
    figure = tradeoff(of)
    (line,) = [trace for trace in figure.data if trace.mode == "lines"]
    titles = [figure.layout.xaxis.title.text.split()[0], figure.layout.yaxis.title.text.split()[0]]
    by_name = {o.name: o for o in of.goals.objectives}
    points = list(zip(line.x, line.y, strict=True))
    # Where the line turns between two points.
    corners = [(b[0], a[1]) if line.line.shape == "hv" else (a[0], b[1]) for a, b in zip(points, points[1:])]  # noqa: B905, RUF007
    for corner in corners:
        for t in of.trials:
            better = [by_name[n].better(t.metrics[n], value) for n, value in zip(titles, corner, strict=True)]
            assert not all(better) or t in pareto_front(of.trials, of.goals)
        worse = [
            all(not by_name[n].better(value, point[i]) for i, (n, value) in enumerate(zip(titles, corner, strict=True)))
            for point in points
        ]
        assert any(worse), "a corner is dominated by a point of the front"


def test_three_objectives_are_three_pairs():
    figure = tradeoff(study(NOWHERE, 30, 3))
    assert len({(trace.xaxis, trace.yaxis) for trace in markers(figure)}) == 3


def test_rings_of_the_front_are_larger_than_what_they_are_around():
    of = study(NOWHERE, 30, 3)
    first, second, *_ = pareto_front(of.trials, of.goals)
    changed = {first.number: {"generator": "config"}, second.number: {"status": Status.IMPORTED}}
    of = replace(of, trials=tuple(replace(t, **changed.get(t.number, {})) for t in of.trials))
    figure = tradeoff(of)
    (rings, *_) = [trace for trace in figure.data if trace.name and trace.name.startswith("Pareto front")]
    ring = dict(zip((number for (number,) in rings.customdata), rings.marker.size, strict=True))
    symbols = {n: (t.marker.symbol, t.marker.size) for t in markers(figure) if t.name is None for (n,) in t.customdata}
    assert {symbols[number][0] for number in ring} == {"circle", "diamond", "square"}
    for number, size in ring.items():
        symbol, inside = symbols[number]
        # Corners are further out than a circle of that size; and the ring's line takes 2.
        assert size - 2 > inside * {"circle": 1.0, "diamond": 1.3, "square": 1.41}[symbol]


def test_options_that_begin_alike_have_labels_of_their_own():
    names = [f"resnet50_pretrained_{suffix}" for suffix in ("a", "b", "imagenet_v1", "imagenet_v2")]
    values = [*names, f"{names[2]}_and_{names[3]}", 1, 1.0, True, "1", "true"]
    space = SearchSpace((*FLAT.parameters[:2], Choice("net", tuple(Option(v, str(v)) for v in values))))
    points = [{"model": "mlp", "optim.lr": 0.01, "net": value} for value in values]
    trials = [replace(trial(n, {**p, "width": 20, "act": "relu"}, FLAT), point=p) for n, p in enumerate(points)]
    (drawn,) = parallel_coordinates(record(NOWHERE, trials, space=space)).data
    axis = next(d for d in drawn.dimensions if d.label == "net")
    assert len(set(axis.ticktext)) == len(set(axis["values"])) == len(values)
    assert all(len(text) <= 18 for text in axis.ticktext)


def test_nothing_stands_for_the_time_before_the_first_trial_nor_has_its_colour():
    of = study(NOWHERE, 30)
    assert any(trial.number == -1 for trial in of.trials)
    steps = hypervolume_trace(of).data[0]
    assert "before the first trial" in steps.hovertext[0] and steps.customdata[0][0] is None
    (lines,) = parallel_coordinates(of).data
    first = {trial.number: color for trial, color in zip(
        [t for t in of.trials if t.status.has_metrics], lines.line.color, strict=True
    )}  # fmt: skip
    assert first[-1] == lines.line.cmin < first[0] == 0 and lines.line.cmax == 29
    assert lines.line.colorbar.ticktext[0] == "imported"


def test_hypervolume_of_the_page_is_that_of_the_status():
    of = study(NOWHERE, 40, 3)
    drawn = hypervolume_trace(of).data[0]
    assert drawn.y[-1] == pytest.approx(front_of(of)[1], rel=1e-12)


def test_configuration_is_a_line_on_the_hypervolume():
    figure = hypervolume_trace(study(NOWHERE, 30))
    (line,) = [trace for trace in figure.data if trace.name == "the project's configuration alone"]
    assert line.y[0] == line.y[1] <= max(figure.data[0].y)


def test_curves_of_the_objectives_come_first(tmp_path):
    of = study(tmp_path, 12)
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        for step in range(200):
            append(tmp_path / str(number) / "curve.jsonl", step, step, {"a": 1.0, "b": step, "val_acc": step / 200})
    curves = curves_of(of)
    assert next(iter(curves)) == "val_acc" and set(curves) == {"val_acc", "a", "b"}
    ((_, first), *_) = curves["val_acc"]
    assert len(first.steps) <= 80 and first.steps[-1] == 199
    drawn = learning_curves(of)
    assert len(drawn.data) == 2 * 3 + 1


def test_long_overrides_are_counted_under_the_mouse():
    (first, *_) = study(NOWHERE, 1).trials
    text = hover(replace(first, overrides=tuple(f"key{n:02}=1" for n in range(21))), goals())
    assert text.endswith("… and 9 more") and "key20=1" in text and "key08=1" not in text


def test_many_curves_are_too_many(tmp_path):
    of = study(tmp_path, 100)
    for number in range(100):
        (tmp_path / str(number)).mkdir()
        for step in range(2):
            append(tmp_path / str(number) / "curve.jsonl", step, step, {"val_acc": step})
    assert len(curves_of(of)["val_acc"]) == MOST_CURVES


def test_trials_that_ran_at_once_are_on_different_workers():
    found = schedule(study(NOWHERE, 30, mixed=False))
    for worker in found.workers:
        for before, after in zip(worker, worker[1:]):  # noqa: B905, RUF007
            assert before.end <= after.start
    assert sum(map(len, found.workers)) == 30
    assert 0 < found.busy <= 1


NASTY = "<script>alert(1)</script>\x1b[31mred\x1b[0m %{x} </script> <a href='javascript:alert(2)'>"


def test_what_trials_returned_is_text():
    point = {"model": "mlp", "optim.lr": 0.01, "width": 32, "act": "relu"}
    trials = [
        trial(0, point, overrides=(f"a={NASTY}",), metrics={**study(NOWHERE, 1).trials[0].metrics, NASTY: 1.0}),
        failed(1, point, NASTY),
    ]
    of = record(NOWHERE, trials, parse_goals({NASTY: "minimize", "val_acc": "maximize"}))
    for draw in PLAIN:
        text = draw(of).to_json()
        assert "<script" not in text and "<a " not in text and "\\u001b" not in text and "\x1b" not in text
