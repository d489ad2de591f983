"""The settings of ``hydra/launcher=torchx``."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf


@dataclass
class TorchXLauncherConf:
    """In TorchX's own terms."""

    _target_: str = "hydra_plugins.torchx_launcher.launcher.TorchXLauncher"

    # local_cwd, slurm, kubernetes, ... : any that the installed TorchX has.
    scheduler: str = "local_cwd"
    # Run options of that scheduler ("torchx runopts <scheduler>"), for example {partition: gpu, time: "02:00:00"}
    scheduler_args: dict[str, Any] = field(default_factory=dict)

    # Resources of one job. The local scheduler holds jobs to their number of GPUs; CPUs and memory it does not.
    cpu: int = 1
    gpu: int = 0
    memMB: int = -1

    # The interpreter of the jobs, where it is not the sweep's own: /path/to/project/.venv/bin/python
    python: str = ""
    # Container image, for schedulers that run containers.
    image: str = ""
    # Environment variables of the jobs, on top of this process's own.
    env: dict[str, str] = field(default_factory=dict)

    # Jobs at once when a whole batch is launched (hydra/sweeper=basic); ax_mo has an n_jobs of its own.
    # Default: as many as this machine has CPUs for; on a cluster, all.
    n_jobs: int | None = None
    # How often to ask for the jobs' states. Default: 0.05 on this machine, 2 on a cluster.
    poll_seconds: float | None = None
    # How long, in seconds, a scheduler that answers may not know a job, or a job of another machine may give no sign of
    # life, before it counts as lost. A scheduler that does not answer is waited for.
    unknown_timeout: float = 600.0
    # How long a job that is told to end may take before it is killed, in seconds. Clusters have their own.
    grace_seconds: float = 10.0


def _node() -> Any:
    node = OmegaConf.structured(TorchXLauncherConf)
    for key in ("scheduler_args", "env"):
        # Open to any key, so that the command line needs no "+" for what is the user's to name.
        OmegaConf.set_struct(node[key], False)
    return node


ConfigStore.instance().store(group="hydra/launcher", name="torchx", node=_node(), provider="ax_mo")
