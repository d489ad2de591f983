"""What a searched key or group depends on is read from the project's own configs."""

import pytest

from ax_mo.hydra_project.project import Project
from ax_mo.search_space.parameters import Choice, Condition, Range, when_text
from tests.search_space.networks import (
    BLOCK,
    MODEL,
    NETWORKS,
    OPTIM,
    PER_OPTION,
    MakeProject,
    message_of,
    parameter,
    space_of,
    when,
)

# A key is active under the options under which it exists


def test_key_of_one_option_is_active_under_it_alone(networks: Project) -> None:
    space = space_of(networks, {**MODEL, "model.hidden1": "int(interval(1, 9))", "model.stages": "1,2"})
    assert when(space, "model.hidden1") == "model=mlp"
    assert when(space, "model.stages") == "model=resnet"
    assert when(space, "model") == ""


def test_key_of_several_options_is_active_under_each_of_them(networks: Project) -> None:
    space = space_of(networks, {**MODEL, "model.dropout": "interval(0, 1)", "optim.lr": "interval(0, 1)", **OPTIM})
    assert when(space, "model.dropout") == "model in (mlp, cnn)"
    assert when(space, "optim.lr") == ""


def test_parameters_stand_after_those_that_decide_on_them(networks: Project) -> None:
    params = {"model.block.expansion": "1,2", "model.channels": "1,2", **BLOCK, **MODEL, "seed": "1,2"}
    space = space_of(networks, params)
    position = {key: index for index, key in enumerate(space.keys)}
    assert position["model"] < position["model/block"] < position["model.block.expansion"]
    assert position["model"] < position["model.channels"]


def test_trial_has_no_override_for_what_is_inactive(networks: Project) -> None:
    params = {**MODEL, "model.hidden1": "int(interval(1, 9))", "model.channels": "int(interval(1, 9))", "seed": "1,2"}
    space = space_of(networks, params)
    values = {"model": "mlp", "model.hidden1": 3, "model.channels": 4, "seed": 2}
    assert space.overrides(values) == ["model=mlp", "model.hidden1=3", "seed=2"]
    assert space.overrides({**values, "model": "resnet"}) == ["model=resnet", "model.channels=4", "seed=2"]


# Nested groups


@pytest.mark.parametrize("model", ["choice(mlp, cnn, resnet)", "choice(mlp, cnn)", "choice(cnn, resnet)"])
def test_key_of_a_nested_option_depends_on_it_whatever_the_parents_bring_by_default(
    networks: Project, model: str
) -> None:
    # resnet brings the bottleneck by default and cnn does not, yet both can have it.
    space = space_of(networks, {"model": model, **BLOCK, "model.block.expansion": "1,2"})
    assert when(space, "model.block.expansion") == "model/block=bottleneck"
    assert "model.block.expansion" in space.restricted(
        {"model": "cnn", "model/block": "bottleneck", "model.block.expansion": 2}
    )


def test_nested_group_of_the_default_option_is_conditional_too(make_project: MakeProject) -> None:
    config = {"conf/config.yaml": "defaults: [{model: cnn}, {optim: sgd}, _self_]\nseed: 1\n"}
    space = space_of(make_project({**NETWORKS, **config}), {**BLOCK, **MODEL, "model.block.width": "1,2"})
    assert when(space, "model/block") == "model in (cnn, resnet)"
    assert when(space, "model.block.width") == "model/block=wide"


def test_key_of_a_nested_option_under_one_parent_only_needs_that_parent(make_project: MakeProject) -> None:
    files = {
        "conf/model/cnn.yaml": "defaults: [{block: basic}]\n",
        "conf/model/resnet.yaml": "defaults: [{block: basic}, {gate: open}]\n",
        "conf/model/block/bottleneck.yaml": "defaults: [{/gate@gate: '${model}'}]\nexpansion: 4\n",
        "conf/model/gate/open.yaml": "size: 1\n",
        "conf/gate/cnn.yaml": "cutoff: 1\n",
        "conf/gate/resnet.yaml": "slope: 1\n",
    }
    project = make_project({**NETWORKS, **files})
    params = {"model": "choice(cnn, resnet)", "model/block": "choice(basic, bottleneck)"}
    space = space_of(project, {**params, "model.block.gate.slope": "1,2"})
    assert when(space, "model.block.gate.slope") == "model=resnet and model/block=bottleneck"
    assert project.compose(
        space.overrides({"model": "resnet", "model/block": "bottleneck", "model.block.gate.slope": 2})
    )


def test_groups_nest_to_any_depth(make_project: MakeProject) -> None:
    files = {
        "conf/config.yaml": "defaults: [{a: plain}]\n",
        "conf/a/plain.yaml": "x: 1\n",
        "conf/a/deep.yaml": "defaults: [{b: plain}]\n",
        "conf/a/b/plain.yaml": "x: 1\n",
        "conf/a/b/deep.yaml": "defaults: [{c: plain}]\n",
        "conf/a/b/c/plain.yaml": "x: 1\n",
        "conf/a/b/c/deep.yaml": "defaults: [{d: plain}]\n",
        "conf/a/b/c/d/plain.yaml": "x: 1\n",
        "conf/a/b/c/d/deep.yaml": "y: 1\n",
    }
    project = make_project(files)
    params = {"a.b.c.d.y": "1,2", "a/b/c/d": "glob(*)", "a/b/c": "glob(*)", "a/b": "glob(*)", "a": "glob(*)"}
    space = space_of(project, params)
    assert {key: when(space, key) for key in space.keys} == {
        "a": "",
        "a/b": "a=deep",
        "a/b/c": "a/b=deep",
        "a/b/c/d": "a/b/c=deep",
        "a.b.c.d.y": "a/b/c/d=deep",
    }
    assert space.size == 1 + (1 + (1 + (1 + 2)))
    for point in space.points():
        assert project.compose(space.overrides(point))


def test_group_that_one_option_brings_from_elsewhere_is_conditional(make_project: MakeProject) -> None:
    files = {
        "conf/optim/adam.yaml": "defaults: [{/schedule@schedule: step}]\nlr: 1\n",
        "conf/schedule/step.yaml": "gamma: 1\n",
        "conf/schedule/cosine.yaml": "period: 1\n",
    }
    params = {"schedule@optim.schedule": "glob(*)", "optim.schedule.period": "1,2", **OPTIM}
    space = space_of(make_project({**NETWORKS, **files}), params)
    assert when(space, "schedule@optim.schedule") == "optim=adam"
    assert when(space, "optim.schedule.period") == "schedule@optim.schedule=cosine"


def test_option_that_overrides_another_searched_group_decides_nothing_there(make_project: MakeProject) -> None:
    files = {"conf/experiment/fast.yaml": "# @package _global_\ndefaults: [{override /optim: adam}]\nseed: 2\n"}
    files["conf/experiment/slow.yaml"] = "# @package _global_\nseed: 3\n"
    params = {"+experiment": "choice(fast, slow)", **OPTIM, "optim.beta": "1,2", "optim.momentum": "1,2"}
    space = space_of(make_project({**NETWORKS, **files}), params)
    assert when(space, "optim.beta") == "optim in (adam, lion)"
    assert when(space, "optim.momentum") == "optim=sgd"


# Spaces per option


def test_space_per_option_searches_the_options_and_each_space_below_its_own(networks: Project) -> None:
    space = space_of(networks, PER_OPTION)
    assert parameter(space, "optim") == Choice(
        "optim",
        parameter(space_of(networks, {"optim": "adam,sgd"}), "optim").options,
        is_group=True,  # type: ignore[union-attr]
    )
    adam, sgd = (Condition("optim", (text,)) for text in ("adam", "sgd"))
    assert [p for p in space.parameters if p.key == "optim.lr"] == [
        Range("optim.lr", 1.0, 2.0, when=(adam,)),
        Range("optim.lr", 3.0, 4.0, when=(sgd,)),
    ]
    assert space.overrides({"optim": "sgd", "optim.lr": 3.5, "optim.momentum": 0.5}) == [
        "optim=sgd",
        "optim.lr=3.5",
        "optim.momentum=0.5",
    ]


def test_space_per_option_holds_for_one_group_inside_another(networks: Project) -> None:
    params = {
        "model": {
            "mlp": {"model.hidden1": "1,2"},
            "cnn": {"model/block": {"basic": {"model.block.kernel": "3,5"}, "wide": {"model.block.width": "1,2"}}},
            "resnet": {"model/block": {"wide": {}, "bottleneck": {"model.block.expansion": "2,4"}}},
        }
    }
    space = space_of(networks, params)
    blocks = [p for p in space.parameters if p.key == "model/block"]
    assert [(when_text(p.when), [o.text for o in p.options]) for p in blocks if isinstance(p, Choice)] == [
        ("model=cnn", ["basic", "wide"]),
        ("model=resnet", ["wide", "bottleneck"]),
    ]
    assert space.size == 2 + (2 + 2) + (1 + 2)
    points = list(space.points())
    assert len(points) == space.size
    assert {"model": "resnet", "model/block": "wide"} in points
    assert {"model": "cnn", "model/block": "wide", "model.block.width": 1} in points
    for point in points:
        assert networks.compose(space.overrides(point))


def test_space_of_an_option_may_hold_keys_that_another_group_brings(networks: Project) -> None:
    params = {"model": {"mlp": {"optim.momentum": "1,2"}, "cnn": {"optim.beta": "1,2"}}, "optim": "choice(sgd, adam)"}
    space = space_of(networks, params)
    assert when(space, "optim.momentum") == "model=mlp and optim=sgd"
    assert when(space, "optim.beta") == "model=cnn and optim=adam"
    assert space.size == 2 + 1 + 1 + 2
    for point in space.points():
        assert networks.compose(space.overrides(point))


def test_space_of_an_option_may_split_a_group_that_another_group_brings(networks: Project) -> None:
    params = {
        "optim": {"sgd": {"model/block": {"wide": {"model.block.width": "1,2"}, "basic": {}}}, "adam": {}},
        **MODEL,
    }
    space = space_of(networks, params)
    assert when(space, "model/block") == "optim=sgd and model in (cnn, resnet)"
    assert when(space, "model.block.width") == "model/block=wide"
    assert space.size == (1 + 3 + 3) + 3
    for point in space.points():
        assert networks.compose(space.overrides(point))


def test_default_that_is_not_searched_says_nothing_of_a_trial(networks: Project) -> None:
    # The project's own mlp has no channels, but no trial has the mlp.
    params = {"optim": {"adam": {"model.channels": "1,2"}, "sgd": {}}, "model": "choice(cnn, resnet)"}
    assert when(space_of(networks, params), "model.channels") == "optim=adam"


def test_key_that_a_plain_value_brings_below_the_default_option_exists(networks: Project) -> None:
    params = {"model": {"mlp": {"+model.more": "{a: 1}", "model.more.a": "1,2"}, "cnn": {}}}
    space = space_of(networks, params)
    assert when(space, "model.more.a") == "model=mlp"
    lines = space.overrides({"model": "mlp", "model.more.a": 2})
    assert networks.compose(lines).model.more == {"a": 2}


def test_group_searched_under_one_option_only_stays_as_it_is_elsewhere(networks: Project) -> None:
    space = space_of(networks, {"model": {"cnn": {**BLOCK, "model.block.width": "1,2"}, "resnet": {}}})
    assert when(space, "model/block") == "model=cnn"
    assert when(space, "model.block.width") == "model/block=wide"
    assert space.overrides({"model": "resnet"}) == ["model=resnet"]


def test_space_per_option_works_for_a_group_in_a_package(make_project: MakeProject) -> None:
    files = {"conf/config.yaml": "defaults: [{optim@first: sgd}, {optim@second: sgd}]\n"}
    params = {"optim@second": {"adam": {"second.beta": "1,2"}, "sgd": {"second.momentum": "1,2"}}}
    space = space_of(make_project({**NETWORKS, **files}), params)
    assert when(space, "second.beta") == "optim@second=adam"
    assert space.overrides({"optim@second": "sgd", "second.momentum": 2}) == ["optim@second=sgd", "second.momentum=2"]


def test_mapping_below_a_group_that_names_no_option_is_dotted_keys(networks: Project) -> None:
    assert space_of(networks, {"optim": {"lr": "interval(0, 1)"}}).keys == ("optim.lr",)


# Plain values


def test_plain_value_is_given_only_where_its_key_exists(networks: Project) -> None:
    space = space_of(networks, {**MODEL, "model.hidden1": 7, "seed": 3})
    assert space.fixed == ("seed=3",)
    assert [(c.line, when_text(c.when)) for c in space.conditional] == [("model.hidden1=7", "model=mlp")]
    assert space.overrides({"model": "mlp"}) == ["seed=3", "model=mlp", "model.hidden1=7"]
    assert space.overrides({"model": "cnn"}) == ["seed=3", "model=cnn"]


def test_plain_value_that_the_fixed_nested_group_rules_out_is_an_error(networks: Project) -> None:
    message = message_of(networks, {**MODEL, "model/block": "wide", "model.block.expansion": 4})
    assert message.startswith("hydra.sweeper.params.model.block.expansion: the project's configuration has no key")


def test_plain_value_below_an_option_is_given_under_it(networks: Project) -> None:
    space = space_of(networks, {"optim": {"adam": {"optim.lr": 0.5}, "sgd": {"optim.lr": "interval(0, 1)"}}})
    assert space.overrides({"optim": "adam"}) == ["optim=adam", "optim.lr=0.5"]
    assert space.overrides({"optim": "sgd", "optim.lr": 0.25}) == ["optim=sgd", "optim.lr=0.25"]


def test_fixed_nested_group_is_given_where_an_option_brings_it_and_brings_its_keys(networks: Project) -> None:
    params = {**MODEL, "model/block": "wide", "model.block.width": "1,2", "model.channels": 3}
    space = space_of(networks, params)
    assert when(space, "model.block.width") == "model in (cnn, resnet)"
    assert space.overrides({"model": "mlp"}) == ["model=mlp"]
    lines = space.overrides({"model": "cnn", "model.block.width": 2})
    assert lines == ["model=cnn", "model/block=wide", "model.channels=3", "model.block.width=2"]
    assert networks.compose(lines).model.block.width == 2
