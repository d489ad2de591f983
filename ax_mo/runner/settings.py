"""The launcher's configuration as checked values."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ax_mo.hydra_project.settings import check_bounds, plain
from ax_mo.runner.image import CONTAINERS
from ax_mo.runner.interpreter import trials_python
from ax_mo.runner.torchx_app import LauncherSettings

_AT_LEAST = {"n_jobs": 1, "cpu": 1, "gpu": 0, "grace_seconds": 0}
_ABOVE_ZERO = {"poll_seconds": "seconds", "unknown_timeout": "seconds"}


def launcher_settings(settings: Mapping[str, Any]) -> LauncherSettings:
    """``hydra.launcher`` parsed; raises ConfigError."""
    values = {name: plain(value) for name, value in settings.items()}
    check_bounds("hydra.launcher", values, _AT_LEAST, _ABOVE_ZERO)
    values.pop("n_jobs", None)
    parsed = LauncherSettings(**values)
    # What is in a container's image cannot be looked at from here.
    if parsed.python and parsed.scheduler not in CONTAINERS:
        return replace(parsed, python=trials_python(parsed.python, parsed.env))
    return parsed
