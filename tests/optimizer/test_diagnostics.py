"""What a study's model predicts, how far it can be trusted, and what matters to it."""

from pathlib import Path

import pytest

from ax_mo.core.linear import parse_linear
from ax_mo.core.objectives import parse_goals
from ax_mo.errors import AxMoError
from ax_mo.optimizer.diagnostics import FittedModel, sum_text
from tests.support.studies import CONDITIONAL, FLAT, metrics_of, record, study


@pytest.fixture(scope="module", params=[FLAT, CONDITIONAL], ids=["flat", "conditional"])
def fitted(request):
    return FittedModel(study(Path("/nowhere"), 18, space=request.param, mixed=False))


def test_predicts_in_the_metrics_names(fitted):
    point = fitted.record.trials[3].point
    (found,) = fitted.predict([point])
    assert list(found) == ["val_acc", "num_params", "seconds"]
    for name, (mean, sem) in found.items():
        assert sem > 0
        assert mean == pytest.approx(metrics_of(point)[name], abs=4 * sem + 1e-9), name


def test_trials_are_predicted_without_themselves(fitted):
    found = fitted.cross_validation()
    assert list(found) == ["val_acc", "num_params", "seconds"]
    for name, rows in found.items():
        assert [row.trial for row in rows] == list(range(18))
        assert all(row.observed == pytest.approx(fitted.record.trials[row.trial].metrics[name]) for row in rows)
        assert sum(row.inside for row in rows) >= 14
        assert rows[0].low < rows[0].predicted < rows[0].high and rows[0].predicted != rows[0].observed


def test_interval_of_a_logarithm_is_longer_above(fitted):
    assert fitted.of_log == ("num_params",)
    row = fitted.cross_validation()["num_params"][0]
    assert row.predicted / row.low == pytest.approx(row.high / row.predicted) and row.low > 0


def test_cross_validation_fits_no_model_per_trial(fitted, monkeypatch):
    import ax.adapter.cross_validation as module

    def slow(*_, **__):
        raise AssertionError("Ax's fast leave-one-out cross-validation has failed")

    monkeypatch.setattr(module, "_fold_cross_validate", slow)
    assert fitted.cross_validation()


def test_what_matters_is_found(fitted):
    found = fitted.sensitivity()
    assert all(list(shares) == list(fitted.record.space.keys) for shares in found.values())
    assert all(sum(shares.values()) == pytest.approx(1) for shares in found.values())
    assert max(found["val_acc"], key=found["val_acc"].__getitem__) == "optim.lr"
    assert found["num_params"]["optim.lr"] < 0.05


def test_few_trials_are_told():
    few = FittedModel(study(Path("/nowhere"), 2))
    for ask in (few.cross_validation, few.sensitivity, lambda: few.predict([few.record.trials[0].point])):
        with pytest.raises(AxMoError, match="needs 3 trials with metrics; this study has 2"):
            ask()


def test_point_outside_the_space_is_refused(fitted):
    with pytest.raises(AxMoError, match=r"optim\.lr=3\.0 is above"):
        fitted.predict([{**fitted.record.trials[0].point, "optim.lr": 3.0}])


def test_front_and_latest_are_fitted_where_trials_are_many():
    fitted = FittedModel(study(Path("/nowhere"), 60), most_trials=20)
    numbers = [trial.number for trial in fitted.trials]
    assert len(numbers) == 20 and numbers == sorted(numbers)
    assert 59 in numbers


def test_constraint_on_several_metrics_is_one_and_lower_limits_keep_their_sign():
    goals = parse_goals({"val_acc": "maximize"}, None, ["2*latency - energy <= 3", "seconds >= 2"])
    trials = study(Path("/nowhere"), 8, mixed=False).trials
    fitted = FittedModel(record(Path("/nowhere"), trials, goals))
    assert fitted.metrics == ("val_acc", "2*latency - energy", "seconds")
    found = fitted.cross_validation()
    metrics = trials[5].metrics
    assert found["2*latency - energy"][5].observed == pytest.approx(2 * metrics["latency"] - metrics["energy"])
    assert found["seconds"][5].observed == pytest.approx(metrics["seconds"])
    assert found["seconds"][5].low < found["seconds"][5].predicted < found["seconds"][5].high


def test_sums_are_written_as_people_do():
    assert sum_text(parse_linear("a - 2*b + c <= 1", "constraints")) == "a - 2*b + c"
    assert sum_text(parse_linear("a >= 1", "constraints")) == "-a"
