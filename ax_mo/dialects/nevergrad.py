"""Hydra's Nevergrad sweeper: ``optim``, and scalars such as ``{init: 0.02, lower: 1e-4, upper: 1, log: true}``."""

from collections.abc import Mapping
from typing import Any

from ax_mo.dialects.translation import Translation, choice, given_number, interval
from ax_mo.errors import ConfigError

NEVERGRAD = "Hydra's Nevergrad sweeper"
_OF_A_SCALAR = frozenset(("init", "lower", "upper", "step", "log", "integer"))
_OF_OPTIM = frozenset(("optimizer", "budget", "num_workers", "noisy", "maximize", "seed", "max_failure_rate"))
_SPAN = 5
"""Steps to each side of a scalar without bounds: a search needs some."""


def is_scalar(entry: Any) -> bool:
    """Whether an entry of ``params`` is in these words; two bounds alone could be keys of the project."""
    return isinstance(entry, Mapping) and bool(entry) and entry.keys() <= _OF_A_SCALAR and not (
        entry.keys() <= {"lower", "upper"}
    )  # fmt: skip


def translate_nevergrad(block: Mapping[str, Any]) -> Translation | None:
    """None for a block that is not in these words. Raises ConfigError for a scalar that is wrong."""
    optim, parametrization = block.get("optim"), block.get("parametrization")
    params = dict(parametrization or block.get("params") or {})
    is_own = isinstance(optim, Mapping) and bool(optim) and optim.keys() <= _OF_OPTIM
    if not is_own and not parametrization and not any(map(is_scalar, params.values())):
        return None
    settings: dict[str, Any] = {}
    notes: list[str] = []
    given = optim if isinstance(optim, Mapping) else {}
    if (is_own or parametrization) and not block.get("objectives"):
        settings["direction"] = "maximize" if given.get("maximize") else "minimize"
    for name, ours in (("budget", "n_trials"), ("num_workers", "n_jobs"), ("max_failure_rate", "max_failure_rate"),
                       ("seed", "seed")):  # fmt: skip
        if given.get(name) is not None:
            settings[ours] = given[name]
    if "optimizer" in given:
        notes.append(f"optimizer: {given['optimizer']} is left out: Ax chooses the points.")
    if given.get("noisy"):
        notes.append("noisy: true has no counterpart: noise is estimated. repeats: 3 measures it.")
    if params:
        settings["params"] = {key: _values(key, entry, notes) for key, entry in params.items()}
    return Translation(NEVERGRAD, settings, tuple(notes))


def _values(key: str, entry: Any, notes: list[str]) -> Any:
    if isinstance(entry, list):
        return choice(entry, None if len(entry) < 2 else False)
    if not isinstance(entry, Mapping) or not entry.keys() <= _OF_A_SCALAR:
        return entry
    where = f"params.{key}"
    low, high, init, step = (
        None if entry.get(name) is None else given_number(entry[name], f"{where}.{name}")
        for name in ("lower", "upper", "init", "step")
    )
    log, whole = bool(entry.get("log")), bool(entry.get("integer"))
    if init is None and (low is None or high is None):
        raise ConfigError(f"{where} has neither an init nor two bounds; write its range, such as interval(0, 1).")
    if low is None or high is None:
        assert init is not None
        span = (step or 2.0) ** _SPAN if log else (step or 1.0) * _SPAN
        own_low, own_high = (init / span, init * span) if log else (init - span, init + span)
        low, high = own_low if low is None else low, own_high if high is None else high
        notes.append(f"{key} had no bounds on both sides: those here are {_SPAN} steps away from its init. Check them.")
    if whole:
        low, high = round(low), round(high)
        low = max(low, 1) if log else low
    return interval(_short(low), _short(high), log, whole)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
