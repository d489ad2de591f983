"""Spaces over a project's groups that are refused, and with what advice."""

import pytest

from ax_mo.hydra_project.project import Project
from tests.search_space.networks import BLOCK, MODEL, NETWORKS, OPTIM, MakeProject, message_of, space_of, when


def test_misspelled_nested_group_is_closest_to_the_group(networks: Project) -> None:
    message = message_of(networks, {**MODEL, "model/blok": "choice(basic, wide)"})
    assert message == (
        "hydra.sweeper.params.model/blok: the project has no config group 'model/blok'. Did you mean 'model/block'?"
    )


def test_unknown_key_under_an_option_names_the_option_and_the_closest(networks: Project) -> None:
    message = message_of(networks, {"optim": {"adam": {"optim.bta": "1,2"}, "sgd": {}}})
    assert message.startswith("hydra.sweeper.params.optim.adam.optim.bta: the project's configuration has no key")
    assert "'optim.bta' under optim=adam. Did you mean 'optim.beta'?" in message


def test_key_of_an_option_that_no_trial_has_names_the_options_that_bring_it(networks: Project) -> None:
    assert message_of(networks, {"model.channels": "1,2"}) == (
        "hydra.sweeper.params.model.channels: the project's configuration has the key 'model.channels' with model=cnn "
        "or model=resnet only, and no trial has that. Choose model=cnn, or search it among others: "
        "model: choice(cnn, ...)."
    )
    typed = ["model=mlp", "optim=adam"]
    assert "with model=resnet only" in message_of(networks, {"model.stages": "1,2"}, typed)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("defaults: [{absent: x}]\n", "model/absent/x"),
        ("a: [1\n", ""),  # no YAML
        ("a: '${'\n", ""),
        ("defaults: [bad]\na: 1\n", "its defaults list leads back to itself"),
    ],
)
def test_option_that_does_not_compose_is_named_with_the_reason(
    make_project: MakeProject, content: str, why: str
) -> None:
    message = message_of(make_project({**NETWORKS, "conf/model/bad.yaml": content}), {"model": "choice(mlp, bad)"})
    assert message.startswith("hydra.sweeper.params.model: the option 'bad' does not compose: ")
    assert why in message


def test_option_that_the_group_lacks_is_named_with_those_it_has(networks: Project) -> None:
    message = message_of(networks, {"optim": {"adam": {"optim.lr": "1,2"}, "sdg": {"optim.lr": "1,2"}}})
    assert message.startswith("hydra.sweeper.params.optim: the config group 'optim' has no option 'sdg'; it has: ")
    assert message.endswith("adam, lion, sgd. Did you mean 'sgd'?")


def test_options_that_are_all_misspelled_are_still_taken_for_options(networks: Project) -> None:
    message = message_of(networks, {"optim": {"adm": {"optim.lr": "1,2"}, "sdg": {"optim.lr": "1,2"}}})
    assert "the config group 'optim' has no option 'adm'" in message


def test_value_in_the_place_of_an_options_space_is_an_error_with_the_right_form(networks: Project) -> None:
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


def test_nested_group_that_no_searched_option_brings_is_an_error(networks: Project) -> None:
    message = message_of(networks, {**OPTIM, **BLOCK})
    assert "no defaults list has the config group 'model/block', under any searched option" in message


def test_mapping_and_a_key_inside_it_may_stand_under_different_options(make_project: MakeProject) -> None:
    project = make_project({**NETWORKS, "conf/optim/sgd.yaml": "more: {a: 1}\n"})
    params = {"model": {"mlp": {"optim.more": "choice({a: 1}, {a: 2})"}, "cnn": {"optim.more.a": "1,2"}}}
    assert space_of(project, params).size == 4


def test_constraint_over_a_conditional_parameter_is_refused_with_the_reason(networks: Project) -> None:
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


TOGETHER = {
    "conf/config.yaml": "defaults: [{model: mlp}, {data: rows}, {optional md: '${model}_${data}'}, _self_]\nseed: 1\n",
    "conf/data/rows.yaml": "rows: 1\n",
    "conf/data/images.yaml": "pixels: 1\n",
    "conf/md/cnn_images.yaml": "# @package _global_\nextra: 1\n",
}


def test_key_that_two_options_bring_together_may_be_written_below_one_of_them(make_project: MakeProject) -> None:
    project = make_project({**NETWORKS, **TOGETHER})
    message = message_of(project, {"model": "mlp,cnn", "data": "rows,images", "extra": "1,2"})
    assert "If it is only there under options of model and data together, give it below the option of one" in message
    assert message.endswith("for example\n  params:\n    model:\n      cnn: {extra: ...}")
    space = space_of(project, {"model": {"mlp": {}, "cnn": {"extra": "1,2"}}, "data": "rows,images"})
    assert when(space, "extra") == "model=cnn and data=images"
    assert "together" not in message_of(project, {"model": "mlp,cnn", "extra": "1,2"})


# BUG: the key was followed through the interpolation, and Hydra's advice was to write "+model.optim.lr".
def test_key_below_an_interpolation_is_refused_with_the_key_behind_it(make_project: MakeProject) -> None:
    files = {"conf/config.yaml": "opt: {lr: 1.0}\nmodel: {optim: '${opt}', name: '${.optim}'}\n"}
    project = make_project(files)
    assert message_of(project, {"model.optim.lr": "interval(0, 1)"}) == (
        "hydra.sweeper.params.model.optim.lr: 'model.optim' is ${opt} in the project's configuration, and Hydra "
        "overrides nothing below an interpolation. Search 'opt.lr' instead."
    )
    message = message_of(project, {"model.name.lr": "interval(0, 1)"})
    assert message.endswith(
        "'model.name' is ${.optim} in the project's configuration, and Hydra overrides nothing below an interpolation."
    )
    assert space_of(project, {"model.optim": "choice(a, b)", "opt.lr": "interval(0, 1)"}).keys == (
        "model.optim",
        "opt.lr",
    )


def test_key_that_is_behind_an_interpolation_under_one_option_is_searched_under_the_others(
    make_project: MakeProject,
) -> None:
    files = {"conf/model/cnn.yaml": "head: ${shared}\n", "conf/model/mlp.yaml": "head: {size: 1}\n"}
    project = make_project(
        {**NETWORKS, **files, "conf/config.yaml": "defaults: [{model: mlp}, _self_]\nshared: {size: 1}\n"}
    )
    space = space_of(project, {"model": "mlp,cnn", "model.head.size": "1,2"})
    assert when(space, "model.head.size") == "model=mlp"


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


def test_key_that_exists_where_its_group_is_not_searched_is_refused(networks: Project) -> None:
    params = {"model": {"mlp": {}, "cnn": {**BLOCK}, "resnet": {}}, "model.block.expansion": "1,2"}
    assert "it exists depends on other options" in message_of(networks, params)
