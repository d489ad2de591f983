"""A real Hydra project of a few files, as a sweep sees it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import dedent

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from ax_mo.hydra_project.project import Project
from tests.search_space.networks import NETWORKS

FILES = {
    "conf/config.yaml": """
        defaults:
          - model: mlp
          - optim: sgd
          - _self_
        seed: 1
        name: run
        batch_size: 32
        layers: [1, 2]
        tags: {}
        nothing: null
        needed: ???
        """,
    "conf/model/mlp.yaml": "defaults: [{head: linear}]\nhidden: 3\ndropout: 0.1\n",
    "conf/model/cnn.yaml": "defaults: [{head: linear}]\nchannels: 3\ndropout: 0.1\n",
    "conf/model/head/linear.yaml": "size: 1\n",
    "conf/model/head/deep.yaml": "size: 1\ndepth: 2\n",
    "conf/optim/sgd.yaml": "lr: 0.1\nmomentum: 0.9\n",
    "conf/optim/adam.yaml": "lr: 0.1\nbeta: 0.9\n",
    "conf/experiment/small.yaml": "# @package _global_\ndefaults: [{override /model: cnn}]\nbatch_size: 2\n",
}


def project_in(
    directory: Path, files: dict[str, str], overrides: Sequence[str], config_name: str = "config"
) -> Project:
    return Project(*loaded(directory, files, overrides, config_name))


def loaded(
    directory: Path, files: dict[str, str], overrides: Sequence[str], config_name: str = "config"
) -> tuple[ConfigLoader, DictConfig]:
    """The loader of a project of these files, and the configuration of a sweep in it."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    with initialize_config_dir(str(directory / "conf"), version_base=None):
        loader = GlobalHydra.instance().config_loader()
    return loader, loader.load_configuration(config_name, list(overrides), run_mode=RunMode.MULTIRUN)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """``make_project(files, overrides)``: the project of FILES with other files added, under Hydra's overrides."""
    return lambda files=None, overrides=(): project_in(tmp_path, {**FILES, **(files or {})}, overrides)


@pytest.fixture(scope="module")
def make_shared_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, str]], Project]:
    """``make_shared_project(files)``: a project of these files alone, for all tests of a module."""
    return lambda files: project_in(tmp_path_factory.mktemp("project"), files, ())


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()


@pytest.fixture(scope="module")
def networks(make_shared_project: Callable[[dict[str, str]], Project]) -> Project:
    return make_shared_project(NETWORKS)
