"""What TorchX is given as an app's ``image``: never a directory of the user's.

TorchX 0.7.0's schedulers, by what they do with it:

- local_cwd and slurm do nothing with it;
- ray writes its driver into that directory, uploads it, and **deletes it** where its path begins with the temporary
  directory's;
- local_docker, kubernetes, kubernetes_mcad, aws_batch, aws_sagemaker, gcp_batch and lsf run a container of that name.

None of them is given a workspace, which TorchX would copy (ray, slurm) or build a container from (the others).
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ax_mo.errors import ConfigError
from ax_mo.runner.settings import LOCAL, LauncherSettings

CONTAINERS = (
    "local_docker", "kubernetes", "kubernetes_mcad", "aws_batch", "aws_sagemaker", "gcp_batch", "lsf"
)  # fmt: skip


def check_image(settings: LauncherSettings) -> None:
    """Raises ConfigError where the scheduler cannot work without an image, or has no use for one."""
    scheduler = settings.scheduler
    if scheduler in CONTAINERS and not settings.image:
        raise ConfigError(
            f"hydra.launcher.image: the scheduler '{scheduler}' runs containers and needs the image that holds your "
            "project, for example hydra.launcher.image=registry.example.com/train:1."
        )
    if scheduler == "ray" and settings.image:
        raise ConfigError(
            f"hydra.launcher.image={settings.image}: TorchX's Ray scheduler runs no containers, and deletes a "
            "directory that it is given. Leave it out: Ray's jobs run in the directory from which you start the sweep."
        )


@contextmanager
def image_of(settings: LauncherSettings) -> Iterator[str]:
    """The image for one submission, until the scheduler has it."""
    if settings.scheduler == "ray":
        with tempfile.TemporaryDirectory(prefix="ax_mo-ray-", ignore_cleanup_errors=True) as empty:
            yield empty
    elif settings.scheduler in (LOCAL, "slurm"):
        yield ""
    else:
        yield settings.image
