"""A point of the front as an experiment file: what it composes to is what the trial ran with."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.config_store import ConfigStore
from hydra.types import RunMode
from omegaconf import OmegaConf

from ax_mo.core.objectives import parse_goals
from ax_mo.core.trial import Status
from ax_mo.hydra_project.project import Project, without_hydra
from ax_mo.results.promote import Recipes
from tests.search_space.conftest import project_in
from tests.support.trials import make_trial
from tests.warm_start.studies import record

GOALS = parse_goals({"acc": "maximize"})
SWEEP = """
    # @package _global_
    defaults:
      - override /hydra/sweeper: ax_mo
      - override /model: cnn
    hydra: {mode: MULTIRUN, sweeper: {params: {lr: 'interval(0, 1)'}, objectives: {acc: maximize}}}
    epochs: 3
    """
FILES = {
    "conf/config.yaml": "defaults: [{model: mlp}, {o: adam}, {marks: [a]}, {preset: null}, _self_, "
    "{experiment: null}]\nlr: 0.1\nepochs: 1\nextra: {a: 1, b: 2}\nonly: {x: {y: 1}}\n",
    "conf/model/mlp.yaml": "hidden: 3\n",
    "conf/model/cnn.yaml": "defaults: [{block: res}]\nchannels: 3\n",
    "conf/model/block/res.yaml": "defaults: [{inner: x}]\nskip: true\n",
    "conf/model/block/plain.yaml": "defaults: [{inner: x}]\ndepth: 2\n",
    "conf/model/block/inner/x.yaml": "x: 1\n",
    "conf/model/block/inner/y.yaml": "y: 1\n",
    "conf/o/adam.yaml": "beta: 0.9\n",
    "conf/o/sgd.yaml": "momentum: 0.9\n",
    "conf/preset/fast.yaml": "# @package _global_\ndefaults: [{override /o: sgd}]\nepochs: 9\n",
    "conf/marks/a.yaml": "first: 1\n",
    "conf/marks/b.yaml": "second: 2\n",
    "conf/extra/more.yaml": "c: 3\n",
    "conf/experiment/nas.yaml": SWEEP,
    "conf/tr/fast.yaml": "defaults: [{schedule: cosine}]\nsteps: 3\n",
    "conf/tr/schedule/cosine.yaml": "warmup: 1\n",
    "conf/tr/schedule/step.yaml": "gamma: 2\n",
    "conf/experiment/typed.yaml": "# @package _global_\ndefaults: [{/tr: fast}, {/kind@kind.a: typed}, _self_]\n",
    "conf/experiment/small.yaml": "# @package _global_\nepochs: 7\n",
    "conf/experiment/bare.yaml": "# @package _global_\ndefaults: [{override /o: null}]\n",
    "conf/o/50.yaml": "layers: 50\n",
    "conf/o/true.yaml": "layers: 1\n",
    "conf/o/1e3.yaml": "layers: 1000\n",
    "conf/o/null.yaml": "layers: 0\n",
}


class Act(Enum):
    RELU = 1
    TANH = 2


@dataclass
class Kind:
    act: Act = Act.RELU
    size: int = 1


ConfigStore.instance().store(group="kind", name="typed", node=Kind)


def promoted(directory: Path, project: Project, overrides: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The content of the point's file, and the overrides of the command that runs it."""
    trial = make_trial(7, overrides=tuple(overrides), metrics={"acc": 0.5})
    recipes = Recipes(project, GOALS, None, directory / "sweep")
    text = recipes.text(trial)
    assert text is not None
    (directory / "sweep/pareto").mkdir(parents=True, exist_ok=True)
    (directory / "sweep/pareto/trial_7.yaml").write_text(text)
    command = recipes.command(trial)
    assert f"# Run it again: {command}\n" in text
    return yaml.safe_load(text), shlex.split(command)[2:]


@pytest.mark.parametrize(
    ("fixed", "line"),
    [
        ("", "lr=0.5"),
        ("", "model=cnn"),
        ("", "model=cnn model/block=res"),
        ("", "model=cnn model/block=plain"),
        ("", "model=cnn model/block=plain model/block/inner=y model.block.inner.y=4"),
        ("", "preset=fast"),
        ("", "preset=fast o=adam"),
        ("", "preset=fast o=adam epochs=2 model=cnn model/block=plain"),
        ("experiment=nas", "lr=0.5"),
        ("experiment=nas", "lr=0.5 model/block=plain"),
        ("experiment=nas", "model=mlp"),
        ("experiment=small", "model=cnn"),
        ("+experiment@_global_=nas", "lr=0.5"),
        ("~extra.a", "lr=0.5"),
        ("~only.x", "lr=0.5"),
        ("~only.x.y", "lr=0.5"),
        ("+experiment@_global_=typed", "kind.a.act=TANH tr/schedule=step"),
        ("experiment=typed", "kind.a.act=TANH tr.steps=4"),
        ("~o", "lr=0.5"),
        ("+extra=more", "extra.c=5"),
        ("+new.key=1", "model=cnn"),
        # BUG: these were written without quotes, and Hydra's ValueError ended the study in a traceback.
        ("", "o='50'"),
        ("", "o='true'"),
        ("", "o='1e3' o.layers=3"),
        ("", "o='null'"),
        ("", "+o@second='50'"),
        ("experiment=bare", "model=cnn"),
        ("", "marks=[b]"),
        ("", "marks=b"),
        ("", "marks=[a,b] marks.second=3"),
        ("", "o=[adam,'50']"),
        ("", "o=[]"),
        ("experiment=nas", "marks=[b]"),
    ],
)
def test_promoted_point_composes_to_what_the_trial_ran_with(tmp_path: Path, fixed: str, line: str) -> None:
    overrides = [*fixed.split(), *line.split()]
    project = project_in(tmp_path, FILES, [])
    if fixed.startswith("experiment="):
        project = project_in(tmp_path, FILES, [fixed])
    _, again = promoted(tmp_path, project, overrides)
    plain = project_in(tmp_path, FILES, [f"hydra.searchpath=[file://{tmp_path / 'sweep'}]"])
    config = plain.compose_plain(again)
    ran = without_hydra(project.compose(overrides))
    assert OmegaConf.to_container(without_hydra(config)) == OmegaConf.to_container(ran), "types included"
    assert config.hydra.mode in (None, RunMode.RUN)


def test_nested_group_is_chosen_below_an_option_that_is_not_the_default(tmp_path: Path) -> None:
    content, _ = promoted(tmp_path, project_in(tmp_path, FILES, []), ["model=cnn", "model/block=plain"])
    assert content == {"defaults": [{"override /model": "cnn"}, {"override /model/block": "plain"}]}


def test_default_that_a_chosen_preset_changes_is_named(tmp_path: Path) -> None:
    content, _ = promoted(tmp_path, project_in(tmp_path, FILES, []), ["preset=fast", "o=adam"])
    assert content == {"defaults": [{"override /preset": "fast"}, {"override /o": "adam"}]}


def test_experiment_file_of_a_sweep_is_not_named(tmp_path: Path) -> None:
    project = project_in(tmp_path, FILES, ["experiment=nas"])
    content, _ = promoted(tmp_path, project, ["experiment=nas", "lr=0.5"])
    assert content == {"defaults": [{"override /model": "cnn"}], "epochs": 3, "lr": 0.5}


# BUG: the first of these left "a" in, unless it was run with the "~marks.first" of the command.
def test_list_of_options_takes_the_place_of_the_projects_own(tmp_path: Path) -> None:
    content, again = promoted(tmp_path, project_in(tmp_path, FILES, []), ["marks=[b]", "lr=0.5"])
    assert content == {"defaults": [{"override /marks": ["b"]}], "lr": 0.5}
    assert again == ["+pareto=trial_7"]


def test_deleted_keys_are_in_the_command(tmp_path: Path) -> None:
    content, again = promoted(tmp_path, project_in(tmp_path, FILES, []), ["~extra.a", "lr=0.5"])
    assert content == {"lr": 0.5}
    assert again == ["+pareto=trial_7", "~extra.a"]


def test_group_that_only_the_experiment_brings_keeps_its_types(tmp_path: Path) -> None:
    overrides = ["experiment=typed", "kind.a.act=TANH"]
    content, again = promoted(tmp_path, project_in(tmp_path, FILES, []), overrides)
    assert content["kind"] == {"a": {"act": "TANH"}}
    plain = project_in(tmp_path, FILES, [f"hydra.searchpath=[file://{tmp_path / 'sweep'}]"])
    assert plain.compose_plain(again).kind.a.act is Act.TANH


def test_imported_trial_is_promoted_with_the_configuration_that_it_ran_with(tmp_path: Path) -> None:
    project = project_in(tmp_path, FILES, [])
    ran = tmp_path / "earlier/3"
    record(ran, project, "lr=0.5", "epochs=9")
    trial = make_trial(
        -1, status=Status.IMPORTED, point={"lr": 0.5}, overrides=("lr=0.5",), directory=str(ran), metrics={"acc": 0.5}
    )
    recipes = Recipes(project, GOALS, None, tmp_path / "sweep")
    assert yaml.safe_load(recipes.text(trial) or "") == {"epochs": 9, "lr": 0.5}
    gone = replace(trial, directory=str(tmp_path / "gone"))
    assert yaml.safe_load(recipes.text(gone) or "") == {"lr": 0.5}


def test_searched_values_stay_when_the_projects_own_change(tmp_path: Path) -> None:
    """Those that were the project's own when the trial ran, too."""
    overrides = ["lr=0.1", "model=mlp", "epochs=1", "model.hidden=3", "+new.key=1", "extra.b=2"]
    body, _ = promoted(tmp_path, project_in(tmp_path, FILES, []), overrides)
    assert body == {
        "defaults": [{"override /model": "mlp"}],
        "lr": 0.1,
        "epochs": 1,
        "model": {"hidden": 3},
        "new": {"key": 1},
        "extra": {"b": 2},
    }
    changed = {
        **FILES,
        "conf/config.yaml": FILES["conf/config.yaml"].replace("model: mlp", "model: cnn").replace("lr: 0.1", "lr: 0.7"),
        "conf/model/mlp.yaml": "hidden: 8\n",
    }
    after = project_in(tmp_path, changed, [])
    config = after.compose_plain(["+pareto=trial_7", f"hydra.searchpath=[file://{tmp_path / 'sweep'}]"])
    assert (config.model.hidden, config.lr, config.hydra.runtime.choices.model) == (3, 0.1, "mlp")


def test_trial_that_hydra_composes_no_more_has_a_command_and_no_file(tmp_path: Path) -> None:
    recipes = Recipes(project_in(tmp_path, FILES, []), GOALS, None, tmp_path / "sweep")
    refused = make_trial(7, overrides=("o=50",), metrics={"acc": 0.5})  # with a plain ValueError
    assert recipes.text(refused) is None
    assert shlex.split(recipes.command(refused))[2:] == ["+pareto=trial_7"]


@dataclass
class Base:
    lr: float = 0.1
    kind: Kind = field(default_factory=Kind)


ConfigStore.instance().store(name="typed_base", node=Base)


def test_keys_added_to_a_config_with_a_type_are_in_the_command(tmp_path: Path) -> None:
    files = {"conf/config.yaml": "defaults: [typed_base, _self_]\n", "conf/pareto/none.yaml": "{}\n"}
    project = project_in(tmp_path, files, ())
    values, overrides = promoted(tmp_path, project, ["lr=0.2", "+note='a b'", "+kind.more=1", "++other=2"])
    assert values == {"lr": 0.2}
    assert overrides[-3:] == ["+note='a b'", "+kind.more=1", "++other=2"]
