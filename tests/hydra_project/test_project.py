"""A trial's configuration is the one that Hydra itself composes, though Hydra is asked once per set of options only."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ax_mo.hydra_project.overrides import parsed
from ax_mo.hydra_project.project import Project, hydras_errors
from tests.search_space.conftest import loaded

FILES = {
    "conf/config.yaml": """
        defaults: [{model: mlp}, {optim: sgd}, {first@left: small}, _self_, {override hydra/job_logging: none}]
        seed: 1
        width: ${model.hidden}
        tags: {}
        layers: [1, 2]
        hydra:
          sweep: {subdir: "${hydra.job.override_dirname}"}
          job: {config: {override_dirname: {exclude_keys: [seed]}}}
        """,
    "conf/model/mlp.yaml": "hidden: 3\n",
    "conf/model/cnn.yaml": "defaults: [{head: linear}]\nhidden: 4\n",
    "conf/model/head/linear.yaml": "size: 1\n",
    "conf/model/head/deep.yaml": "size: 1\ndepth: 2\n",
    "conf/optim/sgd.yaml": "lr: 0.1\n",
    "conf/optim/18.yaml": "lr: 0.2\n",
    "conf/first/small.yaml": "s: 1\n",
    "conf/first/large.yaml": "l: 1\n",
    "conf/experiment/big.yaml": "# @package _global_\ndefaults: [{override /model: cnn}]\nseed: 5\n",
}
TYPED = ["seed=2", "+given=1", "hydra.job.chdir=true", "hydra.sweep.subdir=x/${model.hidden}", "optim=sgd,18"]
OVERRIDES = [
    [],
    ["seed=2"],
    ["seed=2", "model=mlp", "optim=sgd", "first@left=small", "model.hidden=4"],
    ["model=cnn", "model.hidden=5", "tags={a:1}"],
    ["seed=7", "model=cnn", "optim='18'", "seed=8", "layers=[3]"],
    ["model=cnn", "model/head=linear", "model.head.size=2", "layers.0=5"],
    ["model=cnn", "model/head=deep", "model.head.depth='3'", "width=null"],
    ["experiment=[]", "model=cnn", "model.hidden=5"],
    ["+experiment=big", "model=cnn", "model.hidden=5", "optim.lr=1e-3"],
    ["+experiment=big", "seed=5", "optim=[]"],
    ["tags={a:1}", "+tags.b=2", "tags.a=3", "++new.key=x", "seed=1"],
    ["~seed", "+seed=3", "optim={lr:1}", "model.hidden=${seed}"],
    ["first@left=large", "~optim", "+first@right=small", "right.s=2", "left.l=true"],
    ["model.hidden=many words", "tags={b:[1,{c:null}]}", "width='a=b'"],
    ["seed=x", "model.missing=1"],
    ["model=resnet", "seed=3"],
    ["seed=1,2"],
    ["model=cnn", "model.hidden=[1"],
    ["hydra.job.num=3", "seed=4"],
    ["seed=-3", "+new=1e-05", "++width=2.5", "model.hidden=0"],
    ["seed=4", "+new=12", "++width=null", "model.hidden=many words"],
    ["seed=x", "+new=${seed}", "++width=1", "model.hidden=1.0e+20"],
    ["+seed=3"],
    ["seed=5", "+model.hidden=4"],
    ["+model=cnn"],
]


def answer(compose: Any, overrides: Sequence[str]) -> str:
    try:
        config: DictConfig = compose(overrides)
    except HydraException as error:
        # Not among how many others a wrong override stands: Hydra 1.4 counts the sweep's own.
        return f"{type(error).__name__}: {re.sub(r'index: [0-9]+|out of .*', '', str(error))}"
    assert OmegaConf.is_struct(config) and not OmegaConf.is_readonly(config.hydra)
    return OmegaConf.to_yaml(config) + str(OmegaConf.select(config, "hydra.sweep.subdir"))


@pytest.mark.parametrize("typed", [[], TYPED], ids=["plain", "typed"])
def test_trial_is_composed_as_hydra_does(tmp_path: Path, typed: list[str]) -> None:
    loader, master = loaded(tmp_path, FILES, typed)
    project = Project(loader, master)

    @hydras_errors()
    def hydras(overrides: Sequence[str]) -> DictConfig:
        return loader.load_sweep_config(master, list(overrides))

    expected = [answer(hydras, overrides) for overrides in OVERRIDES]
    assert [answer(project.compose, overrides) for overrides in OVERRIDES] == expected
    assert [answer(project.compose, overrides) for overrides in reversed(OVERRIDES)] == expected[::-1]
    assert [answer(project.compose_to_read, overrides) for overrides in reversed(OVERRIDES)] == expected[::-1]


def test_hydra_composes_each_set_of_options_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader, master = loaded(tmp_path, FILES, TYPED)
    project, asked = Project(loader, master), []
    hydras = loader.load_sweep_config
    monkeypatch.setattr(loader, "load_sweep_config", lambda config, lines: asked.append(lines) or hydras(config, lines))
    fixed = ["seed=2", "+given=1"]  # as typed, so that the sweep's own configuration has it
    for model, optim in [("mlp", "sgd"), ("cnn", "sgd"), ("mlp", "'18'"), ("cnn", "'18'")]:
        for hidden in (1, 2):
            project.compose([*fixed, f"model={model}", f"optim={optim}", f"model.hidden={hidden}"])
    assert asked == [
        ["model=cnn", "optim=sgd"],
        ["model=mlp", "optim='18'"],
        ["model=cnn", "optim='18'"],
    ]


@pytest.mark.parametrize(
    "value", ["0", "-0", "12", "-3.5", "1e-05", "1.5e+20", "007", "1_0", "1.", "+1", "1,2", "'1'", ""]
)
def test_override_is_read_as_hydras_parser_does(value: str) -> None:
    for line in (f"a.b={value}", f"+a={value}", f"++a@b={value}"):
        (expected,) = OverridesParser.create().parse_overrides([line])
        for _ in range(2):
            (found,) = parsed([line])
            assert found == expected
            assert type(found.value()) is type(expected.value())
