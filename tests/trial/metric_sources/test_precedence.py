"""One set of metrics from everything that a trial said."""

import math
from typing import Any

import pytest

from ax_mo.trial.metric_sources.differences import ReturnedDifference, describe_differences
from ax_mo.trial.metric_sources.precedence import Candidates, ChosenMetrics
from ax_mo.trial.metric_sources.precedence import choose_metrics as choose
from ax_mo.trial.metric_sources.returned import by_name
from ax_mo.trial.metric_sources.source import MetricError, NotFound

TWO = ["acc", "size"]


def missing(said: Candidates, required: list[str] = TWO) -> str:
    with pytest.raises(MetricError) as caught:
        choose(said, required)
    return str(caught.value)


def test_first_source_of_a_name_wins() -> None:
    everything = {
        "reported": dict.fromkeys("a", 0),
        "named": dict.fromkeys("ab", (1.0, "csv")),
        "lightning": dict.fromkeys("abc", 2),
        "costs": dict.fromkeys("abcdefgh", 4),
        "curve": dict.fromkeys("abcdefghi", 5),
    }
    merged = choose(Candidates(by_name(dict.fromkeys("abcdefg", 3), []), **everything), ["a"])
    assert merged.metrics == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 3, "f": 3, "g": 3, "h": 4}
    assert merged.sources == {
        "a": "reported", "b": "csv", "c": "lightning", **dict.fromkeys("defg", "returned"), "h": "built-in",
    }  # fmt: skip
    assert choose(Candidates(by_name((5, 6), ["h", "i"]), **everything), []).metrics["h"] == 4


def test_own_metric_wins_over_a_built_in_cost() -> None:
    said = Candidates(by_name({"num_params": 1}, TWO), costs={"num_params": 2, "fit_seconds": 3})
    assert choose(said, []).metrics == {"num_params": 1, "fit_seconds": 3}
    assert choose(Candidates(lightning={"num_params": 1}, costs={"num_params": 2}), []).sources == {
        "num_params": "lightning"
    }


@pytest.mark.parametrize(("value", "unnamed"), [(0.5, 0.5), (None, None), ("best.ckpt", None), ((1, 2, 3), None)])
def test_return_value_without_names_is_no_error_where_the_others_have_all(value: Any, unnamed: float | None) -> None:
    merged = choose(Candidates(by_name(value, TWO), lightning={"acc": 0.9}, costs={"size": 7}), TWO)
    assert merged == ChosenMetrics({"acc": 0.9, "size": 7}, {"acc": "lightning", "size": "built-in"}, unnamed)


def test_tuple_goes_by_position_where_nothing_has_a_name() -> None:
    merged = choose(Candidates(by_name((0.9, 7), TWO), lightning={"acc": 0.9}), TWO)
    assert merged == ChosenMetrics({"acc": 0.9, "size": 7}, {"acc": "lightning", "size": "returned"})


def test_tuple_in_another_order_than_the_objectives_is_caught() -> None:
    merged = choose(Candidates(by_name((7, 0.9), TWO), lightning={"acc": 0.9}, costs={"size": 7}), TWO)
    assert (merged.metrics, merged.sources) == ({"acc": 0.9, "size": 7}, {"acc": "lightning", "size": "built-in"})
    assert merged.differences == (
        ReturnedDifference("acc", 0.9, "lightning", 7),
        ReturnedDifference("size", 7, "built-in", 0.9),
    )
    assert describe_differences(merged.differences) == (
        "the task returned 7 for 'acc', which is 0.9 (Lightning), and 0.9 for 'size', which is 7 (built in); "
        "those are used. If what it returns is meant, write 'acc: {source: returned}' under hydra.sweeper.metrics"
    )


def test_tuple_of_other_things_than_numbers_gives_way() -> None:
    merged = choose(Candidates(by_name(({"acc": 1}, object()), TWO), lightning={"acc": 0.9, "size": 7}), TWO)
    assert merged.sources == dict.fromkeys(TWO, "lightning")


@pytest.mark.parametrize(
    ("source", "named"),
    [("reported", {"reported": {"val/loss": 0.25}}), ("csv", {"named": {"val/loss": (0.25, "csv")}}),
     ("lightning", {"lightning": {"val/loss": 0.25}}), ("built-in", {"costs": {"val/loss": 0.25}})],
)  # fmt: skip
def test_number_without_a_name_never_replaces_one_that_has_it(source: str, named: dict[str, Any]) -> None:
    merged = choose(Candidates(by_name(0.875, ["val/loss"]), **named), ["val/loss"])
    assert (merged.metrics, merged.sources) == ({"val/loss": 0.25}, {"val/loss": source})
    assert merged.differences == (ReturnedDifference("val/loss", 0.25, source, 0.875),)


def test_returned_dict_that_says_otherwise_is_a_difference_in_what_is_required() -> None:
    said = Candidates(by_name({"acc": 0.5, "loss": 2}, TWO), lightning={"acc": 0.9, "loss": 1, "size": 1})
    assert choose(said, TWO).differences == (ReturnedDifference("acc", 0.9, "lightning", 0.5),)


def test_number_without_a_name_counts_where_nothing_has_one() -> None:
    merged = choose(Candidates(by_name(0.5, ["loss"]), lightning={"val/loss": 0.4}), ["loss"])
    assert merged == ChosenMetrics({"val/loss": 0.4, "loss": 0.5}, {"val/loss": "lightning", "loss": "returned"})


def test_nan_without_a_name_is_a_difference() -> None:
    (found,) = choose(Candidates(by_name(math.nan, ["loss"]), lightning={"loss": 0.4}), ["loss"]).differences
    assert found.used == 0.4 and math.isnan(found.returned)


def test_step_at_which_a_trial_was_stopped_is_no_difference() -> None:
    said = Candidates(by_name(0.5, ["loss"]), curve={"loss": 0.4})
    assert choose(said, ["loss"], stopped=True) == ChosenMetrics({"loss": 0.4}, {"loss": "curve"})


def test_nan_does_not_give_way() -> None:
    said = Candidates(by_name({"acc": 0.9, "size": 1}, TWO), lightning={"acc": math.nan})
    assert missing(said) == "the metric 'acc' is not finite: nan"
    assert choose(said, ["size"]).metrics == {"size": 1}


def test_final_value_of_lightning_that_is_not_finite_fails_the_trial() -> None:
    assert missing(Candidates(lightning={"acc": math.inf, "size": 1})) == "the metric 'acc' is not finite: inf"


def test_missing_metric_lists_all_names_of_all_sources_and_the_closest() -> None:
    said = Candidates(
        by_name({"loss": 1}, TWO),
        reported={"lr": 1},
        lightning={"val/accuracy": 0.9, "val/loss": 1},
        named={"speed": (1, "tensorboard")},
        costs={"num_params": 7},
        built_in={"trial_seconds": 3},
    )
    assert missing(said, ["val/acc"]) == (
        "the metric 'val/acc' appeared nowhere; seen were returned: loss; reported: lr; tensorboard: speed; "
        "Lightning: val/accuracy, val/loss; built-in: num_params. "
        "Did you mean 'val/accuracy'?"
    )


def test_missing_metric_begins_with_what_was_looked_for_where_and_what_was_there() -> None:
    missed = NotFound(
        "column", "val/acc", "'*.csv' of the trial's directory", "a.csv has the columns acc, x", ("acc", "x")
    )
    assert missing(Candidates(by_name(0.5, TWO), lightning={"size": 1}, not_found={"acc": missed})) == (
        "the metric 'acc': looked for the column 'val/acc' in '*.csv' of the trial's directory; "
        "a.csv has the columns acc, x. Did you mean 'acc'?"
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [("num_params", "report_model(model)"), ("peak_cuda_memory_mb", "a GPU"), ("fit_seconds", "trial_seconds")],
)
def test_cost_that_is_not_there_says_who_has_it(name: str, hint: str) -> None:
    assert hint in missing(Candidates(by_name({"acc": 1}, [name])), [name])
    assert hint in missing(Candidates(by_name(None, [name]), lightning={"acc": 1}), [name])


def test_costs_that_every_trial_has_are_named_where_they_may_be_meant() -> None:
    said = Candidates(by_name({"acc": 1}, TWO), built_in={"trial_seconds": 3, "peak_memory_mb": 70})
    assert missing(said, ["acc", "trial_second"]) == (
        "the metric 'trial_second' was not returned; returned were: acc. Did you mean 'trial_seconds'?"
    )


@pytest.mark.parametrize(("name", "seen"), [("acc", "val/accuracy"), ("val/acc_best", "acc"), ("num_params", "params")])
def test_name_that_is_part_of_another_is_close_to_it(name: str, seen: str) -> None:
    message = missing(Candidates(by_name({"unlike": 1}, [name]), lightning={seen: 1, "zzz": 1}), [name])
    assert f" Did you mean '{seen}'?" in message


def test_missing_metric_says_what_was_returned_without_a_name() -> None:
    assert missing(Candidates(by_name(0.5, TWO), costs={"size": 7})) == (
        "the metric 'acc' appeared nowhere (the task returned one number for 2 objectives (acc, size)); "
        "seen were built-in: size."
    )
    assert "(the task returned nothing); seen were" in missing(Candidates(by_name(None, TWO), costs={"size": 7}))


def test_nothing_at_all_says_what_to_do() -> None:
    message = missing(Candidates(by_name(None, TWO)))
    assert message.startswith("the task returned nothing\nReturn a dict with acc, size")
    assert "ax_mo.report" in message and "self.log" in message


def test_stopped_trial_has_what_there_is() -> None:
    said = Candidates(by_name(None, TWO), costs={"size": 7}, curve={"acc": 0.4, "size": 0})
    merged = choose(said, [*TWO, "other"], stopped=True)
    assert merged == ChosenMetrics({"size": 7, "acc": 0.4}, {"size": "built-in", "acc": "curve"})
    assert choose(Candidates(lightning={"acc": math.nan}, curve={"acc": 0.4}), TWO, stopped=True).metrics == {
        "acc": 0.4
    }
