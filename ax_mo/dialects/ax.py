"""Hydra's Ax sweeper: ``ax_config`` with ``params: {x: {type: range, bounds: [0, 1]}}``."""

from collections.abc import Mapping
from typing import Any

from ax_mo.dialects.translation import Translation, choice, given_number, interval
from ax_mo.errors import ConfigError

AX = "Hydra's Ax sweeper"
_TYPES = ("range", "choice", "fixed")
_BATCH = 5
"""Trials that it asks for at once, where ``max_batch_size`` is not set."""


def is_parameter(entry: Any) -> bool:
    """Whether an entry of ``params`` is in these words."""
    own = ("bounds", "values", "value")
    return isinstance(entry, Mapping) and entry.get("type") in _TYPES and any(name in entry for name in own)


def translate_ax(block: Mapping[str, Any]) -> Translation | None:
    """None for a block that is not in these words. Raises ConfigError for a parameter that is incomplete."""
    config = block.get("ax_config")
    given = config if isinstance(config, Mapping) else {}
    params = {**(block.get("params") or {}), **(given.get("params") or {})}
    if not isinstance(config, Mapping) and not any(map(is_parameter, params.values())):
        return None
    settings: dict[str, Any] = {}
    notes: list[str] = []
    experiment = given.get("experiment") or {}
    if isinstance(config, Mapping) and not block.get("objectives"):
        goal = "minimize" if experiment.get("minimize", True) else "maximize"
        settings["objectives"] = {experiment.get("objective_name") or "objective": goal}
    if experiment.get("outcome_constraints"):
        settings["constraints"] = list(experiment["outcome_constraints"])
    if "max_trials" in given:
        settings["n_trials"] = given["max_trials"]
    batch = block.get("max_batch_size")
    if batch is not None:
        settings["n_jobs"] = batch
    if params:
        settings["params"] = {key: _values(key, entry) for key, entry in params.items()}
    if experiment.get("parameter_constraints"):
        settings["param_constraints"] = list(experiment["parameter_constraints"])
    if experiment.get("status_quo"):
        settings["initial_trials"] = [dict(experiment["status_quo"])]
    if experiment.get("name"):
        settings["study_name"] = experiment["name"]
    if (seed := (given.get("client") or {}).get("random_seed")) is not None:
        settings["seed"] = seed
    stop = given.get("early_stop") or {}
    if "max_epochs_without_improvement" in stop:
        settings["stop_when"] = {
            "hypervolume_gain": 0.0,
            "over_trials": stop["max_epochs_without_improvement"] * (batch or _BATCH),
        }
        notes.append("early_stop counted batches of trials; stop_when counts trials.")
    if given.get("is_noisy") is False:
        notes.append("is_noisy: false has no counterpart: the noise is estimated. repeats: 3 measures it.")
    return Translation(AX, settings, tuple(notes))


def _values(key: str, entry: Any) -> Any:
    if not is_parameter(entry):
        return entry
    where, kind = f"params.{key}", entry["type"]
    if kind == "fixed":
        return entry.get("value")
    wanted = "bounds" if kind == "range" else "values"
    values = entry.get(wanted)
    if not isinstance(values, list) or not values or (kind == "range" and len(values) != 2):
        raise ConfigError(f"{where}.{wanted} must be a list{' of two numbers' if kind == 'range' else ''}.")
    if kind == "choice":
        return choice(values, entry.get("is_ordered"))
    low, high = (given_number(bound, f"{where}.bounds") for bound in values)
    whole = all(type(bound) is int for bound in values) and entry.get("value_type") != "float"
    return interval(low, high, bool(entry.get("log_scale")), whole or entry.get("value_type") == "int")
