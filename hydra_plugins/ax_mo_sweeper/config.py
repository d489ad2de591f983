"""The settings of ``hydra/sweeper=ax_mo``."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf


@dataclass
class AxMoSweeperConf:
    """Names that other sweepers know keep their meaning."""

    _target_: str = "hydra_plugins.ax_mo_sweeper.sweeper.AxMoSweeper"

    # The torchx launcher, unless the user chooses one. Plain "override /hydra/launcher" would be looked up below
    # hydra.sweeper; this is the one spelling that works, on Hydra 1.3 and 1.4.
    defaults: list[Any] = field(
        default_factory=lambda: [{"override /hydra/launcher@_global_.hydra.launcher": "torchx"}, "_self_"]
    )

    # metric: maximize | minimize, or metric: {goal: ..., threshold: ...}
    objectives: dict[str, Any] = field(default_factory=dict)
    # Instead of objectives, for tasks that return numbers without names: one direction, or a list of them.
    direction: Any = None
    # Linear, on metrics: ["train_seconds <= 60"]
    constraints: list[str] = field(default_factory=list)

    # What to search, in Hydra's override grammar: {optim.lr: "tag(log, interval(1e-4, 1e-1))", model: "glob(*)"}
    params: dict[str, Any] = field(default_factory=dict)
    # Linear, on parameters: ["model.hidden2 <= model.hidden1"]
    param_constraints: list[str] = field(default_factory=list)

    # The project's own configuration is the first trial, when it lies in the space.
    start_from_config: bool = True
    # Trials to run first: [{model: cnn, optim.lr: 0.01}, ...]; what one leaves out is as in the configuration.
    initial_trials: list[Any] = field(default_factory=list)
    # Earlier studies whose finished trials are data of this one: [<sweep dir>, <storage>/<study_name>, ...]
    warm_start: Any = None

    # Runs of each suggestion, alike but for repeat_key, which takes its own value, the next, and so on.
    repeats: int = 1
    repeat_key: str = "seed"

    # The study's trials in total, those before a resume included.
    n_trials: int = 20
    # Trials in flight.
    n_jobs: int = 2
    # Share of failed trials that ends the study, checked from the 5th ended trial; 1.0 never does.
    max_failure_rate: float = 0.5

    # SQLAlchemy URL; <sweep dir>/study.db by default.
    storage: str | None = None
    study_name: str | None = None

    # Print the space, the objectives and the first trial's command, and run nothing.
    dry_run: bool = False

    # Makes a study with n_jobs=1 repeatable.
    seed: int | None = None
    # Ax's method: fast, quality (needs botorch[fully_bayesian]) or random_search.
    method: str = "fast"
    # Quasi-random trials before the model takes over; Ax decides by default.
    n_startup_trials: int | None = None
    # Compute the next suggestion while all workers are busy. Default: yes, unless n_jobs is 1.
    prefetch: bool | None = None
    # A worker that has waited so long for the model, in seconds, takes a quasi-random point instead.
    suggestion_timeout: float = 120.0
    # torch's threads in the sweeper's own process.
    torch_threads: int = 1


def _node() -> Any:
    node = OmegaConf.structured(AxMoSweeperConf)
    for key in ("objectives", "params"):
        # Open to any key, so that the command line needs no "+" for what is the user's to name.
        OmegaConf.set_struct(node[key], False)
    return node


ConfigStore.instance().store(group="hydra/sweeper", name="ax_mo", node=_node(), provider="ax_mo")
