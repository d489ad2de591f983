"""The options of ``sbatch`` that ``hydra.launcher.scheduler_args`` may name, and how they are written.

Slurm's own names, of ``sbatch`` 22.05 to 25.05 (https://slurm.schedmd.com/sbatch.html). TorchX 0.7.0 has six of them,
and writes them into the batch script, where a value with a space is two words.
"""

from collections.abc import Mapping
from typing import Any

from ax_mo.errors import ConfigError, closest

_KEY = "hydra.launcher.scheduler_args"
_NAMES = """
    account acctg-freq bb bbf begin clusters cluster-constraint comment constraint container container-id contiguous
    core-spec cores-per-socket cpu-freq cpus-per-gpu deadline delay-boot dependency distribution exclude exclusive
    extra extra-node-info gpu-bind gpu-freq gpus gpus-per-node gpus-per-socket gres gres-flags hint hold licenses
    mail-type mail-user mcs-label mem-bind mem-per-cpu mem-per-gpu mincpus network nice no-kill nodefile nodelist
    no-requeue oom-kill-step overcommit oversubscribe partition power prefer priority profile propagate qos reboot
    requeue reservation resv-ports segment signal sockets-per-node spread-job stepmgr switches thread-spec
    threads-per-core time time-min tmp tres-bind tres-per-task use-min-nodes wait-all-nodes wckey
"""
_OPTIONS = frozenset(_NAMES.split())

_SET_BY_US = {
    "job-name": "names each attempt of a trial, so that it can be found again",
    "output": "is slurm.log in the trial's directory",
    "error": "is slurm.log in the trial's directory",
    "chdir": "is the directory from which you start the sweep",
    "cpus-per-task": "is hydra.launcher.cpu",
    "gpus-per-task": "is hydra.launcher.gpu",
    "mem": "is hydra.launcher.memMB",
    "nodes": "is hydra.launcher.nnodes",
    "ntasks": "is one for each of hydra.launcher.nnodes",
    "ntasks-per-node": "is 1: torchrun starts hydra.launcher.nproc_per_node processes",
}
"""Options that are not to be given, and why."""

_OF_TORCHX = ("partition", "job_dir")
"""It asks ``sinfo`` about the one, and makes the other."""

_STRINGS = (*_OF_TORCHX, "time")
"""TorchX checks that they are: of ``time: 1:30:00``, YAML makes the number 5400, which Slurm takes for minutes."""


def check_options(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Raises ConfigError for what is no option of ``sbatch``, or not to be given; returns what TorchX is to check."""
    for name, value in arguments.items():
        if name in _STRINGS:
            continue
        if name in _SET_BY_US:
            raise ConfigError(f"{_KEY}.{name} is not to be given: --{name} {_SET_BY_US[name]}.")
        if name not in _OPTIONS:
            raise ConfigError(f"{_KEY}.{name}: sbatch has no such option.{closest(name, {*_OPTIONS, *_STRINGS})}")
        if not isinstance(value, str | int | float | bool | list | None):
            raise ConfigError(f"{_KEY}.{name} must be a string, a number, true or a list, not {value!r}.")
    return {name: value for name, value in arguments.items() if name in _STRINGS}


def for_torchx(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What TorchX is to be told of ``scheduler_args``."""
    return {name: value for name, value in arguments.items() if name in _OF_TORCHX}


def for_sbatch(arguments: Mapping[str, Any]) -> list[str]:
    """The others as arguments of ``sbatch``: true is the bare option, a list is one value with commas."""
    options = []
    for name, value in arguments.items():
        if name in _OF_TORCHX or value is None or value is False:
            continue
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        options.append(f"--{name}" if value is True else f"--{name}={text}")
    return options
