"""Hydra's face of the launcher, which Hydra imports at every start of every app.

The work is in ``ax_mo.runner``, imported when jobs are launched.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from ax_mo.hydra_project.lazy_config import store_lazily

store_lazily("hydra/launcher", "torchx", made_by="hydra_plugins.torchx_launcher._config:launcher_node")


class TorchXLauncher(Launcher):
    """Runs each job as a TorchX app: this program's own command line again, with the job's overrides."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs to their ends; a job whose process died is a failed JobReturn."""
        from ax_mo.runner.launch import launch

        return launch(
            self.settings, job_overrides, initial_job_idx, self.hydra_context, self.task_function, self.config
        )
