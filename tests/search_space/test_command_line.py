"""What the command line fixes and chooses, against the experiment file that it names."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ax_mo.errors import ConfigError
from ax_mo.hydra_project.project import Project, task_overrides
from ax_mo.search_space.build import build_space
from ax_mo.search_space.entries import without_respelled
from ax_mo.search_space.space import SearchSpace
from tests.search_space.conftest import loaded, project_in

FILES = {
    "conf/config.yaml": "defaults: [{model: mlp}, {optim: adam}, _self_, {experiment: null}]\nlr: 0.1\n",
    "conf/model/mlp.yaml": "hidden: 3\n",
    "conf/model/cnn.yaml": "defaults: [{block: res}]\nchannels: 3\n",
    "conf/model/block/res.yaml": "skip: true\n",
    "conf/model/block/plain.yaml": "depth: 2\n",
    "conf/optim/adam.yaml": "beta: 0.9\n",
    "conf/optim/sgd.yaml": "momentum: 0.9\n",
    "conf/net/resnet/18.yaml": "layers: 18\n",
    "conf/net/resnet/50.yaml": "layers: 50\n",
    "conf/net/small.yaml": "layers: 1\n",
    "conf/mandatory.yaml": "defaults: [{model: '???'}, {optim: '???'}, _self_, {experiment: null}]\nlr: 0.1\n",
    "conf/experiment/nas.yaml": """
        # @package _global_
        defaults: [{override /hydra/sweeper: ax_mo}, {override /model: cnn}, {override /optim: adam}]
        """,
}


def space_of(
    directory: Path, params: dict[str, object], overrides: Sequence[str], config_name: str = "config"
) -> SearchSpace:
    loader, master = loaded(directory, FILES, overrides, config_name)
    return build_space(params, task_overrides(master), (), Project(loader, master)).space


@pytest.mark.parametrize("config_name", ["config", "mandatory"])
def test_experiment_of_the_defaults_list_stays_when_a_fixed_value_exists_under_some_options_only(
    tmp_path: Path, config_name: str
) -> None:
    overrides = ["experiment=nas", "hydra.sweeper.dry_run=true"]
    params = {"optim": "choice(adam, sgd)", "optim.momentum": 0.5, "lr": "interval(0, 1)"}
    space = space_of(tmp_path, params, overrides, config_name)
    assert space.fixed == ("experiment=nas",)
    assert [(c.line, c.when[0].texts) for c in space.conditional] == [("optim.momentum=0.5", ("sgd",))]


def test_fault_behind_an_experiment_of_the_defaults_list_is_not_hidden(tmp_path: Path) -> None:
    params = {"optim": "choice(adam, sgd)", "optim.nothing": 0.5, "lr": "interval(0, 1)"}
    with pytest.raises(ConfigError, match=r"optim\.nothing: the project's configuration has no key 'optim.nothing'"):
        space_of(tmp_path, params, ["experiment=nas", "hydra.sweeper.dry_run=true"])


def test_group_that_only_some_options_bring_is_fixed_where_it_is(tmp_path: Path) -> None:
    params = {"model": "choice(mlp, cnn)", "model/block": "plain", "lr": "interval(0, 1)"}
    space = space_of(tmp_path, params, ["experiment=nas", "hydra.sweeper.dry_run=true"])
    assert space.fixed == ("experiment=nas",)
    assert [(c.line, c.when[0].texts) for c in space.conditional] == [("model/block=plain", ("cnn",))]


def test_choice_of_one_value_fixes_what_the_plain_configuration_lacks(tmp_path: Path) -> None:
    params = {"optim": "choice(adam, sgd)", "optim.momentum": "interval(0, 1)", "model": "choice(mlp, cnn)"}
    space = space_of(tmp_path, params, ["optim.momentum=choice(0.5)", "model/block=choice(plain)"])
    assert [p.key for p in space.parameters] == ["optim", "model"]
    assert [c.line for c in space.conditional] == ["optim.momentum=0.5", "model/block=plain"]


def test_options_in_folders_are_options(tmp_path: Path) -> None:
    space = space_of(tmp_path, {}, ["+net=resnet/18,resnet/50,small"])
    (net,) = space.parameters
    assert net.is_group  # type: ignore[union-attr]
    assert space.overrides({"+net": "resnet/50"}) == ["+net=resnet/50"]
    assert space_of(tmp_path, {"lr": "interval(0, 1)"}, ["+net=resnet/18"]).fixed == ("+net=resnet/18",)
    with pytest.raises(ConfigError, match="the config group 'net' has no option 'resnet/19'"):
        space_of(tmp_path, {}, ["+net=resnet/18,resnet/19"])


def test_parameter_of_a_file_is_replaced_by_the_command_lines_however_it_is_spelled() -> None:
    params = {"a.b.c": 1, "a.b": {"c": 2}, "a": {"b.c": 3, "b": {"c": 4, "d": 5}}, "e": 6}
    assert without_respelled(params, ["a.b.c"], {}) == {"a": {"b": {"c": 4, "d": 5}}, "e": 6}
    assert without_respelled(params, ["e"], {}) == params


def test_parameter_of_an_option_is_not_typed_where_it_would_replace_the_group() -> None:
    params = {"optim": {"adam": {"optim.lr": 1, "optim": {"lr": 2}}}}
    kept = without_respelled(params, ["optim.adam.optim.lr"], {"optim": {"adam": {"optim.lr": 1}}})
    assert kept == {"optim": {"adam": {"optim": {"lr": 2}}}}
    message = r"hydra\.sweeper\.params\.optim\.lr: set there, it takes the place of 'optim: glob\(\*\)'"
    with pytest.raises(ConfigError, match=message):
        without_respelled({"optim": {"lr": 1}}, ["optim.lr"], {"optim": "glob(*)"})


def test_parameter_of_all_options_but_the_typed_one_is_left_out_with_the_reason(tmp_path: Path) -> None:
    files = {"conf/model/vit.yaml": "heads: 2\n", **{f"conf/model/{m}.yaml": "hidden: 3\n" for m in ("mlp", "cnn")}}
    project = project_in(tmp_path, {**FILES, **files}, ["model=vit"])
    params = {"model": "choice(mlp, cnn)", "model.hidden": "range(1, 9)", "lr": "interval(0, 1)"}
    built = build_space(params, ["model=vit"], (), project)
    assert built.hints[0] == "model.hidden is not searched: it does not exist with model=vit."
