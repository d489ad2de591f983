"""Hydra's Optuna sweeper, whose settings are ours but for a few."""

from collections.abc import Mapping
from typing import Any

from ax_mo.dialects.translation import Translation
from ax_mo.errors import ConfigError
from ax_mo.search_space.optuna import translated

OPTUNA = "Hydra's Optuna sweeper"
_KEPT = ("direction", "study_name", "storage", "n_trials", "n_jobs", "max_failure_rate")


def translate_optuna(block: Mapping[str, Any]) -> Translation | None:
    """None for a block that is not in these words. Raises ConfigError for a distribution that is wrong."""
    sampler = block.get("sampler") if isinstance(block.get("sampler"), Mapping) else {}
    is_named = "hydra_optuna_sweeper" in str(block.get("_target_"))
    if not (is_named or sampler or block.get("search_space") or "direction" in block):
        return None
    if block.get("custom_search_space"):
        raise ConfigError("custom_search_space: a function cannot be translated. Write its parameters under params.")
    settings = {name: block[name] for name in _KEPT if block.get(name) is not None}
    settings.setdefault("direction", "minimize")
    notes = []
    if sampler:
        notes.append(f"sampler: {sampler.get('_target_', 'one of Optuna')} is left out: Ax chooses the points.")
        if sampler.get("seed") is not None:
            settings["seed"] = sampler["seed"]
    settings["params"] = {**(block.get("params") or {}), **translated(block.get("search_space") or {})}
    return Translation(OPTUNA, settings, tuple(notes))
