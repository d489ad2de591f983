"""Where jobs are: every resolver of Hydra's means to us what it means to Hydra's own launcher."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from ax_mo.hydra_project.hydra_node import in_force, job_name_of, subdir_of, sweep_dir_of
from ax_mo.hydra_project.project import Project
from ax_mo.sweep.create_trial import compose_trial

Plugins.instance()  # registers their configs, which is to last beyond the first test
pytestmark = pytest.mark.usefixtures("hydra_restore_singletons")

OUT = ["hydra.sweep.dir=out"]  # the default has the second in it, and these tests compose twice
JOBS = (["model=small", "lr=0.5"], ["model=large", "lr=0.25"])


@pytest.fixture
def hydra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hydra]:
    conf = tmp_path / "conf"
    (conf / "model").mkdir(parents=True)
    (conf / "config.yaml").write_text("defaults: [model: small, _self_]\nlr: 0.1\n")
    for name, width in (("small", 1), ("large", 2)):
        (conf / "model" / f"{name}.yaml").write_text(f"width: {width}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEAM", "vision")
    GlobalHydra.instance().clear()
    yield Hydra.create_main_hydra2("train", create_config_search_path(str(conf)))
    GlobalHydra.instance().clear()


def master_of(hydra: Hydra, settings: list[str]) -> DictConfig:
    return hydra.compose_config("config", [*OUT, *settings], RunMode.MULTIRUN)


def by_hydra(hydra: Hydra, settings: list[str]) -> tuple[list[str], list[Any]]:
    """The jobs' directories, and what each sees of its own node, with Hydra's launcher."""
    seen: list[Any] = []

    def task(_: DictConfig) -> None:
        node = HydraConfig.get()
        seen.append((node.job.name, dict(node.job.env_set)))

    master = master_of(hydra, settings)
    launcher = BasicLauncher()
    context = HydraContext(hydra.config_loader, Callbacks(master))
    launcher.setup(hydra_context=context, task_function=task, config=master)
    returns = launcher.launch(JOBS, 0)
    return [job.hydra_cfg.hydra.runtime.output_dir for job in returns if job.hydra_cfg is not None], seen


def by_us(hydra: Hydra, settings: list[str]) -> tuple[list[str], list[Any]]:
    master = master_of(hydra, settings)
    project = Project(hydra.config_loader, master)
    directories, seen = [], []
    for number, overrides in enumerate(JOBS):
        config = compose_trial(project, number, overrides)
        directories.append(str(sweep_dir_of(config) / subdir_of(config, number)))
        with in_force(config):
            seen.append((job_name_of(config), dict(config.hydra.job.env_set)))
    return directories, seen


@pytest.mark.parametrize(
    "settings",
    [
        ["hydra.sweep.subdir=${hydra:job.num}"],
        ["hydra.sweep.subdir=${hydra.job.num}_${hydra:job.id}"],
        ["hydra.sweep.subdir=${hydra:job.override_dirname}"],
        ["hydra.sweep.subdir=${hydra.job.override_dirname}", "hydra.job.config.override_dirname.exclude_keys=[lr]"],
        ["hydra.sweep.subdir=${hydra:runtime.choices.model}/${hydra:job.num}"],
        ["hydra.sweep.subdir=${model.width}_${oc.env:TEAM}_${now:%Y}_${hydra:job.name}"],
        ["hydra.sweep.subdir=${hydra:job.num}", "hydra.sweep.dir=out/${oc.env:TEAM}/${now:%Y}"],
        ["hydra.sweep.subdir=${hydra:sweep.dir}/a/${hydra:job.num}", "hydra.sweep.dir=out"],
        ["hydra.sweep.subdir=${hydra:job.num}", "hydra.job.name=of_${hydra:runtime.choices.model}"],
        ["hydra.sweep.subdir=${hydra:job.name}_${hydra:job.num}", "hydra.job.name=${oc.env:TEAM}_${now:%Y}"],
        ["hydra.sweep.subdir=${hydra:job.num}", "+hydra.job.env_set.RUN=${hydra:job.num}_${oc.env:TEAM}_${now:%Y}"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_jobs_are_where_hydras_own_launcher_has_them(hydra: Hydra, settings: list[str]) -> None:
    assert by_us(hydra, settings) == by_hydra(hydra, settings)


@pytest.mark.parametrize("name", ["${hydra:job.name}", "${hydra:runtime.choices.model}_${oc.env:TEAM}"])
def test_sweeps_directory_may_be_called_by_hydras_own_node(hydra: Hydra, tmp_path: Path, name: str) -> None:
    master = master_of(hydra, [f"hydra.sweep.dir={name}"])
    expected = {"${hydra:job.name}": "train"}.get(name, "small_vision")
    assert sweep_dir_of(master) == tmp_path / expected


def test_name_of_a_job_that_has_its_number_is_the_programs_for_the_sweep(hydra: Hydra) -> None:
    settings = ["hydra.job.name=trial_${hydra.job.num}"]
    assert job_name_of(master_of(hydra, settings)) == "train"
    assert by_us(hydra, settings)[1] == by_hydra(hydra, settings)[1] == [("trial_0", {}), ("trial_1", {})]


def test_node_in_force_is_the_one_before_again_and_may_be_written_to(hydra: Hydra) -> None:
    master, other = master_of(hydra, []), master_of(hydra, ["hydra.job.name=other"])
    with in_force(master):
        with in_force(other):
            assert HydraConfig.get().job.name == "other"
        assert HydraConfig.get().job.name == "train"
    assert not HydraConfig.initialized()
    other.hydra.job.name = "changed"


@pytest.mark.parametrize(
    ("subdir", "taken", "expected"),
    [("same", [], "same"), ("same", ["same"], "same_7"), ("same", ["same", "same_7"], "same_7_7"), (".", [], "7"),
     ("''", [], "7"), ("./a//b/", [], "a/b"), ("./a//b/", ["a/b"], "a/b_7")],
)  # fmt: skip
def test_jobs_never_share_a_directory(hydra: Hydra, subdir: str, taken: list[str], expected: str) -> None:
    master = master_of(hydra, [f"hydra.sweep.subdir={subdir}"])
    assert subdir_of(master, 7, taken) == expected
