"""A real Hydra project of a few files, as a sweep sees it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from ax_mo.project import Project

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


@pytest.fixture
def make_project(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """``make_project(files, overrides)``: the project of FILES with other files added, under Hydra's overrides."""
    with ExitStack() as stack:

        def make(files: dict[str, str] | None = None, overrides: Sequence[str] = ()) -> Project:
            for name, text in {**FILES, **(files or {})}.items():
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(dedent(text))
            stack.enter_context(initialize_config_dir(str(tmp_path / "conf"), version_base=None))
            loader = GlobalHydra.instance().config_loader()
            master = loader.load_configuration("config", list(overrides), run_mode=RunMode.MULTIRUN)
            return Project(loader, master)

        yield make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()
