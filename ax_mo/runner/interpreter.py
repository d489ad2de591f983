"""``hydra.launcher.python``: the trials' own Python, with the project's packages and without those of the sweep."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ax_mo.errors import ConfigError

_PATIENCE = 120.0
"""Seconds for an interpreter to import Hydra, from a slow network file system, too."""

# What a trial imports of us: its recorder, and the options that an experiment file names in its defaults list. Not
# from where the sweep is started, which is no place where a trial would find them.
_PROBE = """
import sys
sys.path[:] = [path for path in sys.path if path]
import ax_mo.trial.recorder, hydra_plugins.ax_mo_sweeper.sweeper, hydra_plugins.torchx_launcher.launcher
import hydra_plugins.ax_mo_sweeper._config, hydra_plugins.torchx_launcher._config
"""


def trials_python(given: str, env: Mapping[str, str]) -> str:
    """The absolute path of the interpreter; raises ConfigError where there is none, or where no trial can run in it.

    ``env`` is what the jobs find in their environment on top of this process's own.
    """
    expanded = Path(given).expanduser()
    found = shutil.which(given) if "/" not in given else str(expanded)
    # Not resolved: the python of a virtual environment is a link, and is that environment by where it lies.
    path = Path(os.path.abspath(found or given))  # noqa: PTH100
    if found is None or not path.is_file():
        what = f"{path} is a directory" if path.is_dir() else f"there is no {found or given}"
        raise ConfigError(
            f"hydra.launcher.python: {what}. Name an interpreter, for example /path/to/project/.venv/bin/python."
        )
    if (problem := _problem(path, env)) is not None:
        raise ConfigError(
            f"hydra.launcher.python: no trial can run in {path}: {problem}. It needs Python 3.11 or later, the "
            f"project's own packages with Hydra, and this one without what only the sweep uses:\n"
            f"  {path} -m pip install --no-deps hydra-ax-mo"
        )
    return str(path)


def _problem(path: Path, env: Mapping[str, str]) -> str | None:
    try:
        done = subprocess.run(
            [path, "-c", _PROBE], env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except OSError as error:
        return error.strerror or str(error)
    except subprocess.TimeoutExpired:
        return f"it has not begun within {_PATIENCE:g} s"
    if done.returncode == 0:
        return None
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1].rstrip(".") if lines else f"it ended with {done.returncode}"
