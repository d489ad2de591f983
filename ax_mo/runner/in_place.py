"""A job inside a process that is already one: a trial never starts a sweep of its own."""

import os
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, run_job
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from ax_mo.errors import AxMoError
from ax_mo.hydra_project.program import RECORDER
from ax_mo.trial.current import JOB_PID


def is_trial(config: DictConfig) -> bool:
    """Whether this process was started as a job of ours, by the callback that its command line injects."""
    return bool(OmegaConf.select(config, "hydra.callbacks.ax_mo._target_") == RECORDER)


def refuse_inside_a_job() -> None:
    """Raises AxMoError in a process that is a job of ours, although its configuration does not show it.

    Its script has replaced its command line by one that sweeps. A process that a job starts has another pid.
    """
    if os.environ.get(JOB_PID) == str(os.getpid()):
        raise AxMoError(
            "This process is one job of a sweep, and its script replaces its command line by one that sweeps again "
            "(sys.argv = ...). Let the script only add to sys.argv, or put these settings into a config file."
        )


def run_in_place(
    overrides: Sequence[str], context: HydraContext, task_function: TaskFunction, config: DictConfig
) -> JobReturn:
    """Run the one job that this process is for, although its script or config asked for a sweep.

    Overrides that still sweep come from the script itself and are dropped. Raises the job's own exception.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    single = [str(override.input_line) for override in parsed if not override.is_sweep_override()]
    job_config = context.config_loader.load_sweep_config(config, single)
    result = run_job(
        hydra_context=context,
        task_function=task_function,
        config=job_config,
        job_dir_key="hydra.run.dir",
        job_subdir_key=None,
    )
    _ = result.return_value
    return result
