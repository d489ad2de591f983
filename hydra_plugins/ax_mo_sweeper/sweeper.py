"""Hydra's face of the sweeper, which Hydra imports at every start of every app.

The work is in ``ax_mo.sweep.run``, imported when a sweep begins.
"""

from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from ax_mo.hydra_project.lazy_config import store_lazily

store_lazily("hydra/sweeper", "ax_mo", made_by="hydra_plugins.ax_mo_sweeper._config:sweeper_node")
# Those of Optuna's sweeper, which replaces them where it is installed. Without such a group, Hydra would refuse
# hydra/sweeper/sampler=tpe on a command line before we could say that it is ignored.
for sampler in ("cmaes", "grid", "motpe", "nsgaii", "random", "tpe"):
    if not ConfigStore.instance().repo["hydra"]["sweeper"].get("sampler", {}).get(f"{sampler}.yaml"):
        ConfigStore.instance().store(group="hydra/sweeper/sampler", name=sampler, node={}, provider="ax_mo")


class AxMoSweeper(Sweeper):
    """Multi-objective Bayesian optimization over Hydra overrides."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def sweep(self, arguments: list[str]) -> Any:
        """Run the study; returns ``[[JobReturn, ...]]``, a JobReturn per trial in order."""
        from ax_mo.sweep.run import sweep

        assert self.hydra_context is not None and self.config is not None
        return sweep(self.settings, arguments, self.hydra_context, self.task_function, self.config)
