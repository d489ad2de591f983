"""A study in a notebook."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ax_mo
from ax_mo.core.trial import Status
from ax_mo.errors import AxMoError
from tests.cli.conftest import all_failed, stored
from tests.support import studies

PLOTS = (
    "tradeoff", "hypervolume", "parallel_coordinates", "learning_curves", "timeline", "suggestions", "sensitivity",
    "cross_validation", "contour", "slice",
)  # fmt: skip


def loaded(directory: Path, count: int = 30, objectives: int = 2, **more: Any) -> Any:
    return ax_mo.load(stored(studies.study(directory, count, objectives, **more)).directory)


@pytest.mark.parametrize(("count", "objectives"), [(0, 2), (1, 1), (30, 1), (30, 4)])
def test_frames_have_the_same_columns_for_any_study(tmp_path: Path, count: int, objectives: int) -> None:
    study = loaded(tmp_path / "s", count, objectives)
    trials, front = study.trials, study.pareto
    assert (
        len(trials) == count and trials.index.name == "trial" and set(front.index) == set(trials.index[trials.pareto])
    )
    assert list(front.columns) == list(trials.columns)
    names = list(studies.OBJECTIVES)[:objectives]
    for name in names:
        assert trials[f"metrics.{name}"].dtype == "float64"
    assert str(trials["started"].dtype).startswith("datetime64") and str(trials["started"].dt.tz) == "UTC"
    assert repr(study).endswith(", not running>")
    assert isinstance(study.hypervolume, float) and study._repr_html_() and repr(study)
    if count == 30:
        first = front[f"metrics.{names[0]}"]
        assert list(first) == sorted(first, reverse=True)
        assert trials.loc[4, "status"] == "failed" and pd.isna(trials.loc[4, "metrics.val_acc"])


def test_inactive_parameters_are_missing_and_whole_numbers_whole(tmp_path: Path) -> None:
    assert loaded(tmp_path / "a").trials["params.width"].dtype == "int64"
    trials = loaded(tmp_path / "b", space=studies.CONDITIONAL, mixed=False).trials
    assert (trials["params.width"].isna() == (trials["params.model"] == "cnn")).all()


def test_study_whose_trials_all_failed(tmp_path: Path) -> None:
    study = ax_mo.load(all_failed(tmp_path / "s").directory)
    assert len(study.pareto) == 0 and study.hypervolume == 0.0 and "0 completed" in repr(study)
    with pytest.raises(AxMoError, match="no trial has a result"):
        study.suggest_point(max="val_acc")


def test_page_of_a_study_holds_no_markup_of_its_trials(tmp_path: Path) -> None:
    record = replace(studies.study(tmp_path / "s", 4), name="<script>alert(1)</script>")
    study = ax_mo.load(stored(record).directory)
    assert "<script>" not in study._repr_html_()


def test_best_known_trial_under_conditions(tmp_path: Path) -> None:
    study = loaded(tmp_path / "s")
    row = study.suggest_point(max="val_acc", where="num_params <= 5000")
    trials = study.trials
    kept = trials[trials.status.isin(["completed", "imported"]) & (trials["metrics.num_params"] <= 5000)]
    kept = kept[kept["metrics.seconds"] <= 45]
    assert row["metrics.val_acc"] == kept["metrics.val_acc"].max() and row.name in kept.index
    assert study.suggest_point(min=["num_params", "val_acc"]).name in trials.index
    narrow = study.suggest_point(min="width", where=["model = cnn", "optim.lr < 0.01", "val_acc >= 0"])
    kept = trials[trials.status.isin(["completed", "imported"]) & (trials["params.model"] == "cnn")]
    kept = kept[(kept["params.optim.lr"] < 0.01) & (kept["metrics.seconds"] <= 45)]
    kept = kept[kept["metrics.num_params"] <= 9000]  # its threshold
    assert narrow["params.width"] == kept["params.width"].min() and narrow["params.model"] == "cnn"
    with pytest.raises(AxMoError, match="Did you mean 'num_params'"):
        study.suggest_point(max="val_acc", where=["num_param <= 1"])
    with pytest.raises(AxMoError, match="needs max= or min="):
        study.suggest_point(where="num_params <= 1")


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ({"optim.rl": 0.1}, r"no parameter 'optim.rl'. Did you mean 'optim.lr'\? It has: model, optim.lr"),
        ({"lr": 0.1}, r"no parameter 'lr'. Did you mean 'optim.lr'\?"),
        ({"model": "mlp"}, r"gives no value for optim.lr. Give one, or take a trial's with like="),
        ({"model": "rnn"}, "model='rnn' is not among mlp, cnn"),
        ({"model": "mlp", "optim.lr": 9, "width": 20}, "optim.lr=9 is above its upper bound 0.1"),
        ({"model": "mlp", "optim.lr": 0.01, "width": 20, "channels": 8}, "channels is inactive"),
    ],
)
def test_what_is_no_point_is_told(tmp_path: Path, point: dict[str, Any], said: str) -> None:
    study = loaded(tmp_path / "s", 5, space=studies.CONDITIONAL, mixed=False)
    with pytest.raises(AxMoError, match=said):
        study.predict(point)


def test_prediction_of_a_point_completed_from_a_trial(tmp_path: Path) -> None:
    study = loaded(tmp_path / "s", 12)
    like = next(t for t in study.record.trials if t.status is Status.COMPLETED).number
    predicted = study.predict(study.point(like))
    assert set(predicted) == {"val_acc", "num_params", "seconds"}
    assert all(sem >= 0 for _, sem in predicted.values())
    assert study.predict({}, like=like) == predicted
    assert study.predict({"width": 128}, like=like)["num_params"] != predicted["num_params"]
    with pytest.raises(AxMoError, match="no trial 99"):
        study.predict({}, like=99)


def test_refresh_sees_what_has_come(tmp_path: Path) -> None:
    study = loaded(tmp_path / "s", 3)
    (tmp_path / "s" / "study.db").unlink()
    stored(studies.study(tmp_path / "s", 5))
    assert len(study.trials) == 3
    assert len(study.refresh().trials) == 5


def test_unknown_study_is_told(tmp_path: Path) -> None:
    with pytest.raises(AxMoError, match=r"holds no study\.db"):
        ax_mo.load(tmp_path)


def test_plots_are_plotly_figures(tmp_path: Path) -> None:
    study = loaded(tmp_path / "s", 12)
    for name in PLOTS:
        assert type(getattr(study, f"plot_{name}")()).__module__.startswith("plotly."), name


def test_contour_and_slice_take_names(tmp_path: Path) -> None:
    study = loaded(tmp_path / "s", 12)
    contour = study.plot_contour("optim.lr", "width", metric="num_params")
    assert contour.layout.meta["columns"] | {"error": ""} == {
        "x": "optim.lr", "y": "width", "z": "num_params", "error": "", "series": "series",
    }  # fmt: skip
    assert study.plot_slice("act", like=3).layout.xaxis.title.text.endswith("as in trial 3</span>")
    for call, said in (
        (lambda: study.plot_contour("optim.rl"), "no parameter 'optim.rl'. Did you mean 'optim.lr'"),
        (lambda: study.plot_contour("width", "width"), "two different parameters, not width twice"),
        (lambda: study.plot_slice(metric="val_ac"), "predicts no 'val_ac'. Did you mean 'val_acc'"),
        (lambda: study.plot_slice(like=99), "no trial 99"),
        (study.plot_attainment, "of several runs"),
    ):
        with pytest.raises(AxMoError, match=said):
            call()


def test_report_is_a_function_also_after_a_plot(tmp_path: Path) -> None:
    loaded(tmp_path / "s").plot_tradeoff()
    assert callable(ax_mo.report)
