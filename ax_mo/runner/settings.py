"""Every setting below ``hydra.launcher``, with its default, and the checks of their values.

The dataclass is Hydra's structured config of the launcher: all trials of a project that names it import this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ax_mo.errors import ConfigError
from ax_mo.hydra_project.settings import check_bounds, check_names, setting, to_python

LOCAL = "local_cwd"
WARM = "local_warm"
AUTO = "auto"
RAY = "ray"
CONTAINERS = (
    "local_docker", "kubernetes", "kubernetes_mcad", "aws_batch", "aws_sagemaker", "gcp_batch", "lsf"
)  # fmt: skip
"""TorchX 0.7.0's schedulers that run a container of the ``image``; Ray's deletes a directory of that name."""


@dataclass
class LauncherSettings:
    """The settings below ``hydra.launcher``, in TorchX's own terms."""

    scheduler: str = setting(
        AUTO,
        "This machine: auto forks trials from a process that has imported their libraries (local_warm) where that is "
        "as if each had been started (local_cwd). slurm, kubernetes, ...: any that the installed TorchX has, or a "
        "package adds.",
    )
    scheduler_args: dict[str, Any] = setting(
        dict,
        'Slurm: options of sbatch, {partition: gpu, time: "02:00:00", account: lab}. Others: run options of TorchX\'s '
        'scheduler ("torchx runopts <scheduler>").',
    )

    cpu: int = setting(1, "CPUs of one job. On this machine jobs are held to their GPUs, not to CPUs and memory.")
    gpu: float = setting(
        0,
        "GPUs of one job; ${trainer.devices} is as each trial's own configuration has it. 0.5 shares one with another "
        "job (this machine and Ray).",
    )
    memMB: int = setting(-1, "Memory of one job, in MB; -1 leaves it to the scheduler.")

    nproc_per_node: int = setting(
        1, "Processes of one job, which torchrun starts on each of its nodes. One result, from rank 0."
    )
    nnodes: int = setting(1, "Nodes of one job (several: Slurm).")

    python: str = setting(
        "",
        "The interpreter of the jobs, where it is not the sweep's own: /path/to/project/.venv/bin/python. In "
        "containers, where it is theirs, python3.",
    )
    image: str = setting("", "Container image, for schedulers that run containers.")
    mounts: list[str] = setting(
        list,
        "What of this machine containers see, in TorchX's words: [\"type=bind,src=/nfs/me,dst=/nfs/me\"]. The sweep's "
        "directory and the project must be among it.",
    )
    workspace: str = setting(
        "",
        "The project's files, as a directory, ., which TorchX has Docker put on top of the image before trials run; "
        "with results_url, and for a cluster with scheduler_args.image_repo, where the image is pushed to.",
    )
    results_url: str = setting(
        "",
        "Where the nodes share no disk with this machine: a place that both reach, s3://bucket/prefix or any other URL "
        "of fsspec. Results come through it. Ray needs none.",
    )
    fetch: list[str] = setting(
        list,
        'Which files of a trial come back through results_url or Ray, besides its result, curve and logs: ["*.ckpt"].',
    )
    component: str = setting(
        "",
        "A function of yours that makes the jobs' TorchX AppDef, my_package.components:train: it is given the words of "
        "a trial's command, and may add what only TorchX knows (node selectors, capabilities, a service account).",
    )
    env: dict[str, str] = setting(dict, "Environment variables of the jobs, on top of this process's own.")

    n_jobs: int | None = setting(
        None,
        "Jobs at once when a whole batch is launched (hydra/sweeper=basic); ax_mo has an n_jobs of its own. Default: "
        "as many as this machine has CPUs for; on a cluster, all.",
    )
    max_pending: int | None = setting(
        None,
        "Of a cluster: how many jobs may wait in its queue at once; points of later ones are chosen with more results. "
        "Default: as many as run at once.",
    )
    poll_seconds: float | None = setting(
        None,
        "How often to ask for the jobs' states. Default: 0.2 on this machine, where the end of one is noticed at once; "
        "2 on a cluster.",
    )
    unknown_timeout: float = setting(
        600.0,
        "How long, in seconds, a scheduler that answers may not know a job, or a job of another machine may give no "
        "sign of life, before it counts as lost. A scheduler that does not answer is waited for.",
    )
    grace_seconds: float = setting(
        10.0,
        "How long a job that is told to end may take before it is killed, in seconds. Clusters have their own.",
    )


LEAST_OF_LAUNCHER = {
    "n_jobs": 1,
    "max_pending": 1,
    "cpu": 1,
    "gpu": 0,
    "nproc_per_node": 1,
    "nnodes": 1,
    "grace_seconds": 0,
}
ABOVE_ZERO_OF_LAUNCHER = {"poll_seconds": "seconds", "unknown_timeout": "seconds"}


def check_gpu(gpu: float, scheduler: str) -> None:
    """Raises ConfigError for a part of a GPU that there cannot be."""
    if gpu >= 1 and gpu != int(gpu):
        raise ConfigError(f"hydra.launcher.gpu={gpu:g}: a job has whole GPUs, or a part of a single one.")
    if gpu != int(gpu) and scheduler not in (LOCAL, WARM, AUTO, RAY):
        raise ConfigError(
            f"hydra.launcher.gpu={gpu:g}: the scheduler '{scheduler}' gives whole GPUs. This machine and Ray share one."
        )


def launcher_settings(given: Mapping[str, Any]) -> LauncherSettings:
    """The settings as plain values. Raises ConfigError for one that is wrong whatever the others are."""
    from ax_mo.runner.interpreter import trials_python

    values = {name: to_python(value) for name, value in given.items()}
    check_names("hydra.launcher", values, LauncherSettings)
    check_bounds("hydra.launcher", values, LEAST_OF_LAUNCHER, ABOVE_ZERO_OF_LAUNCHER)
    parsed = LauncherSettings(**values)
    check_gpu(parsed.gpu, parsed.scheduler)
    parsed = _with_store(parsed)
    if parsed.nnodes > 1 and parsed.scheduler != "slurm":
        raise ConfigError(
            f"hydra.launcher.nnodes={parsed.nnodes}: the scheduler '{parsed.scheduler}' runs a trial on one node; "
            "Slurm can on several. On one node, nproc_per_node says how many processes."
        )
    if parsed.scheduler in CONTAINERS and not parsed.image:
        raise ConfigError(
            f"hydra.launcher.image: the scheduler '{parsed.scheduler}' runs containers and needs the image that holds "
            "your project, for example hydra.launcher.image=registry.example.com/train:1."
        )
    if parsed.workspace and not (parsed.scheduler in CONTAINERS and parsed.results_url):
        raise ConfigError(
            "hydra.launcher.workspace: it is for containers that share no disk with this machine: an image, and "
            "hydra.launcher.results_url=s3://bucket/sweeps for what becomes of the trials. Where nodes have the "
            "project, or mounts show it to them, leave it out."
        )
    if parsed.scheduler in CONTAINERS:  # what is in an image cannot be looked at from here
        return replace(parsed, python=parsed.python or "python3")
    if parsed.mounts:
        raise ConfigError(
            f"hydra.launcher.mounts: the scheduler '{parsed.scheduler}' runs no containers; it has the files that this "
            f"machine has. Leave it out, or choose one of {', '.join(CONTAINERS)}."
        )
    return replace(parsed, python=trials_python(parsed.python, parsed.env)) if parsed.python else parsed


def _with_store(settings: LauncherSettings) -> LauncherSettings:
    """Raises ConfigError where results cannot come through a store."""
    if not settings.results_url:
        if settings.fetch and settings.scheduler != RAY:
            raise ConfigError("hydra.launcher.fetch: trials leave all their files here. It is for results_url and Ray.")
        return settings
    if settings.scheduler == RAY:
        raise ConfigError("hydra.launcher.results_url: results come back through Ray itself. Leave it out.")
    if settings.nnodes > 1:
        raise ConfigError("hydra.launcher.results_url: trials on several nodes (nnodes) need a shared disk.")
    return replace(settings, scheduler=LOCAL) if settings.scheduler in (AUTO, WARM) else settings
