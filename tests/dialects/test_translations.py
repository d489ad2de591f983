"""Blocks of other sweepers in our words: what is read, what is said of the rest, and what is none of theirs."""

from typing import Any

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from ax_mo.dialects import translate
from ax_mo.dialects.translation import Translation
from ax_mo.errors import ConfigError
from ax_mo.sweep.settings import parse_settings


def ours(block: dict[str, Any]) -> Translation:
    found = translate(block)
    assert found is not None
    parse_settings(found.settings)  # what is written must be read
    assert yaml.safe_load(found.as_yaml(4)) == found.settings
    return found


def values(entry: dict[str, Any]) -> Any:
    return ours({"params": {"x": entry}}).settings["params"]["x"]


# Ax


def test_ax_config_becomes_objectives_constraints_and_limits() -> None:
    found = ours(
        {
            "max_batch_size": 4,
            "ax_config": {
                "max_trials": 20,
                "experiment": {
                    "name": "banana", "minimize": False, "objective_name": "result",
                    "parameter_constraints": ["x <= y"], "outcome_constraints": ["seconds <= 3"],
                    "status_quo": {"x": 1},
                },
                "early_stop": {"max_epochs_without_improvement": 3, "minimize": True},
                "client": {"random_seed": 7, "verbose_logging": True},
                "is_noisy": False,
                "params": {"x": {"type": "range", "bounds": [-5, 5]}, "y": {"type": "range", "bounds": [-5, 10.1]}},
            },
        }
    )  # fmt: skip
    assert found.settings == {
        "objectives": {"result": "maximize"}, "constraints": ["seconds <= 3"], "n_trials": 20, "n_jobs": 4,
        "params": {"x": "int(interval(-5, 5))", "y": "interval(-5, 10.1)"}, "param_constraints": ["x <= y"],
        "initial_trials": [{"x": 1}], "study_name": "banana", "seed": 7,
        "stop_when": {"hypervolume_gain": 0.0, "over_trials": 12},
    }  # fmt: skip
    assert any("is_noisy" in note for note in found.notes)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"type": "range", "bounds": [1e-4, 0.1], "log_scale": True}, "tag(log, interval(0.0001, 0.1))"),
        ({"type": "range", "bounds": [1, 8], "value_type": "float"}, "interval(1, 8)"),
        ({"type": "choice", "values": ["a b", "c", True]}, "choice('a b', c, true)"),
        ({"type": "choice", "values": [1, 2, 4]}, "choice(1, 2, 4)"),
        ({"type": "choice", "values": ["s", "m", "l"], "is_ordered": True}, "tag(ordered, choice(s, m, l))"),
        ({"type": "choice", "values": [1, 2], "is_ordered": False}, "tag(categorical, choice(1, 2))"),
        ({"type": "choice", "values": ["a", None]}, "a,null"),
        ({"type": "fixed", "value": 3}, 3),
    ],
)
def test_parameters_of_ax(entry: dict[str, Any], expected: Any) -> None:
    assert values(entry) == expected


# Nevergrad


def test_optim_of_nevergrad_becomes_settings_and_notes() -> None:
    found = ours(
        {
            "optim": {
                "optimizer": "NGOpt",
                "budget": 80,
                "num_workers": 10,
                "maximize": True,
                "noisy": True,
                "seed": 1,
            },
            "parametrization": {"db": ["mnist", "cifar"], "dropout": {"lower": 0.0, "upper": 1.0}, "fixed": 3},
        }
    )
    assert found.settings == {
        "direction": "maximize", "n_trials": 80, "n_jobs": 10, "seed": 1,
        "params": {"db": "choice(mnist, cifar)", "dropout": "interval(0, 1)", "fixed": 3},
    }  # fmt: skip
    assert [note.partition(":")[0] for note in found.notes] == ["optimizer", "noisy"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"lower": 4, "upper": 16, "integer": True}, "int(interval(4, 16))"),
        ({"init": 0.1, "lower": 0.01, "upper": 1.0, "log": True}, "tag(log, interval(0.01, 1))"),
        ({"init": 0.02, "step": 2.0, "log": True}, "tag(log, interval(0.000625, 0.64))"),
        ({"init": 0.5, "step": 0.1}, "interval(0, 1)"),
        ({"init": 2, "lower": 1, "step": 2, "log": True, "integer": True}, "tag(log, int(interval(1, 64)))"),
    ],
)
def test_scalars_of_nevergrad(entry: dict[str, Any], expected: str) -> None:
    found = ours({"params": {"x": entry}})
    assert found.settings["params"] == {"x": expected}
    assert bool(found.notes) is not ("lower" in entry and "upper" in entry)


# ConfigSpace

MLP = {
    "hyperparameters": {
        "n_layer": {"type": "uniform_int", "lower": 1, "upper": 5, "default": "${n_layer}"},
        "lr": {"type": "uniform_float", "lower": 1e-4, "upper": 0.1, "log": True},
        "solver": {"type": "categorical", "choices": ["lbfgs", "sgd", "adam"]},
        "schedule": {"type": "categorical", "choices": ["constant", "adaptive"]},
        "size": {"type": "ordinal", "sequence": ["s", "m", "l"]},
        "version": {"type": "constant", "value": 2},
        "power": {"type": "normal_float", "mu": 0.0, "sigma": 1.0},
    },
    "conditions": [
        {"child": "lr", "parent": "solver", "type": "IN", "values": ["sgd", "adam"]},
        {"child": "schedule", "parent": "solver", "type": "EQ", "value": "sgd"},
        {"child": "power", "parent": "schedule", "type": "NEQ", "value": "constant"},
    ],
}


def test_configspace_has_ranges_options_and_conditions() -> None:
    found = ours(MLP)
    assert found.settings["params"] == {
        "n_layer": "int(interval(1, 5))",
        "solver": {
            "lbfgs": {},
            "sgd": {
                "lr": "tag(log, interval(0.0001, 0.1))",
                "schedule": {"constant": {}, "adaptive": {"power": "interval(-3, 3)"}},
            },
            "adam": {"lr": "tag(log, interval(0.0001, 0.1))"},
        },
        "size": "tag(ordered, choice(s, m, l))",
        "version": 2,
    }
    assert any(note.startswith("power had no bounds") for note in found.notes)


def test_conditions_on_several_parents_nest_one_below_the_other() -> None:
    flags = {name: {"type": "categorical", "choices": ["a", "b", "c"]} for name in ("p", "q")}
    x = {"type": "uniform_float", "lower": 0, "upper": 1}

    def nested(condition: dict[str, Any]) -> Any:
        return ours({"hyperparameters": {**flags, "x": x}, "conditions": [condition]})

    both = [{"child": "x", "parent": "p", "type": "NEQ", "value": value} for value in ("a", "b")]
    assert nested({"type": "AND", "child": "x", "conditions": both}).settings["params"]["p"] == {
        "a": {}, "b": {}, "c": {"x": "interval(0, 1)"},
    }  # fmt: skip
    either = [{"child": "x", "parent": parent, "type": "EQ", "value": "a"} for parent in ("p", "q")]
    found = nested({"type": "OR", "child": "x", "conditions": either})
    inner = {"x": "interval(0, 1)"}
    either_a = {"q": {"a": inner, "b": inner, "c": inner}}
    only_q = {"q": {"a": inner, "b": {}, "c": {}}}
    assert found.settings["params"] == {"p": {"a": either_a, "b": only_q, "c": only_q}} and not found.notes
    found = nested({"child": "q", "parent": "x", "type": "GT", "value": 0.5})
    assert found.settings["params"]["q"] == "choice(a, b, c)"
    assert found.notes == ("q is searched always: what it depends on cannot be said by options of others.",)


def test_what_is_forbidden_together_is_left_out_where_both_would_be() -> None:
    flags = {name: {"type": "categorical", "choices": ["a", "b", "c"]} for name in ("p", "q", "r")}
    conditions = [{"child": "q", "parent": "r", "type": "EQ", "value": "a"}]
    both = [{"type": "EQUALS", "name": "p", "value": "a"}, {"type": "IN", "name": "q", "values": ["a", "b"]}]
    space = {"hyperparameters": flags, "conditions": conditions, "forbiddens": [{"type": "AND", "clauses": both}]}
    found = ours(space)
    anything = {"p": "choice(a, b, c)"}
    assert not found.notes and found.settings["params"] == {
        "r": {
            "a": {"q": {"a": {"p": "choice(b, c)"}, "b": {"p": "choice(b, c)"}, "c": anything}},
            "b": anything,
            "c": anything,
        }
    }


def test_numbers_with_few_values_and_ordinal_ones_may_be_parents() -> None:
    space = {
        "depth": {"type": "uniform_int", "lower": 1, "upper": 3},
        "size": {"type": "ordinal", "sequence": ["s", "m", "l"]},
        **{name: {"type": "uniform_int", "lower": 8, "upper": 64} for name in ("second", "width")},
    }
    conditions = [
        {"child": "second", "parent": "depth", "type": "GT", "value": 1},
        {"child": "width", "parent": "size", "type": "LT", "value": "l"},
    ]
    params = ours({"hyperparameters": space, "conditions": conditions}).settings["params"]
    inner = "int(interval(8, 64))"
    assert params["depth"] == {"1": {}, "2": {"second": inner}, "3": {"second": inner}}
    assert params["size"] == {"s": {"width": inner}, "m": {"width": inner}, "l": {}}


def test_forbidden_clauses_narrow_the_space_or_are_said() -> None:
    space = [
        {"name": "a", "type": "uniform_int", "lower": 1, "upper": 9},
        {"name": "b", "type": "uniform_int", "lower": 1, "upper": 9},
        {"name": "kind", "type": "categorical", "choices": ["x", "y", "z"], "weights": [1, 1, 2]},
    ]
    forbiddens = [
        {"type": "EQUALS", "name": "kind", "value": "y"},
        {"type": "CLAUSE_LE", "name": "a", "value": 2},
        {"type": "CLAUSE_GT", "name": "b", "value": 8},
        {"type": "RELATION_LT", "left": "a", "right": "b"},
        {"type": "AND", "clauses": [
            {"type": "EQUALS", "name": "kind", "value": "x"}, {"type": "IN", "name": "a", "values": [3, 4]},
        ]},
    ]  # fmt: skip
    found = ours({"hyperparameters": space, "forbiddens": forbiddens})
    assert found.settings == {
        "params": {"a": "int(interval(3, 9))", "b": "int(interval(1, 8))", "kind": "choice(x, z)"},
        "param_constraints": ["b <= a"],
    }
    assert "kind=x and a=[3, 4]" in found.notes[-1]
    assert found.notes[0].startswith("kind: its weights are left out")


def test_hypersweepers_block_has_its_space_and_no_kwargs() -> None:
    found = ours({"n_trials": 10, "budget_variable": "epochs", "sweeper_kwargs": {"a": 1}, "search_space": MLP})
    assert (found.settings["direction"], found.settings["n_trials"]) == ("minimize", 10)
    assert found.notes[:2] == (
        "budget_variable is left out: it has no counterpart.", "sweeper_kwargs is left out: it has no counterpart.",
    )  # fmt: skip


# Optuna, and what is nobody's


def test_optunas_search_space_is_written_in_hydras_grammar() -> None:
    found = ours(
        {
            "sampler": {"_target_": "optuna.samplers.TPESampler", "seed": 3}, "n_trials": 9,
            "search_space": {"lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True}},
            "params": {"x": "choice(1,2)"},
        }
    )  # fmt: skip
    assert found.settings == {
        "direction": "minimize", "n_trials": 9, "seed": 3,
        "params": {"x": "choice(1,2)", "lr": "tag(log, interval(0.0001, 0.1))"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "block",
    [
        {},
        {"params": {"optim": {"adam": {"optim.lr": "interval(0, 1)"}}, "data": {"batch_size": "choice(1, 2)"}}},
        {"params": {"clip": {"lower": 0.1, "upper": 0.9}, "model": {"type": "choice(a, b)", "values": 3}}},
        {"search_space": {}, "sampler": {}, "n_trials": 20},
    ],
)
def test_our_own_words_are_not_mistaken(block: dict[str, Any]) -> None:
    assert translate(block) is None


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"params": {"x": {"type": "range", "bounds": [1]}}}, "params.x.bounds must be a list of two numbers"),
        ({"params": {"x": {"type": "range", "bounds": ["a", 1]}}}, "params.x.bounds must be a number, not 'a'"),
        ({"params": {"x": {"lower": 0, "log": True}}}, "params.x has neither an init nor two bounds"),
        ({"hyperparameters": {"x": {"type": "uniform"}}}, "hyperparameters.x.type must be one of uniform_float"),
        ({"hyperparameters": {"x": {"type": "uniform_int", "lower": 1}}}, "hyperparameters.x.upper must be a number"),
        ({"hyperparameters": {"x": {"type": "categorical"}}}, "hyperparameters.x.choices must be a list of values"),
        (
            {"hyperparameters": {}, "conditions": [{"child": "x", "parent": "y", "type": "EQ", "value": 1}]},
            "conditions: there is no hyperparameter 'x'",
        ),
        ({"custom_search_space": "a.b", "direction": "minimize"}, "custom_search_space: a function"),
    ],
)
def test_what_is_wrong_in_their_words_is_told(block: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        translate(block)


def test_block_below_hydra_sweeper_is_refused_once_with_what_to_paste() -> None:
    block = {"n_trials": 5, "ax_config": {"max_trials": 9, "params": {"x": {"type": "range", "bounds": [0, 4]}}}}
    with pytest.raises(ConfigError) as refused:
        parse_settings(block)
    message = str(refused.value)
    assert message.startswith("hydra.sweeper is in the words of Hydra's Ax sweeper. Write instead:\n")
    pasted = yaml.safe_load(message.partition("instead:\n")[2].rpartition("\n(")[0])
    assert parse_settings(pasted["hydra"]["sweeper"]).n_trials == 9


def test_numbers_are_in_hydras_grammar() -> None:
    for bounds in ([1e-12, 1e7], [0.1, 1 / 3], [-1e6, 1e16]):
        text = values({"type": "range", "bounds": bounds})
        (override,) = OverridesParser.create().parse_overrides([f"x={text}"])
        assert [override.value().start, override.value().end] == bounds
