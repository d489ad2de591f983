"""The settings of ``hydra/sweeper=ax_mo``."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf, StringNode
from omegaconf.errors import ValidationError


@dataclass
class AxMoSweeperConf:
    """Names that other sweepers know keep their meaning."""

    _target_: str = "hydra_plugins.ax_mo_sweeper.sweeper.AxMoSweeper"

    # Nothing here is an object: a sampler's _target_ must not be called.
    _recursive_: bool = False

    # A place for "override /hydra/sweeper/sampler: tpe", which experiments written for Optuna may hold; optional, since
    # that config exists only where Optuna's sweeper is installed.
    # The torchx launcher, unless the user chooses one. Plain "override /hydra/launcher" would be looked up below
    # hydra.sweeper; this is the one spelling that works, on Hydra 1.3 and 1.4.
    defaults: list[Any] = field(
        default_factory=lambda: [
            {"optional sampler": None},
            {"override /hydra/launcher@_global_.hydra.launcher": "torchx"},
            "_self_",
        ]
    )

    # metric: maximize | minimize, or metric: {goal: ..., threshold: ...}
    objectives: dict[str, Any] = field(default_factory=dict)
    # Without objectives, for tasks that return numbers without names: one direction, or a list of them.
    direction: Any = None
    # Linear, on metrics: ["train_seconds <= 60"]
    constraints: list[str] = field(default_factory=list)
    # Where metrics are that the task neither reports nor names: {val_acc: {source: csv, column: val/acc, take: max}};
    # sources: returned, config, csv, json, jsonl, yaml, log, tensorboard, curve, lightning.
    metrics: dict[str, Any] | None = field(default_factory=dict)

    # What to search, in Hydra's override grammar: {optim.lr: "tag(log, interval(1e-4, 1e-1))", model: "glob(*)"}
    params: dict[str, Any] | None = field(default_factory=dict)
    # The same in the older words of Optuna's sweeper: {optim.lr: {type: float, low: 1e-4, high: 0.1, log: true}}
    search_space: dict[str, Any] | None = field(default_factory=dict)
    # Linear, on parameters: ["model.hidden2 <= model.hidden1"]
    param_constraints: list[str] = field(default_factory=list)

    # The project's own configuration is the first trial, when it lies in the space.
    start_from_config: bool = True
    # Trials to run first: [{model: cnn, optim.lr: 0.01}, ...]; what one leaves out is as in the configuration.
    initial_trials: list[Any] = field(default_factory=list)
    # Earlier studies whose finished trials are data of this one: [<sweep dir>, <storage>/<study_name>, ...];
    # {from: <one of these>, ignore: [<key>, ...]} takes trials that ran with other values of these keys, too.
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
    # So many failures in a row by the same error end the study, or 3 where nothing has succeeded yet; 0 never does.
    # These trials do not count towards n_trials after a resume.
    max_same_failures: int = 5

    # A trial that has run longer than this many seconds, its time in a queue apart, is ended and has failed.
    trial_timeout: float | None = None
    # How often a trial runs again that was preempted or lost, or whose node failed; with retry_oom also one that was
    # killed for its memory. Never after an error of its own.
    max_retries: int = 0
    retry_oom: bool = False

    # Ends bad trials before their last step: {rule: dominated | all | percentile, ...}; off by default.
    early_stopping: dict[str, Any] | None = field(default_factory=dict)
    # No more trials are started after so many hours; a resume has as many again.
    timeout_hours: float | None = None
    # Ends the study when trials hardly move the front any more: {hypervolume_gain: 0.01, over_trials: 15}
    stop_when: dict[str, Any] | None = field(default_factory=dict)

    # SQLAlchemy URL; <sweep dir>/study.db by default.
    storage: Any = None
    study_name: str | None = None
    # How long a database that is locked or away is waited for, in seconds; the sweep then ends, and its jobs run on.
    storage_timeout: float = 600.0

    # Where the study itself is logged: [mlflow, wandb, tensorboard], each an extra of this package. Servers, projects
    # and modes are those of their own environment variables.
    trackers: Any = None
    # Keep report.html in the sweep directory; AX_MO_REPORT=0 in the environment turns it off for all sweeps.
    report: bool = True

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

    # Settings of Optuna's sweeper, so that its blocks are read: the first is ignored, the second refused.
    sampler: dict[str, Any] | None = field(default_factory=dict)
    custom_search_space: Any = None


class _OwnTarget(StringNode):
    """``hydra.sweeper._target_``, which blocks written for Optuna name too, and would start that sweeper instead."""

    def _validate_and_convert_impl(self, value: Any) -> str:
        if str(value).startswith("hydra_plugins.hydra_optuna_sweeper."):
            raise ValidationError(f"'{value}' is another sweeper: delete the line '_target_' below hydra.sweeper.")
        return super()._validate_and_convert_impl(value)

    def __deepcopy__(self, memo: dict[int, Any]) -> "_OwnTarget":
        copy = _OwnTarget()
        self._deepcopy_impl(copy, memo)
        return copy


def _node() -> Any:
    node = OmegaConf.structured(AxMoSweeperConf)
    try:
        # In the content itself: an assignment would keep the node's type.
        node._content["_target_"] = _OwnTarget(node._target_, key="_target_", parent=node)
    except Exception:  # private names of OmegaConf: whatever becomes of them, no app may fail because we are installed
        node = OmegaConf.structured(AxMoSweeperConf)
    for key in ("objectives", "params", "search_space", "sampler", "metrics", "early_stopping", "stop_when"):
        # Open to any key, so that the command line needs no "+" for what is the user's to name.
        OmegaConf.set_struct(node[key], False)
    return node


ConfigStore.instance().store(group="hydra/sweeper", name="ax_mo", node=_node(), provider="ax_mo")
