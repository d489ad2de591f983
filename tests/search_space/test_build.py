"""``params``, the command line and a real project become one checked space."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ax_mo.errors import ConfigError
from ax_mo.hydra_project.project import Project
from ax_mo.search_space.build import build_space
from ax_mo.search_space.parameters import Choice, Range
from ax_mo.search_space.space import SearchSpace, space_as_json, space_from_json
from ax_mo.search_space.start import config_point
from tests.search_space.conftest import loaded
from tests.search_space.networks import MODEL, NETWORKS, OPTIM

MakeProject = Callable[..., Project]


def message_of(
    project: Project, params: dict[str, Any], arguments: Sequence[str] = (), constraints: Sequence[str] = ()
) -> str:
    with pytest.raises(ConfigError) as caught:
        build_space(params, arguments, constraints, project)
    return str(caught.value)


def space_of(
    params: dict[str, Any], arguments: Sequence[str], constraints: Sequence[str], project: Project
) -> SearchSpace:
    return build_space(params, arguments, constraints, project).space


def parameter(space: SearchSpace, key: str) -> Choice | Range:
    (found,) = [p for p in space.parameters if p.key == key]
    return found


# What the space holds


def test_groups_and_values_keep_their_order(project: Project) -> None:
    params = {"optim.lr": "tag(log, interval(1e-4, 1e-1))", "model": "choice(mlp, cnn)", "layers": "[1],[2,3]"}
    space = space_of(params, [], [], project)
    assert space.keys == ("optim.lr", "model", "layers")
    assert space.fixed == ()
    model = parameter(space, "model")
    assert isinstance(model, Choice) and model.is_group
    assert space.overrides({"optim.lr": 0.01, "model": "cnn", "layers": [2, 3]}) == [
        "model=cnn",
        "optim.lr=0.01",
        "layers=[2,3]",
    ]


def test_plain_values_among_the_params_are_fixed(project: Project) -> None:
    space = space_of({"seed": 3, "optim": {"lr": "interval(0, 1)", "momentum": 0.5}}, [], [], project)
    assert space.keys == ("optim.lr",)
    assert space.fixed == ("seed=3", "optim.momentum=0.5")


def test_options_of_the_search_path_belong_to_a_group(make_project: MakeProject, tmp_path: Path) -> None:
    files = {"extra/model/gru.yaml": "defaults: [{head: linear}]\nunits: 3\n"}
    project = make_project(files, [f"hydra.searchpath=[file://{tmp_path}/extra]"])
    model = parameter(space_of({"model": "glob(*)"}, [], [], project), "model")
    assert isinstance(model, Choice)
    assert [option.value for option in model.options] == ["cnn", "gru", "mlp"]


def test_options_of_a_search_path_in_the_primary_config_belong_to_a_group(
    make_project: MakeProject, tmp_path: Path
) -> None:
    files = {
        "extra/model/gru.yaml": "units: 3\n",
        "conf/config.yaml": f"defaults: [{{model: mlp}}, _self_]\nhydra: {{searchpath: ['file://{tmp_path}/extra']}}\n",
    }
    space = space_of({"model": "choice(gru, mlp)"}, [], [], make_project(files))
    assert space.overrides({"model": "gru"}) == ["model=gru"]


@pytest.mark.parametrize("key", ["nothing", "needed", "layers.0"])
def test_null_missing_and_indexed_keys_exist(project: Project, key: str) -> None:
    assert space_of({key: "1,2"}, [], [], project).keys == (key,)


def test_added_keys_need_not_exist(project: Project) -> None:
    params = {"+new": "interval(0, 1)", "++other.deep": "1,2", "+optim@second": "sgd,adam", "second.lr": "1,2"}
    assert space_of(params, [], [], project).keys == tuple(params)


def test_hydra_composes_each_option_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader, master = loaded(tmp_path, NETWORKS, [])
    asked, hydras = [], loader.load_sweep_config
    monkeypatch.setattr(loader, "load_sweep_config", lambda config, lines: asked.append(lines) or hydras(config, lines))
    project = Project(loader, master)
    space = space_of({**OPTIM, "optim.lr": "interval(0, 1)", **MODEL}, [], [], project)
    assert config_point(space, project) == ({"optim": "sgd", "optim.lr": 0.1, "model": "mlp"}, "")
    assert asked == [["optim=adam"], ["optim=lion"], ["model=cnn"], ["model=resnet"]]


# The command line


def test_range_on_the_command_line_replaces_the_one_in_params(project: Project) -> None:
    space = space_of({"optim.lr": "interval(0, 1)"}, ["optim.lr=interval(2, 3)", "seed=4"], [], project)
    assert space.parameters == (Range("optim.lr", 2.0, 3.0),)
    assert space.fixed == ("seed=4",)


def test_parameters_may_come_from_the_command_line_alone(project: Project) -> None:
    assert space_of({}, ["model=mlp,cnn", "seed=range(1,4)"], [], project).keys == ("model", "seed")


def test_experiment_on_the_command_line_is_part_of_every_trial(project: Project) -> None:
    space = space_of({"model.channels": "int(interval(1, 4))"}, ["+experiment=small"], [], project)
    assert space.fixed == ("+experiment=small",)
    assert space.overrides({"model.channels": 2}) == ["+experiment=small", "model.channels=2"]


def test_group_that_the_command_line_fixes_decides_which_keys_exist(project: Project) -> None:
    assert space_of({"optim.beta": "interval(0, 1)"}, ["optim=adam"], [], project).keys == ("optim.beta",)
    assert "with optim=adam only" in message_of(project, {"optim.beta": "interval(0, 1)"})
    with_group = {"model": "mlp,cnn", "optim.beta": "interval(0, 1)"}
    assert space_of(with_group, ["optim=adam"], [], project).keys == ("model", "optim.beta")


# BUG: entries are kept by bare key, so that "~tags" is lost and the trial merges into the old node.
def test_deletion_followed_by_an_addition_keeps_both(make_project: MakeProject) -> None:
    files = {"conf/config.yaml": "tags: {old: 1}\nseed: 1\n"}
    space = space_of({"seed": "1,2"}, ["~tags", "+tags={new:2}"], [], make_project(files))
    assert space.fixed == ("~tags", "+tags={new:2}")


# Errors


def test_nothing_to_search_is_an_error_with_an_example(project: Project) -> None:
    empty, fixed = message_of(project, {}), message_of(project, {"seed": 3})
    assert "hydra.sweeper.params is empty: there is nothing to search" in empty
    assert "Nothing is left to search: all of hydra.sweeper.params is fixed (seed=3)" in fixed
    for message in (empty, fixed):
        assert "optim.lr: tag(log, interval(1e-4, 1e-1))" in message


def test_unknown_key_names_the_closest_and_how_to_add_it(project: Project) -> None:
    message = message_of(project, {"optm.lr": "interval(0, 1)"})
    assert "hydra.sweeper.params.optm.lr: the project's configuration has no key 'optm.lr'" in message
    assert "Did you mean 'optim.lr'?" in message
    assert "To add a new key, write '+optm.lr'." in message


def test_fixed_option_that_does_not_exist_says_what_hydra_says(project: Project) -> None:
    message = message_of(project, {"seed": "1,2"}, ["model=absent"])
    assert message.startswith("The configuration does not compose: ")
    assert "model/absent" in message


def test_addition_of_a_key_that_exists_says_what_hydra_says(project: Project) -> None:
    message = message_of(project, {"+seed": "1,2"})
    assert "a trial does not compose" in message
    assert "Either remove + prefix" in message


# BUG: written without quotes, Hydra's ValueError ended the start in a traceback; choice(true, ...) looked for 'True'.
@pytest.mark.parametrize("name", ["50", "true"])
def test_fixed_option_may_look_like_a_number(make_project: MakeProject, name: str) -> None:
    files = {
        "conf/config.yaml": "defaults: [{depth: '18'}, _self_]\nlr: 1.0\n",
        "conf/depth/18.yaml": "layers: 18\n",
        f"conf/depth/{name}.yaml": "layers: 2\n",
    }
    project = make_project(files)
    params = {"lr": "interval(0, 1)"}
    entries: list[tuple[Any, list[str]]] = [
        (int(name) if name.isdigit() else True, []),
        (name, []),
        ("18", [f"depth=choice({name})"]),
        (f"[{name}]", []),
    ]
    for entry, arguments in entries:
        space = space_of({**params, "depth": entry}, arguments, [], project)
        assert project.compose(space.overrides({"lr": 0.5})).depth == {"layers": 2}
    chosen = space_of({**params, "depth": f"choice(18, {name})"}, [], [], project)
    assert project.compose(chosen.overrides({"depth": name, "lr": 0.5})).depth == {"layers": 2}


# Constraints on parameters


def test_constraint_between_numbers_uses_their_keys(project: Project) -> None:
    params = {"model.hidden": "int(interval(1, 9))", "+new": "interval(0, 1)", "model": "mlp"}
    space = space_of(params, [], ["model.hidden - 2*new <= 5"], project)
    assert space.constraints[0].terms == (("model.hidden", 1.0), ("+new", -2.0))
    assert space.constraints[0].bound == 5.0


def test_constraint_forgives_what_rounding_does_to_a_suggestion_also_when_read_back(project: Project) -> None:
    params = {"model.hidden": "interval(0, 1)", "+new": "interval(0, 1)", "model": "mlp"}
    space = space_of(params, [], ["model.hidden + new <= 0.3"], project)
    for constraint in (*space.constraints, *space_from_json(space_as_json(space)).constraints):
        assert constraint.holds({"model.hidden": 0.1, "+new": 0.2})  # 0.30000000000000004
        assert not constraint.holds({"model.hidden": 0.1, "+new": 0.20001})


def test_constraint_on_an_unknown_parameter_names_the_closest(project: Project) -> None:
    message = message_of(project, {"optim.lr": "interval(0, 1)"}, (), ["optim.lrr <= 1"])
    assert "'optim.lrr' in 'optim.lrr <= 1' is not among the searched parameters (optim.lr)" in message
    assert "Did you mean 'optim.lr'?" in message


LOGS = {"optim.lr": "tag(log, interval(1, 4))", "seed": "tag(log, int(interval(1, 5)))", "batch_size": "interval(1, 4)"}


@pytest.mark.parametrize(
    "text",
    ["optim.lr <= 2", "optim.lr <= batch_size", "optim.lr <= 2*seed", "optim.lr <= seed + 1"],
)
def test_log_scale_allows_only_an_order(project: Project, text: str) -> None:
    message = message_of(project, LOGS, (), [text])
    assert f"'{text}' is over 'optim.lr', which is on a log scale" in message


@pytest.mark.parametrize("text", ["seed >= optim.lr", "2*optim.lr <= 2*seed", "batch_size <= 2"])
def test_order_between_two_log_scales_is_possible(project: Project, text: str) -> None:
    assert space_of(LOGS, [], [text], project).constraints[0].text == text


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["seed >= 9"], "no point meets 'seed >= 9': seed is 1 to 5."),
        (["optim.lr + seed <= 0.5"], "no point meets 'optim.lr + seed <= 0.5': optim.lr is 0 to 1, seed is 1 to 5."),
        (["seed >= 4", "seed <= 2"], "no point meets 'seed >= 4' and 'seed <= 2' together."),
        (["seed >= 4*optim.lr + 3", "2*optim.lr >= 1.5"], "'2*optim.lr >= 1.5' together."),
        (["2*seed <= 5", "2*seed >= 5"], "together."),
    ],
)
def test_constraints_that_no_point_meets_are_an_error(project: Project, texts: list[str], reason: str) -> None:
    params = {"optim.lr": "interval(0, 1)", "seed": "int(interval(1, 5))"}
    message = message_of(project, params, (), texts)
    assert message.startswith("hydra.sweeper.param_constraints: ")
    assert message.endswith(reason)


@pytest.mark.parametrize(
    "texts",
    [
        ["optim.lr <= 0"],
        ["optim.lr + batch_size <= 1", "optim.lr + batch_size >= 1"],
    ],
)
def test_constraints_that_leave_no_volume_are_an_error(project: Project, texts: list[str]) -> None:
    params = {"optim.lr": "interval(0, 1)", "batch_size": "interval(0, 1)", "seed": "int(interval(1, 5))"}
    assert "can only be met exactly, which leaves nothing to search" in message_of(project, params, (), texts)


@pytest.mark.parametrize(
    "texts",
    [
        ["seed <= 2", "seed >= 2"],
        ["seed + batch_size <= 4", "seed + batch_size >= 4"],
        ["optim.lr >= 0.999"],
        ["10*optim.lr <= seed", "seed <= 2"],
    ],
)
def test_constraints_that_leave_room_are_none(project: Project, texts: list[str]) -> None:
    params = {"optim.lr": "interval(0, 1)", "seed": "int(interval(1, 5))", "batch_size": "int(interval(1, 5))"}
    assert space_of(params, [], texts, project).constraints


def test_mapping_that_hydra_merges_earns_a_hint(make_project: Callable[..., Project]) -> None:
    project = make_project({"conf/config.yaml": "aug: {flip: true, crop: 3}\n"})

    def hints(key: str, value: str) -> str:
        return " ".join(build_space({key: value}, (), (), project).hints)

    text = hints("aug", "choice({flip: false}, {flip: true, crop: 5})")
    assert "params.aug: Hydra merges a mapping into the config's own, which {flip:false} lacks crop of" in text
    assert hints("aug", "choice({flip: false, crop: 1}, {flip: true, crop: 5})") == ""
