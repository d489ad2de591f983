"""Ax and BoTorch as libraries: importing them quietly, their threads, and their private names that we use.

Where a private name is gone, the study goes on with a warning if it can. ``pyproject.toml`` bounds both as tested; this
is for those who install another version nevertheless. Private methods that our subclasses override stand in
``acquisition`` and ``improvement``, and tests fail where they are not called any more.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ax_mo.errors import StudyStopped
from ax_mo.search_space.sample import whole_imports


def import_client() -> Any:
    """Ax's Client; the first import takes seconds. Raises StudyStopped where it lacks what we cannot do without."""
    quiet()
    with whole_imports:
        from ax.api.client import Client

    for name in ("_experiment", "_generation_strategy"):
        if not hasattr(Client, name):
            raise StudyStopped(
                f"ax-platform {_version('ax-platform')} has no Client.{name}, which suggestions need: "
                "install the version that this release was tested with, pip install 'ax-platform>=1.3.1,<1.4'."
            )
    never_compile_kernels()
    quiet()
    return Client


def quiet() -> None:
    """No log lines or numerical warnings of these libraries on the user's screen."""
    for name in ("ax", *logging.root.manager.loggerDict):  # Ax gives each of its loggers a level of its own
        if name.split(".")[0] in ("ax", "botorch", "gpytorch", "linear_operator"):
            logging.getLogger(name).setLevel(logging.ERROR)
    # Ax 1.3.1 logs a line about its SQL storage while it is imported, at a level it sets itself.
    storage = logging.getLogger("ax.storage.sqa_store.with_db_settings_base")
    if not storage.filters:
        storage.addFilter(lambda record: record.levelno >= logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(ax|ax_mo\.optimizer|botorch|gpytorch|linear_operator|pyro|torch)(\.|$)")


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """torch's intra-op threads inside the block: on a machine that also runs the trials, more is slower."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        # SciPy's line searches and factorizations have a BLAS with threads of its own.
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


# Private names


def experiment_of(client: Any) -> Any:
    """The Experiment that an Ax client works on."""
    return client._experiment


def strategy_of(client: Any) -> Any:
    """The GenerationStrategy of an Ax client."""
    return client._generation_strategy


def forget_model(client: Any) -> None:
    """Have the next suggestion of the client's strategy make its model anew.

    Ax 1.3.1 goes on with a fitted adapter whose thresholds are those of the time when it was made.
    """
    for node in strategy_of(client).nodes_by_name.values():
        for spec in node.generator_specs:
            spec._fitted_adapter = None


def outcomes_of(acquisition: Any) -> list[str]:
    """The outcomes that one of Ax's acquisitions models, by their names."""
    outcomes: list[str] = acquisition.surrogate.outcomes
    kept = acquisition._subset_idcs
    return outcomes if kept is None else [outcomes[index] for index in kept.tolist()]


def objective_count(acquisition: Any) -> int:
    """How many outcomes one of Ax's acquisitions has weights for."""
    return len(acquisition._objective_weights)


def log_expected_excess(means: Any) -> Any:
    """The logarithm of what normal variables of these means, and a deviation of 1, are above zero on average."""
    from botorch.acquisition.analytic import _log_ei_helper

    return _log_ei_helper(means)


def drop_strategy(client: Any) -> None:
    """Leave the client without a strategy, as one that was just made."""
    client._maybe_generation_strategy = None


def forget_inactive_parameters(run: Any) -> None:
    """Drop what Ax 1.3.1 drew for the inactive parameters of a generator run's point.

    It would fill them with that later, which a resumed study could not know.
    """
    run._candidate_metadata_by_arm_signature = None


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
        warn_once("botorch", "acquisition.multi_objective.logei", _COMPILED)
        return
    if hasattr(logei, "_load_attempted"):
        logei._load_attempted = True
    else:
        warn_once("botorch", "logei._load_attempted", _COMPILED)


_COMPILED = "its kernel may be compiled once, for half a minute, before the model's first suggestion"


def node_name(run: Any) -> str:
    """The name of the strategy's node that made a generator run."""
    name = getattr(run, "_generation_node_name", None)
    if name is None:
        warn_once("ax-platform", "GeneratorRun._generation_node_name", "what made a suggestion is not known")
    return str(name or "unknown")


def set_node_name(trial: Any, name: str | None) -> None:
    """Have the strategy count one of Ax's trials as one that its node of that name has made, or as none of any."""
    for run in trial.generator_runs:
        run._generation_node_name = name


@cache
def warn_once(package: str, name: str, instead: str) -> None:
    """Say, once a process, what a version lacks and what that means."""
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
