"""``hydra.launcher.workspace``: an image with the project's files on top, which TorchX has Docker build and push."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ax_mo.errors import ConfigError
from ax_mo.runner.cluster.refusal import words_of
from ax_mo.runner.project_files import copy_project, not_sent

_KEY = "hydra.launcher.workspace"
_HERE = "local_docker"
_REPOSITORY = "image_repo"


def check_workspace(scheduler: Any, name: str, arguments: Mapping[str, Any]) -> None:
    """Raises ConfigError where TorchX's scheduler of that name patches no images, or could not say where they go."""
    if not hasattr(scheduler, "dryrun_push_images"):
        raise ConfigError(
            f"{_KEY}: TorchX builds no images for the scheduler '{name}'. Leave it out, and name an image that holds "
            "the project."
        )
    if name != _HERE and not arguments.get(_REPOSITORY):
        raise ConfigError(
            f"{_KEY}: nodes must be able to pull the image that is built. Say where it is pushed to: "
            f"hydra.launcher.scheduler_args.{_REPOSITORY}=registry.example.com/train."
        )


def patched_image(scheduler: Any, app: Any, project: Path, sweep_dir: Path, arguments: Mapping[str, Any]) -> str:
    """The name of an image that is the app's with the project's files on top, pushed where others are to pull it.

    ``Dockerfile.torchx`` in the project says how, and ``.dockerignore`` what is left out, as TorchX has it; by itself,
    the files are copied to the directory in which the image's programs start. ``scheduler`` is TorchX's. Raises
    ConfigError with Docker's own words.
    """
    (role,) = app.roles
    image = role.image
    options = scheduler.run_opts().resolve({"quiet": True, **arguments})
    try:
        with tempfile.TemporaryDirectory(prefix="ax-mo-workspace-") as directory:
            copied = Path(directory) / project.name
            copy_project(project, copied, not_sent(project, sweep_dir))
            scheduler.build_workspace_and_update_role(role, f"file://{copied}", options)
        if arguments.get(_REPOSITORY):
            scheduler.push_images(scheduler.dryrun_push_images(app, options))
    except Exception as error:  # of Docker's client, which raises what it meets
        raise ConfigError(
            f"{_KEY}={project}: no image was made of {image} and the project's files: {words_of(error)}"
        ) from None
    return str(role.image)
