"""Conditions on trials: metrics and parameters, numbers and words."""

from typing import Any

import pytest

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Trial
from ax_mo.errors import AxMoError
from ax_mo.results.query import names_of, parse_condition
from ax_mo.search_space.parameters import Choice, Option, Range
from ax_mo.search_space.space import SearchSpace
from tests.support.trials import make_trial

GOALS = parse_goals({"acc": "maximize", "size": "minimize"})
SPACE = SearchSpace((
    Choice("model", (Option("mlp", "mlp"), Option("<b>bad</b>", "'<b>bad</b>'")), is_group=True),
    Choice("flag", (Option(True, "true"), Option(None, "null"), Option("true", "'true'"))),
    Choice("layers", (Option([64, 128], "[64,128]"), Option([32], "[32]"))),
    Choice("batch", (Option(32, "32"), Option(64, "64"))),
    Range("optim.lr", 1e-12, 1e-1, log=True),
    Range("size", 1, 9),
))  # fmt: skip
POINT = {"model": "mlp", "flag": True, "layers": [64, 128], "batch": 64, "optim.lr": 2e-10, "size": 3}


def trial(point: dict[str, Any] | None = None, **metrics: float) -> Trial:
    given = {**POINT, **(point or {})}
    values = {"acc": 0.1 + 0.2, "size": 100.0, **metrics}
    return make_trial(point={k: v for k, v in given.items() if v is not ...}, metrics=values)


def holds(text: str, of: Trial) -> bool:
    return parse_condition(text, names_of([of], GOALS, SPACE)).holds(of)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acc <= 0.3", True), ("acc = 0.3", True), ("acc == 0.3", True), ("acc < 0.3", False), ("acc > 0.3", False),
        ("acc != 0.3", False), ("size < 100", False), ("size < 100.5", True), ("size > 99", True), ("size != 99", True),
        ("size - 100 <= 0", True), ("2*size + acc >= 200", True), ("size = 3", False),
        ("batch = 64", True), ("batch != 64", False), ("batch > 32", True), ("size - batch > 30", True),
        ("optim.lr <= 1e-10", False), ("optim.lr < 3e-10", True), ("optim.lr > 1e-10", True),
        ("`flag` = true", True), ("`model` != mlp", False), ("flag != null", True),
        ("model = mlp", True), ("model == 'mlp'", True), ("model != mlp", False), ("model = <b>bad</b>", False),
        ("model != '<b>bad</b>'", True), ("flag = true", True), ("flag = null", False), ("flag = 'true'", False),
        ("layers = [64,128]", True), ("layers != [32]", True),
    ],
)  # fmt: skip
def test_condition_holds(text: str, expected: bool) -> None:
    assert holds(text, trial()) is expected


@pytest.mark.parametrize("text", ["optim.lr <= 1", "optim.lr != 1", "model = mlp", "model != mlp", "extra >= 0"])
def test_trial_that_lacks_what_is_named_does_not_meet_it(text: str) -> None:
    known = trial(extra=1.0)
    without = trial({"optim.lr": ..., "model": ...})
    condition = parse_condition(text, names_of([known], GOALS, SPACE))
    assert condition.holds(without) is False


def test_null_and_text_that_reads_the_same_are_told_apart() -> None:
    assert holds("flag = null", trial({"flag": None}))
    assert holds("flag = 'true'", trial({"flag": "true"})) and not holds("flag = true", trial({"flag": "true"}))
    assert holds("model = <b>bad</b>", trial({"model": "<b>bad</b>"}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sise <= 1", r"^where: 'sise <= 1': no trial has a metric or parameter 'sise'\. Did you mean 'size'"),
        ("lr <= 1", r"'lr'\. Did you mean 'optim\.lr'\? There are: acc, size, model"),
        ("model = mlq", r"^where: 'model = mlq': model has no value 'mlq'\. Did you mean 'mlp'\? It has: mlp, <b>bad"),
        ("model <= 3", r"the parameter 'model' is no number; write model = <one of its values>"),
        ("acc", r"needs exactly one '<=', '>=', '<', '>', '==', '=' or '!='\. Write .*'model = cnn'"),
        ("1 < acc < 2", r"needs exactly one"),
        ("acc * size < 2", r"no sum"),
    ],
)
def test_what_is_no_condition_is_told_with_what_is_possible(text: str, said: str) -> None:
    with pytest.raises(AxMoError, match=said):
        parse_condition(text, names_of([trial()], GOALS, SPACE))
