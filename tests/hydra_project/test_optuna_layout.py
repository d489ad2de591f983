"""Projects whose primary config chooses Optuna's sweeper: what Hydra makes of them, and what we say and do then."""

import copy
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ax_mo.core.objectives import parse_goals
from ax_mo.errors import ConfigError
from ax_mo.hydra_project.project import Project, task_overrides, without_hydra
from ax_mo.results.promote import Recipes
from ax_mo.sweep.settings import parse_settings
from ax_mo.sweep.spec import Plan, make_plan
from tests.support.trials import make_trial

OPTUNA = Path(__file__).parents[1] / "apps/optuna_sweeper/hydra_plugins/hydra_optuna_sweeper/config.py"

PRIMARY = """\
defaults:
  {first}- override hydra/sweeper: optuna
  - override hydra/sweeper/sampler: tpe
hydra:
  sweeper:
    direction: minimize
    n_trials: 20
    n_jobs: 1
    params:
      x: interval(-5.5, 5.5)
x: 1.0
y: 1.0
"""

SEARCH = """\
hydra:
  sweeper:
    objectives: {loss: minimize, cost: minimize}
    n_trials: 4
    params:
      x: interval(-1, 1)
"""


@pytest.fixture(autouse=True)
def optuna_sweeper() -> Iterator[None]:
    """Its configuration is known, as where it is installed; afterwards it is not."""
    Plugins.instance()  # registers its own
    store = ConfigStore.instance()
    before = copy.deepcopy(store.repo)
    spec = importlib.util.spec_from_file_location("optuna_sweeper_config", OPTUNA)
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    yield
    store.repo = before


@pytest.fixture
def conf(tmp_path: Path) -> Iterator[Path]:
    conf = tmp_path / "conf"
    (conf / "experiment").mkdir(parents=True)
    (conf / "config.yaml").write_text(PRIMARY.format(first=""))
    (conf / "experiment" / "nas.yaml").write_text(
        f"# @package _global_\ndefaults:\n  - override /hydra/sweeper: ax_mo\n{SEARCH}"
    )
    (conf / "nas.yaml").write_text(f"defaults:\n  - config\n  - _self_\n  - override hydra/sweeper: ax_mo\n{SEARCH}")
    GlobalHydra.instance().clear()
    yield conf
    GlobalHydra.instance().clear()


def sweep_of(conf: Path, config_name: str, *overrides: str) -> tuple[Project, DictConfig]:
    """The project, and the sweep's own configuration."""
    GlobalHydra.instance().clear()
    hydra = Hydra.create_main_hydra2("train", create_config_search_path(str(conf)))
    config = hydra.compose_config(config_name, list(overrides), RunMode.MULTIRUN)
    return Project(hydra.config_loader, config), config


def plan_of(conf: Path, config_name: str, *overrides: str) -> Plan:
    project, config = sweep_of(conf, config_name, *overrides)
    given = {k: v for k, v in config.hydra.sweeper.items() if k not in ("_target_", "_recursive_")}
    return make_plan(parse_settings(given), task_overrides(config), project)


def test_primary_config_of_its_own_searches_what_it_says(conf: Path) -> None:
    plan = plan_of(conf, "nas")
    (parameter,) = plan.space.parameters
    assert (parameter.low, parameter.high) == (-1.0, 1.0)  # type: ignore[union-attr]
    assert plan.goals.names == ("loss", "cost")
    assert "hydra.sweeper.direction is ignored: hydra.sweeper.objectives has names and directions." in plan.remarks
    assert any("hydra.sweeper.sampler is ignored" in remark for remark in plan.remarks)


def test_experiment_that_makes_hydra_drop_the_primary_config_is_told_so(conf: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        plan_of(conf, "config", "+experiment=nas", "hydra/sweeper=ax_mo")
    assert str(refused.value).startswith(
        "Hydra leaves out everything that the config 'config' says: its defaults list holds only overrides, to which "
        "+experiment=nas adds. Write '- _self_' as the first line of that list. Without it, hydra.sweeper.params.x: "
    )


def test_dropped_primary_config_that_is_not_missed_is_a_notice(conf: Path) -> None:
    plan = plan_of(
        conf, "config", "+experiment=nas", "hydra/sweeper=ax_mo", "~hydra.sweeper.params.x", "+z=interval(0,1)"
    )
    assert plan.remarks[0].startswith("Hydra leaves out everything that the config 'config' says")


def test_primary_config_with_self_takes_the_experiment(conf: Path) -> None:
    (conf / "config.yaml").write_text(PRIMARY.format(first="- _self_\n  "))
    plan = plan_of(conf, "config", "+experiment=nas", "hydra/sweeper=ax_mo")
    assert plan.goals.names == ("loss", "cost")
    assert not any("leaves out" in remark for remark in plan.remarks)


@pytest.mark.parametrize("first", ["", "- _self_\n  "], ids=["overrides alone", "with _self_"])
@pytest.mark.parametrize("config_name", ["config", "nas"])
def test_point_of_the_front_brings_the_primary_config_that_hydra_would_drop(
    conf: Path, first: str, config_name: str
) -> None:
    (conf / "config.yaml").write_text(PRIMARY.format(first=first))
    project, _ = sweep_of(conf, config_name, "hydra/sweeper=ax_mo")
    overrides = ("x=0.25", "y=2.0")
    trial = make_trial(point={"x": 0.25}, overrides=overrides, metrics={"loss": 1.0, "cost": 1.0})
    text = Recipes(project, parse_goals({"loss": "minimize"}), None, conf).text(trial)
    assert text is not None
    (conf / "pareto").mkdir()
    (conf / "pareto" / "trial_0.yaml").write_text(text)
    again = without_hydra(project.compose_plain(["+pareto=trial_0"]))
    assert OmegaConf.to_container(again) == {"x": 0.25, "y": 2.0}
