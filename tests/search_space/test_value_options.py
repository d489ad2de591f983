"""Values with options of their own: ``solver: {lbfgs: {}, sgd: {lr: ...}}``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore

from ax_mo.hydra_project.project import Project
from ax_mo.search_space.space import SearchSpace, space_as_json, space_from_json
from ax_mo.search_space.start import config_point, initial_points
from tests.search_space.networks import MakeProject, built, message_of, parameter, space_of, when

FILES = {
    "conf/config.yaml": """
        defaults: [{model: mlp}, {schedule: none}, _self_]
        seed: 1
        solver: lbfgs
        lr: 0.1
        nothing: null
        n_layers: 2
        width1: 8
        width2: 8
        optim: {_target_: torch.optim.SGD, lr: 0.1, momentum: 0.9, more: {a: 1, b: 2}}
        """,
    "conf/model/mlp.yaml": "act: relu\nslope: 0.1\n",
    "conf/model/cnn.yaml": "channels: 3\n",
    "conf/schedule/none.yaml": "{}\n",
    "conf/schedule/cosine.yaml": "period: 3\n",
}
RATE, WIDTH = "interval(0.001, 0.1)", "int(interval(1, 9))"
SOLVER = {"solver": {"lbfgs": {}, "sgd": {"lr": RATE}}}
SGD, ADAM = "torch.optim.SGD", "torch.optim.Adam"
TARGET = {"optim._target_": {SGD: {"optim.momentum": "interval(0, 0.99)"}, ADAM: {}}}


@pytest.fixture(scope="module")
def project(make_shared_project: MakeProject) -> Project:
    return make_shared_project(FILES)


def conditions(space: SearchSpace) -> dict[str, str]:
    return {parameter.key: when(space, parameter.key) for parameter in space.parameters}


def composed(project: Project, space: SearchSpace, point: Mapping[str, Any]) -> dict[str, Any]:
    """The node ``optim`` of a trial."""
    assert space.outside(point) is None
    return dict(project.compose(space.overrides(space.restricted(point))).optim)


# What stands below a value


def test_names_below_a_value_are_its_options_and_what_is_below_these_is_searched_under_them(project: Project) -> None:
    space = space_of(project, SOLVER)
    assert conditions(space) == {"solver": "", "lr": "solver=sgd"}
    assert space.overrides({"solver": "lbfgs"}) == ["solver=lbfgs"]
    assert space.overrides({"solver": "sgd", "lr": 0.01}) == ["solver=sgd", "lr=0.01"]
    assert config_point(space, project) == ({"solver": "lbfgs"}, "")


def test_names_below_a_mapping_of_the_project_are_its_keys(project: Project) -> None:
    assert space_of(project, {"optim": {"lr": "1,2", "more": {"a": "3,4"}}}).keys == ("optim.lr", "optim.more.a")
    assert space_of(project, {"model": {"act": {"relu": {}, "leaky": {}}}}).keys == ("model.act",)


def test_names_are_values_in_hydras_grammar(project: Project) -> None:
    params = {"nothing": {1: {"lr": "1,2"}, "2.5": {}, "true": {}, "null": {}, "'1'": {}, "[3, 4]": {}, "{a: 1}": {}}}
    assert space_of(project, params).branching[0].values == [1, 2.5, True, None, "1", [3, 4], {"a": 1}]


def test_numbers_are_ordered_and_what_they_have_in_common_is_one_parameter(project: Project) -> None:
    params = {"n_layers": {3: {"width1": WIDTH, "width2": WIDTH}, 1: {"width1": WIDTH}, 2: {"width1": "1,2"}}}
    space = space_of(project, params)
    (layers, *_) = space.parameters
    assert layers.describe() == "choice(1, 2, 3)"
    assert [(p.key, p.describe(), when(space, p.key)) for p in space.parameters if p.key == "width2"] == [
        ("width2", "int(interval(1, 9))", "n_layers=3")
    ]
    assert [p.when[0].texts for p in space.parameters if p.key == "width1"] == [("3", "1"), ("2",)]
    assert space.size == 9 + 2 + 9 * 9 == len(list(space.points()))


def test_values_and_groups_nest_in_each_other(project: Project) -> None:
    act = {"model.act": {"relu": {}, "leaky": {"model.slope": "interval(0, 1)"}}}
    below = {"seed": {1: {}, 2: {"schedule": {"none": {}, "cosine": {"schedule.period": "1,2"}}}}}
    space = space_of(project, {"model": {"mlp": {**act, **below}, "cnn": {"model.channels": "1,2"}}})
    assert conditions(space) == {
        "model": "",
        "model.act": "model=mlp",
        "model.slope": "model.act=leaky",
        "seed": "model=mlp",
        "schedule": "seed=2",
        "schedule.period": "schedule=cosine",
        "model.channels": "model=cnn",
    }
    assert space_from_json(space_as_json(space)) == space
    assert conditions(space_of(project, {"model": "mlp,cnn", **act})) == {
        "model": "",
        "model.act": "model=mlp",
        "model.slope": "model.act=leaky",
    }


def test_option_of_a_value_may_fix_a_group_and_search_what_that_brings(project: Project) -> None:
    params = {"solver": {"lbfgs": {}, "sgd": {"schedule": "cosine", "schedule.period": "1,2"}}}
    space = space_of(project, params)
    assert space.overrides({"solver": "sgd", "schedule.period": 2}) == [
        "schedule=cosine",
        "solver=sgd",
        "schedule.period=2",
    ]
    assert "period" not in project.compose(space.overrides({"solver": "lbfgs"})).schedule
    with_values = {"solver": {**params["solver"], "adam": {"schedule": "cosine", "schedule.period": {3: {}, 4: {}}}}}
    assert space_of(project, with_values).size == 1 + 2 + 2


def test_key_that_the_project_lacks_may_have_options_too(project: Project) -> None:
    space = space_of(project, {"+new": {"a": {}, "b": {"+newer": "1,2", "lr": "1,2"}}})
    assert conditions(space) == {"+new": "", "+newer": "+new=b", "lr": "+new=b"}
    assert project.compose(space.overrides({"+new": "b", "+newer": 2, "lr": 1})).newer == 2
    # Whose names are no keys of the project: dotted keys, as ever.
    assert space_of(project, {"+new": {"a": {"x": "1,2"}, "b": {"y": 3}}}).keys == ("+new.a.x",)


def test_value_that_only_another_option_brings_is_known_for_one(project: Project) -> None:
    params = {"model": "mlp,cnn", "model.channels": {3: {}, 4: {"lr": "1,2"}}}
    assert conditions(space_of(project, params)) == {
        "model": "",
        "model.channels": "model=cnn",
        "lr": "model.channels=4",
    }


def test_key_is_a_mapping_where_only_some_options_have_null_there(make_project: MakeProject) -> None:
    files = {"conf/config.yaml": "defaults: [_self_, {model: null}]\nnet: null\n"}
    files["conf/model/deep.yaml"] = "# @package _global_\nnet: {head: {size: 1}}\n"
    files["conf/model/none.yaml"] = "# @package _global_\nother: 1\n"
    space = space_of(make_project({**FILES, **files}), {"model": "deep,none", "net": {"head": {"size": "1,2"}}})
    assert conditions(space) == {"model": "", "net.head.size": "model=deep"}


def test_command_line_chooses_among_the_options(project: Project) -> None:
    assert space_of(project, SOLVER, ["solver=sgd"]).parameters == (parameter(space_of(project, {"lr": RATE}), "lr"),)
    assert space_of(project, {**SOLVER, "seed": "1,2"}, ["solver=lbfgs"]).keys == ("seed",)
    assert space_of(project, SOLVER, ["solver=lbfgs,newton"]).keys == ("solver",)
    layers = {"n_layers": {1: {"width1": "1,2"}, 2: {"width1": "3,4"}, 3: {}}}
    assert space_of(project, layers, ["n_layers=1,3"]).size == 2 + 1


def test_initial_trials_may_name_any_option(project: Project) -> None:
    space = space_of(project, {**SOLVER, **TARGET})
    given = [{"solver": "sgd", "optim._target_": ADAM}, {"optim": {"momentum": 0.5}}]
    assert initial_points(space, given, project) == [
        {"solver": "sgd", "lr": 0.1, "optim._target_": ADAM},
        {"solver": "lbfgs", "optim._target_": SGD, "optim.momentum": 0.5},
    ]


# Arguments of a target


def test_argument_of_one_target_is_removed_for_another(project: Project) -> None:
    space = space_of(project, TARGET)
    sgd, adam = {"optim._target_": SGD, "optim.momentum": 0.5}, {"optim._target_": ADAM}
    assert space.overrides(adam) == ["~optim.momentum", f"optim._target_={ADAM}"]
    assert composed(project, space, sgd)["momentum"] == 0.5
    assert composed(project, space, adam).keys() == {"_target_", "lr", "more"}
    assert config_point(space, project) == ({"optim._target_": SGD, "optim.momentum": 0.9}, "")
    assert space_from_json(space_as_json(space)) == space


def test_argument_that_the_project_lacks_is_added(project: Project) -> None:
    below = {SGD: {"optim.nesterov": {"true": {"optim.momentum": "interval(0.1, 0.9)"}, "false": {}}}}
    space = space_of(project, {"optim._target_": {**below, ADAM: {"optim.amsgrad": "true,false", "optim.eps": 0.1}}})
    assert conditions(space) == {
        "optim._target_": "",
        "+optim.nesterov": f"optim._target_={SGD}",
        "optim.momentum": "+optim.nesterov=true",
        "+optim.amsgrad": f"optim._target_={ADAM}",
    }
    adam = composed(project, space, {"optim._target_": ADAM, "+optim.amsgrad": True})
    assert (adam["amsgrad"], adam["eps"]) == (True, 0.1)
    assert not {"momentum", "nesterov"} & adam.keys()
    plain = composed(project, space, {"optim._target_": SGD, "+optim.nesterov": False})
    assert (plain["momentum"], plain["nesterov"]) == (0.9, False)  # no target that refuses it: as the project has it


def test_argument_that_the_project_lacks_may_have_options_which_bring_such_arguments(project: Project) -> None:
    below = {"optim.nesterov": {True: {"optim.dampening": "0,0.5"}, False: {}}, "optim.foreach": {True: {}, False: {}}}
    space = space_of(project, {"optim._target_": {SGD: below, ADAM: {}}})
    assert conditions(space) == {
        "optim._target_": "",
        "+optim.nesterov": f"optim._target_={SGD}",
        "+optim.dampening": "+optim.nesterov=true",
        "+optim.foreach": f"optim._target_={SGD}",
    }
    assert composed(project, space, {"optim._target_": ADAM}).keys() == {"_target_", "lr", "momentum", "more"}


def test_mapping_of_which_a_target_takes_nothing_is_removed_whole(project: Project) -> None:
    params = {"optim._target_": {"a": {"optim.more.a": "1,2"}, "b": {}, "c": {"optim.more.c": 3}}}
    space = space_of(project, params)
    more = [composed(project, space, {"optim._target_": t, "optim.more.a": 2}).get("more") for t in "abc"]
    assert more == [{"a": 2, "b": 2}, None, {"b": 2, "c": 3}]


def test_argument_that_every_target_takes_or_that_stands_outside_stays(project: Project) -> None:
    params = {"optim._target_": {SGD: {"optim.lr": "1,2", "lr": "1,2"}, ADAM: {"optim.lr": "3,4"}}}
    assert not space_of(project, params).conditional
    searched = {"optim._target_": {SGD: {"optim.more.a": "1,2"}, ADAM: {}}, "optim.more.b": "3,4"}
    kept = composed(project, space_of(project, searched), {"optim._target_": ADAM, "optim.more.b": 4})
    assert kept["more"] == {"b": 4}
    own = {"optim._target_": {SGD: {}, ADAM: {"~optim.momentum": ""}}, "lr": "1,2"}
    assert [c.line for c in space_of(project, own).conditional] == ["~optim.momentum"]


@pytest.mark.parametrize(("argument", "momentum"), [("optim.momentum=0.5", None), ("optim.momentum=0.1,0.5", 0.5)])
def test_command_line_gives_an_argument_to_the_targets_that_take_it(
    project: Project, argument: str, momentum: float | None
) -> None:
    space = space_of(project, TARGET, [argument])
    point = {"optim._target_": SGD, **({} if momentum is None else {"optim.momentum": momentum})}
    assert composed(project, space, point)["momentum"] == 0.5
    assert "momentum" not in composed(project, space, {"optim._target_": ADAM})
    assert "momentum" not in composed(
        project, space_of(project, {**TARGET, "seed": "1,2"}, ["~optim.momentum"]), {"optim._target_": SGD, "seed": 1}
    )


def test_the_projects_own_target_keeps_what_the_project_gives_it(project: Project) -> None:
    space = space_of(project, {"optim._target_": {SGD: {}, ADAM: {"optim.lr": RATE, "optim.more": "{a: 1},{a: 2}"}}})
    assert config_point(space, project) == ({"optim._target_": SGD}, "")
    assert composed(project, space, {"optim._target_": SGD})["lr"] == 0.1
    space = space_of(
        project, {"optim._target_": {SGD: {}, ADAM: {"optim.lr": RATE}}, "lr": "1,2"}, [f"optim._target_={SGD}"]
    )
    assert composed(project, space, {"lr": 1})["lr"] == 0.1


def test_target_of_the_command_line_keeps_its_own_arguments(project: Project) -> None:
    space = space_of(project, {**TARGET, "lr": "1,2"}, [f"optim._target_={ADAM}"])
    assert "momentum" not in composed(project, space, {"lr": 1})
    assert set(space_of(project, TARGET, [f"optim._target_={SGD}"]).keys) == {"optim.momentum"}


@dataclass
class Optim:
    _target_: str = SGD
    momentum: float = 0.9


@dataclass
class Config:
    optim: Optim = field(default_factory=Optim)
    kwargs: dict[str, Any] = field(default_factory=lambda: {"_target_": SGD, "momentum": 0.9})
    lr: float = 0.1


@pytest.fixture
def structured(make_project: MakeProject) -> Iterator[Project]:
    """A project whose primary config is a dataclass."""
    store = ConfigStore.instance()
    store.store("values_of_options", Config)
    yield make_project({"conf/config.yaml": "defaults: [values_of_options, _self_]\n"})
    store.repo.pop("values_of_options.yaml")


def test_field_of_a_structured_config_cannot_be_removed_and_an_entry_of_its_mapping_can(structured: Project) -> None:
    message = message_of(structured, TARGET)
    assert message == (
        "hydra.sweeper.params.optim._target_: under optim._target_=torch.optim.Adam, 'optim.momentum' would be an "
        "argument that is not written there, and Hydra cannot remove it, a field of Optim. If it takes momentum, give "
        "it a value, for example 'torch.optim.Adam: {optim.momentum: ...}'; otherwise declare 'optim' as "
        "Dict[str, Any], or make it a config group."
    )
    kwargs = {"kwargs._target_": {SGD: {"kwargs.momentum": "interval(0, 0.99)"}, ADAM: {"kwargs.eps": 0.1}}}
    space = space_of(structured, kwargs)
    assert structured.compose(space.overrides({"kwargs._target_": ADAM})).kwargs == {"_target_": ADAM, "eps": 0.1}
    listed = {"optim._target_": {SGD: {"optim.momentum": "1,2"}, ADAM: {"optim.momentum": 0.5}}}
    assert space_of(structured, listed).size == 3


# What is refused


@pytest.mark.parametrize(
    ("params", "place", "expected"),
    [
        (
            {"n_layers": {1: {}, "1": {}}},
            "n_layers",
            "1 and '1' are the same option, 1, since names are read in Hydra's",
        ),
        ({"n_layers": {"1,2": {}, 3: {}}}, "n_layers.1,2", "one value, and '1,2' stands for several."),
        ({"n_layers": {"f(": {}, 3: {}}}, "n_layers.f(", "'f(' is not in Hydra's grammar"),
        ({"seed": {1: 3, 2: {}}}, "seed.1", "'seed' has a value in the project's configuration, so that what stands"),
        (
            {"solvr": SOLVER["solver"]},
            "solvr",
            "no key 'solvr'. Did you mean 'solver'? To add a new key, write '+solvr'.",
        ),
        (
            {"optim._target_": {SGD: {"momentum": "1,2"}, ADAM: {}}},
            f"optim._target_.{SGD}.momentum",
            f"no key 'momentum' under optim._target_={SGD}. Did you mean 'optim.momentum'?",
        ),
        (
            {"solver": {"sgd": {"lr": "1,2"}, "lbfgs": {}}, "lr": "3,4"},
            "lr",
            ": hydra.sweeper.params.solver.sgd.lr sets the same key; keep one of them.",
        ),
        (
            {"model": {"mlp": {"model.act": {"relu": {}, "leaky": {"model.slop": "1,2"}}}, "cnn": {}}},
            "model.mlp",
            "slope",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(
    project: Project, params: Mapping[str, Any], place: str, expected: str
) -> None:
    message = message_of(project, params)
    assert message.startswith(f"hydra.sweeper.params.{place}")
    assert expected in message


def test_initial_trial_with_an_option_that_is_not_among_them_is_told_which_are(project: Project) -> None:
    with pytest.raises(Exception, match=r"initial_trials\[0\]: solver='sag' is not among lbfgs, sgd\."):
        initial_points(space_of(project, SOLVER), [{"solver": "sag"}], project)
    with pytest.raises(Exception, match=r"initial_trials\[0\]: lr is only there when solver=sgd; leave it out"):
        initial_points(space_of(project, SOLVER), [{"solver": "lbfgs", "lr": 0.01}], project)


def test_key_has_another_range_under_each_option(project: Project) -> None:
    params = {"solver": {"sgd": {"lr": "interval(0.01, 1)"}, "adam": {"lr": "tag(log, interval(1e-5, 0.01))"}}}
    result = built(project, params)
    assert result.space.describe() == {
        "solver": "choice(sgd, adam)",
        "lr": "interval(0.01, 1.0) when solver=sgd",
        "lr when solver=adam": "tag(log, interval(1e-05, 0.01)) when solver=adam",
    }
    assert result.space.outside({"solver": "adam", "lr": 0.5}) is not None
