"""Every setting below ``hydra.sweeper``, with its default, and the checks of their values.

These dataclasses are Hydra's structured config of the sweeper: trials of a project that names it import this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_mo.core.urls import is_redacted
from ax_mo.errors import ConfigError
from ax_mo.hydra_project.settings import check_bounds, check_names, given_values, setting, to_python

_EARLY_STOPPING = {
    "rule": "dominated, all, percentile or successive_halving, or one that a package adds.",
    "k": "Of dominated: by how many other trials; 3 by default.",
    "percentile": (
        "Of percentile and all: the share, in percent, of the trials at a step that count as the worst; 50 by default."
    ),
    "metric": "Of percentile: what it watches.",
    "goal": "Of percentile: maximize or minimize, where the metric is no objective.",
    "min_steps": "A trial is looked at from this report on; 1 by default.",
    "interval": "A trial is looked at at every so many reports; 1 by default.",
    "patience": "A trial must be bad so many times more before it is stopped; 1 by default.",
    "min_trials": "How many trials must have run to their own end before any is stopped; 5 by default.",
    "grace_seconds": "How long a trial may take to end by itself, in seconds; 300 by default.",
    "curves": "Objectives whose curve has another name than the final metric: {val/acc_best: val/acc}.",
    "budget_key": "Of successive_halving: the key that says how long a trial trains, such as trainer.max_epochs.",
    "min": "Of successive_halving: the budget of the lowest rung; 1 by default.",
    "max": "Of successive_halving: the budget of a complete trial.",
    "factor": "Of successive_halving: the next rung is so many times as long, and one of so many trials goes on; 3.",
    "resume_key": "Of successive_halving: the key that takes the checkpoint to train on from; from scratch without it.",
    "checkpoint": "Of successive_halving: a glob for the checkpoint in a run's directory, where it is not Lightning's.",
}
_STOP_WHEN = {
    "hypervolume_gain": "The study ends when its last trials have gained less than this share of the hypervolume.",
    "over_trials": "How many trials are the last ones.",
}


@dataclass
class Settings:
    """The settings below ``hydra.sweeper``. Names that other sweepers know keep their meaning."""

    objectives: dict[str, Any] = setting(
        dict,
        "metric: maximize | minimize, or metric: {goal: ..., threshold: ..., scale: auto | log | linear}. A threshold "
        "is the worst value still of interest; thresholds steer the search, so give them if you can. {goal: 90, "
        "tolerance: 2} is for one that is to come near a number, {goal: ..., expression: ...} for one made of others.",
    )
    scalarize: Any = setting(
        None,
        "In place of objectives: one that is made of several metrics and maximized, such as "
        "0.7*val_acc - 0.3*log(num_params), or {expression: ..., goal: minimize, threshold: ...}.",
    )
    direction: Any = setting(
        None, "Without objectives, for tasks that return numbers without names: one direction, or a list of them."
    )
    constraints: list[str] = setting(list, 'Linear, on metrics: ["train_seconds <= 60"]')
    metrics: dict[str, Any] | None = setting(
        dict,
        "Where metrics are that the task neither reports nor names: {val_acc: {source: csv, column: val/acc, take: "
        "max}}. Sources are returned, config, csv, json, jsonl, yaml, log, tensorboard, curve, lightning, or one that "
        "a package adds.",
    )

    params: dict[str, Any] | None = setting(
        dict,
        'What to search, in Hydra\'s override grammar: {optim.lr: "tag(log, interval(1e-4, 1e-1))", model: "glob(*)"}',
    )
    search_space: dict[str, Any] | None = setting(
        dict,
        "The same in the older words of Optuna's sweeper: {optim.lr: {type: float, low: 1e-4, high: 0.1, log: true}}",
    )
    param_constraints: list[str] = setting(list, 'Linear, on parameters: ["model.hidden2 <= model.hidden1"]')

    start_from_config: bool = setting(
        True, "The project's own configuration is the first trial, when it lies in the space."
    )
    initial_trials: list[Any] = setting(
        list,
        "Trials to run first: [{model: cnn, optim.lr: 0.01}, ...]; what one leaves out is as in the configuration.",
    )
    warm_start: Any = setting(
        None,
        "Earlier studies whose finished trials are data of this one: [<sweep dir>, <storage>/<study_name>, ...]. "
        "{from: <one of these>, ignore: [<key>, ...]} takes trials that ran with other values of these keys, too.",
    )

    repeats: int = setting(1, "Runs of each point, alike but for repeat_key, which is one higher each time.")
    repeat_key: str = setting("seed", "The key that has its own value in the first run, one more in the second, ...")

    n_trials: int = setting(20, "The study's trials in total, those before a resume included.")
    n_jobs: Any = setting(
        2,
        "Trials at once, or runs, where trials are repeated. auto: as many as the CPUs, GPUs and memory of the "
        "launcher's engine have room for.",
    )
    max_failure_rate: float = setting(
        0.5,
        "Share of failed trials, since the study's start or resume, that ends it; checked from the 5th ended trial on, "
        "and at the end. 1.0 never does.",
    )
    max_same_failures: int = setting(
        5,
        "So many failures in a row by the same error end the study, or 3 where nothing has succeeded yet; 0 never "
        "does. These trials do not count towards n_trials after a resume.",
    )

    trial_timeout: float | None = setting(
        None, "A trial that has run longer than this many seconds, its time in a queue apart, is ended and has failed."
    )
    max_retries: int = setting(
        0,
        "How often a trial runs again that was preempted or lost, or whose node failed; never after an error of its "
        "own.",
    )
    retry_oom: bool = setting(False, "Whether max_retries is also for a trial that was killed for its memory.")

    # Null is the rule's default.
    early_stopping: Any = setting(
        lambda: dict.fromkeys(_EARLY_STOPPING),
        "Ends bad trials before their last step: {rule: dominated | all | percentile, ...}; off by default.",
        _EARLY_STOPPING,
    )
    timeout_hours: float | None = setting(
        None, "No more trials are started after so many hours; a resume has as many again."
    )
    stop_when: Any = setting(
        lambda: dict.fromkeys(_STOP_WHEN),
        "Ends the study when trials hardly move the front any more: {hypervolume_gain: 0.01, over_trials: 15}",
        _STOP_WHEN,
    )

    storage: Any = setting(None, "SQLAlchemy URL; <sweep dir>/study.db by default.")
    study_name: str | None = setting(None, "The study's name in its database.")
    storage_timeout: float = setting(
        600.0,
        "How long a database that is locked or away is waited for, in seconds; the sweep then ends, and its jobs run "
        "on.",
    )

    trackers: Any = setting(
        None,
        "Where the study itself is logged: [mlflow, wandb, tensorboard, optuna], each an extra of this package, or one "
        "that another package adds. Servers, projects and modes are those of their own environment variables.",
    )
    report: bool = setting(
        True,
        "Keep report.html in the sweep directory; AX_MO_REPORT=0 in the environment turns it off for all sweeps.",
    )

    dry_run: bool = setting(False, "Print the space, the objectives and the first trial's command, and run nothing.")

    seed: int | None = setting(None, "Makes a study with n_jobs=1 repeatable.")
    method: str = setting(
        "fast",
        "fast, saas (few of many parameters matter), auto (saas from 30 parameters on), or random_search; quality is "
        "an older name of saas. Or an optimizer that a package adds.",
    )
    generation_strategy: str | None = setting(
        None,
        "Of your own for Ax, in place of a method: my_pkg.strategies:make, a function that is called with Ax's "
        "Experiment and the study's seed and returns a GenerationStrategy.",
    )
    n_startup_trials: int | None = setting(
        None,
        "Quasi-random trials before the model takes over. Default: 5, or as many as the largest conditional group has "
        "options, up to a quarter of the study.",
    )
    prefetch: bool | None = setting(
        None,
        "Compute the next suggestion, or for short trials the next few, while all workers are busy. Default: yes, "
        "unless n_jobs is 1.",
    )
    suggestion_timeout: float = setting(
        120.0, "A worker that has waited so long for the model, in seconds, takes a quasi-random point instead."
    )
    torch_threads: int = setting(
        1, "Threads that the model computes with; on a machine that also runs the trials, more make it slower."
    )

    sampler: dict[str, Any] | None = setting(dict, "Of Optuna's sweeper, so that its blocks are read; ignored.")
    custom_search_space: Any = setting(None, "Of Optuna's sweeper; refused, for a search space is data here.")


AUTO_JOBS = "auto"
"""Of ``n_jobs``: what the engine has decides."""

_BLOCKS = {
    "early_stopping": "early_stopping: {rule: dominated}",
    "stop_when": "stop_when: {hypervolume_gain: 0.01, over_trials: 15}",
}
"""The blocks that have settings of their own, and what could be written there."""

LEAST_OF_SWEEPER = {
    "n_trials": 1, "n_jobs": 1, "torch_threads": 1, "repeats": 1, "n_startup_trials": 1, "max_retries": 0,
    "max_same_failures": 0, "storage_timeout": 0,
}  # fmt: skip
ABOVE_ZERO_OF_SWEEPER = {"trial_timeout": "seconds", "suggestion_timeout": "seconds", "timeout_hours": "hours"}


def parse_settings(given: Mapping[str, Any]) -> Settings:
    """The settings as plain values. Raises ConfigError for one that is wrong whatever the others are."""
    values: dict[str, Any] = {
        name: _params(value) if name == "params" else to_python(value) for name, value in given.items()
    }
    from ax_mo.dialects import refuse_other_dialects  # late, for trials import this module

    refuse_other_dialects(values)
    check_names("hydra.sweeper", values, Settings)
    for name, example in _BLOCKS.items():
        values[name] = given_values(values.get(name), f"hydra.sweeper.{name}", example)
    if isinstance(values.get("n_jobs"), str) and values["n_jobs"].isdecimal():  # of an environment variable
        values["n_jobs"] = int(values["n_jobs"])
    settings = Settings(**values)
    _refuse_what_optuna_calls(settings)
    if settings.n_jobs != AUTO_JOBS and type(settings.n_jobs) is not int:
        raise ConfigError(f"hydra.sweeper.n_jobs must be a whole number or {AUTO_JOBS}, not {settings.n_jobs!r}.")
    check_bounds(
        "hydra.sweeper",
        {**values, "n_jobs": None if settings.n_jobs == AUTO_JOBS else settings.n_jobs},
        LEAST_OF_SWEEPER,
        ABOVE_ZERO_OF_SWEEPER,
    )
    check_failure_rate(settings.max_failure_rate)
    from ax_mo.optimizer.protocol import OPTIMIZERS  # late, for trials import this module

    OPTIMIZERS.load(settings.method, "hydra.sweeper.method")
    return settings


def check_failure_rate(rate: float) -> None:
    """Raises ConfigError for a ``max_failure_rate`` that is no share."""
    if not 0.0 <= rate <= 1.0:
        raise ConfigError(f"hydra.sweeper.max_failure_rate must be between 0 and 1, not {rate}.")


def _refuse_what_optuna_calls(settings: Settings) -> None:
    """Functions and objects that a block written for Optuna's sweeper may hold, and that would change the study."""
    if settings.custom_search_space is not None:
        raise ConfigError(
            "hydra.sweeper.custom_search_space: a search space is data here, and not a function. Write its parameters "
            "under hydra.sweeper.params; one that exists only under some options of a config group is searched there "
            "alone."
        )
    if settings.storage is not None and not isinstance(settings.storage, str):
        raise ConfigError(
            "hydra.sweeper.storage must be a SQLAlchemy URL, such as sqlite:////data/study.db, and not an object. "
            "Write the URL itself, or leave it out for a database in the sweep's directory."
        )
    if settings.storage is not None and is_redacted(settings.storage):
        raise ConfigError("hydra.sweeper.storage: *** stands for the database's password; write that in its place.")
    if settings.sampler and settings.sampler.get("constraints_func") is not None:
        raise ConfigError(
            "hydra.sweeper.sampler.constraints_func: constraints are data here, and not a function. Return their "
            "metrics from the task and write for example hydra.sweeper.constraints: ['train_seconds <= 60']."
        )


def ignored_sampler(settings: Settings, chosen: Any = None) -> str | None:
    """A sentence on the sampler of a block written for Optuna's sweeper, ``chosen`` as a config group or given."""
    sampler = settings.sampler or {}
    if not sampler and chosen is None:
        return None
    kept = [
        f"{name}: {sampler[name]}"
        for name in ("seed", "n_startup_trials")
        if sampler.get(name) is not None and getattr(settings, name) is None
    ]
    if str(sampler.get("_target_", chosen)).lower().endswith(("randomsampler", "random")):
        kept.append("method: random_search")
    hint = f" What it says is written here as {', '.join(kept)} under hydra.sweeper." if kept else ""
    return f"hydra.sweeper.sampler is ignored: Ax chooses the points.{hint}"


def _params(params: Any) -> dict[str, Any]:
    """``params`` with interpolations resolved where they can be; the others are left to the trials."""
    if not isinstance(params, DictConfig):
        return dict(params or {})
    values: dict[str, Any] = {}
    for key in params:
        try:
            values[str(key)] = to_python(params[key])
        except OmegaConfBaseException:
            values[str(key)] = OmegaConf.to_container(params, resolve=False)[key]  # type: ignore[index]
    return values
