"""What else a block for Optuna's sweeper holds: composed by Hydra, then read as settings."""

from typing import Any

import hydra
import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from ax_mo.errors import ConfigError
from ax_mo.sweep.settings import Settings, ignored_sampler, parse_settings

OPTUNA = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"


def composed(block: dict[str, Any], defaults: tuple[Any, ...] = (), overrides: tuple[str, ...] = ()) -> Any:
    """``hydra`` of an app whose main config holds the block under ``hydra.sweeper``."""
    node = {"defaults": [*defaults, {"override hydra/sweeper": "ax_mo"}, "_self_"], "hydra": {"sweeper": block}}
    ConfigStore.instance().store(name="app_of_optuna", node=OmegaConf.create(node))
    GlobalHydra.instance().clear()
    with hydra.initialize(version_base="1.3", config_path=None):
        return hydra.compose("app_of_optuna", list(overrides), return_hydra_config=True).hydra


def settings(block: dict[str, Any]) -> Settings:
    given = {
        str(key): value for key, value in composed(block).sweeper.items() if key not in ("_target_", "_recursive_")
    }
    return parse_settings(given)


def test_nulls_of_the_optuna_sweeper_are_its_defaults():
    read = settings(
        {
            "direction": "minimize", "storage": None, "study_name": None, "search_space": None, "params": None,
            "sampler": None, "custom_search_space": None, "n_trials": 7, "n_jobs": 1, "max_failure_rate": 0.0,
        }
    )  # fmt: skip
    assert read.params == {}
    assert (read.n_trials, read.n_jobs, read.max_failure_rate, read.storage) == (7, 1, 0.0, None)


def test_other_sweepers_target_is_refused_by_name():
    with pytest.raises(ConfigCompositionException) as refused:
        composed({"_target_": OPTUNA})
    assert f"'{OPTUNA}' is another sweeper: delete the line '_target_'" in str(refused.value.__cause__ or refused.value)


def test_own_target_and_those_of_derived_sweepers_are_kept():
    own = "hydra_plugins.ax_mo_sweeper.sweeper.AxMoSweeper"
    assert composed({})["sweeper"]["_target_"] == own
    assert composed({"_target_": own}).sweeper._target_ == own
    assert composed({"_target_": "hydra_plugins.ours.Derived"}).sweeper._target_ == "hydra_plugins.ours.Derived"


def test_sampler_in_the_defaults_list_needs_no_optuna():
    read = composed({}, defaults=({"override hydra/sweeper/sampler": "tpe"},))
    assert read.runtime.choices["hydra/sweeper/sampler"] == "tpe"
    assert read.launcher._target_.endswith("TorchXLauncher")


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp"])
def test_sampler_on_the_command_line_needs_no_optuna(sampler: str):
    read = composed({}, overrides=(f"hydra/sweeper/sampler={sampler}",))
    assert read.runtime.choices["hydra/sweeper/sampler"] == sampler
    assert read.sweeper.sampler == {}


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"custom_search_space": "src.search.configure"}, "hydra.sweeper.custom_search_space: a search space is data"),
        (
            {"storage": {"_target_": "optuna.storages.RDBStorage", "url": "sqlite:///a.db"}},
            "hydra.sweeper.storage must be a SQLAlchemy URL, such as sqlite:////data/study.db, and not an object",
        ),
        (
            {"sampler": {"_target_": "optuna.samplers.NSGAIISampler", "constraints_func": "src.limits"}},
            "hydra.sweeper.sampler.constraints_func: constraints are data here",
        ),
    ],
)
def test_what_would_change_the_study_is_refused(block, message):
    with pytest.raises(ConfigError) as refused:
        settings(block)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("block", "chosen", "hint"),
    [
        ({"_target_": "optuna.samplers.TPESampler", "seed": None}, None, ""),
        ({"_target_": "optuna.samplers.TPESampler", "seed": 3}, "tpe", "seed: 3"),
        ({"_target_": "optuna.samplers.RandomSampler", "seed": 3}, None, "seed: 3, method: random_search"),
        (None, "random", "method: random_search"),
        (None, "tpe", ""),
    ],
)
def test_sampler_is_ignored_with_one_sentence(block, chosen, hint):
    sentence = ignored_sampler(settings({"sampler": block}), chosen)
    tail = f" What it says is written here as {hint} under hydra.sweeper." if hint else ""
    assert sentence == f"hydra.sweeper.sampler is ignored: Ax chooses the points.{tail}"


def test_no_sampler_no_sentence():
    assert ignored_sampler(settings({})) is None


def test_own_setting_needs_no_hint():
    sampler = {"_target_": "optuna.samplers.TPESampler", "seed": 3}
    sentence = ignored_sampler(settings({"sampler": sampler, "seed": 3}))
    assert sentence == "hydra.sweeper.sampler is ignored: Ax chooses the points."
