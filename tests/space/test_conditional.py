"""What a searched key or group depends on is read from the project's own configs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore

from ax_mo.errors import ConfigError
from ax_mo.project import Project
from ax_mo.space.activity import Composer
from ax_mo.space.build import BuiltSpace, build_space
from ax_mo.space.parameters import Choice, Condition, Parameter, Range, Space, when_text

MakeProject = Callable[..., Project]

# Three models: an mlp, and two with blocks of their own kinds, one of which has an ``expansion``.
NETWORKS = {
    "conf/config.yaml": "defaults: [{model: mlp}, {optim: sgd}, _self_]\nseed: 1\nepochs: 5\n",
    "conf/model/mlp.yaml": "hidden1: 8\nhidden2: 8\ndropout: 0.1\n",
    "conf/model/cnn.yaml": "defaults: [{block: basic}]\nchannels: 4\ndropout: 0.1\n",
    "conf/model/resnet.yaml": "defaults: [{block: bottleneck}]\nchannels: 4\nstages: 2\n",
    "conf/model/block/basic.yaml": "kernel: 3\n",
    "conf/model/block/bottleneck.yaml": "kernel: 3\nexpansion: 4\n",
    "conf/model/block/wide.yaml": "kernel: 3\nwidth: 2\n",
    "conf/optim/sgd.yaml": "lr: 0.1\nmomentum: 0.9\n",
    "conf/optim/adam.yaml": "lr: 0.1\nbeta: 0.9\n",
    "conf/optim/lion.yaml": "lr: 0.1\nbeta: 0.9\n",
}
MODEL = {"model": "choice(mlp, cnn, resnet)"}
BLOCK = {"model/block": "choice(basic, bottleneck, wide)"}
OPTIM = {"optim": "choice(sgd, adam, lion)"}


@pytest.fixture(scope="module")
def networks(make_shared_project: Callable[[dict[str, str]], Composer]) -> Composer:
    return make_shared_project(NETWORKS)


def built(
    project: Composer, params: Mapping[str, Any], arguments: Sequence[str] = (), constraints: Sequence[str] = ()
) -> BuiltSpace:
    return build_space(params, arguments, constraints, project)


def space_of(project: Composer, params: Mapping[str, Any], arguments: Sequence[str] = ()) -> Space:
    return built(project, params, arguments).space


def message_of(
    project: Composer, params: Mapping[str, Any], arguments: Sequence[str] = (), constraints: Sequence[str] = ()
) -> str:
    with pytest.raises(ConfigError) as caught:
        built(project, params, arguments, constraints)
    return str(caught.value)


def parameter(space: Space, key: str) -> Parameter:
    (found,) = [p for p in space.parameters if p.key == key]
    return found


def when(space: Space, key: str) -> str:
    return when_text(parameter(space, key).when)


# A key is active under the options under which it exists


def test_key_of_one_option_is_active_under_it_alone(networks: Composer) -> None:
    space = space_of(networks, {**MODEL, "model.hidden1": "int(interval(1, 9))", "model.stages": "1,2"})
    assert when(space, "model.hidden1") == "model=mlp"
    assert when(space, "model.stages") == "model=resnet"
    assert when(space, "model") == ""


def test_key_of_several_options_is_active_under_each_of_them(networks: Composer) -> None:
    space = space_of(networks, {**MODEL, "model.dropout": "interval(0, 1)", "optim.lr": "interval(0, 1)", **OPTIM})
    assert when(space, "model.dropout") == "model in (mlp, cnn)"
    assert when(space, "optim.lr") == ""


def test_key_that_every_searched_option_has_is_always_active(networks: Composer) -> None:
    space = space_of(networks, {"model": "choice(cnn, resnet)", "model.channels": "1,2"})
    assert when(space, "model.channels") == ""


def test_keys_of_two_groups_depend_on_their_own_group_only(networks: Composer) -> None:
    space = space_of(networks, {**MODEL, **OPTIM, "optim.beta": "0.9,0.99", "model.hidden2": "1,2"})
    assert when(space, "optim.beta") == "optim in (adam, lion)"
    assert when(space, "model.hidden2") == "model=mlp"


def test_group_by_glob_is_a_group_like_any_other(networks: Composer) -> None:
    space = space_of(networks, {"optim": "glob(*)", "optim.momentum": "interval(0, 1)"})
    assert when(space, "optim.momentum") == "optim=sgd"


def test_parameters_stand_after_those_that_decide_on_them(networks: Composer) -> None:
    params = {"model.block.expansion": "1,2", "model.channels": "1,2", **BLOCK, **MODEL, "seed": "1,2"}
    space = space_of(networks, params)
    position = {key: index for index, key in enumerate(space.keys)}
    assert position["model"] < position["model/block"] < position["model.block.expansion"]
    assert position["model"] < position["model.channels"]


def test_added_key_is_always_active(networks: Composer) -> None:
    space = space_of(networks, {**MODEL, "+model.new": "1,2"})
    assert when(space, "+model.new") == ""


def test_trial_has_no_override_for_what_is_inactive(networks: Composer) -> None:
    params = {**MODEL, "model.hidden1": "int(interval(1, 9))", "model.channels": "int(interval(1, 9))", "seed": "1,2"}
    space = space_of(networks, params)
    values = {"model": "mlp", "model.hidden1": 3, "model.channels": 4, "seed": 2}
    assert space.overrides(values) == ["model=mlp", "model.hidden1=3", "seed=2"]
    assert space.overrides({**values, "model": "resnet"}) == ["model=resnet", "model.channels=4", "seed=2"]


# Nested groups


def test_nested_group_is_active_under_the_options_that_bring_it(networks: Composer) -> None:
    space = space_of(networks, {**MODEL, **BLOCK, "model.block.kernel": "3,5"})
    assert when(space, "model/block") == "model in (cnn, resnet)"
    assert when(space, "model.block.kernel") == "model in (cnn, resnet)"


@pytest.mark.parametrize("model", ["choice(mlp, cnn, resnet)", "choice(mlp, cnn)", "choice(cnn, resnet)"])
def test_key_of_a_nested_option_depends_on_it_whatever_the_parents_bring_by_default(
    networks: Composer, model: str
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


PER_OPTION = {
    "optim": {
        "adam": {"optim.lr": "interval(1, 2)"},
        "sgd": {"optim.lr": "interval(3, 4)", "optim.momentum": "interval(0, 1)"},
    }
}


def test_space_per_option_searches_the_options_and_each_space_below_its_own(networks: Composer) -> None:
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


def test_option_without_a_space_of_its_own_is_searched_too(networks: Composer) -> None:
    space = space_of(networks, {"optim": {"adam": None, "sgd": {}, "lion": {"optim.beta": "1,2"}}})
    assert [option.text for option in parameter(space, "optim").options] == ["adam", "sgd", "lion"]  # type: ignore[union-attr]
    assert when(space, "optim.beta") == "optim=lion"


def test_space_per_option_holds_for_one_group_inside_another(networks: Composer) -> None:
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


def test_space_of_an_option_may_hold_keys_that_another_group_brings(networks: Composer) -> None:
    params = {"model": {"mlp": {"optim.momentum": "1,2"}, "cnn": {"optim.beta": "1,2"}}, "optim": "choice(sgd, adam)"}
    space = space_of(networks, params)
    assert when(space, "optim.momentum") == "model=mlp and optim=sgd"
    assert when(space, "optim.beta") == "model=cnn and optim=adam"
    assert space.size == 2 + 1 + 1 + 2
    for point in space.points():
        assert networks.compose(space.overrides(point))


def test_space_of_an_option_may_split_a_group_that_another_group_brings(networks: Composer) -> None:
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


def test_default_that_is_not_searched_says_nothing_of_a_trial(networks: Composer) -> None:
    # The project's own mlp has no channels, but no trial has the mlp.
    params = {"optim": {"adam": {"model.channels": "1,2"}, "sgd": {}}, "model": "choice(cnn, resnet)"}
    assert when(space_of(networks, params), "model.channels") == "optim=adam"


def test_key_that_a_plain_value_brings_below_the_default_option_exists(networks: Composer) -> None:
    params = {"model": {"mlp": {"+model.more": "{a: 1}", "model.more.a": "1,2"}, "cnn": {}}}
    space = space_of(networks, params)
    assert when(space, "model.more.a") == "model=mlp"
    lines = space.overrides({"model": "mlp", "model.more.a": 2})
    assert networks.compose(lines).model.more == {"a": 2}


def test_group_searched_under_one_option_only_stays_as_it_is_elsewhere(networks: Composer) -> None:
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


def test_space_per_option_works_for_an_added_group(make_project: MakeProject) -> None:
    files = {"conf/extra/a.yaml": "x: 1\n", "conf/extra/b.yaml": "y: 1\n"}
    space = space_of(make_project({**NETWORKS, **files}), {"+extra": {"a": {"extra.x": "1,2"}, "b": {}}})
    assert when(space, "extra.x") == "+extra=a"
    assert space.overrides({"+extra": "b"}) == ["+extra=b"]


def test_mapping_below_a_group_that_names_no_option_is_dotted_keys(networks: Composer) -> None:
    assert space_of(networks, {"optim": {"lr": "interval(0, 1)"}}).keys == ("optim.lr",)


# Plain values


def test_plain_value_is_given_only_where_its_key_exists(networks: Composer) -> None:
    space = space_of(networks, {**MODEL, "model.hidden1": 7, "seed": 3})
    assert space.fixed == ("seed=3",)
    assert [(c.line, when_text(c.when)) for c in space.conditional] == [("model.hidden1=7", "model=mlp")]
    assert space.overrides({"model": "mlp"}) == ["seed=3", "model=mlp", "model.hidden1=7"]
    assert space.overrides({"model": "cnn"}) == ["seed=3", "model=cnn"]


def test_plain_value_of_the_command_line_is_given_only_where_its_key_exists(networks: Composer) -> None:
    space = space_of(networks, {**MODEL, "model.hidden1": "1,2"}, ["model.hidden1=7"])
    assert space.keys == ("model",)
    assert space.overrides({"model": "mlp"}) == ["model=mlp", "model.hidden1=7"]
    assert space.overrides({"model": "cnn"}) == ["model=cnn"]


def test_plain_value_that_the_fixed_nested_group_rules_out_is_an_error(networks: Composer) -> None:
    message = message_of(networks, {**MODEL, "model/block": "wide", "model.block.expansion": 4})
    assert message.startswith("hydra.sweeper.params.model.block.expansion: the project's configuration has no key")


def test_plain_value_below_an_option_is_given_under_it(networks: Composer) -> None:
    space = space_of(networks, {"optim": {"adam": {"optim.lr": 0.5}, "sgd": {"optim.lr": "interval(0, 1)"}}})
    assert space.overrides({"optim": "adam"}) == ["optim=adam", "optim.lr=0.5"]
    assert space.overrides({"optim": "sgd", "optim.lr": 0.25}) == ["optim=sgd", "optim.lr=0.25"]


def test_fixed_nested_group_is_given_where_an_option_brings_it_and_brings_its_keys(networks: Composer) -> None:
    params = {**MODEL, "model/block": "wide", "model.block.width": "1,2", "model.channels": 3}
    space = space_of(networks, params)
    assert when(space, "model.block.width") == "model in (cnn, resnet)"
    assert space.overrides({"model": "mlp"}) == ["model=mlp"]
    lines = space.overrides({"model": "cnn", "model.block.width": 2})
    assert lines == ["model=cnn", "model/block=wide", "model.channels=3", "model.block.width=2"]
    assert networks.compose(lines).model.block.width == 2


# Types of the project


@pytest.fixture
def typed(make_project: MakeProject) -> Project:
    @dataclass
    class Wide:
        width: int = 32
        rate: float = 1.0
        depth: int | None = None

    @dataclass
    class Narrow:
        size: int = 1

    store = ConfigStore.instance()
    store.store(group="net", name="typed_wide", node=Wide)
    store.store(group="net", name="typed_narrow", node=Narrow)
    return make_project({"conf/config.yaml": "defaults: [{net: typed_narrow}, _self_]\nbatch: 32\nscale: 1.5\n"})


@pytest.mark.parametrize("key", ["net.width", "net.depth"])
def test_interval_over_a_typed_int_holds_whole_numbers(typed: Project, key: str) -> None:
    result = built(typed, {"net": "typed_wide,typed_narrow", key: "interval(16, 128)"})
    condition = Condition("net", ("typed_wide",))
    assert parameter(result.space, key) == Range(key, 16, 128, integral=True, when=(condition,))
    assert type(parameter(result.space, key).low) is int  # type: ignore[union-attr]
    assert result.hints == ()


def test_log_scale_over_a_typed_int_stays_one(typed: Project) -> None:
    space = space_of(typed, {"net": "typed_wide", "net.width": "tag(log, interval(16, 128))"})
    assert space.parameters == (Range("net.width", 16, 128, integral=True, log=True),)


def test_interval_over_a_typed_int_refuses_bounds_that_are_not_whole(typed: Project) -> None:
    message = message_of(typed, {"net": "typed_wide", "net.width": "interval(0.5, 8)"})
    assert message.startswith("hydra.sweeper.params.net.width: 'net.width' is an int in the project's configuration")
    assert "interval(0.5, 8.0) is not a whole number" in message


def test_interval_over_a_typed_float_holds_floats(typed: Project) -> None:
    result = built(typed, {"net": "typed_wide", "net.rate": "interval(1, 2)"})
    assert result.space.parameters == (Range("net.rate", 1.0, 2.0),)
    assert result.hints == ()


def test_interval_over_an_untyped_int_stays_one_of_floats_and_earns_a_hint(typed: Project) -> None:
    result = built(typed, {"batch": "interval(16, 128)"})
    assert result.space.parameters == (Range("batch", 16.0, 128.0),)
    (hint,) = result.hints
    assert "batch is searched as a float" in hint
    assert hint.endswith("write batch: int(interval(16, 128))")


@pytest.mark.parametrize(
    "params",
    [{"batch": "int(interval(16, 128))"}, {"batch": "interval(0.5, 2)"}, {"scale": "interval(1, 2)"}, {"batch": "1,2"}],
)
def test_interval_that_is_clear_earns_no_hint(typed: Project, params: dict[str, str]) -> None:
    assert built(typed, params).hints == ()


# Tags


def test_tag_says_whether_neighbours_are_alike(networks: Composer) -> None:
    params = {"seed": "tag(categorical, choice(3, 1, 2))", "+size": "tag(ordered, choice(small, large))"}
    space = space_of(networks, params)
    seed, size = space.parameters
    assert isinstance(seed, Choice) and not seed.ordered
    assert [option.value for option in seed.options] == [3, 1, 2]
    assert isinstance(size, Choice) and size.ordered
    assert space.describe() == params


# The command line narrows


def test_chosen_option_leaves_its_own_space_and_drops_the_others(networks: Composer) -> None:
    result = built(networks, PER_OPTION, ["optim=adam"])
    assert result.space.parameters == (Range("optim.lr", 1.0, 2.0),)
    assert result.space.fixed == ("optim=adam",)
    assert result.hints == ()


def test_fewer_options_on_the_command_line_keep_their_spaces(networks: Composer) -> None:
    params = {"optim": {**PER_OPTION["optim"], "lion": {"optim.beta": "1,2"}}}
    space = space_of(networks, params, ["optim=sgd,lion"])
    assert [option.text for option in parameter(space, "optim").options] == ["sgd", "lion"]  # type: ignore[union-attr]
    assert [(p.key, when_text(p.when)) for p in space.parameters[1:]] == [
        ("optim.lr", "optim=sgd"),
        ("optim.momentum", "optim=sgd"),
        ("optim.beta", "optim=lion"),
    ]


def test_value_on_the_command_line_replaces_a_key_under_every_option(networks: Composer) -> None:
    space = space_of(networks, PER_OPTION, ["optim.lr=0.5"])
    assert space.keys == ("optim", "optim.momentum")
    assert space.overrides({"optim": "adam"}) == ["optim.lr=0.5", "optim=adam"]


def test_key_of_an_option_that_the_command_line_left_out_is_dropped_with_a_sentence(networks: Composer) -> None:
    params = {**MODEL, "model.hidden1": "1,2", "model.channels": "1,2", "model.stages": 3}
    result = built(networks, params, ["model=mlp"])
    assert result.space.keys == ("model.hidden1",)
    assert result.hints == (
        "model.channels is not searched: it exists under model in (cnn, resnet) only.",
        "model.stages is not given: it exists under model=resnet only.",
    )


def test_nested_group_of_an_option_that_was_left_out_is_dropped_with_all_that_it_brings(networks: Composer) -> None:
    params = {**MODEL, **BLOCK, "model.block.width": "1,2", "model.hidden1": "1,2"}
    result = built(networks, params, ["model=mlp"])
    assert result.space.keys == ("model.hidden1",)
    assert result.hints == (
        "model/block is not searched: it exists under model in (cnn, resnet) only.",
        "model.block.width is not searched: it exists under model/block=wide only.",
    )


def test_key_that_exists_under_no_option_is_an_error_even_when_narrowed(networks: Composer) -> None:
    assert "no key 'model.hiden1'" in message_of(networks, {**MODEL, "model.hiden1": "1,2"}, ["model=mlp"])


def test_typed_value_of_an_option_that_was_left_out_is_an_error(networks: Composer) -> None:
    params = {**MODEL, "seed": "1,2"}
    message = message_of(networks, params, ["model=mlp", "model.channels=3"])
    assert "the command line's model.channels: the project's configuration has no key 'model.channels'" in message


def test_nested_spaces_follow_the_option_that_the_command_line_chose(networks: Composer) -> None:
    params = {
        "model": {"mlp": {}, "cnn": {"model/block": {"basic": {}, "wide": {"model.block.width": "1,2"}}}},
        "seed": "1,2",
    }
    assert space_of(networks, params, ["model=mlp"]).keys == ("seed",)
    assert when(space_of(networks, params, ["model=cnn"]), "model.block.width") == "model/block=wide"
    wide = space_of(networks, params, ["model=cnn", "model/block=wide"])
    assert when(wide, "model.block.width") == ""


# Groups that the project leaves open


@pytest.mark.parametrize("model", ["'???'", "null"])
def test_group_may_be_mandatory_or_empty_in_the_defaults_list(make_project: MakeProject, model: str) -> None:
    config = {"conf/config.yaml": f"defaults: [{{model: {model}}}, {{optim: sgd}}, _self_]\nseed: 1\n"}
    params = {**MODEL, **BLOCK, "model.hidden1": "1,2", "model.block.width": "1,2", **OPTIM, "optim.beta": "1,2"}
    space = space_of(make_project({**NETWORKS, **config}), params)
    assert when(space, "model") == ""
    assert when(space, "model.hidden1") == "model=mlp"
    assert when(space, "model/block") == "model in (cnn, resnet)"
    assert when(space, "model.block.width") == "model/block=wide"
    assert when(space, "optim.beta") == "optim in (adam, lion)"


def test_several_mandatory_groups_are_all_found(make_project: MakeProject) -> None:
    config = {"conf/config.yaml": "defaults: [{model: '???'}, {optim: '???'}, _self_]\nseed: 1\n"}
    params = {**MODEL, **OPTIM, "optim.beta": "1,2", "model.hidden1": "1,2"}
    space = space_of(make_project({**NETWORKS, **config}), params)
    assert when(space, "optim.beta") == "optim in (adam, lion)"
    assert when(space, "model.hidden1") == "model=mlp"


def test_mandatory_group_that_nobody_chooses_says_what_hydra_says(make_project: MakeProject) -> None:
    config = {"conf/config.yaml": "defaults: [{model: '???'}, {optim: sgd}]\n"}
    message = message_of(make_project({**NETWORKS, **config}), {**OPTIM})
    assert message.startswith("The configuration does not compose: ")
    assert "model" in message


def test_group_may_be_left_out_by_an_empty_list_of_options(networks: Composer) -> None:
    space = space_of(networks, {"optim": "sgd,adam,[]", "optim.lr": "1,2", "optim.beta": "1,2"})
    assert when(space, "optim.lr") == "optim in (sgd, adam)"
    assert when(space, "optim.beta") == "optim=adam"
    assert space.overrides({"optim": []}) == ["optim=[]"]
    assert "optim" not in networks.compose(space.overrides({"optim": []}))


@pytest.mark.parametrize(("params", "arguments"), [({"optim": "sgd,null"}, ()), ({"optim": None}, ())])
def test_null_for_a_group_says_how_to_leave_it_out(
    networks: Composer, params: dict[str, Any], arguments: Sequence[str]
) -> None:
    message = message_of(networks, {**params, "seed": "1,2"}, arguments)
    assert message.startswith("hydra.sweeper.params.optim")
    assert "write [] to leave the group out" in message


def test_options_that_look_like_numbers_can_be_depended_on(make_project: MakeProject) -> None:
    files = {"conf/config.yaml": "defaults: [{depth: '18'}]\n", "conf/depth/18.yaml": "a: 1\n"}
    files["conf/depth/50.yaml"] = "b: 1\n"
    project = make_project(files)
    for params in ({"depth": "choice(18, 50)", "depth.b": "1,2"}, {"depth": {18: {}, "50": {"depth.b": "1,2"}}}):
        space = space_of(project, params)
        assert space.restricted({"depth": "18", "depth.b": 2}) == {"depth": "18"}
        assert project.compose(space.overrides({"depth": "50", "depth.b": 2})).depth.b == 2


# Errors


def test_unknown_key_under_an_option_names_the_option_and_the_closest(networks: Composer) -> None:
    message = message_of(networks, {"optim": {"adam": {"optim.bta": "1,2"}, "sgd": {}}})
    assert message.startswith("hydra.sweeper.params.optim.adam.optim.bta: the project's configuration has no key")
    assert "'optim.bta' under optim=adam. Did you mean 'optim.beta'?" in message


def test_key_of_another_option_is_unknown_under_this_one(networks: Composer) -> None:
    message = message_of(networks, {"optim": {"adam": {"optim.momentum": "1,2"}, "sgd": {}}})
    assert "has no key 'optim.momentum' under optim=adam" in message


def test_key_without_its_group_is_offered_with_it(networks: Composer) -> None:
    message = message_of(networks, {"optim": {"adam": {"beta": "1,2"}, "sgd": {}}})
    assert "Did you mean 'optim.beta'?" in message


def test_option_that_does_not_compose_is_named_with_hydras_reason(make_project: MakeProject) -> None:
    project = make_project({**NETWORKS, "conf/model/bad.yaml": "defaults: [{absent: x}]\n"})
    message = message_of(project, {"model": "choice(mlp, bad)"})
    assert message.startswith("hydra.sweeper.params.model: the option 'bad' does not compose: ")
    assert "model/absent/x" in message


def test_nested_option_that_does_not_compose_is_named(make_project: MakeProject) -> None:
    project = make_project({**NETWORKS, "conf/model/block/bad.yaml": "defaults: [absent]\n"})
    message = message_of(project, {**MODEL, "model/block": "choice(basic, bad)"})
    assert message.startswith("hydra.sweeper.params.model/block: the option 'bad' does not compose: ")
    assert "absent" in message


def test_option_that_the_group_lacks_is_named_with_those_it_has(networks: Composer) -> None:
    message = message_of(networks, {"optim": {"adam": {"optim.lr": "1,2"}, "sdg": {"optim.lr": "1,2"}}})
    assert message.startswith("hydra.sweeper.params.optim: the config group 'optim' has no option 'sdg'; it has: ")
    assert message.endswith("adam, lion, sgd. Did you mean 'sgd'?")


def test_options_that_are_all_misspelled_are_still_taken_for_options(networks: Composer) -> None:
    message = message_of(networks, {"optim": {"adm": {"optim.lr": "1,2"}, "sdg": {"optim.lr": "1,2"}}})
    assert "the config group 'optim' has no option 'adm'" in message


def test_value_in_the_place_of_an_options_space_is_an_error_with_the_right_form(networks: Composer) -> None:
    message = message_of(networks, {"optim": {"adam": {"optim.lr": "1,2"}, "sgd": 3}})
    assert message.startswith("hydra.sweeper.params.optim.sgd: an option holds the parameters")
    assert "'sgd: {optim.some_key: 3}', or 'sgd: {}' for none" in message


def test_group_in_no_defaults_list_says_how_to_add_it(make_project: MakeProject) -> None:
    files = {"conf/extra/a.yaml": "x: 1\n", "conf/extra/b.yaml": "y: 1\n"}
    project = make_project({**NETWORKS, **files})
    for params in ({"extra": "choice(a, b)"}, {"extra": "a", "seed": "1,2"}):
        message = message_of(project, params)
        assert message.startswith("hydra.sweeper.params.extra: no defaults list has the config group 'extra'")
        assert "To add it, write '+extra'." in message


def test_group_without_the_package_that_it_stands_in_is_offered_with_it(make_project: MakeProject) -> None:
    files = {
        "conf/optim/adam.yaml": "defaults: [{/schedule: step}]\nlr: 1\n",
        "conf/schedule/step.yaml": "gamma: 1\n",
        "conf/schedule/cosine.yaml": "period: 1\n",
    }
    message = message_of(make_project({**NETWORKS, **files}), {**OPTIM, "schedule": "glob(*)"})
    assert "no defaults list has the config group 'schedule'" in message
    assert "Did you mean 'schedule@optim.schedule'?" in message


def test_nested_group_that_no_searched_option_brings_is_an_error(networks: Composer) -> None:
    message = message_of(networks, {**OPTIM, **BLOCK})
    assert "no defaults list has the config group 'model/block', under any searched option" in message


@pytest.mark.parametrize(
    "params",
    [
        {"optim.lr": "1,2", "++optim.lr": "3,4"},
        {"optim": {"adam": {"optim.lr": "1,2"}, "sgd": {}}, "optim.lr": "3,4"},
        {"optim.lr": "3,4", "optim": {"adam": {"optim.lr": 5}, "sgd": {}}},
        {"optim": {"adam": {"optim.lr": "1,2", "++optim.lr": 3}, "sgd": {}}},
    ],
)
def test_two_that_set_the_same_key_are_refused(networks: Composer, params: dict[str, Any]) -> None:
    message = message_of(networks, params)
    assert "optim.lr'" in message and "set the same key" in message and "keep one of them" in message


@pytest.mark.parametrize(
    "params",
    [
        {"optim.more": "choice({a: 1}, {a: 2})", "optim.more.a": "1,2"},
        {"optim.more.a": "1,2", "optim.more": "choice({a: 1}, {a: 2})"},
        {"model": {"mlp": {"optim.more": "choice({a: 1}, {a: 2})"}, "cnn": {}}, "optim.more.a": "1,2"},
        {
            "model": {
                "mlp": {"optim.more": "choice({a: 1}, {a: 2})", "optim.more.a": "1,2"},
                "cnn": {"optim.more": "choice({a: 1}, {a: 2})"},
            }
        },
    ],
)
def test_choice_of_mappings_and_a_key_inside_them_are_refused(
    make_project: MakeProject, params: dict[str, Any]
) -> None:
    project = make_project({**NETWORKS, "conf/optim/sgd.yaml": "more: {a: 1}\n"})
    message = message_of(project, params)
    assert "'optim.more.a' and 'optim.more' set the same key, since the second sets all that is below it" in message


def test_mapping_and_a_key_inside_it_may_stand_under_different_options(make_project: MakeProject) -> None:
    project = make_project({**NETWORKS, "conf/optim/sgd.yaml": "more: {a: 1}\n"})
    params = {"model": {"mlp": {"optim.more": "choice({a: 1}, {a: 2})"}, "cnn": {"optim.more.a": "1,2"}}}
    assert space_of(project, params).size == 4


def test_constraint_over_a_conditional_parameter_is_refused_with_the_reason(networks: Composer) -> None:
    params = {**MODEL, "model.hidden1": "int(interval(1, 9))", "seed": "int(interval(1, 9))"}
    message = message_of(networks, params, (), ["model.hidden1 <= seed"])
    assert message.startswith("hydra.sweeper.param_constraints: 'model.hidden1' in 'model.hidden1 <= seed' is only")
    assert "active when model=mlp; only parameters that are always active can be constrained" in message


DEPENDENT = {
    "conf/model/block/basic.yaml": "defaults: [{/kind@kind: '${model}_basic'}]\n",
    "conf/model/block/bottleneck.yaml": "defaults: [{/kind@kind: '${model}_bottleneck'}]\n",
    "conf/kind/cnn_basic.yaml": "x: 1\n",
    "conf/kind/cnn_bottleneck.yaml": "y: 1\n",
    "conf/kind/resnet_basic.yaml": "y: 1\n",
    "conf/kind/resnet_bottleneck.yaml": "x: 1\n",
}


def test_key_whose_options_depend_on_another_option_is_refused_with_advice(make_project: MakeProject) -> None:
    project = make_project({**NETWORKS, **DEPENDENT})
    params = {"model": "choice(cnn, resnet)", "model/block": "choice(basic, bottleneck)", "model.block.kind.x": "1,2"}
    message = message_of(project, params)
    assert message.startswith("hydra.sweeper.params.model.block.kind.x: under which options of model/block it exists")
    assert "depends on other options. Give it below the options themselves" in message
    assert "model/block:\n      basic: {model.block.kind.x: ...}" in message


def test_advice_of_that_error_works(make_project: MakeProject) -> None:
    project = make_project({**NETWORKS, **DEPENDENT})
    params = {
        "model": {
            "cnn": {"model/block": {"basic": {"model.block.kind.x": "1,2"}, "bottleneck": {}}},
            "resnet": {"model/block": {"basic": {}, "bottleneck": {"model.block.kind.x": "1,2"}}},
        }
    }
    space = space_of(project, params)
    assert space.size == 2 + 1 + 1 + 2
    for point in space.points():
        assert project.compose(space.overrides(point))


def test_key_that_either_of_two_groups_brings_is_refused(make_project: MakeProject) -> None:
    files = {
        "conf/model/cnn.yaml": "# @package _global_\nextra: {size: 1}\n",
        "conf/optim/adam.yaml": "# @package _global_\nextra: {size: 1}\n",
    }
    message = message_of(
        make_project({**NETWORKS, **files}),
        {"model": "choice(mlp, cnn)", "optim": "choice(sgd, adam)", "extra.size": "1,2"},
    )
    assert message.startswith("hydra.sweeper.params.extra.size: under which options of ")
    assert "it exists depends on other options" in message


def test_group_that_either_of_two_groups_brings_is_refused(make_project: MakeProject) -> None:
    files = {
        "conf/model/cnn.yaml": "defaults: [{/kind@_global_.kind: a}]\n",
        "conf/optim/adam.yaml": "defaults: [{/kind@_global_.kind: a}]\n",
        "conf/kind/a.yaml": "x: 1\n",
        "conf/kind/b.yaml": "y: 1\n",
    }
    params = {"model": "choice(mlp, cnn)", "optim": "choice(sgd, adam)", "kind": "a,b"}
    message = message_of(make_project({**NETWORKS, **files}), params)
    assert message.startswith("hydra.sweeper.params.kind: under which options of ")


def test_key_that_exists_where_its_group_is_not_searched_is_refused(networks: Composer) -> None:
    params = {"model": {"mlp": {}, "cnn": {**BLOCK}, "resnet": {}}, "model.block.expansion": "1,2"}
    assert "it exists depends on other options" in message_of(networks, params)


# The space as a value


def conditional(networks: Composer) -> Space:
    params = {**MODEL, **BLOCK, "model.hidden1": "int(interval(1, 3))", "model.block.width": "1,2", "seed": "1,2"}
    return space_of(networks, {**params, "model.stages": 5})


def test_size_counts_each_combination_of_active_values_once(networks: Composer) -> None:
    assert conditional(networks).size == 2 * (3 + 2 * (1 + 1 + 2))


def test_size_of_a_space_with_a_conditional_interval_is_none(networks: Composer) -> None:
    space = space_of(networks, {**MODEL, "model.dropout": "interval(0, 1)"})
    assert space.size is None
    with pytest.raises(ValueError, match="not finite"):
        list(space.points())


def test_points_are_all_different_and_hold_active_values_only(networks: Composer) -> None:
    space = conditional(networks)
    points = list(space.points())
    assert len({repr(point) for point in points}) == len(points) == space.size
    for point in points:
        assert point == space.restricted(point)
        assert space.outside(point) is None
        assert ("model.hidden1" in point) == (point["model"] == "mlp")
        assert ("model/block" in point) == (point["model"] != "mlp")
        assert ("model.block.width" in point) == (point.get("model/block") == "wide")


def test_points_keep_the_constraints(networks: Composer) -> None:
    params = {**MODEL, "model.hidden1": "1,2", "seed": "int(interval(1, 3))", "epochs": "int(interval(1, 3))"}
    space = built(networks, params, (), ["seed <= epochs"]).space
    points = list(space.points())
    assert len(points) == 6 * (2 + 1 + 1)
    assert all(point["seed"] <= point["epochs"] for point in points)


def test_outside_looks_at_active_values_only(networks: Composer) -> None:
    space = conditional(networks)
    values = {"model": "mlp", "model.hidden1": 2, "seed": 1}
    assert space.outside(values) is None
    assert space.outside({**values, "model.block.width": 99, "model/block": "none"}) is None
    assert "model.hidden1=9 is above its upper bound 3" in str(space.outside({**values, "model.hidden1": 9}))
    assert "model.hidden1=2.5 is not a whole number" in str(space.outside({**values, "model.hidden1": 2.5}))
    assert space.outside({"model": "mlp", "seed": 1}) == "it gives no value for model.hidden1"
    assert "model='rnn' is not among mlp, cnn, resnet" in str(space.outside({**values, "model": "rnn"}))
    assert space.outside({**values, "model": "cnn"}) == "it gives no value for model/block"


def test_truth_value_is_outside_a_choice_of_numbers(networks: Composer) -> None:
    space = space_of(networks, {"seed": "0,1", "epochs": "true,false"})
    assert "seed=True is not among 0, 1" in str(space.outside({"seed": True, "epochs": True}))
    assert "epochs=1 is not among True, False" in str(space.outside({"seed": 1, "epochs": 1}))
    assert space.outside({"seed": 1.0, "epochs": True}) is None


def test_restricted_leaves_what_is_active(networks: Composer) -> None:
    values = {"model": "cnn", "model/block": "wide", "model.block.width": 2, "model.hidden1": 1, "seed": 2, "other": 3}
    space = conditional(networks)
    assert space.restricted(values) == {"model": "cnn", "model/block": "wide", "model.block.width": 2, "seed": 2}
    assert space.restricted({**values, "model": "mlp"}) == {"model": "mlp", "model.hidden1": 1, "seed": 2}


def test_restricted_of_too_little_is_an_error(networks: Composer) -> None:
    with pytest.raises(KeyError, match="model/block"):
        conditional(networks).restricted({"model": "cnn", "seed": 1})


def test_description_says_when(networks: Composer) -> None:
    assert conditional(networks).describe() == {
        "model": "choice(mlp, cnn, resnet)",
        "model/block": "choice(basic, bottleneck, wide) when model in (cnn, resnet)",
        "model.hidden1": "int(interval(1, 3)) when model=mlp",
        "model.block.width": "choice(1, 2) when model/block=wide",
        "seed": "choice(1, 2)",
        "model.stages (fixed) when model=resnet": "model.stages=5",
    }


def test_description_tells_parameters_of_the_same_key_apart(networks: Composer) -> None:
    described = space_of(networks, PER_OPTION).describe()
    assert described["optim.lr"] == "interval(1.0, 2.0) when optim=adam"
    assert described["optim.lr when optim=sgd"] == "interval(3.0, 4.0) when optim=sgd"
