"""The command line narrows a file's space; groups that the project leaves open."""

import pytest

from ax_mo.hydra_project.project import Project
from tests.search_space.networks import (
    BLOCK,
    MODEL,
    NETWORKS,
    OPTIM,
    MakeProject,
    built,
    message_of,
    space_of,
    when,
)

# The command line narrows


def test_key_of_an_option_that_the_command_line_left_out_is_dropped_with_a_sentence(networks: Project) -> None:
    params = {**MODEL, "model.hidden1": "1,2", "model.channels": "1,2", "model.stages": 3}
    result = built(networks, params, ["model=mlp"])
    assert result.space.keys == ("model.hidden1",)
    assert result.hints == (
        "model.channels is not searched: it exists under model in (cnn, resnet) only.",
        "model.stages is not given: it exists under model=resnet only.",
    )


def test_nested_group_of_an_option_that_was_left_out_is_dropped_with_all_that_it_brings(networks: Project) -> None:
    params = {**MODEL, **BLOCK, "model.block.width": "1,2", "model.hidden1": "1,2"}
    result = built(networks, params, ["model=mlp"])
    assert result.space.keys == ("model.hidden1",)
    assert result.hints == (
        "model/block is not searched: it exists under model in (cnn, resnet) only.",
        "model.block.width is not searched: it exists under model/block=wide only.",
    )


def test_typed_value_of_an_option_that_was_left_out_is_an_error(networks: Project) -> None:
    params = {**MODEL, "seed": "1,2"}
    message = message_of(networks, params, ["model=mlp", "model.channels=3"])
    assert "model.channels: the project's configuration has the key 'model.channels' with model=cnn or" in message


def test_nested_spaces_follow_the_option_that_the_command_line_chose(networks: Project) -> None:
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
    config = {"conf/config.yaml": f"defaults: [{{model: {model}}}, {{optim: {model}}}, _self_]\nseed: 1\n"}
    params = {**MODEL, **BLOCK, "model.hidden1": "1,2", "model.block.width": "1,2", **OPTIM, "optim.beta": "1,2"}
    space = space_of(make_project({**NETWORKS, **config}), params)
    assert when(space, "model") == ""
    assert when(space, "model.hidden1") == "model=mlp"
    assert when(space, "model/block") == "model in (cnn, resnet)"
    assert when(space, "model.block.width") == "model/block=wide"
    assert when(space, "optim.beta") == "optim in (adam, lion)"


def test_mandatory_group_that_nobody_chooses_says_what_hydra_says(make_project: MakeProject) -> None:
    config = {"conf/config.yaml": "defaults: [{model: '???'}, {optim: sgd}]\n"}
    message = message_of(make_project({**NETWORKS, **config}), {**OPTIM})
    assert message.startswith("The configuration does not compose: ")
    assert "model" in message


def test_group_may_be_left_out_by_an_empty_list_of_options(networks: Project) -> None:
    space = space_of(networks, {"optim": "sgd,adam,[]", "optim.lr": "1,2", "optim.beta": "1,2"})
    assert when(space, "optim.lr") == "optim in (sgd, adam)"
    assert when(space, "optim.beta") == "optim=adam"
    assert space.overrides({"optim": []}) == ["optim=[]"]
    assert "optim" not in networks.compose(space.overrides({"optim": []}))
