"""Contour and slice: what is drawn of predictions and of trials."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ax_mo.errors import AxMoError
from ax_mo.html_report.named_figures import FIGURES, FigureOptions
from ax_mo.search_space.parameters import Choice, Option
from ax_mo.search_space.space import SearchSpace
from tests.html_report.test_figures import NASTY
from tests.support.predictions import ERROR, KnownModel
from tests.support.studies import CONDITIONAL, FLAT, record, study, trial

NOWHERE = Path("/nowhere")


def drawn(name, *params, space=FLAT, metric=None, like=None):
    return FIGURES[name].draw(KnownModel(study(NOWHERE, 30, space=space)), FigureOptions(params, metric, like))


def observed(figure, axis="x"):
    """By trial, where its marker is."""
    traces = [trace for trace in figure.data if trace.meta == "trials"]
    return {known[0]: at for trace in traces for known, at in zip(trace.customdata, trace[axis], strict=True)}


def test_contour_of_numbers_is_a_surface_on_their_scales():
    figure = drawn("contour", "optim.lr", "width", metric="num_params")
    surface = figure.data[0]
    assert surface.type == "contour" and (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "log")
    assert len(surface.z) == len(surface.y) and len(surface.z[0]) == len(surface.x) == 21
    assert surface.customdata[0][0] == pytest.approx([90 * 16 + 12, ERROR])
    ticks = dict(zip(figure.layout.coloraxis.colorbar.ticktext, figure.layout.coloraxis.colorbar.tickvals, strict=True))
    assert ticks["5000"] == pytest.approx(3.699, abs=1e-3), "colours by the logarithm, called by the values"


def test_contour_with_a_choice_has_a_cell_for_each_option():
    figure = drawn("contour", "act", "width")
    assert figure.data[0].type == "heatmap" and figure.data[0].x == ("relu", "tanh", "gelu")
    assert figure.layout.xaxis.type == "category"
    assert set(observed(figure).values()) <= {"relu", "tanh", "gelu"}


def test_trials_without_the_parameter_are_not_shown():
    of = study(NOWHERE, 30, space=CONDITIONAL)
    figure = drawn("contour", "model", "channels", space=CONDITIONAL)
    assert figure.data[0].z[0][0] is None and figure.data[0].z[0][1] is not None
    have = {t.number for t in of.trials if "channels" in t.point and "val_acc" in t.metrics}
    assert set(observed(figure)) == have
    assert set(observed(drawn("slice", "channels", space=CONDITIONAL))) == have


def test_slice_has_the_interval_and_the_trials_values():
    figure = drawn("slice", "width", metric="num_params")
    (line,) = [trace for trace in figure.data if trace.mode == "lines" and trace.error_y.array]
    assert (line.x[0], line.y[0]) == (16, 1452)
    assert figure.layout.yaxis.type == "log" and figure.layout.xaxis.type == "log"
    of = study(NOWHERE, 30)
    assert observed(figure, "y") == {t.number: t.metrics["num_params"] for t in of.trials if t.metrics}
    assert [trace for trace in drawn("slice", "act").data if trace.mode == "markers" and trace.error_y.array], "no line"


def test_what_matters_most_is_drawn_where_nothing_is_given():
    figure = drawn("slice", space=CONDITIONAL)
    titles = [figure.layout[f"xaxis{n}"].title.text.partition("<br>")[0] for n in ("", 2, 3, 4)]
    assert titles == ["model", "optim.lr", "width", "channels"]
    bases = [figure.layout[axis].title.text.partition("<br>")[2] for axis in ("xaxis3", "xaxis4")]
    assert bases[0] != bases[1], "no trial has both"
    assert drawn("contour").layout.meta["columns"]["y"] == "optim.lr"
    assert drawn("contour", "act").layout.meta["columns"]["y"] == "model"
    with pytest.raises(AxMoError, match="along two parameters, not 3"):
        drawn("contour", "act", "width", "model")


def test_options_and_names_are_text():
    choice = Choice(NASTY, (Option(NASTY, "a"), Option("b", "b")))
    space = SearchSpace((*FLAT.parameters[:3], choice))
    points = [{"model": "mlp", "optim.lr": 0.01, "width": 32, NASTY: value} for value in (NASTY, "b")]
    plain = [trial(n, {**p, "act": "relu"}, FLAT) for n, p in enumerate(points)]
    of = record(NOWHERE, [replace(t, point=p) for t, p in zip(plain, points, strict=True)], space=space)
    for name, params in (("slice", (NASTY,)), ("contour", ("width", NASTY))):
        written = json.loads(FIGURES[name].draw(KnownModel(of), FigureOptions(params)).to_json())
        written["layout"]["meta"] = None  # is set as text
        text = json.dumps(written)
        assert "<script" not in text and "<a " not in text and "\\u001b" not in text
