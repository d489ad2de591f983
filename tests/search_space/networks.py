"""A project of three networks and three optimizers, and what a sweep reads in it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from ax_mo.errors import ConfigError
from ax_mo.hydra_project.project import Project
from ax_mo.search_space.build import BuiltSpace, build_space
from ax_mo.search_space.parameters import Parameter, when_text
from ax_mo.search_space.space import SearchSpace

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
PER_OPTION = {
    "optim": {
        "adam": {"optim.lr": "interval(1, 2)"},
        "sgd": {"optim.lr": "interval(3, 4)", "optim.momentum": "interval(0, 1)"},
    }
}


def built(
    project: Project, params: Mapping[str, Any], arguments: Sequence[str] = (), constraints: Sequence[str] = ()
) -> BuiltSpace:
    return build_space(params, arguments, constraints, project)


def space_of(project: Project, params: Mapping[str, Any], arguments: Sequence[str] = ()) -> SearchSpace:
    return built(project, params, arguments).space


def message_of(
    project: Project, params: Mapping[str, Any], arguments: Sequence[str] = (), constraints: Sequence[str] = ()
) -> str:
    with pytest.raises(ConfigError) as caught:
        built(project, params, arguments, constraints)
    return str(caught.value)


def parameter(space: SearchSpace, key: str) -> Parameter:
    (found,) = [p for p in space.parameters if p.key == key]
    return found


def when(space: SearchSpace, key: str) -> str:
    return when_text(parameter(space, key).when)
