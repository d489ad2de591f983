"""Configs that are made when they are chosen."""

import copy
import pickle
import subprocess
import sys

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from ax_mo.hydra_project.lazy_config import store_lazily
from hydra_plugins.ax_mo_sweeper._config import sweeper_node

MADE_BY = "hydra_plugins.ax_mo_sweeper._config:sweeper_node"


def test_config_is_that_of_its_maker_each_time_it_is_looked_at() -> None:
    store_lazily("lazy/group", "one", MADE_BY)
    loaded = [ConfigStore.instance().load("lazy/group/one.yaml") for _ in range(2)]
    loaded[0].node.n_trials = 7
    assert OmegaConf.to_yaml(loaded[1].node) == OmegaConf.to_yaml(sweeper_node())
    assert (loaded[1].group, loaded[1].name, loaded[1].provider) == ("lazy/group", "one.yaml", "ax_mo")


def test_config_is_copied_and_pickled_with_the_store() -> None:
    """As launchers do that hand Hydra's state to other processes."""
    store_lazily("lazy/group", "two", MADE_BY)
    ours = ConfigStore.instance().repo["lazy"]  # others in the store are of classes that nobody can pickle
    for repo in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert OmegaConf.to_yaml(repo["group"]["two.yaml"].node) == OmegaConf.to_yaml(sweeper_node())


def test_app_that_does_not_sweep_imports_no_settings() -> None:
    program = (
        "import sys; from hydra.core.plugins import Plugins; Plugins.instance(); "
        "print(sorted(name for name in sys.modules if name.startswith('ax_mo')))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "['ax_mo', 'ax_mo.hydra_project', 'ax_mo.hydra_project.lazy_config']"
