"""The private names of Ax and BoTorch that we use. Where one is gone, the study goes on with a warning if it can.

``pyproject.toml`` bounds both as tested; this is for those who install another version nevertheless.
"""

import logging
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ax_mo.errors import StudyStopped


def check_client(client: type) -> None:
    """Raises StudyStopped where a study cannot do without what this Ax does not have."""
    for name in ("_experiment", "_generation_strategy"):
        if not hasattr(client, name):
            raise StudyStopped(
                f"ax-platform {_version('ax-platform')} has no Client.{name}, which suggestions need: "
                "install the version that this release was tested with, pip install 'ax-platform>=1.3.1,<1.4'."
            )


def never_compile_kernels() -> None:
    """Keep BoTorch on its pure Python path.

    BoTorch 0.18.1 compiles a C++ kernel when it first builds qLogNEHVI: about 30 s, under a lock file that a killed
    process leaves behind, on which every later process then waits without end. Measured on the published search at
    20 and 60 observations, the kernel saves a fifth of 2 CPU seconds a suggestion; it also changes suggestions in
    their last digits, so that a seed would repeat a study only once the kernel had been built.
    """
    try:
        from botorch.acquisition.multi_objective import logei
    except ImportError:
        _warn("botorch", "acquisition.multi_objective.logei", _COMPILED)
        return
    if hasattr(logei, "_load_attempted"):
        logei._load_attempted = True
    else:
        _warn("botorch", "logei._load_attempted", _COMPILED)


_COMPILED = "its kernel may be compiled once, for half a minute, before the model's first suggestion"


def node_name(run: Any) -> str:
    """The name of the strategy's node that made a generator run."""
    name = getattr(run, "_generation_node_name", None)
    if name is None:
        _warn("ax-platform", "GeneratorRun._generation_node_name", "what made a suggestion is not known")
    return str(name or "unknown")


@cache
def _warn(package: str, name: str, instead: str) -> None:
    """Once a process."""
    logging.getLogger(__name__).warning(
        "%s %s has no %s, unlike the version that this release was tested with: %s.",
        package,
        _version(package),
        name,
        instead,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of an unknown version"
